"""Benchmark programs as a runtime: their real output, and programs that behave badly."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from latkit.devices.profile import Profile, create
from latkit.devices.profile_file import tomllib
from latkit.formats import FORMATS
from latkit.protocol import BlockEvent, Failed, Hello, MeasureRequest, StopRule, parse_event
from tests.conformance.builder import SMALL
from tests.conformance.runner import ANSWER_S, QUICK, RUNNERS, ended

sys.path.insert(0, str(RUNNERS))
import runtime_command

RECORDED = Path(__file__).parent / "recorded" / "commands"
DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def documented() -> dict[str, Profile]:
    """The profiles of the documentation, by the program's name."""
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    found = [create({"name": "board", **tomllib.loads(block)}) for block in blocks]
    return {Path(profile.command.words[0]).name: profile for profile in found}


def told(program: dict[str, Any] | str, file: str) -> tuple[list[int], float]:
    if isinstance(program, str):
        program = documented()[program].command.program(threads=1, batch=1)
    return runtime_command.latencies(program, (RECORDED / file).read_text())


@pytest.mark.parametrize(
    ("program", "file", "latencies_ns", "step_ns"),
    [
        ("trtexec", "trtexec-times.json", [4_834_970, 4_837_890, 4_835_690], 10),
        ("litert-benchmark", "litert-benchmark-2.3.json", [270_000], 10_000),
        ("benchmark_model", "benchmark_model-median.txt", [141_253_000], 1000),
        ("benchmark_app", "benchmark_app-2026.4.txt", None, 10),
    ],
)
def test_real_output_is_read(program, file, latencies_ns, step_ns):
    found, step = told(program, file)
    if latencies_ns is None:
        printed = re.search(r"Median: +([\d.]+) us", (RECORDED / file).read_text())
        latencies_ns = [round(float(printed[1]) * 1000)]
    assert found == latencies_ns
    assert step == pytest.approx(step_ns)


@pytest.mark.parametrize(
    ("pattern", "unit", "file", "latency_ns", "step_ns"),
    [
        (
            r"Inference \(avg\): (?P<latency>[\d.e+]+)",
            "us",
            "benchmark_model-2.8.txt",
            2_950_340_000,
            1e4,
        ),
        (
            r"\] Latency: .* median = (?P<latency>[\d.]+) ms",
            "ms",
            "trtexec-summary.txt",
            30_758_500,
            100,
        ),
        (
            r"GPU Compute Time: min = .* mean = (?P<latency>[\d.]+) ms",
            "ms",
            "trtexec-summary.txt",
            30_332_200,
            100,
        ),
    ],
)
def test_other_figures_of_the_same_programs(pattern, unit, file, latency_ns, step_ns):
    program = {"pattern": pattern, "unit": unit, "yields": "mean"}
    found, step = told(program, file)
    assert found == [latency_ns]
    assert step == pytest.approx(step_ns)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"a": null}', '{"a": {}}', '{"a": "x"}', '{"a": true}', '{"a": NaN}', "{"],
)
def test_what_holds_no_latency_is_said(text: str):
    program = {"json_path": "a", "unit": "ms", "yields": "median"}
    with pytest.raises(ValueError, match="found no latency by 'a'"):
        runtime_command.latencies(program, text)


@pytest.mark.parametrize(
    "figure", ["0", "0.00", "-1.5", "0.0000001", "1e9999", "1e999999999", "86400001", "Infinity"]
)
def test_a_latency_that_is_none_is_said(figure: str):
    program = {"pattern": r"took (?P<latency>\S+)", "unit": "ms", "yields": "samples"}
    with pytest.raises(ValueError, match=r"latency of .* ms, which is none|found no latency"):
        runtime_command.latencies(program, f"took 1.5\ntook {figure}\n")


