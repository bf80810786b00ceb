import pytest

from latkit.evaluation.methods.boosting import Boosting
from tests.conformance.method import MethodConformance

pytest.importorskip("sklearn", reason="the extra 'evaluate' is not installed")


class TestBoosting(MethodConformance):
    rank = 0.93

    def method(self):
        return Boosting()
