"""LiteRT, or tflite-runtime where that is what the device has.

A profile may ask for ``XNNPACK``, for the ``builtin`` kernels, or for ``delegate:/path/to.so``,
whose rest the builtin kernels run. Ends of the model are float32 in every precision.
"""

import importlib

import numpy as np

NAME = "tflite"
FORMAT = "tflite"
PACKAGES = ("ai_edge_litert", "tflite_runtime")
DELEGATE = "delegate:"


def first_present():
    """The package and its interpreter module."""
    for name in PACKAGES:
        try:
            return importlib.import_module(name), importlib.import_module(name + ".interpreter")
        except ModuleNotFoundError as problem:
            if problem.name != name:
                raise
    raise ModuleNotFoundError("neither " + " nor ".join(PACKAGES) + " is installed")


package, interpreter = first_present()
RESOLVERS = interpreter.OpResolverType


def version():
    """With the package, for tflite-runtime 2.14 is older than LiteRT 1.0."""
    name = "litert" if package.__name__ == PACKAGES[0] else "tflite-runtime"
    return "{}-{}".format(name, package.__version__)


def providers():
    """The last one takes a path after it."""
    return ["XNNPACK", "builtin", DELEGATE]


class Model:
    """An interpreter with its input in place; ``run`` is its invocation alone."""

    def __init__(self, path, threads, provider, seed, precision):
        self.provider = provider
        self.interpreter = interpreter.Interpreter(
            path,
            num_threads=threads,
            experimental_op_resolver_type=resolver(provider),
            experimental_delegates=delegates(provider),
        )
        self.interpreter.allocate_tensors()
        used = self.assigned()
        if used[0] != provider:
            raise ValueError("{} took none of this model's operators".format(provider))
        given = self.interpreter.get_input_details()[0]
        self.interpreter.set_tensor(given["index"], image(given["shape"], seed))
        self.result = self.interpreter.get_output_details()[0]["index"]
        self.run = self.interpreter.invoke

    def output(self):
        return self.interpreter.get_tensor(self.result).ravel().tolist()

    def assigned(self):
        """The provider asked for where it has any operator, and the builtin kernels if they do."""
        names = {operator["op_name"] == "DELEGATE" for operator in planned(self.interpreter)}
        return [self.provider] * (True in names) + ["builtin"] * (False in names)


def resolver(provider):
    if provider == "XNNPACK":
        return RESOLVERS.BUILTIN
    if provider == "builtin" or provider.startswith(DELEGATE):
        return RESOLVERS.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    known = ", ".join(providers())
    raise ValueError("there is no provider {} here, only {}PATH".format(provider, known))


def delegates(provider):
    path = provider[len(DELEGATE) :] if provider.startswith(DELEGATE) else None
    return [interpreter.load_delegate(path)] if path else None


def image(shape, seed):
    """What the host draws, (batch, channels, height, width), in TFLite's order of axes."""
    batch, height, width, channels = shape
    values = np.random.RandomState(seed).standard_normal((batch, channels, height, width))
    return values.astype(np.float32).transpose(0, 2, 3, 1).copy()


def planned(loaded):
    """The operators that run. Those that a delegate took over are still listed, and do not."""
    makers = {}
    for operator in loaded._get_ops_details():  # delegates come last
        makers.update((tensor, operator) for tensor in operator["outputs"])
    found, wanted = {}, [detail["index"] for detail in loaded.get_output_details()]
    while wanted:
        operator = makers.get(wanted.pop())
        if operator and operator["index"] not in found:
            found[operator["index"]] = operator
            wanted.extend(operator["inputs"])
    return list(found.values())
