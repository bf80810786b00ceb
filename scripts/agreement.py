"""Run by scripts/agreement: latkit's own timing beside two benchmark programs, interleaved."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latkit.devices.profile import create
from latkit.devices.profile_file import tomllib
from latkit.formats import FORMATS
from latkit.protocol import BlockEvent, Hello, MeasureRequest, StopRule, parse_event
from latkit.spaces.fbnet import FBNet

ROOT = Path(__file__).parents[1]
RUNTIMES = ROOT / "scripts" / "agreement_runtimes"
HARNESS = ROOT / "runners" / "harness.py"
OWN = Path(sys.executable).parent
LARGEST_DIFFERENCE = 0.05
RESOLUTION = 224  # models of milliseconds: litert-benchmark rounds to 0.01 ms
TIMEOUT_S = 600.0


@dataclass
class Timer:
    """A harness, and the medians that it found of each model, in ms."""

    process: subprocess.Popen[bytes]
    provider: str
    medians_ms: dict[str, list[float]] = field(default_factory=dict)

    def greet(self) -> str:
        hello = parse_event(self.process.stdout.readline())
        assert isinstance(hello, Hello), hello
        return f"{hello.runtime} {hello.runtime_version}"

    def time(self, model: Path) -> None:
        request = MeasureRequest("a", str(model), 1, self.provider, 0, StopRule(), TIMEOUT_S)
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        block = parse_event(self.process.stdout.readline())
        assert isinstance(block, BlockEvent), block
        median_ms = statistics.median(block.samples_ns) / 1e6
        self.medians_ms.setdefault(model.stem, []).append(median_ms)


def main() -> int:
    programs, models, repetitions = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
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
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        for suffix, pair in pairs.items():
            names = [timer.greet() for timer in pair]
            files = written(Path(folder), models, suffix)
            interleave(files, pair, repetitions)
            agree &= report(names, pair)
    return 0 if agree else 1


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
    return Timer(spawn(words), "")


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


def interleave(files: list[Path], pair: tuple[Timer, Timer], repetitions: int) -> None:
    for repetition in range(repetitions):
        for file in files:
            for timer in pair if repetition % 2 == 0 else pair[::-1]:
                timer.time(file)
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def report(names: list[str], pair: tuple[Timer, Timer]) -> bool:
    print(f"\n{names[0]} timed by latkit, and by {names[1]}\n")
    print("| model | latkit, ms | program, ms | program / latkit |\n|---|---|---|---|")
    worst = 0.0
    for model in pair[0].medians_ms:
        own, other = (statistics.median(timer.medians_ms[model]) for timer in pair)
        worst = max(worst, abs(other / own - 1))
        print(f"| {model} | {own:.3f} | {other:.3f} | {other / own:.3f} |")
    agree = worst <= LARGEST_DIFFERENCE
    print(f"\nlargest difference {worst:.1%}: {'agree' if agree else 'DIFFER'}")
    return agree


if __name__ == "__main__":
    sys.exit(main())
