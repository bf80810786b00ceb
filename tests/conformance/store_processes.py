"""What a dataset must bear of several processes at once, and of some that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latkit.store import Store
from tests.conformance.store import everything, measurement

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from latkit.store import Store
from tests.conformance.store import measurement

url, name, count, sampled = sys.argv[1:]
with Store.open(url) as store:
    print("open", flush=True)
    for number in range(int(count)):
        found = measurement(f"arch {number}", number + 1.0, device=name, samples=sampled == "yes")
        store.add(found)
        print(number, flush=True)
"""
IMPORTER = """
import sys
from latkit.store import Store
from latkit.store import store as store_module
from tests.conformance.store import measurement

store_module.BATCH = 500
with Store.open(sys.argv[1]) as store:
    found = [measurement(f"arch {n}", n + 1.0, device=d) for d in "xyz" for n in range(2000)]
    print("open", flush=True)
    print(store.add_many(found), flush=True)
"""
PAUSING_IMPORTER = """
import signal
import sys
from latkit.store import Store
from latkit.store import store as store_module
from latkit.store.insert import Inserter
from tests.conformance.store import measurement

store_module.BATCH, store_module.TURN_S = 10, 0
add_missing, batches = Inserter.add_missing, []

def paused(*arguments):
    batches.append(add_missing(*arguments))
    if len(batches) == 3:
        print("the third batch is inserted", flush=True)
        signal.pause()
    return batches[-1]

Inserter.add_missing = paused
with Store.open(sys.argv[1]) as store:
    store.add_many([measurement(f"arch {number}") for number in range(100)])
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that has latkit and the tests at hand."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


class StoreProcessConformance:
    """Several processes, and processes that are killed. Provide the fixture ``url``."""

    def check_integrity(self, url: str) -> None:
        """Ask the database itself, where it can tell."""

    def test_processes_adding_at_once_lose_nothing(self, url):
        # All of them find no tables, and all need the same architectures.
        names = ("one", "two", "three")
        writers = [start(WRITER, url, name, "40", "yes") for name in names]
        for writer in writers:
            writer.communicate(timeout=200)
            assert writer.returncode == 0
        with Store.open(url) as store:
            summary = store.summary()
            found = everything(store, samples=True)
        assert {entry.condition.board for entry in summary} == set(names)
        assert {(entry.subjects, entry.measurements) for entry in summary} == {(40, 40)}
        assert len({m.subject for m in found}) == 40
        assert all(len(m.blocks) == 2 for m in found)
        self.check_integrity(url)

    def test_processes_importing_the_same_at_once(self, url):
        importers = [start(IMPORTER, url) for _ in range(2)]
        added = [int(importer.communicate(timeout=200)[0].split()[1]) for importer in importers]
        assert sum(added) == 6000
        with Store.open(url) as store:
            assert len(everything(store)) == 6000

    def test_an_import_beside_a_campaign_loses_nothing(self, url):
        importer, writer = start(IMPORTER, url), start(WRITER, url, "board", "40", "yes")
        assert importer.communicate(timeout=200)[0] == "open\n6000\n"
        assert writer.communicate(timeout=200)[0].endswith("39\n")
        with Store.open(url) as store:
            assert len(everything(store)) == 6040
            found = everything(store, device="board", samples=True)
        assert len(found) == 40
        assert all(len(m.blocks) == 2 for m in found)
        self.check_integrity(url)

    @pytest.mark.parametrize("acknowledged", [1, 40])
    def test_what_was_acknowledged_survives_a_kill(self, url, acknowledged):
        writer = start(WRITER, url, "board", "100000", "yes")
        assert writer.stdout.readline() == "open\n"
        for _ in range(acknowledged):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read()
        writer.wait(timeout=60)
        # A line that was cut in half acknowledges nothing.
        certain = acknowledged + rest.count("\n")
        self.check_integrity(url)
        with Store.open(url) as store:
            found = everything(store, samples=True)
            store.add(measurement("after"))
        assert certain <= len(found) <= certain + 1
        assert {m.subject.key for m in found} == {f"arch {n}" for n in range(len(found))}
        assert all(len(m.blocks) == 2 and m.blocks[0].samples_ns == (3, 1, 2) for m in found)

    def test_a_killed_import_leaves_whole_batches_and_is_completed_by_the_same_again(self, url):
        importer = start(PAUSING_IMPORTER, url)
        assert importer.stdout.readline() == "the third batch is inserted\n"
        os.kill(importer.pid, signal.SIGKILL)
        importer.communicate(timeout=60)
        self.check_integrity(url)
        with Store.open(url) as store:
            assert len(everything(store)) == 20
            assert store.add_many([measurement(f"arch {number}") for number in range(100)]) == 80
            assert len(everything(store)) == 100

    def test_a_kill_while_the_dataset_is_created_can_be_mended_by_opening(self, url):
        for wait_s in (0.25, 0.35, 0.45, 0.55):
            writer = start(WRITER, url, "board", "1", "no")
            time.sleep(wait_s)
            os.kill(writer.pid, signal.SIGKILL)
            writer.communicate(timeout=60)
        with Store.open(url) as store:
            store.add(measurement("after"))
        self.check_integrity(url)
