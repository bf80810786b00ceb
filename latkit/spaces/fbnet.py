"""FBNet: 22 searchable layers, each one of nine blocks.

Wu et al., "FBNet", CVPR 2019, tables 1 and 2, in the form in which HW-NAS-Bench (Li et al.,
ICLR 2021) measured it: k7 kernels are absent, the CIFAR-100 skeleton keeps the resolution in
the stem and the second stage and has a narrower head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from reprlib import repr as shorten
from typing import Any, ClassVar

import numpy as np

from latkit.errors import ArchError, UnknownNameError, UsageError
from latkit.network import Network
from latkit.spaces import notation
from latkit.spaces.base import Indices, Space
from latkit.spaces.builder import NetworkBuilder
from latkit.spaces.skeleton import read_skeleton
from latkit.subjects import Subject

# (kernel, expansion, groups) of every block but `skip`.
BLOCKS = {
    "k3_e1": (3, 1, 1),
    "k3_e1_g2": (3, 1, 2),
    "k3_e3": (3, 3, 1),
    "k3_e6": (3, 6, 1),
    "k5_e1": (5, 1, 1),
    "k5_e1_g2": (5, 1, 2),
    "k5_e3": (5, 3, 1),
    "k5_e6": (5, 6, 1),
}
OPERATIONS = (*BLOCKS, "skip")
LAYERS = (1, 4, 4, 4, 4, 4, 1)
CHANNELS = (16, 24, 32, 64, 112, 184, 352)
STEM_CHANNELS = 16
# By resolution: stride of the stem, strides of the stages, channels of the head, classes.
PRESETS = {
    32: (1, (1, 1, 2, 2, 1, 2, 1), 1504, 100),
    224: (2, (1, 2, 2, 2, 1, 2, 1), 1984, 1000),
}

_INDEX = {token: index for index, name in enumerate(OPERATIONS) for token in (name, str(index))}
_FORM_HINT = "22 block indices 0 to 8 joined by '_', or block names separated by commas or spaces"


class FBNet(Space):
    """Chains of 22 blocks; a position is a layer, from input to output."""

    family: ClassVar[str] = "fbnet"
    letters: ClassVar[Mapping[str, str]] = {"resolution": "r", "classes": "k"}
    operations: ClassVar[tuple[str, ...]] = OPERATIONS
    idle: ClassVar[tuple[str, ...]] = ("skip",)
    positions: ClassVar[int] = sum(LAYERS)
    node_labels: ClassVar[tuple[str, ...]] = ("input", *OPERATIONS, "output")

    def parse(self, text: str) -> Subject:
        """Read ``7_8_1_...`` or ``k5_e6, skip, k3_e1_g2, ...``, or a list or tuple of either.

        Raises ArchError naming the bad token and its layer (counted from 1).
        """
        stripped = text.strip()
        separator = r"_" if re.fullmatch(r"[\d_]*", stripped) else r"\s*,\s*|\s+"
        tokens = notation.words(text) or re.split(separator, stripped[: notation.MAX_LENGTH])
        if len(tokens) != self.positions:
            message = (
                f"fbnet: expected {self.positions} blocks, found {len(tokens)} in {shorten(text)}"
            )
            raise ArchError(message, _FORM_HINT)
        return self.from_indices([_read_token(*item) for item in enumerate(tokens, start=1)])

    def indices(self, arch: Subject) -> Indices:
        return np.array(self.parse(arch.key).key.split("_"), dtype=np.int64)

    def from_indices(self, indices: Sequence[int] | Indices) -> Subject:
        if len(indices) != self.positions:
            raise ArchError(f"fbnet has {self.positions} positions, {len(indices)} were given")
        for layer, index in enumerate(indices, start=1):
            if not 0 <= index < len(OPERATIONS):
                raise ArchError(f"fbnet: block index {index} in layer {layer} is not 0 to 8")
        return Subject(self.name, "_".join(str(int(index)) for index in indices))

    def canonical(self, arch: Subject) -> Subject:
        """The architecture itself: no two of them compute the same."""
        return self.parse(arch.key)

    def live(self, indices: Any) -> Any:
        """``indices`` themselves: every block of a chain is alive."""
        return indices

    def fed(self, indices: Any) -> Any:
        """``indices`` themselves: the image flows through every block of a chain."""
        return indices

    def used(self, indices: Any) -> Any:
        """``indices`` themselves: the next block of a chain uses each one's result."""
        return indices

    def adjacency(self, indices: Any) -> Any:
        """The chain that it is: input, 22 blocks, output."""
        return np.eye(self.positions + 2, k=1, dtype=bool)[None]

    def network(self, subject: Subject) -> Network:
        """All layers; those of the first block are named ``layer01...``."""
        resolution, classes = self.skeleton["resolution"], self.skeleton["classes"]
        stem_stride, strides, head_channels, _ = PRESETS[resolution]
        builder = NetworkBuilder(f"{self.family}:{subject.key}", (3, resolution, resolution))
        x = _conv_bn_relu(builder, "stem", builder.input, STEM_CHANNELS, 3, stem_stride)
        geometry = [
            (channels, stride if first else 1)
            for count, channels, stride in zip(LAYERS, CHANNELS, strides, strict=True)
            for first in [True] + [False] * (count - 1)
        ]
        for layer, (index, (channels, stride)) in enumerate(
            zip(self.indices(subject), geometry, strict=True), start=1
        ):
            x = _block(builder, f"layer{layer:02d}", x, OPERATIONS[index], channels, stride)
        builder.classifier(_conv_bn_relu(builder, "head", x, head_channels, 1), classes)
        return builder.network()

    @classmethod
    def options(cls, given: Mapping[str, int]) -> dict[str, int]:
        """Of the skeleton: resolution 32 (CIFAR-100) or 224 (ImageNet), classes."""
        resolution = given.get("resolution", 32)
        if resolution not in PRESETS:
            raise UsageError(f"fbnet skeleton: resolution must be 32 or 224, not {resolution!r}")
        defaults = {"resolution": resolution, "classes": PRESETS[resolution][-1]}
        return read_skeleton(cls.family, defaults, given)


