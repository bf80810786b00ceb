"""What a session's measurements are filed under."""

from latkit.condition import Condition, Runtime, State
from latkit.devices.profile import create
from latkit.measure.session import Session
from latkit.protocol import Hello


def session(tuned=False, **values):
    made = Session(create({"name": "board", **values}), tuned=tuned)
    made.hello = Hello(
        protocol=1,
        runtime="onnxruntime",
        runtime_version="1.2",
        format="onnx",
        providers=("CPUExecutionProvider",),
        python="3.8.1",
        machine="aarch64",
        processor=None,
        cpus=8,
        memory_mb=None,
        boot_id=None,
    )
    return made


def condition(**values):
    return session(**values).condition()


def test_it_is_the_profiles_by_the_runtime_that_answered():
    made = session(threads=4, batch=2, precision="fp16", device_state="15W")
    assert made.condition() == Condition.of(made.profile, made.hello)
    assert made.condition() == Condition(
        "board",
        Runtime("onnxruntime", "1.2", "CPUExecutionProvider"),
        threads=4,
        precision="fp16",
        batch=2,
        state=State("15W"),
        protocol=1,
    )


def test_it_tells_whether_the_board_is_held_at_full_clocks():
    assert condition(tuned=True).state == State("default", tuned=True)
    assert condition(tuned=True) != condition()


def test_latencies_of_another_provider_are_not_taken_for_those_of_this_one():
    found = condition(provider="CUDAExecutionProvider")
    assert found.runtime == Runtime("onnxruntime", "1.2", "CUDAExecutionProvider")
    assert found != condition()


def test_latencies_on_other_processors_are_not_taken_for_those_on_these():
    assert condition(affinity=[0, 1]) != condition(affinity=[4, 5])
    assert condition(affinity=[4, 5]).affinity == (4, 5)
