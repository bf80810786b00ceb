"""What an evaluation has found so far, on disk, so that it can go on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp

from latkit import __version__
from latkit.evaluation.method import Files
from latkit.evaluation.trial import Outcome, TaskData, Trial
from latkit.files import private_folder
from latkit.metrics import Scores
from latkit.predictor.bundle import FORMAT


class Archive:
    """Pretrained files and outcomes of this version of latkit and its bundles, under a folder.

    Both are kept under digests of the latencies that they were made from, so that another
    dataset, or a task of the same name on other devices, finds none of them. A line that a
    killed process left unfinished is passed over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f"{__version__}-{FORMAT}"
        private_folder(self._folder)

    def files(self, method: str, data: TaskData) -> Files | None:
        """What a method learned from a task's sources; None where it has not."""
        folder = self._pretrained(method, data)
        if not folder.is_dir():
            return None
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def keep_files(self, method: str, data: TaskData, files: Files) -> None:
        """Keep what a method learned; complete or not at all."""
        final = self._pretrained(method, data)
        private_folder(final.parent)
        unfinished = Path(mkdtemp(prefix=f"{final.name}.", dir=final.parent))
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        unfinished.rename(final)

    def outcomes(self, data: TaskData) -> dict[Trial, Outcome]:
        """All outcomes on a task's data."""
        path = self._lines(data)
        if not path.is_file():
            return {}
        found = (_parse(line) for line in path.read_text(encoding="utf-8").splitlines())
        return {outcome.trial: outcome for outcome in found if outcome}

    def keep_outcomes(self, data: TaskData, outcomes: Sequence[Outcome]) -> None:
        """Append outcomes; they are on disk when this returns."""
        with self._lines(data).open("a", encoding="utf-8") as file:
            # A line that was cut off by a kill must not swallow the first of these.
            file.write("\n")
            file.writelines(_words(outcomes))
            file.flush()
            os.fsync(file.fileno())

    def _pretrained(self, method: str, data: TaskData) -> Path:
        return self._folder / "pretrained" / f"{method}-{data.sources_digest}"

    def _lines(self, data: TaskData) -> Path:
        return self._folder / f"{data.task.name}-{data.digest}.jsonl"


def _words(outcomes: Iterable[Outcome]) -> Iterable[str]:
    return (json.dumps(asdict(outcome)) + "\n" for outcome in outcomes)


def _parse(line: str) -> Outcome | None:
    try:
        record = json.loads(line)
        return Outcome(
            Trial(**record["trial"]),
            Scores(**record["unseen"]),
            float(record["spearman_all"]),
            float(record["seconds"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