def _read_token(layer: int, token: str) -> int:
    if token in _INDEX:
        return _INDEX[token]
    error = UnknownNameError("block", token[:40], OPERATIONS)
    raise ArchError(f"fbnet: {error.message} in layer {layer}", f"{error.hint}; or 0 to 8")


def _block(
    builder: NetworkBuilder, name: str, x: str, operation: str, channels: int, stride: int
) -> str:
    if operation == "skip":
        return _skip(builder, name, x, channels, stride)
    kernel, expansion, groups = BLOCKS[operation]
    given = builder.shape(x)[0]
    inner = given * expansion
    out = _conv_bn_relu(builder, f"{name}.expand", x, inner, 1, groups=groups)
    if groups > 1:
        out = builder.shuffle(f"{name}.shuffle", out, groups)
    out = _conv_bn_relu(builder, f"{name}.depthwise", out, inner, kernel, stride, groups=inner)
    out = builder.conv(f"{name}.project.conv", out, channels, 1, groups=groups)
    out = builder.batch_norm(f"{name}.project.bn", out)
    keeps_shape = given == channels and stride == 1
    return builder.add(f"{name}.add", out, x) if keeps_shape else out


def _skip(builder: NetworkBuilder, name: str, x: str, channels: int, stride: int) -> str:
    if builder.shape(x)[0] == channels and stride == 1:
        return x
    return _conv_bn_relu(builder, name, x, channels, 1, stride)


def _conv_bn_relu(
    builder: NetworkBuilder,
    name: str,
    x: str,
    channels: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
) -> str:
    x = builder.conv(f"{name}.conv", x, channels, kernel, stride=stride, groups=groups)
    return builder.relu(f"{name}.relu", builder.batch_norm(f"{name}.bn", x))
