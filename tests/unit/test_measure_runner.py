"""The host among runners that answer garbage, too much or nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from latkit.devices.deploy import Deployed
from latkit.devices.profile import create
from latkit.devices.transport.local import LocalTransport
from latkit.errors import LatkitError, RunnerError
from latkit.measure import runner as runners
from latkit.measure.runner import Runner
from latkit.protocol import BlockEvent, Failed, MeasureRequest, StopRule
from tests.unit.measured import block, steady

HELLO = (
    '{"event":"hello","protocol":1,"runtime":"onnxruntime","runtime_version":"1","format":"onnx",'
    '"providers":["CPUExecutionProvider"],"python":"3.8.1","machine":"x","processor":null,'
    '"cpus":1,"memory_mb":null,"boot_id":null}'
)
FAILED = '{"event":"failed","id":"7","kind":"crash","detail":"died"}'
PROFILE = create({"name": "local", "transport": "local", "runtime": "onnxruntime"})


def say(line: str, old: str = "\n", new: str = "") -> str:
    """A script that prints a line in which something was replaced."""
    return f"print({line.replace(old, new)!r})"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A runner that does what a script says."""
    monkeypatch.setattr("latkit.devices.transport.process.CLOSE_GRACE_S", 0.3)
    monkeypatch.setattr("latkit.devices.transport.process.QUIET_S", 0.2)
    monkeypatch.setattr(runners, "START_TIMEOUT_S", 20.0)
    monkeypatch.setattr(runners, "GRACE_S", 20.0)
    begun = []

    def start_script(script: str, profile=PROFILE) -> Runner:
        harness = tmp_path / "harness.py"
        harness.write_text(f"import sys, os, time\n{script}\n")
        begun.append(Runner(Deployed(LocalTransport(), profile, str(tmp_path))))
        return begun[-1]

    yield start_script
    for runner in begun:
        runner.close()


def request(timeout_s: float = 10.0) -> MeasureRequest:
    return MeasureRequest("7", "/m", 1, "CPUExecutionProvider", 0, StopRule(), timeout_s)


def test_a_good_runner(start):
    runner = start(f"print({HELLO!r}); sys.stdin.readline(); print({FAILED!r})")
    hello = runner.greet()
    assert (hello.runtime, hello.format, hello.memory_mb) == ("onnxruntime", "onnx", None)
    assert runner.measure(request()) == Failed("7", "crash", "died")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('Welcome to this board!')", "not in its language: 'Welcome"),
        ("sys.stdout.buffer.write(bytes(range(256)) + b'\\n')", "not in its language"),
        ("print('x' * 5_000_000)", "more than 4194304 bytes"),
        ("while True: sys.stdout.write('x' * 65536)", "more than 4194304 bytes"),
        ("", "ended without an answer"),
        ("sys.exit('no numpy, no cry')", "no numpy, no cry"),
        ("os.kill(os.getpid(), 9)", "ended without an answer"),
        (say(FAILED), "greeted with Failed"),
        (say(HELLO, '"protocol":1', '"protocol":2'), "speaks protocol 2, not 1"),
        (say(HELLO, '"onnx"', '"rknn"'), "'rknn', which latkit does not write"),
        (say(HELLO, "CPUEx", "GPUEx"), "has no CPUExecutionProvider, only GPUEx"),
    ],
)
def test_a_bad_greeting(start, script: str, said: str):
    with pytest.raises(RunnerError, match=said):
        start(script).greet()


def test_last_words_may_come_after_the_end_of_output(start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latkit.devices.transport.process.CLOSE_GRACE_S", 20.0)
    with pytest.raises(RunnerError, match="illegal instruction"):
        start(
            "os.close(1); time.sleep(0.3); os.write(2, b'illegal instruction'); os._exit(1)"
        ).greet()


def test_silence(start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runners, "START_TIMEOUT_S", 0.5)
    with pytest.raises(RunnerError, match=r"no answer within 0\.5 s"):
        start("time.sleep(60)").greet()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("print('Segmentation fault')", "not in its language"),
        ("print('[' * 100_000)", "not in its language"),
        ("sys.exit('out of luck')", "out of luck"),
        ("os.kill(os.getpid(), 11)", "ended without an answer"),
        (say(HELLO), "answered a request with Hello"),
        (say(FAILED, "7", "8"), "answered a request with Failed"),
    ],
)
def test_a_bad_answer(start, answer: str, said: str):
    runner = start(f"print({HELLO!r}); sys.stdin.readline(); {answer}")
    runner.greet()
    with pytest.raises(RunnerError, match=said):
        runner.measure(request())


QUICK_BLOCK = {"event": "block", **asdict(replace(block(steady(0.5, n=400)), id="7"))}
QUICK = StopRule(min_s=0.01, max_s=0.5)
IMPOSSIBLE = [
    ("samples_ns", [1] * 501 + [86_400 * 10**9] * 499, "of samples, but the answer came after"),
    ("timing_ns", 86_400 * 10**9, "of timing, but the answer came after"),
    ("cold_ns", 86_400 * 10**9, "of the cold run, but the answer came after"),
    ("samples_ns", [5_000_000], "1 samples in"),
    ("output", None, "does not show what the network computed"),
]


def test_an_answer_that_can_be_true_is_one(start):
    answering = f"sys.stdin.readline(); time.sleep(0.5); print({json.dumps(QUICK_BLOCK)!r})"
    runner = start(f"print({HELLO!r}); {answering}")
    runner.greet()
    assert isinstance(runner.measure(replace(request(), rule=QUICK)), BlockEvent)


@pytest.mark.parametrize(("field", "value", "said"), IMPOSSIBLE)
def test_an_answer_that_cannot_be_true_is_a_failure(start, field: str, value, said: str):
    event = QUICK_BLOCK | {field: value}
    answering = f"sys.stdin.readline(); time.sleep(0.5); print({json.dumps(event)!r})"
    runner = start(f"print({HELLO!r}); {answering}")
    runner.greet()
    answer = runner.measure(replace(request(), rule=QUICK))
    assert isinstance(answer, Failed)
    assert answer.kind == "implausible"
    assert said in answer.detail


def test_an_answer_from_before_it_was_asked_is_not_believed(start):
    event = QUICK_BLOCK
    runner = start(f"print({HELLO!r}); print({json.dumps(event)!r}); sys.stdin.readline()")
    runner.greet()
    answer = runner.measure(replace(request(), rule=QUICK))
    assert isinstance(answer, Failed)
    assert "but the answer came after" in answer.detail


def test_no_answer(start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runners, "GRACE_S", 0.3)
    runner = start(f"print({HELLO!r}); sys.stdin.readline(); time.sleep(60)")
    runner.greet()
    with pytest.raises(RunnerError, match=r"no answer within 0\.5 s"):
        runner.measure(request(0.2))


def test_a_missing_runtime_on_a_device_that_says_no_more_of_itself(start):
    unusable = '{"event":"unusable","detail":"No module named onnxruntime","python":"/p"}'
    with pytest.raises(RunnerError, match="No module named onnxruntime") as caught:
        start(f"print({unusable!r})").greet()
    assert caught.value.hint == "what is amiss there? latkit device check local"


def test_a_missing_python(tmp_path: Path):
    profile = create({"name": "local", "transport": "local", "python": "python3.99"})
    runner = Runner(Deployed(LocalTransport(), profile, str(tmp_path)))
    with pytest.raises(LatkitError, match=r"python3\.99"):
        runner.greet()
    runner.close()
