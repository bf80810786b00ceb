"""The two streams of the command line: all that is printed goes through here.

While a command runs, ``sys.stdout`` and ``sys.stderr`` clean whatever anybody prints: results,
click's own messages, warnings, logging, tracebacks. Only what latkit draws itself, colours and
bars of text that was cleaned, is written to the ``canvas`` beneath.
"""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from latkit.errors import LatkitError
from latkit.report.clean import clean, one_line

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN = {"–": "-", "—": "-", "…": "~", "±": "+-", "→": "->", "×": "x", "°": " "}
_FALLBACK = "latkit.plain"
_LONGEST = 4000
"""Characters of one message: what a device says may have no end."""


class ReaderLeft(Exception):
    """Whoever read standard output has gone (``latkit ... | head``): nothing is wrong."""


class Canvas:
    """A stream that is written to as it is, but for characters that its encoding lacks.

    Standard output that cannot be written is a failure; standard error that cannot be written
    ends nobody's campaign.
    """

    def __init__(self, stream: TextIO | None, is_data: bool) -> None:
        self.stream = stream
        self._is_data = is_data
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.errors = _FALLBACK

    def write(self, text: str) -> int:
        """Raises ReaderLeft, or LatkitError where there is no room."""
        fitting = text.encode(self.encoding, _FALLBACK).decode(self.encoding)
        if self.stream is None:
            self._fail("it is closed")
        else:
            self._doing(lambda stream: stream.write(fitting))
        return len(text)

    def flush(self) -> None:
        """Raises what ``write`` does."""
        if self.stream is not None:
            self._doing(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        """Raises OSError where there is no file."""
        if self.stream is None:
            raise OSError("closed")
        return self.stream.fileno()

    def _doing(self, act: Any) -> None:
        try:
            act(self.stream)
        except BrokenPipeError:
            if self._is_data:
                raise ReaderLeft from None
        except (OSError, ValueError) as problem:  # ValueError: closed by somebody
            self._fail(getattr(problem, "strerror", None) or str(problem))

    def _fail(self, reason: str) -> None:
        if self._is_data:
            raise LatkitError(f"cannot write to standard output: {reason}")


class Guarded(Canvas):
    """The same, but whatever is written is cleaned."""

    def __init__(self, stream: TextIO | None, is_data: bool) -> None:
        super().__init__(stream, is_data)
        self.canvas = Canvas(stream, is_data)

    def write(self, text: str) -> int:
        """As ``Canvas.write``."""
        return super().write(clean(text))


@contextmanager
def guarded() -> Iterator[None]:
    """Clean all that is printed meanwhile."""
    before = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, Guarded(before[0], is_data=True))
    sys.stderr = cast(TextIO, Guarded(before[1], is_data=False))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def canvas(stream: TextIO) -> TextIO:
    """What is beneath a stream that cleans: for text that was cleaned, with colours of our own."""
    return cast(TextIO, stream.canvas) if isinstance(stream, Guarded) else stream


def console(stream: TextIO) -> Console:
    """Rich's, to draw on; its own reading of COLUMNS and LINES fails where they are rubbish."""
    from rich.console import Console

    if not {"COLUMNS", "LINES"} & os.environ.keys():
        return Console(file=canvas(stream))
    size = shutil.get_terminal_size()
    return Console(file=canvas(stream), width=size.columns, height=size.lines)


def put(text: object = "") -> None:
    """Print on stdout: data."""
    click.echo(clean(str(text)), file=sys.stdout)


def put_line(text: object) -> None:
    """The same on a single line: a path, a sentence that names things."""
    put(one_line(str(text)))


def tell(text: str, label: str = "", colour: str | None = None, *, bold: bool = False) -> None:
    """Say something to the person, on stderr, a label in colour in front.

    Further lines are indented, so that none of them passes for a line of latkit's own.
    """
    said = clean(text if len(text) <= _LONGEST else text[:_LONGEST] + "…").replace("\n", "\n  ")
    click.echo(click.style(label, fg=colour, bold=bold) + said, file=canvas(sys.stderr))


def keep_descriptors() -> None:
    """Give what the caller closed to nobody: the next file would be opened as standard output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115


def close(status: int) -> int:
    """Write what is left; the exit code, which tells where data could not be written."""
    complete = _written_out(sys.stdout)
    _written_out(sys.stderr)
    return status if complete else status or 1


def _written_out(stream: TextIO | None) -> bool:
    """Whether what is left of a stream could be written."""
    try:
        if stream is not None:
            stream.flush()
    except OSError:
        discard(stream)
        return False
    return True


def discard(stream: TextIO | None) -> None:
    """Drop what cannot be written any more, or Python itself complains of it at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), cast(TextIO, stream).fileno())
    except (OSError, ValueError, AttributeError):
        return  # there is none


def _plain(problem: UnicodeError) -> tuple[str, int]:
    """Characters that the terminal's encoding lacks, as the nearest plain ones or escaped."""
    assert isinstance(problem, UnicodeEncodeError)
    lacking = problem.object[problem.start : problem.end]
    plain = "".join(_PLAIN.get(c) or c.encode("unicode_escape").decode() for c in lacking)
    return plain, problem.end


codecs.register_error(_FALLBACK, _plain)
