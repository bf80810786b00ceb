"""Whether a bundle is what it says it is: of its space, whole, and full of sensible numbers.

Asked wherever one is read, so that nothing good is ever replaced by what a damaged one makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latkit import spaces
from latkit.errors import UsageError
from latkit.features.features import Features, Floats
from latkit.predictor import graph_file
from latkit.predictor.graph_file import FLOAT
from latkit.predictor.prior import HYPOTHESES, Prior
from latkit.predictor.session import CHUNK, output_shapes, require_outputs
from latkit.spaces.base import Space
from latkit.subjects import Subject

if TYPE_CHECKING:
    from latkit.predictor.bundle import Bundle

PROBES = 8
MAX_HYPOTHESES = 20_000
"""Ten times as many as latkit draws: adapting takes time and memory for each."""
FLOPS = "flops"
_WIDE = 3
"""Kernel blocks of a prior that are no blocks of the features: of sources, twice, and of costs."""


def require_sound(bundle: Bundle) -> None:
    """Raises ValueError saying what is wrong with a bundle."""
    space = _space(bundle)
    _require_prior(bundle.prior)
    _require_graph(bundle, space)
    subjects = space.sample(np.random.default_rng(0), min(PROBES, space.size))
    features = bundle.features(space.matrix(subjects))
    _require_features(features)
    _require_costs(bundle, features, space, subjects)


def _space(bundle: Bundle) -> Space:
    about = bundle.manifest
    try:
        space = spaces.get(bundle.space)
    except UsageError as problem:
        raise ValueError(problem.message) from None
    if about["positions"] != space.positions or type(about["positions"]) is not int:
        raise ValueError(f"it is not of {space.name}, which has {space.positions} positions")
    if list(about.get("operations", space.operations)) != list(space.operations):
        raise ValueError(f"it is not of {space.name}, whose operations are others")
    if not isinstance(about["created"], str):
        raise ValueError("it does not say when it was made")
    return space


def _require_graph(bundle: Bundle, space: Space) -> None:
    from latkit.predictor.bundle import BLOCK

    prior = bundle.prior
    widths = {"costs": prior.cost_mean, "sources": prior.source_mean}
    widths |= {BLOCK + name: prior.block_centre[name] for name in prior.block_names}
    graph = graph_file.read(bundle.features_onnx)
    require_outputs(graph, dict.fromkeys(widths, FLOAT))
    found = output_shapes(graph, space.positions)
    if found != {name: (CHUNK, len(values)) for name, values in widths.items()}:
        raise ValueError("its features have other shapes than its prior")


def _require_prior(prior: Prior) -> None:
    sizes = {"C": len(prior.cost_mean), "S": len(prior.source_mean), "K": len(prior.hypotheses)}
    blocks = len(prior.block_names)
    if min(*sizes.values(), blocks) < 1 or len(set(prior.block_names)) < blocks:
        raise ValueError("its prior lacks hypotheses, costs, sources or blocks")
    if len(prior.cost_names) != sizes["C"] or not all(
        isinstance(name, str) for name in (*prior.cost_names, *prior.block_names)
    ):
        raise ValueError("its costs or blocks have no names, or others")
    if sizes["K"] > MAX_HYPOTHESES:
        raise ValueError(f"its prior has more than {MAX_HYPOTHESES:,} hypotheses")
    sizes |= {"1 + C + S": 1 + sizes["C"] + sizes["S"], "B": _WIDE + blocks}
    for name, form in _FORMS.items():
        owner = prior.hypotheses if name in HYPOTHESES else prior
        if getattr(owner, name).shape != tuple(sizes[size] for size in form):
            raise ValueError(f"its prior has {name} of another shape")
    for scale in (True, False):
        _require_sources(prior, scale, sizes["S"])
    if any(values.ndim != 1 for values in prior.block_centre.values()):
        raise ValueError("its prior has block_centre of another shape")
    if not all(np.all(np.isfinite(values)) for values in prior.tensors().values()):
        raise ValueError("its prior holds numbers that are not finite")
    if any(np.any(values <= 0) for values in _positive(prior)):
        raise ValueError("its prior holds scales that are not positive")
    every = prior.hypotheses
    if np.any(every.shares < 0) or np.any(every.variances < 0):
        raise ValueError("its prior holds negative shares")
    if np.any(every.absolute < 0) or np.any(every.absolute > 1):
        raise ValueError("its prior holds shares of noise that are none")


_FORMS = {
    "cost_mean": ("C",),
    "cost_std": ("C",),
    "counts_launches": ("C",),
    "source_mean": ("S",),
    "source_ms": ("S",),
    "noise": ("K",),
    "absolute": ("K",),
    "is_log": ("K",),
    "shares": ("K", "1 + C + S"),
    "variances": ("K", "B"),
}


def _require_sources(prior: Prior, scale: bool, sources: int) -> None:
    one = (sources,)
    if prior.source_centre[scale].shape != one or prior.source_scale[scale].shape != one:
        raise ValueError("its prior has sources of another shape")
    whitening = prior.whitening[scale]
    if whitening.ndim != 2 or len(whitening) != sources:
        raise ValueError("its prior has whitening of another shape")


def _positive(prior: Prior) -> list[Floats]:
    scales = [prior.cost_mean, prior.cost_std, prior.source_mean, prior.source_ms]
    return [
        *scales,
        prior.hypotheses.noise,
        *prior.source_scale.values(),
        np.array(list(prior.block_scale.values())),
    ]


def _require_features(features: Features) -> None:
    every = (features.costs, features.sources, *features.blocks.values())
    if not all(np.all(np.isfinite(values)) for values in every):
        raise ValueError("its features of real networks are not finite")
    if np.any(features.costs < 0) or np.any(features.sources <= 0):
        raise ValueError("its costs or sources of real networks are negative")


def _require_costs(
    bundle: Bundle, features: Features, space: Space, subjects: list[Subject]
) -> None:
    """Costs say whether it is of this very space: they differ by what networks really differ."""
    names = bundle.prior.cost_names
    if FLOPS not in names:
        return
    theirs = features.costs[:, names.index(FLOPS)]
    ours = np.array([space.network(subject).flops for subject in subjects], dtype=float)
    if not np.allclose(theirs - theirs[0], ours - ours[0], rtol=1e-3, atol=1e-3 * ours.max()):
        raise ValueError(f"it is not of {space.name}, whose networks have other FLOPs")
