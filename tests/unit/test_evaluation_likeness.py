import numpy as np
import pytest

from latkit.errors import MeasurementsUnusable
from latkit.evaluation.likeness import comparable, report, shared
from latkit.evaluation.tasks import Task
from latkit.store import LatencyTable
from tests.unit.toy_task import ROWS, SPACE, latencies

TASK = Task("toy", "nb201", ("slow", "twin", "odd"), ("target",))
ARCHS = [SPACE.from_indices(row) for row in ROWS]


def table(**columns):
    latency_ms = np.stack(list(columns.values()), axis=1) if columns else np.empty((300, 0))
    return LatencyTable(ARCHS, list(columns), latency_ms, [])


def of(*devices):
    return table(**{device: latencies(device) for device in devices})


def only(device, rows):
    values = np.full(len(ROWS), np.nan)
    values[rows] = latencies(device)[rows]
    return values


def test_the_nearest_source_correlates_most():
    found = report(TASK, of("odd", "slow", "target", "twin"))
    assert found.runnable
    assert found.missing == ()
    assert found.shared == 300
    row = found.correlations["target"]
    assert list(row) == ["slow", "twin", "odd"]
    assert max(row, key=row.get) == "twin"
    assert row["twin"] > 0.95


def test_absent_devices_are_named_and_the_rest_compared():
    found = report(TASK, of("slow", "twin", "target"))
    assert found.missing == ("odd",)
    assert found.networks["odd"] == 0
    assert list(found.correlations["target"]) == ["slow", "twin"]


@pytest.mark.parametrize("devices", [(), ("slow", "twin"), ("slow", "target")])
def test_too_few_devices_to_run(devices):
    found = report(TASK, of(*devices))
    assert not found.runnable
    assert len(found.missing) == 4 - len(devices)


def test_too_few_architectures_in_common():
    few = table(slow=latencies("slow"), twin=only("twin", range(19)), target=latencies("target"))
    found = report(TASK, few)
    assert found.shared == found.networks["twin"] == 19
    assert not found.runnable


def test_devices_with_few_architectures_are_left_out_first():
    mixed = table(
        slow=latencies("slow"),
        twin=only("twin", range(30)),
        odd=only("odd", range(200)),
        target=only("target", range(140, 300)),
    )
    assert comparable(mixed) == ["slow", "odd", "target"]
    assert len(shared(mixed, ["slow", "odd", "target"])) == 60
    with pytest.raises(MeasurementsUnusable, match="2 devices have 30 architectures") as caught:
        shared(mixed, ["slow", "twin"])
    assert "leave out twin" in caught.value.hint


def test_a_device_that_ranks_nothing():
    constant = table(slow=latencies("slow"), stuck=np.ones(len(ROWS)))
    with pytest.raises(MeasurementsUnusable, match="the same latency on stuck"):
        shared(constant, ["slow", "stuck"])
