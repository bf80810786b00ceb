"""Runtimes: what they need on a device, and which files of ``runners/`` drive them there.

Another package adds one by an entry point of the group ``latkit.runtimes``; docs/runners.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latkit.registry import Registry

_ON_PROCESSOR = frozenset(
    {"CPUExecutionProvider", "XNNPACK", "builtin", "eager", "compile", "torchscript", "CPU"}
)
CUDA = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider"})
_TORCH_WITHOUT_CUDA = "torch --index-url https://download.pytorch.org/whl/cpu"
# tflite-runtime's last release, for what LiteRT has no wheels for, was built for NumPy 1.
_TFLITE_RUNTIME = "tflite-runtime numpy~=1.21"
_LITERT_OLDEST_PYTHON = (3, 10)
_LITERT_MACHINES = (None, "x86_64", "aarch64")
_WHEELS = {
    "onnxruntime": ("x86_64", "aarch64"),
    "torch": ("x86_64", "aarch64"),
    "openvino": ("x86_64", "aarch64"),
    "ncnn": ("x86_64", "aarch64"),
    "tflite": ("x86_64", "aarch64", "armv7l"),
}
_TFLITE_RUNTIME_NEWEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What one needs.

    Args:
        modules: of which a device has one; none where it is not a Python package.
        provider: the one that is used unless a profile names another.
        files: what drives it on the device, ``runtime_NAME.py`` among them: names in
            ``runners/``, or absolute paths of another package's files.
        times_itself: whether it has a ``Model.time`` of its own, which need not follow the stop
            rule to the letter nor know the output.
    """

    modules: tuple[str, ...]
    provider: str
    files: tuple[Path, ...]
    times_itself: bool = False


ONNXRUNTIME = Runtime(("onnxruntime",), "CPUExecutionProvider", (Path("runtime_onnxruntime.py"),))
TFLITE = Runtime(
    ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"),
    "XNNPACK",
    (Path("runtime_tflite.py"),),
)
OPENVINO = Runtime(("openvino",), "CPU", (Path("runtime_openvino.py"),))
NCNN = Runtime(("ncnn",), "CPU", (Path("runtime_ncnn.py"),))
TORCH = Runtime(("torch",), "eager", (Path("runtime_torch.py"),))
COMMAND = Runtime((), "CPUExecutionProvider", (Path("runtime_command.py"),), times_itself=True)
"""A benchmark program, which the profile describes."""

RUNTIMES: Registry[Runtime] = Registry(
    "runtime",
    {
        "onnxruntime": f"{__name__}:ONNXRUNTIME",
        "tflite": f"{__name__}:TFLITE",
        "torch": f"{__name__}:TORCH",
        "openvino": f"{__name__}:OPENVINO",
        "ncnn": f"{__name__}:NCNN",
        "command": f"{__name__}:COMMAND",
    },
)


def requirements(
    name: str,
    provider: str,
    *,
    python: tuple[int, ...] = _LITERT_OLDEST_PYTHON,
    machine: str | None = None,
) -> str:
    """What to write after ``pip install`` on a device, for a shell; numpy is among it."""
    if name == "tflite":
        has_litert = python[:2] >= _LITERT_OLDEST_PYTHON and machine in _LITERT_MACHINES
        return "ai-edge-litert numpy" if has_litert else _TFLITE_RUNTIME
    if name == "torch":
        return "numpy torch" if provider.endswith(":cuda") else f"numpy {_TORCH_WITHOUT_CUDA}"
    return f"{name}-gpu numpy" if provider in CUDA else f"{name} numpy"


def has_wheels(
    name: str, machine: str | None, python: tuple[int, ...], libc: str | None = None
) -> bool:
    """Whether pip finds a runtime for such a machine; True where it is not known to find none."""
    if name not in _WHEELS or machine is None:
        return True
    if libc == "musl" or machine not in _WHEELS[name]:
        return False
    if name == "tflite" and machine not in _LITERT_MACHINES:
        return python[:2] <= _TFLITE_RUNTIME_NEWEST_PYTHON
    return True


def spelled(provider: str) -> str:
    """As a profile writes it."""
    return f"{provider}PATH" if provider.endswith(":") else provider


def on_processor(provider: str) -> bool:
    """Whether a provider is known to compute on the processor alone."""
    return provider in _ON_PROCESSOR


def offers(providers: tuple[str, ...], wanted: str) -> bool:
    """Whether a runtime has a provider; one that ends in a colon takes what follows it."""
    prefixes = tuple(name for name in providers if name.endswith(":"))
    return wanted in providers or (bool(prefixes) and wanted.startswith(prefixes))
