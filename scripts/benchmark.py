"""Run by scripts/benchmark: times latkit's commands as whole processes, on one core."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPEATS = 7
LATKIT = str(Path(sys.executable).with_name("latkit"))
ONE_CORE = {min(os.sched_getaffinity(0))}


def run(*arguments: str, pinned: bool = False) -> str:
    """Standard output of one latkit command."""
    pin = (lambda: os.sched_setaffinity(0, ONE_CORE)) if pinned else None
    return subprocess.run(
        [LATKIT, *arguments], check=True, stdout=subprocess.PIPE, text=True, preexec_fn=pin
    ).stdout


def cold_ms(*arguments: str) -> float:
    """Median wall time of a whole process on one core; the files are in the page cache."""
    times = []
    for _ in range(REPEATS + 1):
        begun = time.perf_counter()
        run(*arguments, pinned=True)
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times[1:])


def predict_all_ms() -> float:
    """All 15,625 cells by the adapted predictor, on one core."""
    from latkit import spaces
    from latkit.lab import Lab
    from latkit.lab.predictors import kept
    from latkit.predictor.runtime import AdaptedFile

    cells = spaces.get("nb201").enumerate_indices()
    (adapted,) = kept(Lab(), "local", "nb201")
    predictor = AdaptedFile.load(adapted.file)
    predictor.predict(cells)
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        predictor.predict(cells)
        times.append(time.perf_counter() - begun)
    return 1000 * float(np.median(times))


def main() -> None:
    """Print one line per figure."""
    networks = sys.argv[1]
    os.environ |= {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {f"LATKIT_{n}_DIR": f"{folder}/{n}" for n in ("DATA", "CACHE", "CONFIG")}
        campaign = json.loads(run("measure", "--device", "local", "--n", networks, "--json"))
        adapted = json.loads(run("adapt", "--device", "local", "--json", pinned=True))[0]
        os.sched_setaffinity(0, ONE_CORE)
        whole_ms = predict_all_ms()
        figures = {
            "latkit --help": (cold_ms("--help"), "ms"),
            "latkit predict, one network": (cold_ms("predict", "examples/arch.json"), "ms"),
            f"adapting to {adapted['samples']} measurements": (1000 * adapted["seconds"], "ms"),
            "latkit adapt, whole process": (cold_ms("adapt", "--device", "local"), "ms"),
            "predicting all 15,625 cells": (whole_ms, "ms"),
            "architectures predicted a second": (15_625_000 / whole_ms, ""),
            "share of the campaign spent timing": (100 * campaign["timing_share"], "%"),
        }
        print(f"{platform.machine()}, Python {platform.python_version()}, one core, warm cache")
        for name, (value, unit) in figures.items():
            print(f"{name:36}{value:12,.0f} {unit}".rstrip())


if __name__ == "__main__":
    main()
