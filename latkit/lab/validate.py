"""Asking an adapted predictor about networks it has not seen, and measuring them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit import spaces
from latkit.errors import MeasurementsUnusable, UsageError
from latkit.lab.measure import measure
from latkit.lab.predictors import adapted_spaces, load
from latkit.lab.settings import as_measured, is_tuned
from latkit.latencies import Latencies
from latkit.measure.campaign import Observer
from latkit.measurement import Arch, Measurement, Setting
from latkit.spaces.base import Space

MIN_NETWORKS = 3


@dataclass(frozen=True, slots=True)
class Validation:
    """How good a predictor is on networks that it was not adapted to.

    Args:
        device: the device.
        space: the networks' space.
        networks: how many were measured and could be used.
        spearman: rank correlation of predicted and measured latencies.
        kendall: the share of pairs in the right order, from -1 to 1 (tau-b).
        median_error: median of |predicted - measured| / measured.
        within_10_percent: share of networks predicted that closely.
        coverage: share of measured latencies inside the predictor's interval.
        interval_width: median width of the interval, relative to the prediction.
        level: the probability that the interval claims.
    """

    device: str
    space: str
    networks: int
    spearman: float
    kendall: float
    median_error: float
    within_10_percent: float
    coverage: float
    interval_width: float
    level: float

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON would have them."""
        return asdict(self)


def validate(
    device: str,
    observer: Observer,
    *,
    space: str | None = None,
    n: int = 40,
    seed: int = 1,
    wait_s: float = 0.0,
) -> tuple[Validation, list[dict[str, Any]]]:
    """Measure n networks that the predictor has not seen; returns figures and a row for each.

    Raises UsageError where the device was adapted for several spaces and none is named,
    BundleError where it was never adapted, MeasurementsUnusable where too few could be measured.
    """
    name = space or _only_space(device)
    predictor = load(device, name)
    setting = Setting(**predictor.metadata["setting"])
    measured = measure(
        device,
        observer,
        archs=unseen(spaces.get(name), set(predictor.metadata["trained_on"]), n, seed),
        seed=seed,
        overrides=as_measured(setting),
        tune=is_tuned(setting),
        wait_s=wait_s,
    )
    usable = [m for m in measured.measurements if m.usable]
    if len(usable) < MIN_NETWORKS:
        raise MeasurementsUnusable(
            f"only {len(usable)} of {n} networks could be measured on {device}",
            "'latkit dataset list --verdict invalid' tells the reasons",
        )
    predicted = predictor.predict(spaces.get(name).matrix(m.arch for m in usable))
    level = float(predictor.metadata["level"])
    return score(device, name, usable, predicted, level), _rows(usable, predicted)


def unseen(space: Space, seen: set[str], n: int, seed: int) -> list[Arch]:
    """Draw n architectures from a seed that are not among ``seen``."""
    if n > space.size - len(seen):
        raise UsageError(f"{space.name} has no {n} networks that were not measured")
    drawn = space.sample(np.random.default_rng(seed), min(n + len(seen), space.size))
    return [arch for arch in drawn if arch.text not in seen][:n]


def score(
    device: str, space: str, measured: Sequence[Measurement], predicted: Latencies, level: float
) -> Validation:
    """Compare predictions with measurements."""
    from scipy.stats import kendalltau, spearmanr

    latency_ms = _latencies(measured)
    error = np.abs(predicted.mean_ms - latency_ms) / latency_ms
    held = (predicted.lower_ms <= latency_ms) & (latency_ms <= predicted.upper_ms)
    width = (predicted.upper_ms - predicted.lower_ms) / predicted.mean_ms
    return Validation(
        device=device,
        space=space,
        networks=len(latency_ms),
        spearman=float(spearmanr(predicted.mean_ms, latency_ms).statistic),
        kendall=float(kendalltau(predicted.mean_ms, latency_ms).statistic),
        median_error=float(np.median(error)),
        within_10_percent=float((error <= 0.1).mean()),
        coverage=float(held.mean()),
        interval_width=float(np.median(width)),
        level=level,
    )


def _latencies(measured: Sequence[Measurement]) -> NDArray[np.float64]:
    return np.array([measurement.latency_ms for measurement in measured], dtype=np.float64)


def _rows(measured: Sequence[Measurement], predicted: Latencies) -> list[dict[str, Any]]:
    return [
        {
            "arch": measurement.arch.text,
            "measured_ms": measurement.latency_ms,
            "verdict": measurement.verdict.level,
            "predicted_ms": float(predicted.mean_ms[i]),
            "lower_ms": float(predicted.lower_ms[i]),
            "upper_ms": float(predicted.upper_ms[i]),
        }
        for i, measurement in enumerate(measured)
    ]


def _only_space(device: str) -> str:
    found = adapted_spaces(device)
    if len(found) > 1:
        raise UsageError(f"{device!r} was adapted for {', '.join(found)}", "choose with --space")
    return found[0] if found else "nb201"
