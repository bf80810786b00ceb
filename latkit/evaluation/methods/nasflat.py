"""NASFLAT as a method: pretrained on all sources, fine-tuned on the samples of a target.

Akhauri & Abdelfattah, "On Latency Predictors for Neural Architecture Search", MLSys 2024. Sizes,
rates and numbers of samples are those of the authors' job list; pretraining takes 30 epochs
instead of 150, after which a cosine schedule has ended too. Fbnet's thirteen zero-cost proxies are
replaced by the two that are read off the layers (``latkit.evaluation.nasflat.supplement``). The
protocol is an honest one: every target starts from the pretrained weights, where the authors' code
keeps what earlier targets taught it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latkit.errors import BundleError, MissingDependency
from latkit.evaluation.method import (
    Adapter,
    Files,
    Predictor,
    Samples,
    Sources,
    without_interval,
)
from latkit.evaluation.methods.measured import Measured
from latkit.evaluation.nasflat.calibration import Line, fit_line
from latkit.evaluation.nasflat.examples import Examples, draw, most_alike
from latkit.evaluation.nasflat.graphs import Encode, mended, published
from latkit.evaluation.nasflat.supplement import supplement
from latkit.latencies import Latencies
from latkit.spaces.base import Indices, Space

if TYPE_CHECKING:
    from latkit.evaluation.nasflat.network import Network

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Settings:
    """Architectures of every source that are learned from, and epochs and rates of training."""

    archs: int
    epochs: int
    tuning_epochs: int
    tuning_rate: float
    rate: float = 1e-3


NB201 = Settings(archs=900, epochs=30, tuning_epochs=40, tuning_rate=3e-3)
FBNET = Settings(archs=800, epochs=30, tuning_epochs=30, tuning_rate=1e-3)


@dataclass(frozen=True, slots=True)
class Nasflat:
    """The method as published, or ``mended``.

    Mended are two faults: fbnet is a chain with an input and an output of its own, and attention
    is masked. ``settings`` replace those of the space.
    """

    mended: bool = False
    settings: Settings | None = None

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Weights; raises MissingDependency without torch."""
        _require_torch()
        from safetensors.torch import save

        from latkit.evaluation.nasflat.training import Schedule, fit, reproducible

        settings, rng = self._settings(sources.space), np.random.default_rng(seed)
        examples = draw(sources.latency_ms, settings.archs, rng)
        used, rows = np.unique(examples.rows, return_inverse=True)
        graphs = self._encode(sources.space, sources.operations[used])
        with reproducible(seed):
            network = self._network(sources)
            schedule = Schedule(settings.epochs, settings.rate)
            fit(network, graphs, replace(examples, rows=rows), schedule, rng)
        return {WEIGHTS: save(network.state_dict())}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Ready to fine-tune a copy of the pretrained network for every target."""
        _require_torch()
        network = self._network(sources)
        _restore(network, files, sources)

        def adapter(samples: Samples, rng: np.random.Generator) -> Predictor:
            return self._tuned(deepcopy(network), sources, samples, rng)

        return adapter

    def _settings(self, space: Space) -> Settings:
        return self.settings or (FBNET if space.family == "fbnet" else NB201)

    @property
    def _encode(self) -> Encode:
        return mended if self.mended else published

    def _network(self, sources: Sources) -> Network:
        """Its last hardware embedding is the target's."""
        from latkit.evaluation.nasflat.network import Network

        space = sources.space
        extra = supplement(space, sources.operations[:1]).shape[1]
        return Network(len(space.node_labels), len(sources.devices) + 1, extra, masked=self.mended)

    def _tuned(
        self, network: Network, sources: Sources, samples: Samples, rng: np.random.Generator
    ) -> Tuned:
        from latkit.evaluation.nasflat.training import Schedule, fit, reproducible, score

        settings, target = self._settings(sources.space), len(sources.devices)
        known = Measured.of(sources).known(samples.operations)
        network.resemble(target, most_alike(known, samples.latency_ms))
        graphs = self._encode(sources.space, samples.operations)
        rows = np.arange(len(samples.latency_ms))
        examples = Examples(rows, np.full(len(rows), target), samples.latency_ms)
        schedule = Schedule(settings.tuning_epochs, settings.tuning_rate)
        with reproducible(int(rng.integers(2**31))):
            fit(network, graphs, examples, schedule, rng)
        line = fit_line(score(network, graphs, target), samples.latency_ms)
        return Tuned(network, target, sources.space, self._encode, line)


@dataclass(frozen=True, slots=True)
class Tuned:
    """A fine-tuned network, its target's hardware embedding, and the line to milliseconds."""

    network: Network
    target: int
    space: Space
    encode: Encode
    line: Line

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        from latkit.evaluation.nasflat.training import score

        graphs = self.encode(self.space, operations)
        return without_interval(self.line(score(self.network, graphs, self.target)))


def _restore(network: Network, files: Files, sources: Sources) -> None:
    from safetensors.torch import load

    try:
        network.load_state_dict(load(files[WEIGHTS]))
    except RuntimeError:
        raise BundleError(
            f"these weights of nasflat do not fit a network of {sources.space.name} with "
            f"{len(sources.devices)} sources",
            "pretrain again on the same sources",
        ) from None


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingDependency("torch", "train", "the method nasflat") from None


MENDED = Nasflat(mended=True)
