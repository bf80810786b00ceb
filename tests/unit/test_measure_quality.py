"""Verdicts: every reason of them, and none without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from latkit.measure import quality
from latkit.protocol import BlockEvent, DeviceState, Output
from latkit.types import Verdict
from tests.unit.measured import CPU, OUTPUT, block, steady


def verdict(*blocks: BlockEvent, drift: tuple[float, ...] = (1.0, 1.0), **changes: Any) -> Verdict:
    both = blocks if len(blocks) > 1 else (*blocks, block(steady(seed=1)))
    settings = {"expected": OUTPUT, "provider": CPU, "precision": "fp32", "threads": 1}
    return quality.judge(both, drift, **{**settings, **changes})


def states(before: dict[str, Any], after: dict[str, Any]) -> BlockEvent:
    return block(before=DeviceState(**before), after=DeviceState(**after))


def only(found: Verdict, level: str, kind: str) -> str:
    """The one reason; of the level and kind that are expected."""
    assert found.level == level
    assert [reason.partition(":")[0] for reason in found.reasons] == [kind]
    return found.reasons[0]


def test_nothing_against_it():
    assert verdict(block()) == Verdict("valid")


def test_what_cannot_be_read_raises_no_suspicion():
    known = {"frequency_mhz": 1500.0, "governor": "x", "throttle_count": 3, "steal_s": 1.0}
    assert verdict(states(known, {})) == Verdict("valid")
    assert verdict(states({}, known)) == Verdict("valid")


@pytest.mark.parametrize(
    "output",
    [
        replace(OUTPUT, values=(0.1, -0.5, 2.1, 0.0)),
        replace(OUTPUT, mean=0.5),
        replace(OUTPUT, std=1.5),
        replace(OUTPUT, count=5),
        replace(OUTPUT, values=(0.1, -0.5, 2.0)),
    ],
)
def test_wrong_output_is_invalid(output: Output):
    only(verdict(block(output=output)), "invalid", "wrong output")


def test_output_agrees_as_closely_as_the_precision():
    near = block(output=replace(OUTPUT, values=(0.1, -0.5, 2.02, 0.0)))
    only(verdict(near), "invalid", "wrong output")
    assert verdict(near, precision="fp16") == Verdict("valid")


def test_a_silent_fallback_is_invalid():
    fallback = verdict(block(), provider="CUDAExecutionProvider")
    assert "ran on CPUExecutionProvider" in only(fallback, "invalid", "wrong provider")
    assert verdict(block(providers=())).level == "valid"


def test_throttling_is_invalid():
    only(verdict(states({"throttle_count": 3}, {"throttle_count": 4})), "invalid", "throttled")
    assert verdict(states({"throttle_count": 3}, {"throttle_count": 3})).level == "valid"


def test_every_fault_is_named_and_no_mere_doubt_beside_it():
    worst = block(output=replace(OUTPUT, mean=9.0), providers=("X",), converged=False)
    found = verdict(worst, worst)
    assert found.level == "invalid"
    assert len(found.reasons) == 2


def test_unconverged():
    only(verdict(block(converged=False)), "suspect", "unconverged")


def test_trend():
    rising = [int(ns * (1 + 0.15 * i / 300)) for i, ns in enumerate(steady(n=300))]
    assert verdict(block(rising)).reasons[0].startswith("trend: +1")


def test_bimodal():
    rng = np.random.default_rng(0)
    two = [int(ns * (1.3 if rng.random() < 0.5 else 1)) for ns in steady(n=300)]
    assert any(reason.startswith("bimodal") for reason in verdict(block(two)).reasons)


def test_pre_empted():
    late = block(thread_cpu_ns=sum(steady()) // 2)
    assert "50%" in only(verdict(late), "suspect", "pre-empted")
    assert verdict(late, threads=4).level == "valid"
    on_gpu = replace(late, providers=("CUDAExecutionProvider",))
    assert verdict(on_gpu, on_gpu, provider="CUDAExecutionProvider").level == "valid"


def test_steal():
    only(verdict(states({"steal_s": 9.0}, {"steal_s": 9.1})), "suspect", "steal")
    assert verdict(states({"steal_s": 9.0}, {"steal_s": 9.001})).level == "valid"


def test_pressure():
    only(verdict(states({"pressure_us": 0}, {"pressure_us": 300_000})), "suspect", "pressure")
    assert verdict(states({"pressure_us": 0}, {"pressure_us": 10_000})).level == "valid"


def test_frequency_and_governor():
    slower = states({"frequency_mhz": 1500.0}, {"frequency_mhz": 1400.0})
    assert "7%" in only(verdict(slower), "suspect", "frequency")
    changed = states({"governor": "performance"}, {"governor": "powersave"})
    reason = only(verdict(changed), "suspect", "governor")
    assert reason == "governor: changed from performance to powersave"


def test_a_change_between_processes_counts_too():
    one = states({"frequency_mhz": 1500.0}, {"frequency_mhz": 1500.0})
    two = states({"frequency_mhz": 1200.0}, {"frequency_mhz": 1200.0})
    only(verdict(one, two), "suspect", "frequency")


def test_processes_that_disagree():
    apart = verdict(block(steady(5.0)), block(steady(5.6)))
    assert "12%" in only(apart, "suspect", "disagreement")
    explained = verdict(block(steady(5.0)), block(steady(5.6)), drift=(1.0, 1.12))
    assert explained == Verdict("valid")
    third = block(steady(5.05))
    assert verdict(block(), block(steady(5.6)), third, drift=(1.0,) * 3) == Verdict("valid")


def test_much_drift():
    reason = only(verdict(block(), block(steady(6.0)), drift=(1.0, 1.2)), "suspect", "drift")
    assert "+20%" in reason


def test_one_reason_of_a_kind():
    found = verdict(block(converged=False), block(steady(seed=3), converged=False))
    assert len(found.reasons) == 1


def test_calm():
    assert quality.calm(block(), 1)
    assert not quality.calm(block(thread_cpu_ns=1), 1)
    assert quality.calm(block(thread_cpu_ns=1), 4)
    assert not quality.calm(states({"steal_s": 0.0}, {"steal_s": 1.0}), 4)
