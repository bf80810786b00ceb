"""PyTorch: ``eager``, ``compile`` (torch.compile) or ``torchscript`` (traced and frozen).

``:cuda`` after one of these asks for the GPU. The file holds the layers as JSON and the weights as
safetensors; the module is made of them here, so that no file executes anything.
"""

import json
import math
import operator
import struct
from functools import reduce

import numpy as np
import torch
from torch import fx, nn

NAME = "torch"
FORMAT = "torch"
CUDA = ":cuda"
DTYPES = {"F32": np.float32, "F16": np.float16}


def version():
    return torch.__version__


def providers():
    """What this build can do. Whether there is a GPU is not asked: CUDA does not survive a fork."""
    modes = [mode for mode in MODES if mode != "compile" or hasattr(torch, "compile")]
    built = torch.version.cuda or getattr(torch.version, "hip", None)
    return modes + [mode + CUDA for mode in modes if built]


class Model:
    """A module and its input on their device; ``run`` returns when the device has finished."""

    def __init__(self, path, threads, provider, seed, precision):
        if provider not in providers():
            known = ", ".join(providers())
            raise ValueError("{} is not in this PyTorch, which has {}".format(provider, known))
        torch.set_num_threads(threads)
        self.mode, _, device = provider.partition(":")
        network, weights = read(path)
        values = np.random.RandomState(seed).standard_normal(network["shape"]).astype(np.float32)
        made = module(network["layers"], weights).to(device or "cpu")
        kind = next(made.parameters()).dtype
        self.image = torch.from_numpy(values).to(device or "cpu", kind)
        self.module = MODES[self.mode](made, self.image)
        self.run = self.run_on_gpu if device else self.run_here
        self.finished = torch.cuda.Event() if device else None
        # For as long as the process lives; what was made under it could not be compiled.
        self.inference = torch.inference_mode()
        self.inference.__enter__()

    def run_here(self):
        self.result = self.module(self.image)

    def run_on_gpu(self):
        self.result = self.module(self.image)
        self.finished.record()
        self.finished.synchronize()

    def output(self):
        return self.result.float().cpu().ravel().tolist()

    def assigned(self):
        return [self.mode + (CUDA if self.result.is_cuda else "")]


def compiled(made, image):
    return torch.compile(made, fullgraph=True, dynamic=False)


def scripted(made, image):
    return torch.jit.freeze(torch.jit.trace(made, image, check_trace=False))


MODES = {"eager": lambda made, image: made, "compile": compiled, "torchscript": scripted}


def read(path):
    """The description of the network, and its weights by name."""
    with open(path, "rb") as file:
        content = file.read()
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:begin].decode("utf-8"))
    network = json.loads(header.pop("__metadata__")["network"])
    return network, {name: tensor(content, begin, entry) for name, entry in header.items()}


def tensor(content, begin, entry):
    kind, shape = DTYPES[entry["dtype"]], entry["shape"]
    start = begin + entry["data_offsets"][0]
    values = np.frombuffer(content, kind, count=math.prod(shape), offset=start)
    return torch.from_numpy(values.reshape(shape).copy())


class Zeros(nn.Module):
    """Zeros of a fixed shape, one for every image of the batch given."""

    def __init__(self, shape):
        super().__init__()
        self.shape = list(shape)

    def forward(self, image):
        return image.new_zeros([image.shape[0], *self.shape])


def convolution(layer):
    channels = layer["in_channels"], layer["out_channels"]
    window = layer["kernel"], layer["stride"], layer["padding"]
    return nn.Conv2d(*channels, *window, groups=layer["groups"], bias=layer["bias"])


def pooling(layer):
    window = layer["kernel"], layer["stride"], layer["padding"]
    return nn.AvgPool2d(*window, count_include_pad=False)


LAYERS = {
    "AvgPool": pooling,
    "BatchNorm": lambda layer: nn.BatchNorm2d(layer["channels"], eps=layer["epsilon"]),
    "ChannelShuffle": lambda layer: nn.ChannelShuffle(layer["groups"]),
    "Conv2d": convolution,
    "GlobalAvgPool": lambda layer: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "Linear": lambda layer: nn.Linear(layer["in_features"], layer["out_features"]),
    "Relu": lambda layer: nn.ReLU(),
    "Zero": lambda layer: Zeros(layer["shape"]),
}


def module(layers, weights):
    """Straight-line code, which frees an activation after its last use, as a program would."""
    graph = fx.Graph()
    nodes, modules = {}, {}
    for layer in layers:
        name, kind = layer["name"], layer["kind"]
        inputs = [nodes[each] for each in layer["inputs"]]
        if kind == "Input":
            nodes[name] = image = graph.placeholder(name)
        elif kind == "Add":
            nodes[name] = reduce(lambda x, y: graph.call_function(operator.add, (x, y)), inputs)
        else:
            modules[name] = LAYERS[kind](layer)
            nodes[name] = graph.call_module(name, (image,) if kind == "Zero" else tuple(inputs))
    graph.output(nodes[layers[-1]["name"]])
    return filled(fx.GraphModule(modules, graph), weights)


def filled(made, weights):
    """The module in inference mode, with these weights in their own precision."""
    made.to(next(iter(weights.values())).dtype)
    state = made.state_dict()
    counters = {name: state[name] for name in state if name.endswith("num_batches_tracked")}
    made.load_state_dict({**counters, **weights})
    return made.eval().requires_grad_(False)
