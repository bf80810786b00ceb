"""What latkit puts on a device, run by the oldest Python here: with nothing but that installed."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from latkit.devices.profile import create
from latkit.protocol import BlockEvent, Failed, Hello, MeasureRequest, parse_event, parse_state
from tests.conformance.runner import QUICK, Harness, running
from tests.oldest_python import Python, oldest
from tests.unit.recorded_devices import lay_out

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "runners").glob("*.py"))
MISCHIEF = ROOT / "tests" / "conformance"
PIPE = subprocess.PIPE

# A runtime, or numpy, is whatever is asked of it: what counts is that the file is understood.
IMPORT = """
import os, sys
from unittest import mock
litert = "ai_edge_litert", "ai_edge_litert.interpreter"
for name in ("numpy", "onnxruntime", "torch", "ncnn", *litert):
    sys.modules[name] = mock.MagicMock(__version__="1.0")
folder, name = os.path.split(sys.argv[1])
sys.path.insert(0, folder)
__import__(name[:-len(".py")])
"""


@pytest.fixture(scope="module", params=[oldest()], ids=lambda found: f"Python {found.version}")
def python(request: pytest.FixtureRequest) -> Python:
    return request.param


def program(name: str) -> str:
    return next(str(file) for file in FILES if file.name == name)


def answer(python: Python, *words: object, given: str = "") -> dict[str, object]:
    """The JSON line that a program prints."""
    command = [python.path, *map(str, words)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_understood(python: Python, file: Path):
    command = [python.path, "-B", "-c", IMPORT, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def harness(python: Python) -> Iterator[Harness]:
    with running("mischief", path=MISCHIEF, python=python.path) as harness:
        yield harness


def test_the_harness_times_models(python: Python, harness: Harness, tmp_path: Path):
    hello = parse_event(harness.hear())
    assert isinstance(hello, Hello)
    assert hello.python == python.version
    for behaviour, kind in (("good", None), ("crash", "crash"), ("memory", "memory")):
        model = tmp_path / behaviour
        model.write_text(behaviour)
        event = harness.ask(MeasureRequest("1", str(model), 1, "x", 0, QUICK, 60.0))
        assert isinstance(event, Failed if kind else BlockEvent), event
        assert kind is None or event.kind == kind


def test_the_harness_starts_a_benchmark_program(python: Python, tmp_path: Path):
    script = tmp_path / "program.py"
    script.write_text("print('median 2.5')")
    told = {
        "words": [python.path, str(script), "{model}", "{iterations}"],
        "format": "onnx",
        "yields": "median",
        "pattern": r"median (?P<latency>[\d.]+)",
        "unit": "ms",
    }
    profile = create({"name": "board", "runtime": "command", "command": told})
    (tmp_path / "model.onnx").touch()
    given = json.dumps(profile.command.program(threads=1, batch=1))
    request = MeasureRequest("1", f"{tmp_path}/model.onnx", 1, "", 0, QUICK, 60.0)
    words = ["-u", program("harness.py"), "--runtime", "command", "--program", given]
    with subprocess.Popen([python.path, *words], stdin=PIPE, stdout=PIPE) as process:
        assert isinstance(parse_event(process.stdout.readline()), Hello)
        process.stdin.write(request.encode() + b"\n")
        process.stdin.flush()
        block = parse_event(process.stdout.readline())
        process.stdin.close()
    assert isinstance(block, BlockEvent), block
    assert set(block.samples_ns) == {2_500_000}


def test_the_state_is_read(python: Python):
    state = answer(python, program("state.py"))
    load = parse_state(json.dumps(state).encode()).load
    assert load is not None
    assert 0 <= load < 10_000


def test_the_probe_looks(python: Python, tmp_path: Path):
    script = Path(program("probe.py")).read_text()
    facts = answer(python, "-I", "-", tmp_path, "sh", "", given=script)
    assert ".".join(map(str, facts["python"])) == python.version.partition("rc")[0]
    assert str(facts["program"]).endswith("/sh")


def test_a_python_too_old_for_the_rest_is_told_by_the_probe(tmp_path: Path):
    """By its grammar: nothing in it is newer than the Python of eight years ago."""
    ast.parse(Path(program("probe.py")).read_text(), feature_version=(3, 6))


def test_the_packages_and_limits_are_told(python: Python):
    module = "no_such_runtime.interpreter,nor_this"
    (found,) = answer(python, program("packages.py"), module)["modules"]
    assert found == {"name": "no_such_runtime", "place": None, "version": None}
    assert answer(python, program("limits.py"))["memory_mb"] > 0


def test_they_are_started_past_what_lies_about(python: Python, tmp_path: Path):
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    words = [python.path, "-u", program("state.py")]
    done = subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": ":"}, capture_output=True)
    assert parse_state(done.stdout.strip()).load is not None


def test_the_lease_is_held(python: Python, tmp_path: Path):
    words = [program("lease_holder.py"), f"latkit-test-{tmp_path}", "me", "0", "60"]
    with subprocess.Popen([python.path, *words], stdin=PIPE, stdout=PIPE) as first:
        assert json.loads(first.stdout.readline()) == {"state": "held"}
        assert answer(python, *words) == {"state": "busy", "holder": "me"}
        first.stdin.close()
        assert first.wait(60) == 0


def test_the_board_is_tuned_and_put_back(python: Python, tmp_path: Path):
    policy = "sys/devices/system/cpu/cpufreq/policy0"
    offered = {f"{policy}/scaling_available_governors": "ondemand performance\n"}
    lay_out(tmp_path, {f"{policy}/scaling_governor": "ondemand\n", **offered})
    governor, kept = tmp_path / policy / "scaling_governor", tmp_path / "kept.json"
    words = [python.path, program("tuner.py"), "hold", kept, "60", tmp_path]
    status = [program("tuner.py"), "status", kept, tmp_path]
    with subprocess.Popen(words, stdin=PIPE, stdout=PIPE) as held:
        assert json.loads(held.stdout.readline())["state"] == "tuned"
        assert governor.read_text().strip() == "performance"
        assert answer(python, *status) == {"state": "held"}
        held.stdin.close()
        assert json.loads(held.stdout.readline()) == {"state": "restored", "failed": {}}
        assert held.wait(60) == 0
    assert governor.read_text().strip() == "ondemand"
    assert answer(python, *status) == {"state": "free"}
