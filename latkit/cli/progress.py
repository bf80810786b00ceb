"""Progress on stderr: a bar with the time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from latkit.cli.output import milliseconds
from latkit.cli.terminal import console, tell
from latkit.measurement import Measurement
from latkit.plural import counted
from latkit.progress import Progress
from latkit.report.clean import one_line
from latkit.subjects import Subject

QUIET_S = 10.0


class MeasureProgress(Progress):
    """Shows a campaign's progress."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._bar: Any = None
        self._task: Any = None
        self._done = 0
        self._total = 0
        self._spoke = time.monotonic()

    def __enter__(self) -> MeasureProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, blocks: int, known: int) -> None:
        """So many more blocks are to be timed; so many subjects were measured before."""
        self._total = self._done + blocks
        if known:
            one, several = "was measured before and is kept", "were measured before and are kept"
            tell(counted(known, one, several))
        if self._bar:
            self._bar.update(self._task, total=self._total)
        elif blocks and sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task(
                one_line(f"measuring on {self.device}"), total=blocks, last=""
            )
            self._bar.start()

    def timed(self, subject: Subject, latency_ms: float | None) -> None:
        """One block of a subject was timed."""
        self._done += 1
        self._total = max(self._total, self._done)
        last = "failed" if latency_ms is None else f"{milliseconds(latency_ms)} ms"
        if self._bar:
            self._bar.update(self._task, completed=self._done, total=self._total, last=last)
        elif time.monotonic() - self._spoke > QUIET_S:
            self._spoke = time.monotonic()
            tell(f"measuring on {self.device}: {self._done} of {self._total}")

    def warned(self, message: str) -> None:
        """Something is amiss; it is told at once."""
        tell(one_line(message), "warning: ", "yellow")

    def measured(self, measurement: Measurement) -> None:
        """A measurement is complete; one that failed is told at once."""
        if measurement.verdict.level == "invalid":
            reasons = "; ".join(measurement.verdict.reasons)
            tell(f"{measurement.subject}: {one_line(reasons[:300])}", "invalid: ", "yellow")


def _bar() -> Any:
    from rich import progress as bars
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return bars.Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}", markup=False),
        console=console(sys.stderr),
        transient=True,
    )


@contextmanager
def training_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar over epochs; yields what is to be called with epochs done and their total."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with _bar() as bar:
        task = bar.add_task("training", total=None, last="")
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def evaluation_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each stage; yields what is to be called with its name, done, and total."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    with _bar() as bar:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(one_line(stage), total=total, last="")
            bar.update(tasks[stage], completed=done)

        yield report


class _Lines:
    """A line now and then, with the time left."""

    def __init__(self) -> None:
        self._spoke = self._begun = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if not done:
            self._begun = now
        elif done == total or now - self._spoke > QUIET_S:
            self._spoke = now
            left_s = (now - self._begun) / done * (total - done)
            tell(f"{stage}: {done} of {total}, {left_s / 60:.0f} min left")
