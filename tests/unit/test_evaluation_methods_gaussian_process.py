"""The plain Gaussian process as a few-shot method."""

from latkit.evaluation.methods.gaussian_process import GaussianProcess
from tests.conformance.method import MethodConformance


class TestGaussianProcess(MethodConformance):
    has_interval = True

    def method(self):
        return GaussianProcess()
