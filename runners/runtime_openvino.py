"""OpenVINO (``pip install openvino``): one stream, one request at a time.

It is imported where a model is loaded, in a process of its own:
its threads would not survive a fork.
"""

from importlib.metadata import version as version_of

import numpy as np

NAME = "openvino"
FORMAT = "onnx"
HINTS = {"fp32": "f32", "fp16": "f16", "int8": "f32"}


def version():
    return version_of(NAME)


def providers():
    """What there may be."""
    return ["CPU", "GPU", "NPU"]


class Model:
    """A compiled model with its input in place."""

    def __init__(self, path, threads, provider, seed, precision):
        import openvino

        self.provider = provider
        core = openvino.Core()
        if provider not in core.available_devices:
            known = ", ".join(core.available_devices)
            raise ValueError("there is no provider {} here, only {}".format(provider, known))
        model = core.compile_model(path, provider, options(provider, threads, precision))
        self.request = model.create_infer_request()
        given = list(model.input(0).shape)
        # RandomState's stream is the same in all numpy versions: the host computes the same input.
        values = np.random.RandomState(seed).standard_normal(given).astype(np.float32)
        self.request.set_input_tensor(openvino.Tensor(values))
        self.run = self.request.infer

    def output(self):
        return self.request.get_output_tensor(0).data.ravel().tolist()

    def assigned(self):
        return [self.provider]


def options(provider, threads, precision):
    """Without its own choice of precision (bfloat16 where it can), streams and threads."""
    chosen = {"INFERENCE_PRECISION_HINT": HINTS[precision]}
    if provider == "CPU":
        chosen.update({"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1})
    return chosen
