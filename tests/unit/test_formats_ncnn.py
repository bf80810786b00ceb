"""ncnn files, run by ncnn."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest

ncnn = pytest.importorskip("ncnn")

from latkit.errors import UsageError  # noqa: E402
from latkit.formats import FORMATS  # noqa: E402
from latkit.network import BatchNorm, Conv2d, Input, Network, Relu  # noqa: E402
from tests.conformance.builder import SMALL, BuilderConformance  # noqa: E402


class TestNcnn(BuilderConformance):
    format = "ncnn"
    most_images = 1

    def run(self, content, images):
        text, _, weights = content.partition(b"\0")
        net = ncnn.Net()
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        assert net.load_param_mem(text.decode()) == 0
        with tempfile.NamedTemporaryFile() as file:
            file.write(weights)
            file.flush()
            assert net.load_model(file.name) == 0
        extractor = net.create_extractor()
        extractor.input("input", ncnn.Mat(images[0]).clone())
        status, output = extractor.extract(output_of(text.decode()))
        assert status == 0
        return np.array(output)[None]


def output_of(text: str) -> str:
    return text.split("\n")[-2].split()[1]


def lines(network: Network) -> list[str]:
    content = FORMATS.get("ncnn").build(network, 0, 1)
    return content.partition(b"\0")[0].decode().splitlines()


def test_a_rectifier_is_part_of_its_convolution():
    image, conv = Input("input", ()), Conv2d("conv", ("input",), 3, 4, 1)
    rectifier = Relu("relu", ("conv",))
    fused = lines(Network("small", (3, 8, 8), (image, conv, rectifier)))
    assert [line.split()[0] for line in fused[2:]] == ["Input", "Convolution"]
    assert "9=1" in fused[-1].split()


def test_the_counts_of_the_head_are_those_of_the_lines():
    text = lines(SMALL.network(SMALL.from_indices([1, 1, 3, 2, 1, 4])))
    layers, blobs = map(int, text[1].split())
    assert layers == len(text) - 2
    assert blobs == sum(int(line.split()[3]) for line in text[2:])


def test_a_normalisation_of_its_own():
    image, norm = Input("input", ()), BatchNorm("classifier", ("input",), 3)
    network = Network("small", (3, 4, 4), (image, norm))
    assert lines(network)[-1].startswith("Scale ")


def test_one_image_at_a_time():
    network = SMALL.network(SMALL.from_indices([3] * 6))
    with pytest.raises(UsageError, match="one image at a time"):
        FORMATS.get("ncnn").build(network, 0, 2)
