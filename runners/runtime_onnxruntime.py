"""onnxruntime on the device."""

import numpy as np
import onnxruntime

NAME = "onnxruntime"
SEVERE = 3


def version():
    return onnxruntime.__version__


def providers():
    return list(onnxruntime.get_available_providers())


class Model:
    """A loaded model with its input; ``run`` is what is timed."""

    def __init__(self, path, threads, provider, seed):
        if provider not in providers():
            known = ", ".join(providers())
            raise ValueError("{} is not in this onnxruntime, which has {}".format(provider, known))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = SEVERE
        self.session = onnxruntime.InferenceSession(path, options, providers=[provider])
        entry = self.session.get_inputs()[0]
        # RandomState's stream is the same in all numpy versions: the host computes the same input.
        values = np.random.RandomState(seed).standard_normal(entry.shape).astype(np.float32)
        self.feed = {entry.name: values}
        self.names = [self.session.get_outputs()[0].name]

    def run(self):
        return self.session.run(self.names, self.feed)

    def output(self):
        return [float(value) for value in self.run()[0].ravel()]

    def assigned(self):
        """Providers that the session really has, the one in use first."""
        return list(self.session.get_providers())
