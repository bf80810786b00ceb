"""Which networks to measure: samplers behind one interface, known by name."""

from latkit.sampling.base import Choice, Sampler, choose, get, names, register, sample
from latkit.sampling.params import by_params
from latkit.sampling.random import uniform

register("random", lambda: uniform)
register("params", lambda: by_params)

__all__ = ["Choice", "Sampler", "choose", "get", "names", "register", "sample"]
