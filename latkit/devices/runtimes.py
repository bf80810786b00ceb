"""What the host knows of the runtimes: their modules, their usual provider, their packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_ON_PROCESSOR = frozenset(
    {"CPUExecutionProvider", "XNNPACK", "builtin", "eager", "compile", "torchscript"}
)
_CUDA = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider"})
_TORCH_WITHOUT_CUDA = "torch --index-url https://download.pytorch.org/whl/cpu"
# tflite-runtime's last release, for what LiteRT has no wheels for, was built for NumPy 1.
_TFLITE_RUNTIME = "tflite-runtime numpy~=1.21"
_LITERT_OLDEST_PYTHON = (3, 10)
_LITERT_MACHINES = (None, "x86_64", "aarch64")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What one needs; of ``modules`` a device has one. ``provider`` is used unless one is named."""

    modules: tuple[str, ...]
    provider: str


_RUNTIMES = {
    "onnxruntime": Runtime(("onnxruntime",), "CPUExecutionProvider"),
    "tflite": Runtime(("ai_edge_litert.interpreter", "tflite_runtime.interpreter"), "XNNPACK"),
    "torch": Runtime(("torch",), "eager"),
}


def runtimes() -> Mapping[str, Runtime]:
    """Those that latkit has a runner for, by name."""
    return _RUNTIMES


def runtime(name: str) -> Runtime:
    """That of the name; one that latkit does not know is a module with processors to run on."""
    return _RUNTIMES.get(name) or Runtime((name,), "CPUExecutionProvider")


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
    return f"{name}-gpu numpy" if provider in _CUDA else f"{name} numpy"


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
