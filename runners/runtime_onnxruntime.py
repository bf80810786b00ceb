"""onnxruntime on the device.

What every runtime's file offers the harness: NAME, FORMAT (of the model files it reads),
version(), providers() (what a profile may ask for, [] where there is no choice) and Model.
"""

import numpy as np
import onnxruntime

NAME = "onnxruntime"
FORMAT = "onnx"
SEVERE = 3
CPU = "CPUExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
MEMORY = {"CUDAExecutionProvider": "cuda", TENSORRT: "cuda"}


def version():
    return onnxruntime.__version__


def providers():
    return list(onnxruntime.get_available_providers())


class Model:
    """A loaded model with its input; ``run`` is what is timed: from data in place to data there.

    Input and output are bound once, in the provider's own memory, so that no run allocates,
    copies or converts anything; a run is over when the device has finished.
    """

    def __init__(self, path, threads, provider, seed, precision):
        if provider not in providers():
            known = ", ".join(providers())
            raise ValueError("{} is not in this onnxruntime, which has {}".format(provider, known))
        self.session = session(path, threads, provider, precision)
        if self.assigned()[0] != provider:
            raise ValueError("asked for {}, got {}".format(provider, self.assigned()[0]))
        given, wanted = self.session.get_inputs()[0], self.session.get_outputs()[0]
        # RandomState's stream is the same in all numpy versions: the host computes the same input.
        values = np.random.RandomState(seed).standard_normal(given.shape).astype(np.float32)
        self.kept = placed(values, provider), placed(np.zeros(wanted.shape, np.float32), provider)
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(given.name, self.kept[0])
        self.binding.bind_ortvalue_output(wanted.name, self.kept[1])
        self.run = self.run_there if provider in MEMORY else self.run_here

    def run_here(self):
        self.session.run_with_iobinding(self.binding)

    def run_there(self):
        self.session.run_with_iobinding(self.binding)
        self.binding.synchronize_outputs()

    def output(self):
        """What the last run computed, flat."""
        return self.kept[1].numpy().ravel().tolist()

    def assigned(self):
        """Providers that the session really has, the one in use first."""
        return list(self.session.get_providers())


def session(path, threads, provider, precision):
    """One that runs wholly on the provider, or an error: never in part on the processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SEVERE
    if provider != CPU:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    asked = [(provider, settings(provider, precision))]
    return onnxruntime.InferenceSession(path, options, providers=asked, enable_fallback=0)


def settings(provider, precision):
    """TensorRT computes in float32 unless it is told that it may do otherwise."""
    if provider != TENSORRT or precision == "fp32":
        return {}
    return {"trt_{}_enable".format(precision): "1"}


def placed(values, provider):
    return onnxruntime.OrtValue.ortvalue_from_numpy(values, MEMORY.get(provider, "cpu"), 0)
