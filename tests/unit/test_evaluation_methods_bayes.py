import pytest

from latkit.evaluation.methods.bayes import Bayes
from tests.conformance.method import MethodConformance

pytest.importorskip("torch")


class TestBayes(MethodConformance):
    rank = 0.95
    has_interval = True
    unit_rtol = 0.4  # how fast a device is says something, too

    def method(self):
        return Bayes()
