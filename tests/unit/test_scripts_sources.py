"""What ``scripts/sources`` tells of what it measured, and whether the bundles know it."""

from collections import Counter
from pathlib import Path

import pytest
from pyarrow import parquet

from latkit import Lab
from latkit.condition import Condition, Runtime
from latkit.measurement import Measurement, Verdict
from latkit.predictor.bundle import Bundle
from latkit.subjects import Subject

ROOT = Path(__file__).parents[2]
OPENVINO = Condition("local", Runtime("openvino", "2026.4.1", "CPU"))
MACHINE = {"processor": "x", "machine": "x86_64", "cpus": 2, "memory_mb": 4096, "python": "3.11"}
CONTEXT = {"device": MACHINE}
CELLS = [
    Subject("nb201", f"|{op}~0|+|{op}~0|{op}~1|+|{op}~0|{op}~1|{op}~2|")
    for op in ("nor_conv_1x1", "nor_conv_3x3")
]


def test_a_failure_that_is_newer_hides_no_label(sources, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "WORKSPACE", tmp_path)
    valid, wrong = Verdict("valid"), Verdict("invalid", ("error: not finite",))
    told = [(CELLS[0], valid, 2.0), (CELLS[1], valid, 3.0), (CELLS[1], wrong, None)]
    with Lab(data=tmp_path).store() as store:
        for cell, verdict, latency_ms in told:
            store.add(Measurement(cell, OPENVINO, verdict, latency_ms, context=CONTEXT))
    found = sources.measured("nb201")
    assert [one.latency_ms for one in found] == [2.0, 3.0]
    assert "| 2, 0 suspect, 2.50 ms |" in sources.page({"nb201": found})


@pytest.mark.parametrize("space", ["nb201", "fbnet"])
def test_the_shipped_bundle_knows_all_that_was_measured(space):
    table = parquet.read_table(ROOT / "data" / f"own_sources_{space}.parquet", columns=["device"])
    manifest = Bundle.shipped(space).manifest
    known = Counter(dict(zip(manifest["devices"], manifest["samples"], strict=True)))
    assert Counter(table["device"].to_pylist()) <= known
