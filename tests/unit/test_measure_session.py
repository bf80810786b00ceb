"""What a session's measurements are filed under."""

from latkit.devices.profile import create
from latkit.measure.session import Session
from latkit.protocol import Hello


def setting(**values):
    session = Session(create({"name": "board", **values}))
    session.hello = Hello(
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
    return session.setting("c16-n5-r32")


def test_plain_setting_is_the_profiles():
    found = setting(threads=4, batch=2, device_state="15W")
    assert (found.device, found.runtime, found.threads, found.batch) == (
        "board",
        "onnxruntime",
        4,
        2,
    )
    assert found.device_state == "15W"


def test_latencies_of_another_provider_are_not_taken_for_those_of_this_one():
    found = setting(provider="CUDAExecutionProvider")
    assert found.runtime == "onnxruntime:CUDAExecutionProvider"


def test_latencies_on_other_processors_are_not_taken_for_those_on_these():
    assert setting(affinity=[0, 1]) != setting(affinity=[4, 5])
    assert setting(affinity=[4, 5]).device_state == "default cpus=4,5"
