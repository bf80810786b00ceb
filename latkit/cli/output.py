"""How results are shown: rich tables on a terminal, aligned text in a pipe, JSON on request."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from latkit.cli import terminal
from latkit.cli.terminal import put, tell
from latkit.report.clean import one_line
from latkit.report.plain import as_text

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])
ABSENT = "–"
GAP = 3
MIN_SHRUNK = 12
MAX_DIGITS = 12
"""Behind the point, of milliseconds: what is less than a femtosecond is nothing."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its key in the rows, its title, and how a value is written."""

    key: str
    title: str
    write: Callable[[Any], str] = str
    number: bool = False
    shrink: Literal["never", "cut", "wrap"] = "never"
    """What happens when there is too little room: cut with an ellipsis, or wrap at words."""

    @property
    def heading(self) -> str:
        """The title, on one line and clean: a device's name may stand in it."""
        return one_line(self.title)

    def text(self, row: Row) -> str:
        """The cell of this column in ``row``, on one line and clean."""
        value = row.get(self.key)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ABSENT
        return one_line(self.write(value))


def milliseconds(value: float) -> str:
    """Four significant digits, never in exponent form: 0.03142, 3.142, 314.2."""
    if not math.isfinite(value):
        return str(value)
    digits = 3 - math.floor(math.log10(abs(value))) if value else 3
    return f"{value:.{max(0, min(digits, MAX_DIGITS))}f}"


def percent(value: float) -> str:
    """A share of one as a percentage."""
    return f"{100 * value:.1f} %"


def moment(iso: str) -> str:
    """A time of measurement to the minute; published labels have none."""
    return iso[:16].replace("T", " ") or ABSENT


def ms_column(key: str, title: str) -> Column:
    """A right-aligned column of milliseconds."""
    return Column(key, title, milliseconds, number=True)


def json_option(command: Decorated) -> Decorated:
    """Add ``--json`` to a command, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")(command)


def show(rows: Sequence[Row], columns: Sequence[Column], as_json: bool, title: str = "") -> None:
    """Print rows on stdout, in the form that suits whoever reads it."""
    if as_json:
        show_json(list(rows))
    elif sys.stdout.isatty():
        _show_rich(rows, columns, title)
    else:
        _show_plain(rows, columns)


def show_json(value: Any) -> None:
    """Print a JSON document; NaN, which JSON lacks, becomes null."""
    put(as_text(value, indent=2))


def _show_plain(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    cells = [[column.heading for column in columns]]
    cells += [[column.text(row) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        aligned = [
            text.rjust(width) if column.number else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        ]
        put("  ".join(aligned).rstrip())


def _show_rich(rows: Sequence[Row], columns: Sequence[Column], title: str) -> None:
    console = terminal.console(sys.stdout)
    widths = [_width(rows, column) for column in columns]
    fixed = sum(w + GAP for w, c in zip(widths, columns, strict=True) if c.shrink == "never")
    shrinkable = sum(column.shrink != "never" for column in columns)
    room = console.width - fixed
    everything = sum(width + GAP for width in widths)
    if everything > console.width and room < max(1, shrinkable * (MIN_SHRUNK + GAP)):
        _show_records(console, rows, columns)
    else:
        _show_grid(console, rows, columns, widths, room, title)


def _show_grid(
    console: Console,
    rows: Sequence[Row],
    columns: Sequence[Column],
    widths: Sequence[int],
    room: int,
    title: str,
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    over = Text(one_line(title)) if title else None
    table = Table(title=over, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    shared = sum(column.shrink != "never" for column in columns)
    for width, column in zip(widths, columns, strict=True):
        table.add_column(
            Text(column.heading),
            justify="right" if column.number else "left",
            no_wrap=column.shrink != "wrap",
            overflow="ellipsis" if column.shrink == "cut" else "fold",
            # Left to itself rich would cut numbers short, and make other numbers of them.
            min_width=width if column.shrink == "never" else None,
            max_width=max(MIN_SHRUNK, room // shared - GAP) if column.shrink == "cut" else None,
        )
    for row in rows:
        # Text, not markup: an architecture or a device's words may hold brackets.
        table.add_row(*(Text(column.text(row), style=_style(row, column)) for column in columns))
    console.print(table)


def _show_records(console: Console, rows: Sequence[Row], columns: Sequence[Column]) -> None:
    """One value below the other, for terminals too narrow for a table."""
    from rich.table import Table
    from rich.text import Text

    titles = max(len(column.heading) for column in columns)
    for row in rows:
        record = Table.grid(padding=(0, GAP, 0, 0))
        record.add_column(style="bold", width=max(1, min(titles, console.width // 2 - GAP)))
        record.add_column(overflow="fold")
        for column in columns:
            value = Text(column.text(row), style=_style(row, column))
            record.add_row(Text(column.heading), value)
        console.print()
        console.print(record)


def _width(rows: Sequence[Row], column: Column) -> int:
    return max([len(column.heading), *(len(column.text(row)) for row in rows)])


_STYLES = {"suspect": "yellow", "invalid": "red", "warning": "yellow", "problem": "red"}


def _style(row: Row, column: Column) -> str:
    return _STYLES.get(str(row.get(column.key)), "") if not column.number else ""


def note(text: str) -> None:
    """Say something to the person, on stderr."""
    tell(text)


def warn(text: str) -> None:
    """Tell of something that is not as it should be, on stderr."""
    tell(text, "warning: ", "yellow")


def next_step(*commands: str) -> None:
    """Suggest what to type next, on stderr."""
    for number, command in enumerate(commands):
        tell(command, "next: " if number == 0 else "  or: ", "cyan")
