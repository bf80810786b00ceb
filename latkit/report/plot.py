"""Spearman against sample count, or of every method at a single one; one panel a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latkit.errors import MissingDependency
from latkit.evaluation.quoted import QUOTED
from latkit.evaluation.summary import Row
from latkit.report.clean import one_line
from latkit.report.results import QUOTED_AT, label

COLUMNS = 4
PANEL_INCHES = (3.0, 2.4)
OWN = "bayes"
OWN_COLOUR = "#c0392b"
OTHER_COLOURS = ("C0", "C1", "C2", "C4", "C5", "C6", "C7", "C8", "C9", "#1b3a5c")
OTHER_COLOUR = "#b8bec4"
AUTHORS = "NASFLAT"
REPRODUCED = "nasflat"
QUOTED_STYLE: dict[str, Any] = {
    "label": f"{AUTHORS}, quoted",
    "color": "#444444",
    "marker": "x",
    "linestyle": "",
}
COUNTS = "samples measured on the target"
FIGURE = "Spearman"


def require_matplotlib() -> None:
    """Raises MissingDependency where there is none."""
    if find_spec("matplotlib") is None:
        raise MissingDependency("matplotlib", "evaluate", "drawing")


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw to ``path``, as SVG, whatever its suffix."""
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(row.key.task for row in rows))
    columns = min(COLUMNS, len(tasks))
    lines = -(-len(tasks) // columns)
    width, height = PANEL_INCHES
    draw, axis = (_curves, COUNTS) if len({row.key.n for row in rows}) > 1 else (_ranking, FIGURE)
    # Text stays text, and two runs give the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "latkit"}):
        figure = Figure(figsize=(width * columns, height * lines + 0.7), layout="constrained")
        panels = list(figure.subplots(lines, columns, squeeze=False, sharey=draw is _ranking).flat)
        labels = list(dict.fromkeys(label(row) for row in rows))
        for task, panel in zip(tasks, panels, strict=False):
            draw(panel, task, [row for row in rows if row.key.task == task], labels)
            panel.set_title(_drawn(task), loc="left", fontsize=10, fontweight="bold")
            panel.spines[["top", "right"]].set_visible(False)
        for panel in panels[len(tasks) :]:
            panel.set_axis_off()
        figure.supxlabel(axis, fontsize=9)
        figure.supylabel("" if draw is _ranking else FIGURE, fontsize=9)
        _legend(figure)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _legend(figure: Any) -> None:
    drawn = (line for panel in figure.axes for line in panel.get_lines())
    named = {str(line.get_label()): line for line in drawn if line.get_label()[0] != "_"}
    if named:
        where = "outside upper center"
        figure.legend(list(named.values()), list(named), loc=where, ncols=6, frameon=False)


def _curves(panel: Any, task: str, rows: Sequence[Row], labels: Sequence[str]) -> None:
    for number, name in enumerate(labels):
        own = sorted((row for row in rows if label(row) == name), key=lambda row: row.key.n)
        means = [row.figures["spearman"].mean for row in own]
        panel.plot([row.key.n for row in own], means, label=_drawn(name), **_style(name, number))
    panel.plot(*_quoted(task, lambda value: (QUOTED_AT, value)), **QUOTED_STYLE)
    counts = sorted({row.key.n for row in rows})
    panel.set_xscale("log")
    panel.set_xticks(counts, [str(n) for n in counts])
    panel.minorticks_off()
    panel.grid(axis="y", alpha=0.25)


def _ranking(panel: Any, task: str, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """A bar a method; there is but one sample count."""
    for row in rows:
        colour = OWN_COLOUR if label(row) == OWN else OTHER_COLOUR
        panel.barh(labels.index(label(row)), row.figures["spearman"].mean, color=colour)
    beside = labels.index(REPRODUCED) if REPRODUCED in labels else 0
    panel.plot(*_quoted(task, lambda value: (value, beside)), **QUOTED_STYLE)
    panel.set_yticks(range(len(labels)), [_drawn(name) for name in labels], fontsize=8)
    panel.set_ylim(len(labels) - 0.5, -0.5)
    panel.set_xlim(0, 1)


def _quoted(
    task: str, place: Callable[[float], tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """Where the paper's own figure for a task goes, if it has one."""
    found = [place(q.spearman[task]) for q in QUOTED if q.method == AUTHORS and task in q.spearman]
    return [x for x, _ in found], [y for _, y in found]


def _drawn(name: str) -> str:
    """A name of anybody's as text: no formula, and nothing that XML lacks."""
    return one_line(name).replace("$", r"\$")


def _style(name: str, number: int) -> dict[str, Any]:
    if name == OWN:
        return {"color": OWN_COLOUR, "linewidth": 2.2, "marker": "o", "markersize": 4, "zorder": 5}
    colour = OTHER_COLOURS[number % len(OTHER_COLOURS)]
    return {"color": colour, "linewidth": 1.0, "marker": ".", "alpha": 0.85}
