"""Looking over the dataset: what is wrong in it, and what to measure again."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from latkit.analysis.audit import Finding, audit, mixtures
from latkit.config import database_url
from latkit.errors import StoreError, UnknownNameError, UsageError
from latkit.lab.settings import as_measured, is_tuned, matches
from latkit.measurement import Arch, Setting
from latkit.store import Store
from latkit.store.io.published import RUNTIME as PUBLISHED


class Way(NamedTuple):
    """How networks are measured again: on what, of which space, with which options."""

    device: str
    space: str
    options: str


def way(setting: Setting, space: str) -> Way:
    """That of a setting, whatever the device's profile says by now."""
    fields = as_measured(setting)
    options = [f"--{name} {shlex.quote(str(value))}" for name, value in fields.items()]
    return Way(setting.device, space, " ".join(options + ["--tune"] * is_tuned(setting)))


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at and found; ``findings`` have the gravest first."""

    measurements: int
    findings: tuple[Finding, ...]

    @property
    def invalid(self) -> int:
        """How many networks have a measurement that cannot be believed."""
        return len({(f.setting, f.arch) for f in self.findings if f.gravity == "invalid"})

    def counts(self) -> list[dict[str, Any]]:
        """How often each kind of finding occurs on each device, with an example."""
        keys = Counter((f.gravity, f.setting.device, f.kind) for f in self.findings)
        examples = {(f.gravity, f.setting.device, f.kind): f for f in reversed(self.findings)}
        return [
            {
                "verdict": gravity,
                "device": device,
                "kind": kind,
                "count": count,
                "example": examples[gravity, device, kind].reason,
            }
            for (gravity, device, kind), count in keys.items()
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Every finding."""
        return [
            {
                "verdict": f.gravity,
                "device": f.setting.device,
                "runtime": f.setting.runtime,
                "runtime_version": f.setting.runtime_version,
                "space": f.arch.space if f.arch else None,
                "arch": f.arch.text if f.arch else None,
                "measured_at": f.measured_at,
                "reason": f.reason,
            }
            for f in self.findings
        ]

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON would have it."""
        return {
            "measurements": self.measurements,
            "invalid": self.invalid,
            "counts": self.counts(),
            "findings": self.rows(),
        }

    def again(self) -> dict[Way, tuple[Arch, ...]]:
        """Networks to measure again, by the way to measure them.

        Published labels are not among them: their devices are somebody else's.
        """
        found: dict[Way, dict[Arch, None]] = {}
        for f in self.findings:
            if f.arch and f.gravity != "note" and f.setting.runtime != PUBLISHED:
                found.setdefault(way(f.setting, f.arch.space), {})[f.arch] = None
        return {key: tuple(archs) for key, archs in found.items()}


def verify(
    device: str | None = None,
    space: str | None = None,
    wanted: Mapping[str, Any] | None = None,
) -> Audit:
    """Look over the measurements of a device, of a space, or all.

    ``wanted`` holds fields of the settings to look at (runtime, precision).

    Raises UnknownNameError for a device that the dataset does not have.
    """
    with Store.open(database_url()) as store:
        everything = store.summary()
        if device and device not in {entry.setting.device for entry in everything}:
            devices = {entry.setting.device for entry in everything}
            raise UnknownNameError("device in the dataset", device, devices)
        entries = [
            entry
            for entry in everything
            if device in (None, entry.setting.device)
            and space in (None, entry.space)
            and matches(entry.setting, wanted or {})
        ]
        findings: list[Finding] = mixtures(entry.setting for entry in entries)
        for entry in entries:  # one at a time: raw samples need room
            found = store.measurements(space=entry.space, setting=entry.setting, with_samples=True)
            findings += audit(found)
    grave = sorted(findings, key=lambda f: ("invalid", "suspect", "note").index(f.gravity))
    return Audit(sum(entry.measurements for entry in entries), tuple(grave))


def write_archs(archs: Sequence[Arch], file: str) -> None:
    """Write an arch file; raises StoreError where that fails."""
    lines = ",\n".join(json.dumps({"space": arch.space, "arch": arch.text}) for arch in archs)
    try:
        Path(file).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    except OSError as problem:
        raise StoreError(f"cannot write {file}: {problem.strerror}") from None


def remeasure(found: Audit, file: str) -> str | None:
    """Write the networks to measure again; returns the command, None where there are none.

    Raises UsageError where no single command could measure them all.
    """
    groups = found.again()
    if not groups:
        return None
    if len(groups) > 1:
        names = "; ".join(f"{device}, {space} ({options})" for device, space, options in groups)
        raise UsageError(
            f"{file} would mix networks of several settings: {names}",
            "choose one with --device and --space, or --runtime and --precision",
        )
    (((device, _, options), archs),) = groups.items()
    write_archs(archs, file)
    return f"latkit measure --device {device} --archs {file} --again {options}"
