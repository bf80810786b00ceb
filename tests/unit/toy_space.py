"""A toy space whose edges differ from architecture to architecture.

Three nodes hold an operation each, and all of them flow into the output. The first reads the
input; two more positions decide what the others read: the second the input, the first node, or
the sum of both; the third the input, or one of the nodes before it.
"""

import re

import numpy as np

from latkit import spaces
from latkit.errors import ArchError
from latkit.spaces.builder import NetworkBuilder
from latkit.spaces.skeleton import read_skeleton
from latkit.subjects import Subject

# Which position decides whether data flow from one node (row) to another (column), and by which
# choices they do: those that flow always do so by all three, those that never do by none.
DECIDES = np.zeros((5, 5), dtype=np.int64)
DECIDES[:2, 2], DECIDES[:3, 3] = 3, 4
CHOICES = np.full((3, 5, 5), -1)
CHOICES[:, 0, 1] = CHOICES[:, 1, 4] = CHOICES[:, 2, 4] = CHOICES[:, 3, 4] = range(3)
CHOICES[:2, 0, 2], CHOICES[:2, 1, 2] = (0, 2), (1, 2)
CHOICES[0, :3, 3] = range(3)
SKELETON = {"channels": 8, "resolution": 8, "classes": 10}


class Wired(spaces.Space):
    """Texts as ``conv,none,pool:0,2``: operations of the nodes, then what two of them read."""

    family = "wired"
    letters = {"channels": "c", "resolution": "r", "classes": "k"}  # noqa: RUF012
    operations = ("none", "conv", "pool")
    positions = 5
    nodes = (0, 1, 2)
    node_labels = ("input", *operations, "output")

    def parse(self, text):
        found = re.fullmatch(r"(\w+),(\w+),(\w+):([012]),([012])", text.strip(), re.ASCII)
        if not found or not set(found.groups()[:3]) <= set(self.operations):
            raise ArchError(f"{self.name}: no architecture: {text[:40]!r}", "as conv,none,pool:0,2")
        chosen = [self.operations.index(name) for name in found.groups()[:3]]
        return self.from_indices([*chosen, *map(int, found.groups()[3:])])

    def indices(self, arch):
        chosen, reads = (half.split(",") for half in arch.key.split(":"))
        row = [*map(self.operations.index, chosen), *map(int, reads)]
        return np.array(row, dtype=np.int64)

    def from_indices(self, indices):
        if len(indices) != self.positions:
            raise ArchError(f"{self.name} has {self.positions} positions, not {len(indices)}")
        for index in indices:
            if not 0 <= index < len(self.operations):
                raise ArchError(f"{self.name}: there is no choice {index}")
        chosen = ",".join(self.operations[index] for index in indices[:3])
        return Subject(self.name, f"{chosen}:{indices[3]},{indices[4]}")

    def canonical(self, arch):
        return self.from_indices(self.live(self.indices(arch)[None])[0])

    def live(self, indices):
        """Every node is read by the output; what matters is whether the image flows into it."""
        if self.operations[0] != "none":
            return indices
        one, two, three, second, third = (indices[:, [position] * 5] for position in range(5))
        one = one > 0
        two = (two > 0) & ((second == 0) | (second == 2) | one)
        three = (three > 0) & ((third == 0) | (third == 1) & one | (third == 2) & two)
        alive = zip((one, two, three, two & one, three), np.eye(5, dtype=np.int64), strict=True)
        return sum(indices * flag * position for flag, position in alive)

    fed = live

    def used(self, indices):
        return indices

    def adjacency(self, indices):
        decision = indices[:, DECIDES]
        one, two, three = (decision == choice for choice in CHOICES)
        return one | two | three

    @classmethod
    def options(cls, given):
        return read_skeleton(cls.family, SKELETON, given)

    def network(self, subject):
        side, channels = self.skeleton["resolution"], self.skeleton["channels"]
        builder = NetworkBuilder(f"{self.family}:{subject.key}", (3, side, side))
        row = self.indices(subject)
        edges = self.encode(subject).adjacency
        nodes = [builder.conv("stem", builder.input, channels, 3)]
        for node in (1, 2, 3):
            name = self.operations[row[node - 1]]
            nodes.append(
                _operation(builder, f"node{node}", _read(builder, node, nodes, edges), name)
            )
        x = _read(builder, 4, nodes, edges)
        builder.classifier(x, self.skeleton["classes"])
        return builder.network()


class Alive(Wired):
    """The same without dead operations."""

    family = "alive"
    operations = ("conv", "pointwise", "pool")
    node_labels = ("input", *operations, "output")


def _read(builder, node, nodes, edges):
    """The sum of what flows into a node, zeros where there is none."""
    read = [x for x, flows in zip(nodes, edges[:, node], strict=False) if flows and x]
    if not read:
        return builder.zero(f"zero{node}", builder.shape(nodes[0]))
    return builder.add(f"read{node}", *read)


def _operation(builder, name, x, operation):
    if operation == "none":
        return ""
    if operation == "pool":
        return builder.avg_pool(name, x, 3, padding=1)
    return builder.conv(name, x, builder.shape(x)[0], 3 if operation == "conv" else 1)


for _space in (Wired, Alive):
    spaces.SPACES._own[_space.family] = f"{__name__}:{_space.__name__}"
