"""Drift, read off a canary."""

from __future__ import annotations

from pathlib import Path

import pytest

from latkit.errors import StoreError
from latkit.measure.drift import CanaryReference, Drift


def at(moment: float, canary_ns: list[float], reference_ns: float = 100.0) -> float:
    moments = tuple(10.0 * number for number in range(len(canary_ns)))
    return Drift(moments, tuple(canary_ns), reference_ns).at(moment)


def test_a_device_is_as_slow_as_its_canary():
    assert at(33.0, [120.0] * 8) == 1.2


def test_between_canaries_it_is_interpolated():
    lasting = [100.0] * 5 + [120.0] * 5
    assert at(0.0, lasting) == at(60.0, lasting) == 1.0
    assert at(65.0, lasting) == pytest.approx(1.1)
    assert at(70.0, lasting) == at(999.0, lasting) == 1.2


def test_what_comes_and_goes_is_no_drift():
    passing = [100.0] * 4 + [300.0, 180.0] + [100.0] * 4
    assert {at(moment, passing) for moment in range(0, 100, 5)} == {1.0}


def test_about_a_lasting_change_the_drift_is_unsure():
    lasting = (100.0,) * 10 + (110.0,) * 10
    drift = Drift(tuple(10.0 * number for number in range(20)), lasting, 100.0)
    changes = {moment: drift.change(moment) for moment in (45.0, 75.0, 95.0, 115.0, 165.0)}
    assert changes == pytest.approx({45.0: 0, 75.0: 0, 95.0: 0.1, 115.0: 0.1, 165.0: 0})
    passing = Drift(drift.moments, (100.0,) * 9 + (200.0, 150.0) + (100.0,) * 9, 100.0)
    assert {passing.change(moment) for moment in range(-5, 205, 5)} == {0.0}


def test_the_reference_is_that_of_the_first_calm_campaign(tmp_path: Path):
    path = tmp_path / "folder" / "canary.json"
    first = CanaryReference(path, "model")
    assert first.get([10.0, 11.0], [10.0, 11.0]) is None
    assert first.get([11.0, 11.5, 12.0], [99.0] * 4) == 11.0
    assert first.get([99.0] * 9, [99.0] * 9) == 11.0
    assert CanaryReference(path, "model").get([99.0] * 9, [99.0] * 9) == 11.0


def test_a_canary_that_is_clearly_faster_knows_better(tmp_path: Path):
    path = tmp_path / "canary.json"
    CanaryReference(path, "model").get([11.0] * 3, [11.0] * 3)
    assert CanaryReference(path, "model").get([10.9] * 3, [10.9] * 3) == 11.0
    assert CanaryReference(path, "model").get([], [10.0] * 3) == 11.0
    assert CanaryReference(path, "model").get([10.0] * 3, [10.0] * 3) == 10.0
    assert CanaryReference(path, "model").get([11.0] * 3, [11.0] * 3) == 10.0


def test_without_calm_every_campaign_is_its_own_reference(tmp_path: Path):
    path = tmp_path / "canary.json"
    assert CanaryReference(path, "model").get([], [20.0, 21.0, 22.0]) == 20.0
    assert CanaryReference(path, "model").get([], [30.0, 31.0, 32.0]) == 30.0


def test_another_model_has_another_reference(tmp_path: Path):
    path = tmp_path / "canary.json"
    CanaryReference(path, "model").get([10.0] * 3, [10.0] * 3)
    assert CanaryReference(path, "other").get([], []) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"model": "model", "reference_ns": 0}',
        '{"model": "model", "reference_ns": Infinity}',
        "[" * 100_000,
        "\xff",
    ],
    ids=lambda content: content[:40],
)
def test_a_damaged_reference_is_none(tmp_path: Path, content: str):
    path = tmp_path / "canary.json"
    path.write_text(content, encoding="latin-1")
    assert CanaryReference(path, "model").get([], []) is None


def test_a_reference_that_cannot_be_written_is_an_error(tmp_path: Path):
    (tmp_path / "file").touch()
    reference = CanaryReference(tmp_path / "file" / "canary.json", "model")
    with pytest.raises(StoreError, match="cannot write"):
        reference.get([10.0] * 3, [10.0] * 3)
