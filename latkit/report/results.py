"""The results of an evaluation as a Markdown page and as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote

import numpy as np

from latkit.evaluation.quoted import QUOTED, Quoted
from latkit.evaluation.summary import Figure, Row, summarise
from latkit.lab.evaluate import Evaluation
from latkit.report.clean import one_line

QUOTED_AT = 20
"""The published figures are for so many samples."""
RANDOM = "random"

Write = Callable[[Figure], str]


def share(figure: Figure) -> str:
    """A figure between 0 and 1 as papers print it: .976 ±.003."""
    if math.isnan(figure.mean):
        return ""
    deviation = "" if math.isnan(figure.sd) else f" ±{_bare(figure.sd)}"
    return _bare(figure.mean) + deviation


def percentage(figure: Figure) -> str:
    """A share as a percentage."""
    return "" if math.isnan(figure.mean) else f"{100 * figure.mean:.1f} %"


def seconds(figure: Figure) -> str:
    """A duration in seconds."""
    return f"{figure.mean:.2f}"


def _bare(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def label(row: Row) -> str:
    """Method, and the sampler where it is not the random one."""
    key = row.key
    return key.method if key.sampler == RANDOM else f"{key.method} ({key.sampler})"


def as_json(evaluation: Evaluation, facts: Mapping[str, Any], per_device: bool) -> dict[str, Any]:
    """Everything in the report, for programs."""
    rows = summarise(evaluation.outcomes)
    rows += summarise(evaluation.outcomes, per_device=True) if per_device else []
    return {
        **facts,
        "rows": [
            {
                **row.key._asdict(),
                "seeds": row.seeds,
                **{name: figure.mean for name, figure in row.figures.items()},
                **{f"{name}_sd": figure.sd for name, figure in row.figures.items()},
            }
            for row in rows
        ],
        "quoted": [
            {"method": q.method, "source": q.source, "n": QUOTED_AT, "spearman": q.spearman}
            for q in QUOTED
        ],
    }


def as_markdown(
    evaluation: Evaluation, facts: Mapping[str, Any], plot: str, per_device: bool
) -> str:
    """The whole page; ``plot`` is the plot's file name."""
    rows = summarise(evaluation.outcomes)
    counts = sorted({row.key.n for row in rows}, reverse=True)
    parts = [
        "# Results",
        _provenance(facts),
        f"![Spearman against sample count]({quote(plot)})",
        "## Order: Spearman over the architectures that were not sampled",
        *(_section(rows, n, "spearman", share, quoted=n == QUOTED_AT) for n in counts),
        *_sources(rows),
        "## Error: median of |predicted / measured - 1|",
        *(_section(rows, n, "median_ape", percentage, best=min) for n in counts),
        "## Interval: share of latencies inside the 90 % interval, and its width",
        *(_interval(rows, n) for n in counts),
        f"## More figures at {counts[0]} samples",
        "Kendall's tau-b:",
        _table(rows, counts[0], "kendall", share),
        "Predicted within 10 %:",
        _table(rows, counts[0], "within_10", percentage),
        "Spearman over all architectures, samples included (the papers' protocol):",
        _table(rows, counts[0], "spearman_all", share),
        "Seconds to adapt, on one core:",
        _table(rows, counts[0], "seconds", seconds, best=None),
        *(_devices(evaluation, counts[0]) if per_device else []),
        "## Tasks",
        _tasks(evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def _provenance(facts: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    command = one_line(facts["command"]).replace("`", "'")
    return (
        f"Made by `{command}` on {facts['date']} ({versions}; {facts['machine']}).\n"
        f"Mean over the targets of a task, then mean ± standard deviation over {facts['seeds']} "
        "seeds, each its own draw of samples; every method sees the same draws. Pretraining is "
        "done once a task, on its source devices alone. The samples are never among the "
        "architectures that are scored."
    )


def _published(tasks: Iterable[str]) -> list[Quoted]:
    """Those who published a figure for one of the tasks."""
    return [quoted for quoted in QUOTED if not quoted.spearman.keys().isdisjoint(tasks)]


def _sources(rows: Sequence[Row]) -> list[str]:
    sources = [f"{q.method}: {q.source}" for q in _published(row.key.task for row in rows)]
    if not sources:
        return []
    return [
        "Quoted rows are the authors' own figures, over all 15,625 NB201 cells; the last table "
        f"says how many each device has here. {'; '.join(sources)}."
    ]


def _section(
    rows: Sequence[Row],
    n: int,
    metric: str,
    write: Write,
    best: Callable[..., float] = max,
    quoted: bool = False,
) -> str:
    return f"### {n} samples\n\n" + _table(rows, n, metric, write, best, quoted)


def _table(
    rows: Sequence[Row],
    n: int,
    metric: str,
    write: Write,
    best: Callable[..., float] | None = max,
    quoted: bool = False,
) -> str:
    chosen = [r for r in rows if r.key.n == n and not math.isnan(r.figures[metric].mean)]
    tasks = list(dict.fromkeys(row.key.task for row in rows))
    cells = {(label(row), row.key.task): row.figures[metric] for row in chosen}
    methods = list(dict.fromkeys(label(row) for row in chosen))
    winners = {
        task: best(cells[m, task].mean for m in methods if (m, task) in cells)
        for task in tasks
        if best and any((m, task) in cells for m in methods)
    }
    lines = [["", *tasks], ["---", *("---:" for _ in tasks)]]
    for method in methods:
        own = [cells.get((method, task)) for task in tasks]
        lines.append(
            [method, *(_cell(f, winners.get(t), write) for f, t in zip(own, tasks, strict=True))]
        )
    if quoted:
        lines += [
            [f"*{q.method}, quoted*", *(_quoted(q.spearman.get(task)) for task in tasks)]
            for q in _published(tasks)
        ]
    return _lines(lines)


def _cell(figure: Figure | None, winner: float | None, write: Write) -> str:
    if figure is None:
        return ""
    text = write(figure)
    return f"**{text}**" if figure.mean == winner else text


def _quoted(value: float | None) -> str:
    return "" if value is None else f"*{_bare(value)}*"


def _interval(rows: Sequence[Row], n: int) -> str:
    coverage = _table(rows, n, "coverage", percentage, best=None)
    width = _table(rows, n, "width", percentage, best=None)
    score = _table(rows, n, "interval_score", percentage, best=min)
    parts = {"Inside": coverage, "Width": width, "Interval score, the less the better": score}
    tables = "\n\n".join(f"{title}:\n\n{table}" for title, table in parts.items())
    return f"### {n} samples\n\n{tables}"


def _devices(evaluation: Evaluation, n: int) -> list[str]:
    rows = [row for row in summarise(evaluation.outcomes, per_device=True) if row.key.n == n]
    head = ["task", "target", "method", "Spearman", "median error", "inside 90 %"]
    lines = [head, ["---", "---", "---", "---:", "---:", "---:"]]
    lines += [
        [
            row.key.task,
            row.key.device,
            label(row),
            share(row.figures["spearman"]),
            percentage(row.figures["median_ape"]),
            percentage(row.figures["coverage"]),
        ]
        for row in rows
    ]
    return [f"## Every target at {n} samples", _lines(lines)]


def _tasks(evaluation: Evaluation) -> str:
    absent = {entry.task: entry for entry in evaluation.missing}
    lines = [["task", "space", "sources", "targets", "absent from the dataset"]]
    lines.append(["---"] * len(lines[0]))
    for data in evaluation.suite.data:
        task = data.task
        gone = absent[task.name].devices if task.name in absent else ()
        lines.append(
            [
                task.name,
                task.space,
                _counted(task.sources, np.isfinite(data.sources.latency_ms).sum(axis=0)),
                _counted(task.targets, [len(data.rows(device)) for device in task.targets]),
                ", ".join(gone),
            ]
        )
    skipped = [
        f"{_inert(entry.task)} (lacks {_inert(', '.join(entry.devices))})"
        for entry in absent.values()
        if entry.skipped
    ]
    note = f"\n\nNot run: {'; '.join(skipped)}." if skipped else ""
    return _lines(lines) + note


def _counted(devices: Sequence[str], architectures: Iterable[int]) -> str:
    """Devices, and after each run of them that have equally many architectures how many."""
    runs = groupby(zip(devices, architectures, strict=True), key=itemgetter(1))
    return "; ".join(f"{', '.join(device for device, _ in run)} ({count:,})" for count, run in runs)


def _lines(lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(map(_inert, line))} |" for line in lines)


def _inert(text: str) -> str:
    """A name of anybody's on one line: no end of a cell, no link, no HTML, no code."""
    return re.sub(r"[|\[\]`<]", r"\\\g<0>", one_line(text))
