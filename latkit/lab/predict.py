"""Asking predictors side by side: every adapted device, or every condition of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latkit.errors import BundleError, LatkitError, UsageError
from latkit.lab.predictor import Predictor
from latkit.lab.predictors import Kept, choose, damaged, kept, making
from latkit.lab.workspace import Workspace
from latkit.latencies import Latencies
from latkit.subjects import Subject


@dataclass(frozen=True, slots=True)
class Answer:
    """What one predictor says."""

    latencies: Latencies
    predictor: Kept


@dataclass(frozen=True, slots=True)
class Answers:
    """What all predictors say, and why a device that was adapted says nothing."""

    found: tuple[Answer, ...]
    silent: tuple[str, ...]

    def rows(self, networks: Sequence[Subject]) -> list[dict[str, Any]]:
        """One row per network and predictor, in the order of ``networks``."""
        known: dict[Subject, list[dict[str, Any]]] = {network: [] for network in networks}
        for one in self.found:
            rows = one.latencies.rows()
            for subject, row in zip(one.latencies.subjects, rows, strict=True):
                known[subject].append({**row, "samples": one.predictor.samples})
        return [row for network in networks for row in known[network]]


def side_by_side(
    lab: Workspace,
    networks: Sequence[Subject],
    device: str | None,
    options: Mapping[str, Any],
    *,
    every_condition: bool = False,
) -> Answers:
    """Latencies of networks, perhaps of several spaces, by every predictor that is asked.

    Args:
        lab: where the predictors are.
        networks: what is to be predicted.
        device: one device, or None for every device that was adapted for the space at hand.
        options: parts of the condition that are other than the profile's.
        every_condition: ask all predictors of a device, not only that of its profile's condition.

    Raises BundleError or UsageError where none can be asked.
    """
    by_space: dict[str, dict[Subject, None]] = {}
    for network in networks:
        by_space.setdefault(network.collection, {})[network] = None
    said = [
        one if isinstance(one, LatkitError) else _answer(one, list(own))
        for space, own in by_space.items()
        for one in _asked(lab, space, device, options, every_condition)
    ]
    problems = [one for one in said if isinstance(one, LatkitError)]
    problems += [one for space in by_space for one in damaged(lab, device, space)]
    found = [one for one in said if isinstance(one, Answer)]
    if not found and problems:
        raise problems[0]
    return Answers(tuple(found), tuple(dict.fromkeys(map(_told, problems))))


def _told(problem: LatkitError) -> str:
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message


def _asked(
    lab: Workspace,
    space: str,
    device: str | None,
    options: Mapping[str, Any],
    every_condition: bool,
) -> list[Kept | LatkitError]:
    """The predictors that are asked, or why a device has none."""
    found = kept(lab, device, space)
    if found and every_condition:
        return [*sorted(found, key=lambda one: (one.device, one.condition.words()))]
    if not found and device is None:
        words = f"no device has been adapted for {space} yet"
        return [BundleError(words, making("local", space))]
    devices = sorted({one.device for one in found}) if device is None else [device]
    return [_chosen(lab, name, space, options) for name in devices]


def _chosen(
    lab: Workspace, device: str, space: str, options: Mapping[str, Any]
) -> Kept | LatkitError:
    try:
        return choose(lab, device, space, options)
    except (BundleError, UsageError) as problem:
        return problem


def _answer(one: Kept, networks: list[Subject]) -> Answer | LatkitError:
    try:
        return Answer(Predictor.of(one).predict(networks), one)
    except BundleError as problem:
        return problem
