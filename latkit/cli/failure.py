"""What a person sees of a failure: one message, what to do next, and an exit code."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from textwrap import indent
from typing import Any

import click

from latkit.cli import terminal
from latkit.cli.terminal import tell
from latkit.errors import LatkitError, LeftOut
from latkit.report.clean import shortened

INTERRUPTED = 130


@contextmanager
def warnings_told() -> Iterator[None]:
    """Say what was left out as latkit says everything, and each once."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", LeftOut)
        usual = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, LeftOut):
                tell(str(message), "warning: ", "yellow")
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = show
        yield


def told(problem: BaseException, debug: bool) -> int:
    """Say what ended a command, and return the exit code; ``debug`` shows where it happened."""
    if debug:
        where = "".join(traceback.format_exception(problem))
        sys.stderr.write(indent(where, "  "))  # so that no line of it passes for one of our own
    if isinstance(problem, click.ClickException):
        said = StringIO()
        problem.show(file=said)
        sys.stderr.write(shortened(said.getvalue()))
        return problem.exit_code
    if isinstance(problem, KeyboardInterrupt | click.Abort):
        tell("interrupted; what was measured is kept")
        return INTERRUPTED
    if isinstance(problem, terminal.ReaderLeft):
        terminal.discard(sys.stdout)
        return 0
    return _reported(_in_words(problem))


def _in_words(problem: BaseException) -> LatkitError:
    """The failure as one of the family; what nobody foresaw is a defect."""
    if isinstance(problem, LatkitError):
        return problem
    if isinstance(problem, MemoryError):
        return LatkitError("there is not enough memory", "ask for less at once")
    if isinstance(problem, RecursionError):
        return LatkitError("something that was given is nested too deeply")
    if isinstance(problem, OSError):
        place = f"{problem.filename}: " if problem.filename is not None else ""
        return LatkitError(f"{place}{problem.strerror or problem}")
    words = f"{type(problem).__name__}: {problem}"
    hint = "this is a defect of latkit; the same command with --debug shows where"
    return LatkitError(words, hint)


def _reported(problem: LatkitError) -> int:
    tell(shortened(problem.message), "error: ", "red", bold=True)
    if problem.hint:
        tell(problem.hint, "hint: ", "cyan")
    return problem.exit_code
