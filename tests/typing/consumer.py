"""What a typed program sees of latkit; checked by mypy, never run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import latkit

lab = latkit.Lab(data="results", db="sqlite:///x.db")
result = lab.measure("local", 20, threads=2, precision="int8", progress=latkit.Progress())
assert_type(result.condition, latkit.Condition)
assert_type(result.measurements, tuple[latkit.Measurement, ...])
assert_type(result.measurements[0].subject, latkit.Subject)
assert_type([one.path for one in lab.adapt("local", tune=True)], list[Path | None])

predictor = latkit.Predictor.load("local", space="nb201", batch=8)
found = predictor.predict(["a", latkit.Subject("nb201", "b"), {"space": "nb201", "arch": "c"}])
assert_type(found, latkit.Latencies)
assert_type(found.mean_ms, NDArray[np.float64])
assert_type(found.condition, latkit.Condition | None)
assert_type(
    predictor.predict(np.zeros((1, 6), dtype=np.int64)).subjects, tuple[latkit.Subject, ...]
)
assert_type(lab.predict("a", "local").to_csv(), str)
assert_type(lab.validate("local").scores.spearman, float)
assert_type(latkit.space("nb201"), latkit.Space)
assert_type(next(lab.dataset.find("local")), latkit.Measurement)
assert_type([profile.threads for profile in lab.devices], list[int])


class Watch(latkit.Progress):
    def measured(self, measurement: latkit.Measurement) -> None:
        assert_type(measurement.latency_ms, float | None)


try:
    lab.measure("local", progress=Watch())
except latkit.DeviceUnreachable as problem:
    assert_type(problem.hint, str | None)
