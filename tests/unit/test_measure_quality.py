"""Verdicts: every reason of them, and none without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from latkit.measure import quality
from latkit.measure.drift import Drift
from latkit.measure.journal import Entry
from latkit.measurement import Verdict
from latkit.protocol import BlockEvent, DeviceState, Output
from tests.unit.measured import ARCH, CPU, OUTPUT, block, steady


def verdict(*blocks: BlockEvent, drift: tuple[float, ...] = (1.0, 1.0), **changes: Any) -> Verdict:
    both = blocks if len(blocks) > 1 else (*blocks, block(steady(seed=1)))
    threads = changes.pop("threads", 1)
    seen = [seen_at(slowness, made, threads) for made, slowness in zip(both, drift, strict=True)]
    return quality.judge(
        seen, **{"expected": OUTPUT, "provider": CPU, "precision": "fp32", **changes}
    )


def seen_at(slowness: float, made: BlockEvent, threads: int = 1) -> quality.Sighting:
    drift = Drift((0.0, 2.0), (slowness, slowness), 1.0)
    return quality.sighting(Entry(ARCH, False, 1.0, "boot", made), drift, threads)


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


def test_an_output_that_a_program_kept_to_itself_is_no_evidence_either_way():
    # CPU time is then that of the whole program, and the states lie around all of it.
    unseen = block(output=None, thread_cpu_ns=1, timing_ns=10**10)
    assert verdict(unseen, unseen) == Verdict("valid")
    loading = replace(
        unseen, after=DeviceState(pressure_us=10**6), before=DeviceState(pressure_us=0)
    )
    assert verdict(loading, loading) == Verdict("valid")
    pressed = replace(loading, after=DeviceState(pressure_us=3 * 10**6))
    only(verdict(pressed, pressed), "suspect", "pressure")


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


def test_over_current_is_throttling():
    reason = only(
        verdict(states({"over_current_count": 15}, {"over_current_count": 37})),
        "invalid",
        "throttled",
    )
    assert "over-current" in reason
    assert verdict(states({"over_current_count": 15}, {"over_current_count": 15})).level == "valid"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_limit_that_is_active_is_throttling(when: str):
    slow = {when: DeviceState(limits=("throttled", "under-voltage"))}
    found = verdict(block(**slow))
    assert only(found, "invalid", "throttled") == "throttled: throttled, under-voltage"
    assert verdict(states({"limits": ()}, {"limits": ()})).level == "valid"


def test_a_limit_noted_before_the_block_is_not_held_against_it_and_a_new_one_is():
    old = {"limits": (), "limits_since_boot": ("under-voltage",)}
    assert verdict(states(old, old)).level == "valid"
    new = {"limits": (), "limits_since_boot": ("throttled", "under-voltage")}
    assert only(verdict(states(old, new)), "invalid", "throttled") == "throttled: throttled"
    assert verdict(states({}, new)).level == "valid"  # when it appeared is unknown


def test_a_power_cap_all_along_is_how_fast_a_gpu_is_and_one_now_and_then_is_not():
    free, capped = {"limits": ()}, {"limits": ("GPU power cap",)}
    assert verdict(states(capped, capped), states(capped, capped)).level == "valid"
    only(verdict(states(free, capped)), "suspect", "GPU power cap")
    only(verdict(states(free, free), states(capped, capped)), "suspect", "GPU power cap")


def test_clocks_of_the_gpu_and_the_power_mode():
    only(verdict(states({"gpu_mhz": 1000.0}, {"gpu_mhz": 900.0})), "suspect", "GPU frequency")
    changed = states({"power_mode": "MAXN"}, {"power_mode": "15W"})
    assert only(verdict(changed), "suspect", "power mode") == "power mode: changed from MAXN to 15W"


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
    faster = block(steady(4.5))
    odd = verdict(block(), block(steady(5.05)), faster, drift=(1.0,) * 3)
    only(odd, "suspect", "disagreement")


def test_two_blocks_against_which_nothing_speaks_are_enough():
    late = block(thread_cpu_ns=sum(steady()) // 2)
    only(verdict(late, block()), "suspect", "pre-empted")
    again = verdict(late, block(), block(steady(seed=1)), drift=(1.0,) * 3)
    assert again == Verdict("valid")
    wrong = replace(late, output=replace(OUTPUT, mean=9.0))
    found = verdict(wrong, block(), block(steady(seed=1)), drift=(1.0,) * 3)
    only(found, "invalid", "wrong output")


def test_a_canary_that_moved_meanwhile():
    entry = Entry(ARCH, False, 1.0, "boot", block())
    moments = (-5.0, -4.0, -3.0, -2.0, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    for ratio, doubts in (
        (1.05, ("drift: the canary network changed by 5% meanwhile",)),
        (1.02, ()),
    ):
        drift = Drift(moments, (1.0,) * 5 + (ratio,) * 5, 1.0)
        assert quality.sighting(entry, drift, threads=1).doubts == doubts


def test_without_a_canary_the_latency_is_left_as_it_is():
    found = quality.sighting(Entry(ARCH, False, 1.0, "boot", block()), None, threads=1)
    assert (found.drift, found.factor, found.doubts) == (None, 1.0, ())


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


def test_the_canary_tells_how_far_two_hours_are_apart():
    entry = Entry(ARCH, False, 1.0, "boot", block())
    still, restless = (
        quality.sighting(entry, Drift(tuple(map(float, range(6))), timings, 100.0), 1)
        for timings in ((100.0,) * 6, (100.0, 102.0, 102.0) * 2)
    )
    valid, suspect = Verdict("valid"), Verdict("suspect", ("x",))
    assert quality.unsure([still], valid) == quality.UNSEEN
    seen = np.hypot(quality.UNSEEN, 0.02 / 2**0.5)
    assert quality.unsure([still, restless], valid) == pytest.approx(seen)
    assert quality.unsure([still], suspect) == pytest.approx(2**0.5 * quality.UNSEEN)


def test_where_no_process_had_the_processor_a_label_is_worth_little():
    suspect, samples = Verdict("suspect", ("x",)), steady()
    hindered, spared = (
        seen_at(1.0, block(samples, thread_cpu_ns=int(share * sum(samples))))
        for share in (0.3, 0.6)
    )
    assert quality.unsure([hindered, hindered], suspect) == pytest.approx(0.7, rel=0.01)
    assert quality.unsure([hindered, spared], suspect) < 0.01
