from latkit.evaluation.methods.counts import Counted
from tests.conformance.method import MethodConformance


class TestFlops(MethodConformance):
    rank = 0.95

    def method(self):
        return Counted("flops")


class TestParams(MethodConformance):
    rank = 0.95

    def method(self):
        return Counted("params")
