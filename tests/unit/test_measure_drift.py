"""Drift, read off a canary."""

from __future__ import annotations

from pathlib import Path

import pytest

from latkit.errors import StoreError
from latkit.measure.drift import CanaryReference, drift_at


def test_between_canaries_it_is_interpolated():
    assert drift_at([0, 5, 10, 15], [0, 10], [100, 120], 100.0) == pytest.approx(
        [1.0, 1.1, 1.2, 1.2]
    )


def test_a_single_outlier_is_passed_over():
    assert drift_at([2.0], [0, 1, 2, 3, 4], [100, 100, 300, 100, 100], 100.0) == [1.0]


def test_a_lasting_change_is_seen():
    moments = list(range(8))
    found = drift_at([1.0, 6.0], moments, [100] * 4 + [130] * 4, 100.0)
    assert found == pytest.approx([1.0, 1.3])


def test_the_order_of_canaries_does_not_matter():
    assert drift_at([2.5], [3, 1, 2], [120, 100, 110], 100.0) == drift_at(
        [2.5], [1, 2, 3], [100, 110, 120], 100.0
    )


def test_the_reference_is_that_of_the_first_calm_campaign(tmp_path: Path):
    path = tmp_path / "folder" / "canary.json"
    first = CanaryReference(path, "model")
    assert first.get([10.0, 11.0], [10.0, 11.0]) is None
    assert first.get([10.0, 11.0, 12.0], [99.0] * 4) == 11.0
    assert first.get([99.0] * 9, [99.0] * 9) == 11.0
    assert CanaryReference(path, "model").get([99.0] * 9, [99.0] * 9) == 11.0


def test_without_calm_every_campaign_is_its_own_reference(tmp_path: Path):
    path = tmp_path / "canary.json"
    assert CanaryReference(path, "model").get([], [20.0, 21.0, 22.0]) == 21.0
    assert CanaryReference(path, "model").get([], [30.0, 31.0, 32.0]) == 31.0


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
