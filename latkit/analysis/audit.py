"""Looking over stored measurements for what is wrong with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from latkit.condition import Condition, unversioned
from latkit.measure import stats
from latkit.measurement import Measurement
from latkit.store.io.published import NEAR_ZERO
from latkit.subjects import Subject

MAX_RELABEL = 0.001
"""By so much a label may differ from what its samples say."""
MAX_REPEAT = 0.1
"""By so much a repeat may differ from the earlier measurements of the same network."""
MAX_TYPICAL_REPEAT = 0.03
"""And by so much half of a condition's repeats may."""
MIN_REPEATS = 3

Gravity = Literal["invalid", "suspect", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or worth knowing.

    Args:
        gravity: ``invalid`` cannot be believed, ``suspect`` may be wrong, ``note`` is neither.
        reason: begins with its kind and a colon.
        condition: under which it was found.
        subject: of which network; None where it is about the condition as a whole.
        measured_at: of which measurement; empty for published labels and whole conditions.
    """

    gravity: Gravity
    reason: str
    condition: Condition
    subject: Subject | None = None
    measured_at: str = ""

    @property
    def kind(self) -> str:
        """What stands before the reason's colon."""
        return self.reason.partition(":")[0]


def audit(measurements: Sequence[Measurement]) -> list[Finding]:
    """All findings about the measurements of one collection under one condition.

    Args:
        measurements: in the order of storing, raw samples included.
    """
    newest = {m.subject: m for m in measurements}
    by_arch: dict[Subject, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        by_arch[measurement.subject].append(measurement)
    return [
        *(found for m in newest.values() for found in _verdicts(m)),
        *(found for m in measurements for found in _contradictions(m)),
        *_near_zero(list(newest.values())),
        *(found for own in by_arch.values() for found in _duplicates(own)),
        *_repeats(by_arch.values()),
    ]


def _about(measurement: Measurement, gravity: Gravity, reason: str) -> Finding:
    return Finding(
        gravity, reason, measurement.condition, measurement.subject, measurement.measured_at
    )


def _verdicts(measurement: Measurement) -> Iterator[Finding]:
    """What was known against it when it was taken."""
    level = measurement.verdict.level
    if level != "valid":
        for reason in measurement.verdict.reasons or ("no reason: none was given",):
            yield _about(measurement, level, reason)


def _contradictions(measurement: Measurement) -> Iterator[Finding]:
    """A label that its own samples or bounds deny: it was changed, or its samples were."""
    m = measurement
    if not m.usable or m.latency_ms is None:
        return
    if m.latency_ms <= 0:
        yield _about(m, "invalid", f"no latency: {m.latency_ms:g} ms is not one")
        return
    if m.lower_ms is not None and m.upper_ms is not None:
        slack = MAX_RELABEL * m.latency_ms
        if not m.lower_ms - slack <= m.latency_ms <= m.upper_ms + slack:
            words = f"{m.latency_ms:.4g} ms, between {m.lower_ms:.4g} and {m.upper_ms:.4g} ms"
            yield _about(m, "invalid", f"interval: does not hold the label of {words}")
    said_ms = relabel(m)
    if said_ms is not None and abs(said_ms / m.latency_ms - 1) > MAX_RELABEL:
        words = f"{said_ms:.4g} ms, not {m.latency_ms:.4g} ms as stored"
        yield _about(m, "invalid", f"label: the samples say {words}")


def relabel(measurement: Measurement) -> float | None:
    """The latency, ms, that the raw samples and the recorded drift say; None without them."""
    recorded = measurement.context.get("blocks")
    blocks = measurement.blocks
    if not blocks or not isinstance(recorded, list) or len(recorded) != len(blocks):
        return None
    factors = [_drift(circumstances) for circumstances in recorded]
    if not all(block.samples_ns for block in blocks) or not all(f > 0 for f in factors):
        return None
    return stats.label([block.samples_ns for block in blocks], factors).latency_ms


def _drift(circumstances: Any) -> float:
    """The factor of one block; 1 where it is unknown, as when the label was made."""
    factor = circumstances.get("drift") if isinstance(circumstances, Mapping) else None
    return float(factor) if isinstance(factor, int | float) else 1.0


def _near_zero(newest: Sequence[Measurement]) -> Iterator[Finding]:
    """Latencies so short that nothing can have been computed."""
    known = [(m, m.latency_ms) for m in newest if m.usable and m.latency_ms is not None]
    if not known:
        return
    floor_ms = NEAR_ZERO * median(latency_ms for _, latency_ms in known)
    for m, latency_ms in known:
        if m.verdict.level == "valid" and 0 < latency_ms < floor_ms:
            words = f"{latency_ms:.3g} ms is under {NEAR_ZERO:.0%} of the median"
            yield _about(m, "suspect", f"near zero: {words}")


def _duplicates(own: Sequence[Measurement]) -> Iterator[Finding]:
    """Measurements of one network that claim the same moment, or have the same samples."""
    for moment, count in Counter(m.measured_at for m in own).items():
        if count > 1:
            last = next(m for m in reversed(own) if m.measured_at == moment)
            what = f"{count} measurements of the same moment" if moment else f"{count} labels"
            yield _about(last, "suspect", f"duplicate: {what}")
    samples = Counter(tuple(block.samples_ns for block in m.blocks) for m in own if m.blocks)
    moments = {m.measured_at for m in own}
    if len(moments) == len(own) and any(count > 1 for count in samples.values()):
        yield _about(own[-1], "suspect", "duplicate: the same samples at different times")


def _repeats(groups: Iterable[Sequence[Measurement]]) -> Iterator[Finding]:
    """Networks measured again with another outcome, and conditions where that is the rule."""
    changes: list[float] = []
    condition: Condition | None = None
    for own in groups:
        usable = [m for m in own if m.usable and m.measured_at]
        if len(usable) < 2:
            continue
        before = median(m.latency_ms for m in usable[:-1] if m.latency_ms is not None)
        change = (usable[-1].latency_ms or 0.0) / before - 1 if before > 0 else 0.0
        changes.append(abs(change))
        condition = own[0].condition
        if abs(change) > MAX_REPEAT:
            yield _about(usable[-1], "suspect", f"repeat: {change:+.0%} against earlier ones")
    if condition and len(changes) >= MIN_REPEATS and median(changes) > MAX_TYPICAL_REPEAT:
        words = f"half of {len(changes)} repeats differ by more than {median(changes):.1%}"
        yield Finding("suspect", f"repeats: {words}", condition)


def mixtures(conditions: Iterable[Condition]) -> list[Finding]:
    """Notes where one device was measured the same way but for a version.

    Each version has a predictor of its own, from its own measurements alone.
    """
    alike: dict[Condition, list[Condition]] = defaultdict(list)
    for condition in dict.fromkeys(conditions):
        alike[unversioned(condition)].append(condition)
    return [
        Finding("note", f"mixture: {_versions(group)} on one device", group[-1])
        for group in alike.values()
        if len(group) > 1
    ]


def _versions(group: Sequence[Condition]) -> str:
    versions = dict.fromkeys(f"{c.runtime.name}-{c.runtime.version}" for c in group)
    protocols = dict.fromkeys(f"protocol {c.protocol}" for c in group)
    return " and ".join(versions if len(versions) > 1 else protocols)
