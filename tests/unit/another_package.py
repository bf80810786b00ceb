"""Packages that are installed beside latkit: one brings one of every kind, one a runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from latkit.devices.runtimes import RUNTIMES
from latkit.evaluation.methods import METHODS
from latkit.formats import FORMATS
from latkit.sampling import SAMPLERS
from latkit.spaces import SPACES

REGISTRIES = (SPACES, RUNTIMES, FORMATS, SAMPLERS, METHODS)

SOURCE = '''
import numpy as np

from latkit.evaluation.method import without_interval
from latkit.formats import Builder
from latkit.spaces.nb201 import NB201


class Cells(NB201):
    """A space: NB201's cells under another name."""

    family = "cells"


class First:
    """A sampler: the first that are open."""

    looks_at_bundle = False

    def __call__(self, choice, n, rng):
        return choice.open[:n]


class Peeking:
    """A sampler that looks at the bundle."""

    looks_at_bundle = True

    def __call__(self, choice, n, rng):
        costs = choice.look().features(choice.candidates[choice.open]).costs
        return choice.open[np.argsort(costs[:, 0], kind="stable")[:n]]


class Median:
    """A method: the samples' median for all."""

    def pretrain(self, sources, seed):
        return {}

    def load(self, sources, files):
        return lambda samples, rng: Constant(np.median(samples.latency_ms))


class Constant:
    def __init__(self, latency_ms):
        self.latency_ms = latency_ms

    def predict(self, operations):
        return without_interval(np.full(len(operations), self.latency_ms))


def build(network, seed, batch, precision="fp32"):
    return f"{network.digest()} {seed} {batch} {precision}".encode()


PLAIN = Builder(".txt", 1, build)
'''
ENTRY_POINTS = """
[latkit.spaces]
cells = their_latkit:Cells

[latkit.samplers]
first = their_latkit:First
peeking = their_latkit:Peeking

[latkit.methods]
median = their_latkit:Median

[latkit.formats]
plain = their_latkit:PLAIN
"""


RUNTIME = """
from pathlib import Path
from latkit.devices.runtimes import Runtime

FILES = tuple(Path(__file__).with_name("on_board") / name for name in {names!r})
RUNTIME = Runtime(("onnxruntime",), "CPUExecutionProvider", FILES)
"""


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """While the package with one of every kind is installed, as pip would, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "their_latkit.py").write_text(SOURCE)
    with _distribution(folder, "their_latkit", ENTRY_POINTS):
        yield


@contextmanager
def installed_runtime(folder: Path, name: str, files: dict[str, str]) -> Iterator[Path]:
    """Its folder of files for the device, while the package ``latkit_NAME`` is installed."""
    package = folder / f"latkit_{name}"
    on_board = package / "on_board"
    on_board.mkdir(parents=True)
    (package / "__init__.py").write_text(RUNTIME.format(names=list(files)))
    for file, content in files.items():
        (on_board / file).write_text(content)
    points = f"[latkit.runtimes]\n{name} = latkit_{name}:RUNTIME\n"
    with _distribution(folder, package.name, points):
        yield on_board


@contextmanager
def _distribution(folder: Path, module: str, entry_points: str) -> Iterator[None]:
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entry_points)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        _look_again(module)
        yield
    _look_again(module)


def _look_again(module: str) -> None:
    """Entry points are looked for once a process."""
    sys.modules.pop(module, None)
    for known in REGISTRIES:
        known.__dict__.pop("_others", None)
        known._found.clear()
