"""The harness among models that misbehave."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latkit.protocol import BlockEvent, MeasureRequest, StopRule, parse_event
from tests.conformance.runner import QUICK, Harness, running

MISCHIEF = Path(__file__).parents[1] / "conformance"

Time = Callable[..., object]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with running("mischief", path=MISCHIEF) as harness:
        parse_event(harness.hear())
        yield harness


@pytest.fixture
def time_model(harness: Harness, tmp_path: Path) -> Time:
    def time_one(behaviour: str, timeout_s: float = 30.0):
        model = tmp_path / behaviour
        model.write_text(behaviour)
        return harness.ask(
            MeasureRequest("1", str(model), 1, "CPUExecutionProvider", 0, QUICK, timeout_s)
        )

    return time_one


@pytest.mark.parametrize(
    ("behaviour", "kind", "detail"),
    [
        ("crash", "crash", "died of SIGSEGV"),
        ("abort", "crash", "died of SIGABRT"),
        ("unusual", "crash", "died of signal"),
        ("leave", "crash", "ended with status 7"),
        ("killed", "memory", "killed by the system"),
        ("memory", "memory", "out of memory"),
        ("bad_alloc", "memory", "std::bad_alloc"),
        ("error", "error", "xxthe end"),
        ("exit", "error", "SystemExit: 3"),
        ("nothing", "error", "ZeroDivisionError"),
    ],
)
def test_a_model_that_fails_costs_itself_alone(
    harness: Harness, time_model: Time, behaviour: str, kind: str, detail: str
):
    failed = time_model(behaviour)
    assert failed.kind == kind
    assert detail in failed.detail
    assert len(failed.detail) <= 2000
    assert harness.children() == []
    assert isinstance(time_model("good"), BlockEvent)


@pytest.mark.parametrize("behaviour", ["hang", "close_everything"])
def test_a_model_that_hangs_is_killed(harness: Harness, time_model: Time, behaviour: str):
    assert time_model(behaviour, timeout_s=0.5).kind in ("timeout", "memory")
    assert harness.children() == []
    assert isinstance(time_model("good"), BlockEvent)


def test_what_a_model_prints_is_no_answer(time_model: Time):
    assert isinstance(time_model("print"), BlockEvent)
    assert isinstance(time_model("good"), BlockEvent)


def test_a_large_answer_comes_whole(harness: Harness, tmp_path: Path):
    model = tmp_path / "at_once"
    model.write_text("at_once")
    rule = StopRule(min_samples=10**6, min_s=60.0, max_s=60.0, half_width=0.0, warm_up_s=0.0)
    harness.say(MeasureRequest("1", str(model), 1, "x", 0, rule, 60.0).encode())
    time.sleep(0.5)  # far more than a pipe holds, and nobody reads yet
    block = parse_event(harness.hear())
    assert isinstance(block, BlockEvent)
    assert len(block.samples_ns) == 20_000
    assert harness.children() == []


def test_an_interrupt_of_the_terminal_does_not_reach_a_model(harness: Harness, tmp_path: Path):
    model = tmp_path / "until_told"
    model.write_text("until_told")
    harness.say(MeasureRequest("1", str(model), 1, "x", 0, QUICK, 60.0).encode())
    while not (children := harness.children()):
        pass
    for child in children:
        os.kill(child, signal.SIGINT)
    (tmp_path / "until_told.enough").touch()
    assert parse_event(harness.hear())


def test_endless_input_ends_it(tmp_path: Path):
    with running("mischief", path=MISCHIEF) as harness:
        harness.hear()
        with pytest.raises(BrokenPipeError):
            harness.process.stdin.write(b"x" * 10_000_000)
        assert harness.process.wait(20) == 0
