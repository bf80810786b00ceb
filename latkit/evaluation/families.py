"""Leave-one-family-out tasks: all devices of a kind are targets, all others sources.

They ask what the published tasks do not: how good is a predictor on a board unlike any that it has
seen? The devices are the 27 that HELP (Lee et al., NeurIPS 2021) and HW-NAS-Bench (Li et al.,
ICLR 2021) published for each space; and, for runtimes that nobody published, the settings of one
computer that ``scripts/sources`` measured. Of these all of one runtime are targets, and all other
settings and all published devices are sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from latkit.evaluation.tasks import Task

_GPUS = ("1080ti", "2080ti", "titan_rtx", "titanx", "titanxp")
_BATCHES = {"nb201": (1, 32, 256), "fbnet": (1, 32, 64)}
_LETTERS = {"nb201": "N", "fbnet": "F"}
_RUNTIMES = {
    "onnxruntime": ("x86_onnxruntime", "x86_onnxruntime_2", "x86_onnxruntime_int8"),
    "tflite": ("x86_tflite", "x86_tflite_builtin", "x86_tflite_int8"),
    "torch": ("x86_torch", "x86_torch_script", "x86_torch_compile"),
    "openvino": ("x86_openvino", "x86_openvino_2"),
    "ncnn": ("x86_ncnn",),
}


def _kinds(space: str) -> dict[str, tuple[str, ...]]:
    """Devices of a space by family; the GPUs' names end with the batch size."""
    return {
        "nvidia": tuple(f"{gpu}_{batch}" for gpu in _GPUS for batch in _BATCHES[space]),
        "xeon": ("gold_6226", "gold_6240", "silver_4114", "silver_4210r"),
        "phone": ("essential_ph_1", "pixel2", "pixel3", "samsung_a50", "samsung_s7"),
        "pi": ("raspi4",),
        "accelerator": ("eyeriss", "fpga"),
    }


def _tasks(space: str) -> list[Task]:
    kinds = _kinds(space)
    published = _members(kinds)
    runtimes = [
        _without(space, name, _RUNTIMES[name], (*published, *_members(_RUNTIMES)))
        for name in _RUNTIMES
    ]
    return [_without(space, name, kinds[name], published) for name in kinds] + runtimes


def _members(families: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(device for devices in families.values() for device in devices)


def _without(space: str, name: str, targets: Sequence[str], every: Sequence[str]) -> Task:
    sources = tuple(device for device in every if device not in targets)
    return Task(f"{_LETTERS[space]}-{name}", space, sources, tuple(targets))


FAMILIES = {task.name: task for space in _LETTERS for task in _tasks(space)}
"""By name: ``N-nvidia``, ``F-phone``, ``N-onnxruntime``, ..."""