class Talk:
    """A harness with a program, spoken with as the host does."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def hear(self) -> Any:
        assert select.select([self.process.stdout], [], [], ANSWER_S)[0], "no answer"
        return parse_event(self.process.stdout.readline())

    def ask(self, model: Path, rule: StopRule = QUICK, timeout_s: float = 30.0) -> Any:
        request = MeasureRequest("a", str(model), 1, "", 0, rule, timeout_s)
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        return self.hear()


@contextmanager
def harness(profile: Profile):
    program = profile.command.program(threads=profile.threads, batch=profile.batch)
    words = [sys.executable, "-u", str(RUNNERS / "harness.py"), "--runtime", "command"]
    process = subprocess.Popen(
        [*words, "--program", json.dumps(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        with process:
            yield Talk(process)
            process.stdin.close()
    finally:
        process.kill()


SCRIPT = """
import sys, time
model, count, result = sys.argv[1], int(sys.argv[2]), sys.argv[3]
{body}
"""


def scripted(tmp_path: Path, body: str, **changes: Any) -> Profile:
    """A profile of a program whose body sees ``model``, ``count`` and ``result``."""
    script = tmp_path / "program.py"
    script.write_text(SCRIPT.format(body=body))
    command = {
        "words": [sys.executable, str(script), "{model}", "{iterations}", "{result}.unused"],
        "format": "onnx",
        "yields": "median",
        "pattern": r"median (?P<latency>[\d.]+)",
        "unit": "ms",
        **changes,
    }
    command["words"] = [word.replace("{result}.unused", "none") for word in command["words"]]
    return create({"name": "board", "runtime": "command", "command": command})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    network = SMALL.network(SMALL.from_indices([3, 2, 1, 4, 3, 2]))
    path = tmp_path / "model.onnx"
    path.write_bytes(FORMATS.get("onnx").build(network, 0, 1))
    path.with_suffix(".tflite").write_bytes(FORMATS.get("tflite").build(network, 0, 1))
    return path


def test_medians_of_several_starts_are_the_samples(tmp_path: Path, model: Path):
    profile = scripted(tmp_path, "print('warm-up: median 9'); print('median 2.0000')")
    with harness(profile) as talk:
        hello = talk.hear()
        block = talk.ask(model)
    assert isinstance(hello, Hello)
    assert (hello.runtime_version, hello.format, hello.providers) == ("unknown", "onnx", ())
    assert isinstance(block, BlockEvent), block
    assert block.samples_ns == (2_000_000,) * 6
    assert block.converged
    assert block.output is None
    assert block.providers == ()
    assert block.thread_cpu_ns > 0
    assert 0 < block.cold_ns < block.timing_ns


def test_figures_that_are_too_coarse_never_converge(tmp_path: Path, model: Path):
    with harness(scripted(tmp_path, "print('median 0.2')")) as talk:
        talk.hear()
        block = talk.ask(model, StopRule(min_s=0.01, half_width=0.01))
    assert len(block.samples_ns) == 12
    assert not block.converged


def test_samples_of_one_start(tmp_path: Path, model: Path):
    body = "import json; json.dump([{'ms': 2.0}] * count, open(result, 'w'))"
    changes = {"yields": "samples", "pattern": None, "json_path": "*.ms", "format": "onnx"}
    words = [sys.executable, str(tmp_path / "program.py"), "{model}", "{iterations}", "{result}"]
    with harness(scripted(tmp_path, body, words=words, **changes)) as talk:
        talk.hear()
        block = talk.ask(model, StopRule(min_s=0.1, half_width=0.1))
    assert isinstance(block, BlockEvent), block
    assert block.samples_ns == (2_000_000,) * 50  # as many as fill the time asked for


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('nothing')", "found no latency by"),
        ("print('median 0.00')", "told a latency of 0.00 ms, which is none"),
        ("sys.exit('no such device')", "ended with 1: no such device"),
        ("print('x' * (9 << 20))", "printed more than 8388608 bytes"),
        ("import os; os.abort()", "ended with -6"),
    ],
)
def test_a_program_that_fails_costs_its_model_alone(tmp_path, model, body, said):
    with harness(scripted(tmp_path, body)) as talk:
        talk.hear()
        for _ in range(2):
            failed = talk.ask(model)
            assert isinstance(failed, Failed)
            assert said in failed.detail


def test_a_program_that_hangs_is_killed(tmp_path: Path, model: Path):
    body = (
        f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(99)"
    )
    with harness(scripted(tmp_path, body)) as talk:
        talk.hear()
        begun = time.monotonic()
        failed = talk.ask(model, timeout_s=5.0)
    assert (failed.kind, time.monotonic() - begun < 90) == ("timeout", True)
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_missing_model_is_named(tmp_path: Path):
    with harness(scripted(tmp_path, "print('median 1')")) as talk:
        talk.hear()
        assert "No such file" in talk.ask(tmp_path / "none.onnx").detail


def test_a_missing_program_is_named(tmp_path: Path):
    with harness(scripted(tmp_path, "", words=["no-such-program", "{model}"])) as talk:
        assert "no program 'no-such-program' here" in talk.hear().detail


def test_the_version_is_asked_for(tmp_path: Path):
    version = [sys.executable, "-c", "print('Timer, build 8.6.3.1-rc2 (2024)')"]
    with harness(scripted(tmp_path, "", version=version)) as talk:
        assert talk.hear().runtime_version == "8.6.3.1-rc2"
    with harness(scripted(tmp_path, "", version=[sys.executable, "-c", "print('dunno')"])) as talk:
        assert "printed no version" in talk.hear().detail


def really_runs(name: str, program: str | None, model: Path) -> BlockEvent:
    if not program:
        pytest.skip(f"{name} is not here")
    table = documented()[name].command
    values = {**table.model_dump(), "words": (program, *table.words[1:]), "version": None}
    profile = create({"name": "board", "runtime": "command", "command": values})
    with harness(profile) as talk:
        talk.hear()
        return talk.ask(model, StopRule(min_s=0.02, half_width=10.0), timeout_s=120.0)


def test_litert_benchmark_really_runs(model: Path):
    beside = Path(sys.executable).with_name("litert-benchmark")
    program = str(beside) if beside.exists() else shutil.which("litert-benchmark")
    block = really_runs("litert-benchmark", program, model.with_suffix(".tflite"))
    assert isinstance(block, BlockEvent), block
    assert len(block.samples_ns) == 6


def test_benchmark_app_really_runs(model: Path):
    program = os.environ.get("LATKIT_BENCHMARK_APP") or shutil.which("benchmark_app")
    block = really_runs("benchmark_app", program, model)
    assert isinstance(block, BlockEvent), block
    assert len(block.samples_ns) == 6
