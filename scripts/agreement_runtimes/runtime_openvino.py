"""OpenVINO's Python API as a runtime of the harness: one stream, one request, float32."""

import numpy as np
import openvino

NAME = "openvino"
FORMAT = "onnx"


def version():
    return openvino.__version__.split("-")[0]


def providers():
    return ["CPU"]


class Model:
    """A compiled model with its input in place."""

    def __init__(self, path, threads, provider, seed, precision):
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        model = openvino.Core().compile_model(path, provider, options)
        self.request = model.create_infer_request()
        shape = list(model.input(0).shape)
        values = np.random.RandomState(seed).standard_normal(shape).astype(np.float32)
        self.request.set_input_tensor(openvino.Tensor(values))
        self.run = self.request.infer

    def output(self):
        return self.request.get_output_tensor(0).data.ravel().tolist()

    def assigned(self):
        return ["CPU"]
