"""Spearman against sample count, one panel a task."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latkit.errors import MissingDependency
from latkit.evaluation.quoted import QUOTED
from latkit.evaluation.summary import Row
from latkit.report.results import QUOTED_AT, label

COLUMNS = 4
PANEL_INCHES = (3.0, 2.4)
OWN = "bayes"
OWN_COLOUR = "#c0392b"
OTHER_COLOURS = ("C0", "C1", "C2", "C4", "C5", "C6", "C7", "C8", "C9", "#1b3a5c")
QUOTED_COLOUR = "#444444"


def require_matplotlib() -> None:
    """Raises MissingDependency where there is none."""
    if find_spec("matplotlib") is None:
        raise MissingDependency("matplotlib", "evaluate", "drawing")


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw to ``path``, whose suffix is a format that matplotlib knows."""
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(row.key.task for row in rows))
    labels = list(dict.fromkeys(label(row) for row in rows))
    columns = min(COLUMNS, len(tasks))
    lines = -(-len(tasks) // columns)
    width, height = PANEL_INCHES
    # Text stays text, and two runs give the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "latkit"}):
        figure = Figure(figsize=(width * columns, height * lines + 0.7), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).flat
        for task, panel in zip(tasks, panels, strict=False):
            _panel(panel, task, [row for row in rows if row.key.task == task], labels)
        for panel in list(panels)[len(tasks) :]:
            panel.set_axis_off()
        handles = {str(line.get_label()): line for p in figure.axes for line in p.get_lines()}
        figure.supxlabel("samples measured on the target", fontsize=9)
        figure.supylabel("Spearman", fontsize=9)
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=6,
            frameon=False,
        )
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(panel: Any, task: str, rows: Sequence[Row], labels: Sequence[str]) -> None:
    for number, name in enumerate(labels):
        own = sorted((row for row in rows if label(row) == name), key=lambda row: row.key.n)
        style = _style(name, number)
        counts = [row.key.n for row in own]
        means = [row.figures["spearman"].mean for row in own]
        panel.plot(counts, means, label=name, **style)
    for quoted in QUOTED:
        if quoted.method == "NASFLAT" and task in quoted.spearman:
            panel.plot(
                [QUOTED_AT],
                [quoted.spearman[task]],
                "x",
                color=QUOTED_COLOUR,
                label="NASFLAT, quoted",
            )
    counts = sorted({row.key.n for row in rows})
    panel.set_xscale("log")
    panel.set_xticks(counts, [str(n) for n in counts])
    panel.minorticks_off()
    panel.set_title(task, loc="left", fontsize=10, fontweight="bold")
    panel.grid(axis="y", alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)


def _style(name: str, number: int) -> dict[str, Any]:
    if name == OWN:
        return {"color": OWN_COLOUR, "linewidth": 2.2, "marker": "o", "markersize": 4, "zorder": 5}
    colour = OTHER_COLOURS[number % len(OTHER_COLOURS)]
    return {"color": colour, "linewidth": 1.0, "marker": ".", "alpha": 0.85}
