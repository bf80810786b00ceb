"""A predictor as people use it in Python: networks in any form go in, milliseconds come out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latkit import spaces
from latkit.condition import Condition
from latkit.errors import ArchError, BundleError, UsageError
from latkit.lab.networks import NetworkLike, Networks, named, several, subjects
from latkit.lab.options import command
from latkit.lab.predictors import Kept, choose, kept_spaces
from latkit.lab.workspace import Workspace
from latkit.latencies import Latencies
from latkit.predictor.runtime import AdaptedFile
from latkit.reading import count_of
from latkit.spaces.base import Space
from latkit.subjects import Subject

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from latkit.lab.options import Options


class Predictor:
    """Predicts the latencies of one space's networks on one device under one condition.

    Attributes:
        space: of the networks.
        condition: under which the latencies would be measured.
        samples: how many measurements it was adapted to.
        level: the probability with which an interval holds the latency.
    """

    def __init__(self, file: AdaptedFile) -> None:
        about = file.metadata
        self.space: Space = spaces.get(str(about["space"]))
        if [self.space.positions, list(self.space.operations)] != [
            file.positions,
            about["operations"],
        ]:
            raise ValueError(f"its architectures are none of {self.space.name}")
        self.condition = Condition.from_json(about["condition"])
        self.samples = count_of(about["samples"])
        self.level = _level(about["level"])
        self.trained_on = _keys(about["trained_on"])
        self._file = file

    @classmethod
    def load(
        cls,
        device: str,
        *,
        space: str | None = None,
        lab: Workspace | None = None,
        **options: Unpack[Options],
    ) -> Predictor:
        """The predictor that ``latkit adapt`` made of a device, under its profile's own condition.

        Args:
            device: name of the device.
            space: needed where the device was adapted for several.
            lab: where predictors are kept; by default where the command line keeps them.
            options: parts of the condition that are other than the profile's.

        Raises BundleError or UnknownNameError where there is none, UsageError where it is one of
        several.
        """
        return cls.of(choose(lab or Workspace(), device, space, options))

    @classmethod
    def of(cls, one: Kept) -> Predictor:
        """One that is kept; raises BundleError where it is damaged, or its note is of another."""
        try:
            found = cls.open(one.file)
            if (found.space.name, found.condition, found.samples) != one.what():
                raise BundleError(f"{one.file} is another predictor than its note tells of")
        except BundleError as problem:
            raise BundleError(problem.message, command("adapt", one.condition)) from None
        return found

    @classmethod
    def open(cls, path: str | Path) -> Predictor:
        """The predictor in a file, as ``latkit export`` writes it; raises BundleError."""
        file = AdaptedFile.load(Path(path))
        try:
            return cls(file)
        except (KeyError, TypeError, ValueError, UsageError) as problem:
            raise BundleError(
                f"{path} does not say what it predicts: {_words(problem)}",
                "adapt and export again; see 'latkit adapt --help'",
            ) from None

    def predict(self, networks: Networks) -> Latencies:
        """Latencies of networks, with their intervals, in their order.

        Raises ArchError where a network is none of this space, UsageError where operation indices
        have another shape or are out of range.
        """
        if isinstance(networks, np.ndarray) and np.issubdtype(networks.dtype, np.integer):
            rows = np.atleast_2d(networks)
            latencies = self._file.predict(rows)
            found = tuple(map(self.space.from_indices, rows))
        else:
            found = tuple(subjects(networks, self.space))
            for subject in found:
                self._require_own(subject)
            latencies = self._file.predict(self.space.matrix(found))
        bounds = latencies.mean_ms, latencies.lower_ms, latencies.upper_ms
        return Latencies(*bounds, found, self.condition)

    def _require_own(self, subject: Subject) -> None:
        if subject.collection != self.space.name:
            raise ArchError(
                f"this predictor is of {self.space.name}, the network of {subject.collection}",
                f"adapt {self.condition.board} for {subject.collection} too",
            )

    def __repr__(self) -> str:
        device, words = self.condition.board, self.condition.words()
        return f"<Predictor of {self.space.name} on {device}: {words}; {self.samples} samples>"


def _level(value: Any) -> float:
    if type(value) is not float or not 0 < value < 1:
        raise ValueError(f"{str(value)[:40]!r} is no level of an interval")
    return value


def _keys(value: Any) -> frozenset[str]:
    if type(value) is not list or not all(type(key) is str for key in value):
        raise ValueError("it does not say which networks it was adapted to")
    return frozenset(value)


def _words(problem: Exception) -> str:
    return str(problem) if isinstance(problem, ValueError | UsageError) else repr(problem)


def predict(
    lab: Workspace,
    networks: Networks,
    device: str,
    space: str | None,
    options: Mapping[str, Any],
) -> Latencies:
    """Latencies of networks of one space on a device; strings are of the space that reads them.

    Raises what ``Predictor.load`` and ``Predictor.predict`` do.
    """
    given = several(networks)
    of = space or (_space_of(lab, device, given[0]) if len(given) else None)
    return Predictor.of(choose(lab, device, of, options)).predict(given)


def _space_of(lab: Workspace, device: str, network: NetworkLike) -> str | None:
    """The space that a network is of; None where it does not tell."""
    if isinstance(network, Subject | Mapping):
        return spaces.get(named(network)[0]).name
    return next((name for name in kept_spaces(lab, device) if _reads(name, network)), None)


def _reads(space: str, network: NetworkLike) -> bool:
    try:
        return bool(subjects([network], spaces.get(space)))
    except UsageError:
        return False
