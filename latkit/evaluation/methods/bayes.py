"""latkit's own method: a bundle pretrained on the sources, and the Bayesian adapter."""

from __future__ import annotations

import numpy as np

from latkit.evaluation.method import Adapter, Files, Samples, Sources
from latkit.predictor.adapt import Adapted, adapt
from latkit.predictor.bundle import Bundle


class Bayes:
    """See ``latkit.predictor.adapt``."""

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """The three files of a bundle."""
        from latkit.predictor.pretrain import pretrain

        bundle = pretrain(
            sources.space, sources.operations, sources.latency_ms, sources.devices, seed=seed
        )
        return bundle.files()

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Adapts the bundle."""
        bundle = bundle_of(files)

        def adapter(samples: Samples, rng: np.random.Generator) -> Adapted:
            return adapt(bundle, samples.operations, samples.latency_ms)

        return adapter


def bundle_of(files: Files) -> Bundle:
    """The bundle that pretraining made."""
    return Bundle.from_files(files, "the bundle of this task")
