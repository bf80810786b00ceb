"""Which networks to measure: samplers behind one interface, known by name."""

from latkit.sampling.base import Choice, Sampler
from latkit.sampling.draw import choose, sample
from latkit.sampling.samplers import SAMPLERS, looks_at_bundle

__all__ = ["SAMPLERS", "Choice", "Sampler", "choose", "looks_at_bundle", "sample"]
