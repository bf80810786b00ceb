"""Run by scripts/agreement: latkit's label beside the calm figures of two benchmark programs.

Both sides are treated alike. latkit times a model in one fresh process, the program in a few short
starts, in turn, until the two labels (the mean of the two fastest processes' figures, as
``stats.label`` makes it) are known well enough for a verdict on their ratio, or too much time has
gone. A machine that others keep busy does not allow a verdict, and then none is given.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from latkit.devices.profile import create
from latkit.devices.profile_file import tomllib
from latkit.formats import FORMATS
from latkit.measure import stats
from latkit.protocol import BlockEvent, Hello, MeasureRequest, StopRule, parse_event
from latkit.spaces.fbnet import FBNet

ROOT = Path(__file__).parents[1]
RUNTIMES = ROOT / "scripts" / "agreement_runtimes"
HARNESS = ROOT / "runners" / "harness.py"
OWN = Path(sys.executable).parent
LARGEST_DIFFERENCE = 0.05
"""Programs whose ratio is further from 1 differ."""
KNOWN_WITHIN = 0.03
"""Half the width of the ratio's 95 % interval that allows a verdict."""
FEWEST_TURNS = 2
RESOLUTION = 224  # models of milliseconds: litert-benchmark rounds to 0.01 ms
TIMEOUT_S = 600.0
IN_PROCESS = StopRule()
A_START = StopRule(min_samples=1, min_s=0.1, max_s=0.1)
"""A program says one figure a start: so short a start is the length of latkit's calm window."""


@dataclass
class Timer:
    """A harness, and what each process that it started said of each model, ns."""

    process: subprocess.Popen[bytes]
    provider: str
    rule: StopRule
    processes_ns: dict[str, list[list[int]]] = field(default_factory=dict)

    def greet(self) -> str:
        hello = parse_event(self.process.stdout.readline())
        assert isinstance(hello, Hello), hello
        return f"{hello.runtime.partition(':')[0]} {hello.runtime_version}"

    def time(self, model: Path) -> None:
        request = MeasureRequest("a", str(model), 1, self.provider, 0, self.rule, TIMEOUT_S)
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        block = parse_event(self.process.stdout.readline())
        assert isinstance(block, BlockEvent), block
        known = self.processes_ns.setdefault(model.stem, [])
        one_process = self.rule is IN_PROCESS
        known += [[*block.samples_ns]] if one_process else [[ns] for ns in block.samples_ns]

    def label(self, model: str) -> stats.Label:
        blocks = self.processes_ns[model]
        return stats.label(blocks, [1.0] * len(blocks))


@dataclass(frozen=True)
class Ratio:
    """A program's label over latkit's, of one model."""

    own_ms: float
    program_ms: float
    half_width: float

    @property
    def ratio(self) -> float:
        return self.program_ms / self.own_ms

    @property
    def known(self) -> bool:
        return self.half_width <= KNOWN_WITHIN

    @property
    def verdict(self) -> str:
        if not self.known:
            return "cannot tell here"
        return "agree" if abs(self.ratio - 1) <= LARGEST_DIFFERENCE else "DIFFER"


Pair = tuple[Timer, Timer]


def main() -> int:
    programs, models, turns = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    openvino = str((programs / "python").absolute())
    pairs = {
        ".tflite": (
            start(sys.executable, "tflite", "XNNPACK"),
            start_program(OWN / "litert-benchmark"),
        ),
        ".onnx": (
            start(openvino, "openvino", "CPU"),
            start_program((programs / "benchmark_app").absolute()),
        ),
    }
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix, pair in pairs.items():
            names = [timer.greet() for timer in pair]
            files = written(Path(folder), models, suffix)
            take_turns(files, pair, turns)
            verdicts += report(names, pair)
    return 1 if "DIFFER" in verdicts else 0


def start(python: str, runtime: str, provider: str) -> Timer:
    return Timer(spawn([python, "-u", str(HARNESS), "--runtime", runtime]), provider, IN_PROCESS)


def start_program(program: Path) -> Timer:
    """A harness that starts a program as docs/commands.md says."""
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/commands.md").read_text(), re.DOTALL)
    tables = {table["words"][0]: table for table in (tomllib.loads(b)["command"] for b in blocks)}
    table = tables[program.name]
    table["words"][0] = str(program)
    if "version" in table:
        table["version"][0] = str(program.with_name("python"))
    command = create({"name": "here", "runtime": "command", "command": table}).command
    told = json.dumps(command.program(threads=1, batch=1))
    words = [sys.executable, "-u", str(HARNESS), "--runtime", "command", "--program", told]
    return Timer(spawn(words), "", A_START)


def spawn(words: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(RUNTIMES)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment
    )


def written(folder: Path, count: int, suffix: str) -> list[Path]:
    space = FBNet(resolution=RESOLUTION)
    files = []
    for number, arch in enumerate(space.sample(np.random.default_rng(0), count), start=1):
        network = space.network(arch)
        files.append(folder / f"model{number}{suffix}")
        files[-1].write_bytes(FORMATS.get(suffix[1:]).build(network, 0, 1))
    return files


def take_turns(files: list[Path], pair: Pair, most: int) -> None:
    """Time every model by both in turn, the first now and then second, until all is known."""
    for turn in range(most):
        for file in files:
            if turn >= FEWEST_TURNS and compared(pair, file.stem).known:
                continue
            for timer in pair if turn % 2 == 0 else pair[::-1]:
                timer.time(file)
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def compared(pair: Pair, model: str) -> Ratio:
    own, program = (timer.label(model) for timer in pair)
    half_width = stats.Z_95 * float(np.hypot(own.noise, program.noise))
    return Ratio(own.latency_ms, program.latency_ms, half_width)


def report(names: list[str], pair: Pair) -> list[str]:
    print(f"\n{names[0]} timed by latkit, and by {names[1]}, {datetime.now():%d %B %Y %H:%M}\n")
    print("| model | latkit, ms | program, ms | program / latkit | verdict |")
    print("|---|---|---|---|---|")
    found = {model: compared(pair, model) for model in pair[0].processes_ns}
    for model, one in found.items():
        figures = f"{one.own_ms:.3f} | {one.program_ms:.3f} | {one.ratio:.3f} ±{one.half_width:.1%}"
        print(f"| {model} | {figures} | {one.verdict} |")
    return [one.verdict for one in found.values()]


if __name__ == "__main__":
    sys.exit(main())
