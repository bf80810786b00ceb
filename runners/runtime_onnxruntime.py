"""onnxruntime on the device.

What every runtime's file offers the harness: NAME, FORMAT (of the model files it reads),
version(), providers() (what a profile may ask for, [] where there is no choice) and Model.
"""

import numpy as np
import onnxruntime

NAME = "onnxruntime"
FORMAT = "onnx"
SEVERE = 3


def version():
    return onnxruntime.__version__


def providers():
    return list(onnxruntime.get_available_providers())


class Model:
    """A loaded model with its input; ``run`` is what is timed: from data in place to data there.

    Input and output are bound once, so that no run allocates or converts anything.
    """

    def __init__(self, path, threads, provider, seed):
        if provider not in providers():
            known = ", ".join(providers())
            raise ValueError("{} is not in this onnxruntime, which has {}".format(provider, known))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = SEVERE
        self.session = onnxruntime.InferenceSession(path, options, providers=[provider])
        given, wanted = self.session.get_inputs()[0], self.session.get_outputs()[0]
        # RandomState's stream is the same in all numpy versions: the host computes the same input.
        values = np.random.RandomState(seed).standard_normal(given.shape).astype(np.float32)
        result = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(wanted.shape, np.float32))
        self.kept = onnxruntime.OrtValue.ortvalue_from_numpy(values), result
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(given.name, self.kept[0])
        self.binding.bind_ortvalue_output(wanted.name, result)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        """What the last run computed, flat."""
        return self.kept[1].numpy().ravel().tolist()

    def assigned(self):
        """Providers that the session really has, the one in use first."""
        return list(self.session.get_providers())
