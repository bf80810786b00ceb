"""Architecture spaces: what can be sampled, built, measured and predicted."""

from latkit.spaces.base import Graph, Space, get, names, read_archs, register
from latkit.spaces.fbnet import FBNet
from latkit.spaces.nb201 import NB201

register(NB201, NB201.name)
register(FBNet, FBNet.name)

__all__ = ["NB201", "FBNet", "Graph", "Space", "get", "names", "read_archs", "register"]
