from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from latkit.formats import torch as build_torch  # noqa: E402
from latkit.formats import weights  # noqa: E402
from tests.conformance.builder import SMALL  # noqa: E402


@pytest.fixture
def network():
    return SMALL.network(SMALL.from_indices([3, 2, 0, 1, 4, 3]))


def test_module_is_ready_for_inference(network):
    module = build_torch.build(network)
    assert not module.training
    assert not any(tensor.requires_grad for tensor in module.parameters())
    assert module(torch.zeros(5, 3, 16, 16)).shape == (5, 10)


def test_weights_keep_their_names(network):
    state = build_torch.build(network, 4).state_dict()
    for name, values in weights.seeded(network, 4).items():
        np.testing.assert_array_equal(state[name].numpy(), values)


def test_global_random_state_is_left_alone(network):
    before = torch.random.get_rng_state()
    build_torch.build(network)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The TorchScript type system:UserWarning")
def test_module_can_be_scripted():
    network = SMALL.network(SMALL.from_indices([0, 3, 2, 0, 2, 4]))
    module = build_torch.build(network)
    images = torch.ones(2, 3, 16, 16)
    torch.testing.assert_close(torch.jit.script(module)(images), module(images))


def test_without_torch_the_extra_is_named():
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from latkit.errors import MissingDependency\n"
        "try:\n    import latkit.formats.torch\n"
        "except MissingDependency as e:\n    print(e.message, e.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "latkit[train]" in done.stdout
    assert done.returncode == 0, done.stderr
