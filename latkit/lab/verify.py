"""Looking over the dataset: what is wrong in it, and what to measure again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from latkit.analysis.audit import Finding, audit, mixtures
from latkit.condition import Condition, unversioned
from latkit.errors import UsageError
from latkit.files import write_whole
from latkit.lab.among import among
from latkit.lab.options import wanted
from latkit.lab.suggest import measuring_again
from latkit.lab.workspace import Workspace
from latkit.store import Query
from latkit.store.io.published import RUNTIME as PUBLISHED
from latkit.subjects import Subject


class Way(NamedTuple):
    """How networks are measured again: of which space, under which condition.

    Versions have no part in it: what is measured again has those of today.
    """

    space: str
    condition: Condition

    def described(self) -> str:
        """In words."""
        return f"{self.condition.board}, {self.space} ({self.condition.words()})"

    def choosing(self) -> str:
        """Words of a command line that choose what was measured so, and nothing else."""
        device, space = quote(self.condition.board), quote(self.space)
        return " ".join(["--device", device, "--space", space, *self.condition.as_options({})])


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at and found; ``findings`` have the gravest first."""

    measurements: int
    findings: tuple[Finding, ...]

    @property
    def invalid(self) -> int:
        """How many networks have a measurement that cannot be believed."""
        return len({(f.condition, f.subject) for f in self.findings if f.gravity == "invalid"})

    def counts(self) -> list[dict[str, Any]]:
        """How often each kind of finding occurs under each condition, with an example."""
        keys = Counter((f.gravity, f.condition, f.kind) for f in self.findings)
        examples = {(f.gravity, f.condition, f.kind): f for f in reversed(self.findings)}
        return [
            {
                "verdict": gravity,
                "device": condition.board,
                "condition": condition.words(),
                "kind": kind,
                "count": count,
                "example": examples[gravity, condition, kind].reason,
            }
            for (gravity, condition, kind), count in keys.items()
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Every finding."""
        return [
            {
                "verdict": f.gravity,
                **f.condition.row(),
                "space": f.subject.collection if f.subject else None,
                "arch": f.subject.key if f.subject else None,
                "measured_at": f.measured_at,
                "reason": f.reason,
            }
            for f in self.findings
        ]

    def document(self) -> dict[str, Any]:
        """Everything, as JSON would have it."""
        return {
            "measurements": self.measurements,
            "invalid": self.invalid,
            "counts": self.counts(),
            "findings": self.rows(),
        }

    def again(self) -> dict[Way, tuple[Subject, ...]]:
        """Networks to measure again, by the way to measure them.

        Published labels are not among them: their devices are somebody else's.
        """
        found: dict[Way, dict[Subject, None]] = {}
        for f in self.findings:
            if f.subject and f.gravity != "note" and f.condition.runtime.name != PUBLISHED:
                way = Way(f.subject.collection, unversioned(f.condition))
                found.setdefault(way, {})[f.subject] = None
        return {way: tuple(subjects) for way, subjects in found.items()}


def verify(
    lab: Workspace,
    device: str | None = None,
    space: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Audit:
    """Look over the measurements of a device, of a space, or all.

    ``options`` are parts of the condition; only what was measured with them is looked at.

    Raises what ``among`` does.
    """
    asked = wanted(options or {})
    with lab.store() as store:
        entries = among(store.summary(), device, space, asked)
        findings: list[Finding] = mixtures(entry.condition for entry in entries)
        for entry in entries:  # one at a time: raw samples need room
            of_entry = Query(collection=entry.collection, condition=entry.condition)
            findings += audit(list(store.find(of_entry, samples=True)))
    grave = sorted(findings, key=lambda f: ("invalid", "suspect", "note").index(f.gravity))
    return Audit(sum(entry.measurements for entry in entries), tuple(grave))


def write_archs(archs: Sequence[Subject], file: str) -> None:
    """Write an arch file, whole or not at all; raises LatkitError where that fails."""
    lines = ",\n".join(json.dumps({"space": arch.collection, "arch": arch.key}) for arch in archs)
    write_whole(Path(file), f"[\n{lines}\n]\n".encode())


def remeasure(found: Audit, file: str) -> str | None:
    """Write the networks to measure again; returns the command that does, where one can.

    Raises UsageError where no single command could measure them all.
    """
    groups = found.again()
    if not groups:
        return None
    if len(groups) > 1:
        raise UsageError(
            f"{file} would mix networks of several conditions: "
            + "; ".join(way.described() for way in groups),
            f"choose one, as with {next(iter(groups)).choosing()}",
        )
    ((way, subjects),) = groups.items()
    write_archs(subjects, file)
    return measuring_again(way.condition, file)
