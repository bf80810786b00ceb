"""Adapting: the measurements of one device go in, a predictor file comes out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latkit import spaces
from latkit.config import database_url
from latkit.errors import MeasurementsUnusable
from latkit.lab.predictors import predictor_path
from latkit.lab.settings import matches
from latkit.measurement import Measurement, Setting
from latkit.predictor.adapt import Adapted
from latkit.predictor.adapt import adapt as fit
from latkit.predictor.bundle import Bundle
from latkit.spaces.base import Space
from latkit.store import Store


@dataclass(frozen=True, slots=True)
class AdaptReport:
    """What one adaptation used and where it put its predictor."""

    device: str
    space: str
    samples: int
    fastest_ms: float
    slowest_ms: float
    seconds: float
    path: str
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON would have it."""
        return asdict(self)


def adapt(
    device: str,
    *,
    space: str | None = None,
    wanted: Mapping[str, Any] | None = None,
    bundle: str | None = None,
) -> list[AdaptReport]:
    """Adapt to ``device`` for one space, or for every space it was measured in.

    Of several settings, the one measured last is used, and the report says so; ``wanted`` holds
    fields of the setting that it must have (runtime, precision, threads, ...).

    Raises MeasurementsUnusable where there are too few measurements.
    """
    with Store.open(database_url()) as store:
        measured = store.latest(device=device, levels=("valid", "suspect"))
    groups = _by_space(measured)
    chosen = [_checked_space(device, space, groups)] if space else sorted(groups)
    if not chosen:
        raise MeasurementsUnusable(
            f"there are no usable measurements of device {device!r}",
            f"latkit measure --device {device} --n 20",
        )
    source = Path(bundle) if bundle else None
    return [
        _adapt_space(device, name, _select(groups[name], wanted or {}), source) for name in chosen
    ]


def _by_space(measured: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    groups: dict[str, list[Measurement]] = {}
    for measurement in measured:
        groups.setdefault(measurement.arch.space, []).append(measurement)
    return groups


def _checked_space(device: str, space: str, groups: dict[str, list[Measurement]]) -> str:
    spaces.get(space)
    if space not in groups:
        others = ", ".join(f"{len(found)} of {name}" for name, found in sorted(groups.items()))
        raise MeasurementsUnusable(
            f"device {device!r} has no usable measurements of {space}"
            + (f" (it has {others})" if others else ""),
            f"latkit measure --device {device} --space {space} --n 20",
        )
    return space


def _select(
    measured: Sequence[Measurement], wanted: Mapping[str, Any]
) -> tuple[Setting, list[Measurement], int]:
    """The setting measured last among those asked for, its measurements, and how many others."""
    asked = [measurement for measurement in measured if matches(measurement.setting, wanted)]
    if not asked:
        words = ", ".join(f"{name} {value}" for name, value in wanted.items())
        raise MeasurementsUnusable(
            f"none of the {len(measured)} measurements has {words}",
            "'latkit dataset info' lists what was measured",
        )
    setting = max(asked, key=lambda measurement: measurement.measured_at).setting
    same = [measurement for measurement in asked if measurement.setting == setting]
    return setting, same, len(measured) - len(same)


def _adapt_space(
    device: str,
    name: str,
    selected: tuple[Setting, list[Measurement], int],
    source: Path | None,
) -> AdaptReport:
    setting, measured, others = selected
    space = spaces.get(name)
    bundle = Bundle.load(source) if source else Bundle.shipped(name)
    known_ms = [m.latency_ms for m in measured if m.latency_ms is not None]
    begun = time.perf_counter()
    adapted = adapted_to(measured, bundle, space)
    path = predictor_path(device, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    adapted.export(path, metadata=_metadata(device, setting, measured))
    notes = adapted.notes
    if others:
        notes += (f"{others} measurements of other settings were left out ({_words(setting)})",)
    return AdaptReport(
        device=device,
        space=name,
        samples=len(measured),
        fastest_ms=min(known_ms),
        slowest_ms=max(known_ms),
        seconds=time.perf_counter() - begun,
        path=str(path),
        notes=notes,
    )


def adapted_to(measured: Sequence[Measurement], bundle: Bundle, space: Space) -> Adapted:
    """A bundle of a space adapted to usable measurements under one setting."""
    latency_ms = np.array([m.latency_ms for m in measured], dtype=float)
    noise = np.array([np.nan if m.noise is None else m.noise for m in measured])
    return fit(bundle, space.matrix(m.arch for m in measured), latency_ms, noise)


def _words(setting: Setting) -> str:
    return (
        f"used: {setting.runtime} {setting.runtime_version}, {setting.threads} threads, "
        f"{setting.precision}, batch {setting.batch}"
    )


def _metadata(device: str, setting: Setting, measured: Sequence[Measurement]) -> dict[str, Any]:
    return {
        "device": device,
        "setting": asdict(setting),
        "trained_on": [measurement.arch.text for measurement in measured],
    }
