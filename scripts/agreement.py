"""Run by scripts/agreement: latkit's label beside the calm figures of two benchmark programs.

Both sides are treated alike, since the fastest of many starts is faster than the fastest of few. In
a turn the program is started some times, as its profile says, and latkit times the model in as many
fresh processes, as briefly; a label is made of each side's figures (the mean of the two fastest, as
``stats.label`` makes it). Turns are added until their ratios tell what the ratio is, or too much
time has gone. A machine that others keep busy does not allow a verdict, and then none is given.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from scipy.stats import t

from latkit.devices.profile import create
from latkit.devices.profile_file import tomllib
from latkit.formats import FORMATS
from latkit.measure import stats
from latkit.protocol import BlockEvent, Hello, MeasureRequest, StopRule, parse_event
from latkit.spaces.fbnet import FBNet

ROOT = Path(__file__).parents[1]
HARNESS = ROOT / "runners" / "harness.py"
OWN = Path(sys.executable).parent
LARGEST_DIFFERENCE = 0.05
"""Programs whose ratio is further from 1 differ."""
KNOWN_WITHIN = 0.03
"""Half the width of the ratio's 95 % interval that allows a verdict."""
FEWEST_TURNS = 3
RESOLUTION = 224  # models of milliseconds: litert-benchmark rounds to 0.01 ms
TIMEOUT_S = 600.0
A_START = StopRule(min_samples=1, min_s=0.1, max_s=0.1)


@dataclass(frozen=True)
class Timer:
    """A harness and what it uses."""

    process: subprocess.Popen[bytes]
    provider: str = ""

    def greet(self) -> str:
        hello = parse_event(self.process.stdout.readline())
        assert isinstance(hello, Hello), hello
        return f"{hello.runtime.partition(':')[0]} {hello.runtime_version}"

    def block_ns(self, model: Path) -> list[int]:
        """Latencies of one fresh process, or what each start of a program says."""
        request = MeasureRequest("a", str(model), 1, self.provider, 0, A_START, TIMEOUT_S)
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        block = parse_event(self.process.stdout.readline())
        assert isinstance(block, BlockEvent), block
        print(".", end="", file=sys.stderr, flush=True)
        return [*block.samples_ns]


@dataclass(frozen=True)
class Turn:
    """Labels of one model by latkit and by a program, of as many starts each."""

    own_ms: float
    program_ms: float

    @property
    def log_ratio(self) -> float:
        return math.log(self.program_ms / self.own_ms)


@dataclass
class Comparison:
    """All turns of one model."""

    turns: list[Turn] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return math.exp(np.mean([turn.log_ratio for turn in self.turns]))

    @property
    def half_width(self) -> float:
        """Of the ratio's 95 % interval, by Student's t over turns."""
        error = np.std([turn.log_ratio for turn in self.turns], ddof=1) / len(self.turns) ** 0.5
        return float(t.ppf(0.975, len(self.turns) - 1) * error)

    @property
    def known(self) -> bool:
        return len(self.turns) >= FEWEST_TURNS and self.half_width <= KNOWN_WITHIN

    @property
    def verdict(self) -> str:
        if not self.known:
            return "cannot tell here"
        return "agree" if abs(self.ratio - 1) <= LARGEST_DIFFERENCE else "DIFFER"


Pair = tuple[Timer, Timer]
"""latkit's own, and a program's."""


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
            verdicts += report(names, compared(files, pair, turns))
    return 1 if "DIFFER" in verdicts else 0


def start(python: str, runtime: str, provider: str) -> Timer:
    return Timer(spawn([python, "-u", str(HARNESS), "--runtime", runtime]), provider)


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
    return Timer(spawn(words))


def spawn(words: list[str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)


def written(folder: Path, count: int, suffix: str) -> list[Path]:
    space = FBNet(resolution=RESOLUTION)
    files = []
    for number, arch in enumerate(space.sample(np.random.default_rng(0), count), start=1):
        network = space.network(arch)
        files.append(folder / f"model{number}{suffix}")
        files[-1].write_bytes(FORMATS.get(suffix[1:]).build(network, 0, 1))
    return files


def compared(files: list[Path], pair: Pair, most: int) -> dict[str, Comparison]:
    """Time every model by both in turn until all is known."""
    found = {file.stem: Comparison() for file in files}
    for _ in range(most):
        for file in files:
            if not found[file.stem].known:
                found[file.stem].turns.append(turn(file, *pair))
    print(file=sys.stderr)
    return found


def turn(model: Path, own: Timer, program: Timer) -> Turn:
    """A program's starts, and as many processes of latkit's after them."""
    said_ns = program.block_ns(model)
    own_ns = [float(np.median(own.block_ns(model))) for _ in said_ns]
    return Turn(label_ms(own_ns), label_ms(said_ns))


def label_ms(figures_ns: Sequence[float]) -> float:
    return stats.label([[ns] for ns in figures_ns], [1.0] * len(figures_ns)).latency_ms


def report(names: list[str], found: dict[str, Comparison]) -> list[str]:
    print(f"\n{names[0]} timed by latkit, and by {names[1]}, {datetime.now():%d %B %Y %H:%M}\n")
    print("| model | latkit, ms | program, ms | program / latkit | turns | verdict |")
    print("|---|---|---|---|---|---|")
    for model, one in found.items():
        own_ms = np.median([each.own_ms for each in one.turns])
        program_ms = np.median([each.program_ms for each in one.turns])
        figures = f"{own_ms:.3f} | {program_ms:.3f} | {one.ratio:.3f} ±{one.half_width:.1%}"
        print(f"| {model} | {figures} | {len(one.turns)} | {one.verdict} |")
    return [one.verdict for one in found.values()]


if __name__ == "__main__":
    sys.exit(main())
