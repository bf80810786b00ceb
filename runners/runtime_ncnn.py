"""ncnn on the processor (``pip install ncnn``): one image at a time."""

import tempfile

import ncnn
import numpy as np

NAME = "ncnn"
FORMAT = "ncnn"
CPU = "CPU"
OUTPUT = "classifier"


def version():
    return ncnn.__version__


def providers():
    return [CPU]


class Model:
    """A loaded net with its input; ``run`` is one pass, as benchncnn times it."""

    def __init__(self, path, threads, provider, seed, precision):
        if provider != CPU:
            raise ValueError("there is no provider {} here, only {}".format(provider, CPU))
        self.net = net(threads, precision)
        text, weights = parts(path)
        require(self.net.load_param_mem(text), "its layers")
        with tempfile.NamedTemporaryFile() as file:
            file.write(weights)
            file.flush()
            require(self.net.load_model(file.name), "its weights")
        # RandomState's stream is the same in all numpy versions: the host computes the same input.
        values = np.random.RandomState(seed).standard_normal((1, *shape(text))).astype(np.float32)
        self.image = ncnn.Mat(values[0]).clone()
        self.result = None

    def run(self):
        extractor = self.net.create_extractor()
        extractor.input("input", self.image)
        status, self.result = extractor.extract(OUTPUT)
        require(status, "its output")

    def output(self):
        return np.array(self.result).ravel().tolist()

    def assigned(self):
        return [CPU]


def net(threads, precision):
    """Halves only where they are asked for; ncnn would take them wherever it can."""
    made = ncnn.Net()
    made.opt.num_threads = threads
    made.opt.use_vulkan_compute = False
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
        setattr(made.opt, name, precision == "fp16")
    return made


def parts(path):
    """The text of .param, and the bytes of .bin, behind the zero byte between them."""
    with open(path, "rb") as file:
        text, _, weights = file.read().partition(b"\0")
    return text.decode("utf-8"), weights


def shape(text):
    """Channels, height and width of the input, the first layer."""
    options = dict(word.split("=") for word in text.splitlines()[2].split() if "=" in word)
    return tuple(int(options[key]) for key in ("2", "1", "0"))


def require(status, what):
    if status:
        raise ValueError("ncnn does not take {}: status {}".format(what, status))
