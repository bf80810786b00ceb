"""All samplers by name, and what each says of itself."""

from __future__ import annotations

from latkit.errors import LatkitError
from latkit.registry import Registry
from latkit.sampling.base import Sampler

SAMPLERS: Registry[Sampler] = Registry(
    "sampler",
    {
        "random": "latkit.sampling.random:Uniform",
        "params": "latkit.sampling.params:ByParams",
        "optimal": "latkit.sampling.optimal:Optimal",
        "kmeans": "latkit.sampling.spread:KMEANS",
        "kmeans:costs": "latkit.sampling.spread:KMEANS_COSTS",
        "kmeans:operations": "latkit.sampling.spread:KMEANS_OPERATIONS",
        "cosine": "latkit.sampling.spread:COSINE",
        "cosine:costs": "latkit.sampling.spread:COSINE_COSTS",
        "cosine:operations": "latkit.sampling.spread:COSINE_OPERATIONS",
        "kmeans-cosine": "latkit.sampling.spread:KMEANS_COSINE",
        "kmeans-cosine:costs": "latkit.sampling.spread:KMEANS_COSINE_COSTS",
        "kmeans-cosine:operations": "latkit.sampling.spread:KMEANS_COSINE_OPERATIONS",
    },
)


def looks_at_bundle(name: str) -> bool:
    """Whether the sampler of that name looks at a bundle.

    Raises UnknownNameError for an unknown name, LatkitError where the sampler does not say.
    """
    says = getattr(SAMPLERS.get(name), "looks_at_bundle", None)
    if not isinstance(says, bool):
        raise LatkitError(
            f"the sampler {name!r} does not say whether it looks at a bundle",
            "it needs the attribute looks_at_bundle, True or False",
        )
    return says
