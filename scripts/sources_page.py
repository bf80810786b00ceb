"""The page that tells what ``scripts/sources`` measured, when, and on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from latkit.measurement import Measurement
from latkit.plural import counted

TEXT = """\
# Sources of our own

Made by `./scripts/sources`, {first} to {last}, on
{machines};
a virtual machine that others share; suspect are those that something disturbed. The networks are
those of `data/own_networks_SPACE.jsonl`, drawn once; the labels, their verdicts and how they came
about are in `data/own_sources_SPACE.parquet`. The bundles that latkit ships know every setting as
a source device by its name here, beside the published devices.

| device | runtime | {spaces} |
| --- | --- | {rules} |
{rows}

Cells: how many networks, how many of them suspect, their median latency. A network that a runtime
computes wrongly is left out: OpenVINO gives nonsense for one of nb201. TorchScript optimised for
mobile is not among the settings, as the builds of torch that pip installs lack XNNPACK; nor are
MNN and ExecuTorch, which take seconds to convert a network; nor GPUs, as there was none.
"""


def page(by_space: Mapping[str, Sequence[Measurement]]) -> str:
    """All of it, as Markdown; the measurements' boards are the settings."""
    every = [one for found in by_space.values() for one in found]
    dates = sorted(one.measured_at[:10] for one in every)
    return TEXT.format(
        first=dates[0],
        last=dates[-1],
        machines="; ".join(sorted({_machine(one) for one in every})),
        spaces=" | ".join(by_space),
        rules=" | ".join("---:" for _ in by_space),
        rows="\n".join(_row(board, by_space) for board in _boards(every)),
    )


def _boards(measurements: Iterable[Measurement]) -> list[str]:
    return list(dict.fromkeys(one.condition.board for one in measurements))


def _row(board: str, by_space: Mapping[str, Sequence[Measurement]]) -> str:
    own = [[one for one in found if one.condition.board == board] for found in by_space.values()]
    setting = next(_setting(one) for found in own for one in found)
    return " | ".join([f"| `{board}`", setting, *map(_summary, own)]) + " |"


def _setting(one: Measurement) -> str:
    condition = one.condition
    runtime, threads = condition.runtime, counted(condition.threads, "thread")
    return f"{runtime.name} {runtime.version}, {runtime.provider}, {condition.precision}, {threads}"


def _summary(found: Sequence[Measurement]) -> str:
    if not found:
        return ""
    suspect = sum(one.verdict.level == "suspect" for one in found)
    return f"{len(found)}, {suspect} suspect, {median(one.latency_ms for one in found):.2f} ms"


def _machine(one: Measurement) -> str:
    device = one.context["device"]
    gigabytes = round(device["memory_mb"] / 1024)
    return (
        f"{device['processor']} ({device['machine']}), {counted(device['cpus'], 'processor')}, "
        f"{gigabytes} GB, Python {device['python']}"
    )
