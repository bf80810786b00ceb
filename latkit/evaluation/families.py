"""Leave-one-family-out tasks: all devices of a kind are targets, all others sources.

They ask what the published tasks do not: how good is a predictor on a board unlike any that it has
seen? The devices are the 27 that HELP (Lee et al., NeurIPS 2021) and HW-NAS-Bench (Li et al.,
ICLR 2021) published for each space.
"""

from __future__ import annotations

from latkit.evaluation.tasks import Task

_GPUS = ("1080ti", "2080ti", "titan_rtx", "titanx", "titanxp")
_BATCHES = {"nb201": (1, 32, 256), "fbnet": (1, 32, 64)}
_LETTERS = {"nb201": "N", "fbnet": "F"}


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
    everything = [device for devices in kinds.values() for device in devices]
    return [
        Task(
            f"{_LETTERS[space]}-{kind}",
            space,
            tuple(device for device in everything if device not in devices),
            devices,
        )
        for kind, devices in kinds.items()
    ]


FAMILIES = {task.name: task for space in _LETTERS for task in _tasks(space)}
"""By name: ``N-nvidia``, ``F-phone``, ..."""
