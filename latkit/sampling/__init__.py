"""Which networks to measure: samplers behind one interface, known by name."""

from functools import partial

from latkit.sampling.base import Choice, Sampler, choose, get, names, register, sample
from latkit.sampling.params import by_params
from latkit.sampling.random import uniform


def _optimal() -> Sampler:
    from latkit.sampling.optimal import optimal

    return optimal


def _spread(pick: str, encoding: str) -> Sampler:
    from latkit.sampling import spread

    return spread.Spread(getattr(spread, pick), encoding)


register("random", lambda: uniform)
register("params", lambda: by_params)
register("optimal", _optimal)
for _name, _pick in (
    ("kmeans", "central"),
    ("cosine", "unlike"),
    ("kmeans-cosine", "central_directions"),
):
    register(_name, partial(_spread, _pick, "features"))
    register(f"{_name}:costs", partial(_spread, _pick, "costs"))
    register(f"{_name}:operations", partial(_spread, _pick, "operations"))

__all__ = ["Choice", "Sampler", "choose", "get", "names", "register", "sample"]
