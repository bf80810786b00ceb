"""Run by scripts/repeatability: campaigns against naive timing, and against a processor hog."""

import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, datetime
from pathlib import Path

import numpy as np
import onnxruntime

import latkit
from latkit import spaces
from latkit.formats.cache import ModelCache
from latkit.measure.plan import BATCH
from latkit.metrics import kendall

LATKIT = str(Path(sys.executable).with_name("latkit"))
SPACE = "nb201"
REPEATED = 30
DISTURBED = 2 * BATCH
"""The hog comes when about half of these are timed; batches are finished one after the other."""
NAIVE_WARM_UP, NAIVE_RUNS = 10, 50


def campaign(archs: Path, *options: str) -> list[dict]:
    """The measurements of one campaign over an arch file."""
    words = ["measure", "--device", "local", "--archs", str(archs), "--again", "--json", *options]
    told = subprocess.run([LATKIT, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(told)["measurements"]


def naive(files: list[Path]) -> dict[str, np.ndarray]:
    """What a loop around session.run tells: mean and median of every model, ms, in order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    timed = []
    for file in files:
        session = onnxruntime.InferenceSession(str(file), options)
        given = session.get_inputs()[0]
        image = {given.name: np.random.default_rng(0).standard_normal(given.shape, np.float32)}
        for _ in range(NAIVE_WARM_UP):
            session.run(None, image)
        own = []
        for _ in range(NAIVE_RUNS):
            begun = time.perf_counter_ns()
            session.run(None, image)
            own.append(time.perf_counter_ns() - begun)
        timed.append(own)
    return {"mean": np.mean(timed, axis=1) / 1e6, "median": np.median(timed, axis=1) / 1e6}


def agreement(name: str, first: np.ndarray, second: np.ndarray) -> str:
    """A row: rank correlation, and how far two passes are apart."""
    apart = np.abs(second / first - 1)
    ranks = kendall(first, second)
    return f"| {name} | {ranks:.3f} | {np.median(apart):.1%} | {np.quantile(apart, 0.9):.1%} |"


def latencies(measurements: list[dict]) -> np.ndarray:
    """Milliseconds, in the order of the architectures."""
    return np.array([row["latency_ms"] for row in sorted(measurements, key=lambda r: r["arch"])])


def suspects(measurements: list[dict]) -> str:
    """How many of so many are not valid."""
    doubted = sum(row["verdict"] != "valid" for row in measurements)
    return f"{doubted} of {len(measurements)}"


def spin() -> None:
    """Keep a processor busy."""
    while True:
        pass


def disturbed(archs: Path, quiet_s: float) -> tuple[list[dict], list[dict]]:
    """A campaign with a hog on every processor after ``quiet_s``: those before it, those during."""
    hogs = [multiprocessing.Process(target=spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    begun: list[float] = []

    def start() -> None:
        begun.append(time.time())
        for hog in hogs:
            hog.start()

    timer = threading.Timer(quiet_s, start)
    timer.start()
    measurements = campaign(archs)
    timer.cancel()
    for hog in hogs:
        hog.kill()
    moments = [datetime.fromisoformat(row["measured_at"]).timestamp() for row in measurements]
    before = [row for row, at in zip(measurements, moments, strict=True) if at < begun[0]]
    return before, [row for row in measurements if row not in before]


def main() -> None:
    """Print the tables."""
    space = spaces.get(SPACE)
    drawn = space.sample(np.random.default_rng(0), DISTURBED)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {f"LATKIT_{n}_DIR": f"{folder}/{n}" for n in ("DATA", "CACHE", "CONFIG")}
        few, many = Path(folder, "few.json"), Path(folder, "many.json")
        for file, archs in ((few, drawn[:REPEATED]), (many, drawn)):
            file.write_text(json.dumps([{"space": SPACE, "arch": arch.key} for arch in archs]))
        cache = ModelCache(Path(folder, "models"))
        ordered = sorted(drawn[:REPEATED], key=lambda arch: arch.key)
        files = [cache.get(space.network(arch)).path for arch in ordered]
        begun = time.monotonic()
        first = campaign(few, "--seed", "1")
        seconds = time.monotonic() - begun
        loops = [naive(files)]
        second = campaign(few, "--seed", "2")
        loops.append(naive(files))
        before, during = disturbed(many, seconds * DISTURBED / REPEATED / 2)
    versions = (
        f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"latkit {latkit.__version__}, onnxruntime {onnxruntime.__version__}"
    )
    print(f"`./scripts/repeatability`, {date.today()}: {versions}.\n")
    print(f"| two passes over {REPEATED} networks | Kendall | apart, median | 90 % of them |")
    print("|---|---|---|---|")
    print(agreement("latkit, two campaigns", latencies(first), latencies(second)))
    for figure in ("median", "mean"):
        row = f"loop over networks, {figure} of {NAIVE_RUNS} runs"
        print(agreement(row, loops[0][figure], loops[1][figure]))
    print("\n| a hog on every processor | suspect or invalid |\n|---|---|")
    print(f"| never: the campaigns above | {suspects(first + second)} |")
    print(f"| not yet started | {suspects(before)} |\n| running | {suspects(during)} |")


if __name__ == "__main__":
    main()
