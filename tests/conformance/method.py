"""What every few-shot method must do. Subclass it in the method's own test module."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from latkit.evaluation.method import Method, Samples
from tests.unit.toy_task import ROWS, latencies, toy_sources


class MethodConformance:
    """Implement ``method``; ``rank`` is the Spearman that 20 samples must reach.

    Samples in another unit, a thousand times larger, must give predictions in that unit, to
    ``unit_rtol``: a method that knows how fast devices are cannot be wholly indifferent.
    """

    rank = 0.8
    has_interval = False
    unit_rtol = 1e-3

    def method(self) -> Method:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def files(cls):
        return cls().method().pretrain(toy_sources(), seed=0)

    def predict(self, files, n=20, rows=ROWS, unit=1.0):
        drawn = np.random.default_rng(0).choice(len(ROWS), n, replace=False)
        adapter = self.method().load(toy_sources(), files)
        samples = Samples(ROWS[drawn], unit * latencies("target")[drawn])
        return adapter(samples, np.random.default_rng(0)).predict(rows)

    def test_files_are_bytes_by_name(self, files):
        assert all(isinstance(name, str) for name in files)
        assert all(isinstance(content, bytes) for content in files.values())

    def test_pretraining_again_gives_the_same(self, files):
        again = self.method().pretrain(toy_sources(), seed=0)
        one, other = (self.predict(each).mean_ms for each in (files, again))
        np.testing.assert_allclose(one, other, rtol=1e-4)

    def test_twenty_samples_rank(self, files):
        truth = latencies("target", noise=0)
        assert spearmanr(self.predict(files).mean_ms, truth).statistic > self.rank

    @pytest.mark.parametrize("n", [3, 20])
    def test_latencies_are_positive_and_finite(self, files, n):
        found = self.predict(files, n)
        assert found.mean_ms.shape == (len(ROWS),)
        assert np.isfinite(found.mean_ms).all()
        assert (found.mean_ms > 0).all()

    @pytest.mark.parametrize("n", [3, 20])
    def test_the_interval_holds_the_mean_or_is_unknown(self, files, n):
        found = self.predict(files, n)
        if not self.has_interval:
            assert np.isnan(found.lower_ms).all()
            assert np.isnan(found.upper_ms).all()
            return
        assert (found.lower_ms > 0).all()
        assert (found.lower_ms <= found.mean_ms).all()
        assert (found.mean_ms <= found.upper_ms).all()

    def test_predictions_are_in_the_unit_of_the_samples(self, files):
        one, other = (self.predict(files, unit=unit).mean_ms for unit in (1.0, 1000.0))
        np.testing.assert_allclose(other, 1000 * one, rtol=self.unit_rtol)

    def test_same_samples_and_generator_same_predictions(self, files):
        one, other = (self.predict(files, 10).mean_ms for _ in range(2))
        np.testing.assert_array_equal(one, other)

    def test_one_architecture_is_predicted_as_among_others(self, files):
        alone = self.predict(files, rows=ROWS[7:8]).mean_ms
        among = self.predict(files, rows=ROWS[:10]).mean_ms[7:8]
        np.testing.assert_allclose(alone, among, rtol=1e-5)
