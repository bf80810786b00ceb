"""Appending layers one by one, with shapes known on the way."""

from __future__ import annotations

from latkit.network import (
    Add,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Conv2d,
    GlobalAvgPool,
    Input,
    Layer,
    Linear,
    Network,
    Relu,
    Shape,
    Zero,
    output_shape,
)


class NetworkBuilder:
    """Grows a network; every method takes and returns names of layers.

    Channels are read off the input's shape, and a convolution is padded so that stride 1 keeps
    height and width.
    """

    def __init__(self, name: str, input_shape: Shape) -> None:
        self.name = name
        self.input_shape = input_shape
        self._layers: list[Layer] = []
        self._shapes: dict[str, Shape] = {}
        self.input = self._append(Input("input", ()))

    def shape(self, x: str) -> Shape:
        """Output shape of a layer."""
        return self._shapes[x]

    def conv(
        self, name: str, x: str, channels: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> str:
        """Convolution without bias."""
        given, padding = self.shape(x)[0], kernel // 2
        layer = Conv2d(name, (x,), given, channels, kernel, stride, padding, groups)
        return self._append(layer)

    def batch_norm(self, name: str, x: str) -> str:
        """Batch normalisation over the channels of ``x``."""
        return self._append(BatchNorm(name, (x,), self.shape(x)[0]))

    def relu(self, name: str, x: str) -> str:
        """Rectifier."""
        return self._append(Relu(name, (x,)))

    def avg_pool(self, name: str, x: str, kernel: int, *, stride: int = 1, padding: int = 0) -> str:
        """Average pooling that does not count padding."""
        return self._append(AvgPool(name, (x,), kernel, stride, padding))

    def shuffle(self, name: str, x: str, groups: int) -> str:
        """Channel shuffle."""
        return self._append(ChannelShuffle(name, (x,), groups))

    def zero(self, name: str, shape: Shape) -> str:
        """A tensor of zeros."""
        return self._append(Zero(name, (), shape))

    def add(self, name: str, *xs: str) -> str:
        """Sum; no layer at all where there is only one term."""
        return self._append(Add(name, xs)) if len(xs) > 1 else xs[0]

    def classifier(self, x: str, classes: int) -> str:
        """Global average pooling and a linear layer."""
        pooled = self._append(GlobalAvgPool("pool", (x,)))
        return self._append(Linear("classifier", (pooled,), self.shape(pooled)[0], classes))

    def network(self) -> Network:
        """The finished network."""
        return Network(self.name, self.input_shape, tuple(self._layers))

    def _append(self, layer: Layer) -> str:
        self._shapes[layer.name] = output_shape(layer, self._shapes, self.input_shape)
        self._layers.append(layer)
        return layer.name
