"""What a dataset must do in every database system. Subclass it in the system's own test module."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latkit.errors import LatkitError, MeasurementsUnusable, StoreError
from latkit.measurement import Arch, Block, Measurement, Setting, Verdict
from latkit.store import LatencyTable, Store

ROOT = Path(__file__).parents[2]
SETTING = Setting("board", "c16-n5-r32", "onnxruntime", "1.20")

# Neither NUL nor lone surrogates are text to a database.
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_name = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
_count = st.integers(0, 2**31 - 1)
_ns = st.integers(0, 2**63 - 1)
_ms = st.floats(allow_nan=False, allow_infinity=False, width=64)
_times = st.datetimes(timezones=st.just(timezone.utc))

settings_ = st.builds(
    Setting, _name, _text, _text, _text, _count, _text, _count, _text, st.integers(0, 9)
)
blocks = st.builds(Block, _ns, st.lists(_ns, max_size=20).map(tuple), _ns, _ns)
contexts = st.dictionaries(
    _text,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _ms | _text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


@st.composite
def any_measurements(draw: st.DrawFn) -> Measurement:
    """Any measurement that may be stored."""
    level = draw(st.sampled_from(["valid", "suspect", "invalid"]))
    latency_ms = draw(st.none() | _ms if level == "invalid" else _ms)
    figures = [draw(st.none() | _ms) for _ in range(5)]
    return Measurement(
        Arch(draw(_text), draw(_text)),
        draw(settings_),
        Verdict(level, tuple(draw(st.lists(_text, max_size=3)))),
        latency_ms,
        *figures,
        blocks=tuple(draw(st.lists(blocks, max_size=2))),
        context=draw(contexts),
        measured_at=draw(st.just("") | _times.map(lambda moment: moment.isoformat())),
    )


def measurement(
    arch: str = "a",
    latency_ms: float | None = 1.0,
    at: int = 0,
    level: str = "valid",
    space: str = "nb201",
    setting: Setting = SETTING,
    samples: bool = False,
    **changes: object,
) -> Measurement:
    """A measurement at second ``at``; ``changes`` are made to its setting."""
    return Measurement(
        Arch(space, arch),
        replace(setting, **changes),
        Verdict(level),
        latency_ms,
        blocks=(Block(9, (3, 1, 2), 7, 1), Block(8, (), 6, 0)) if samples else (),
        context={"governor": "performance"} if samples else {},
        measured_at=f"2026-01-01T00:00:{at:02}+00:00",
        energy_mj=12.5 if samples else None,
    )


class StoreConformance:
    """Provide the fixture ``url``: that of a new empty database."""

    @pytest.fixture
    def store(self, url):
        with Store.open(url) as opened:
            yield opened

    def test_new_dataset_is_empty(self, store):
        assert store.measurements() == []
        assert store.summary() == []
        assert store.settings() == []
        assert store.table("nb201").latency_ms.shape == (0, 0)

    def test_what_was_added_is_there_when_opened_again(self, url):
        with Store.open(url) as store:
            store.add(measurement(samples=True))
        with Store.open(url) as store:
            assert store.measurements(with_samples=True) == [measurement(samples=True)]

    def test_blocks_come_only_on_request(self, store):
        store.add(measurement(samples=True))
        (found,) = store.measurements()
        assert found == replace(measurement(samples=True), blocks=())

    @given(st.lists(any_measurements(), max_size=4))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def test_round_trip(self, store, found):
        before = len(store.measurements())
        for one in found:
            store.add(one)
        stored = store.measurements(with_samples=True)
        assert len(stored) == before + len(found)
        # Float -0.0 and 0.0 are the same to both, and so is everything else.
        assert all(one in stored for one in found)

    @given(st.lists(any_measurements(), max_size=6))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def test_adding_many_twice_adds_nothing_twice(self, store, found):
        store.add_many(found)
        before = store.summary()
        assert store.add_many(found) == 0
        assert store.add_many(reversed(found)) == 0
        assert store.summary() == before

    def test_add_many_says_how_many_were_new(self, store):
        found = [measurement(str(i), i + 1.0, samples=i % 3 == 0) for i in range(10)]
        assert store.add_many(found[:4]) == 4
        assert store.add_many(found) == 6
        assert store.measurements(with_samples=True) == sorted(found, key=found.index)

    def test_add_many_keeps_what_the_file_holds_twice(self, store):
        assert store.add_many([measurement(), measurement()]) == 2
        assert store.add_many([measurement(), measurement(), measurement()]) == 1

    def test_add_many_is_all_or_nothing(self, store):
        def broken():
            yield measurement("a")
            raise StoreError("row 2 is wrong")

        with pytest.raises(StoreError, match="row 2"):
            store.add_many(broken())
        assert store.measurements() == []
        store.add(measurement("a"))
        assert len(store.measurements()) == 1

    def test_readers_do_not_wait_for_a_writer(self, store, url):
        def watched():
            yield measurement("a")
            with Store.open(url) as other:
                assert other.measurements() == []
            yield measurement("b")

        assert store.add_many(watched()) == 2

    def test_measuring_again_keeps_both(self, store):
        store.add(measurement(latency_ms=1.0, at=1))
        store.add(measurement(latency_ms=2.0, at=2))
        store.add(measurement(latency_ms=2.0, at=2))
        assert [m.latency_ms for m in store.measurements()] == [1.0, 2.0, 2.0]
        assert store.summary()[0].repeats == 2

    def test_newest_comes_last_whatever_the_order_of_adding(self, store):
        for at in (3, 1, 2):
            store.add(measurement(latency_ms=float(at), at=at))
        assert [m.latency_ms for m in store.measurements()] == [1.0, 2.0, 3.0]
        assert [m.latency_ms for m in store.latest()] == [3.0]

    def test_latest_is_one_per_architecture_and_setting(self, store):
        for threads in (1, 4):
            for arch in "ab":
                for at in (1, 2):
                    store.add(measurement(arch, float(at), at, threads=threads, samples=True))
        found = store.latest(with_samples=True)
        assert len(found) == 4
        assert {m.latency_ms for m in found} == {2.0}
        assert all(len(m.blocks) == 2 for m in found)

    def test_latest_of_equal_times_is_what_was_added_last(self, store):
        for latency_ms in (1.0, 3.0, 2.0):
            store.add(measurement(latency_ms=latency_ms))
        assert [m.latency_ms for m in store.latest()] == [2.0]

    def test_latest_goes_back_to_what_is_usable(self, store):
        store.add(measurement(latency_ms=1.0, at=1, level="suspect"))
        store.add(measurement(latency_ms=None, at=2, level="invalid"))
        assert [m.latency_ms for m in store.latest()] == [1.0]
        assert [m.latency_ms for m in store.latest(levels=("invalid",))] == [None]

    def test_conditions(self, store):
        for found in (
            measurement("a", device="one"),
            measurement("b", device="two"),
            measurement("c", device="two", space="fbnet"),
            measurement("d", device="two", threads=4, level="invalid"),
        ):
            store.add(found)

        def archs(**conditions):
            return "".join(m.arch.text for m in store.measurements(**conditions))

        assert archs() == "abcd"
        assert archs(device="two") == "bcd"
        assert archs(device="two", space="nb201") == "bd"
        assert archs(setting=replace(SETTING, device="two")) == "bc"
        assert archs(levels=("valid", "suspect")) == "abc"
        assert archs(levels=()) == ""
        assert archs(device="three") == ""

    def test_settings_used_last_come_last(self, store):
        for at, threads in enumerate((1, 4, 2, 1)):
            store.add(measurement(at=at, threads=threads))
        store.add(measurement(at=9, device="other"))
        assert [s.threads for s in store.settings("board")] == [4, 2, 1]
        assert [s.device for s in store.settings()][-1] == "other"

    def test_summary(self, store):
        for at, (arch, level) in enumerate(
            [("a", "valid"), ("b", "suspect"), ("b", "valid"), ("c", "invalid")]
        ):
            store.add(measurement(arch, at=at, level=level))
        (entry,) = store.summary()
        assert (entry.space, entry.setting) == ("nb201", SETTING)
        assert (entry.archs, entry.measurements, entry.repeats) == (3, 4, 1)
        assert (entry.valid, entry.suspect, entry.invalid) == (2, 1, 1)
        assert (entry.first[-8:], entry.last[-8:]) == ("00+00:00", "03+00:00")

    def test_table(self, store):
        store.add(measurement("b", 1.0, device="y"))
        store.add(measurement("a", 2.0, device="y", level="suspect"))
        store.add(measurement("a", 3.0, device="x"))
        store.add(measurement("b", 4.0, device="x", level="invalid"))
        store.add(measurement("c", None, device="x", level="invalid"))
        store.add(measurement("d", 5.0, device="x", space="fbnet"))
        table = store.table("nb201")
        assert isinstance(table, LatencyTable)
        assert [arch.text for arch in table.archs] == ["b", "a"]
        assert table.devices == ["x", "y"]
        assert [setting.device for setting in table.settings] == ["x", "y"]
        np.testing.assert_array_equal(table.latency_ms, [[np.nan, 1.0], [3.0, 2.0]])

    def test_table_takes_the_newest(self, store):
        for at in (2, 3, 1):
            store.add(measurement(latency_ms=float(at), at=at))
        assert store.table("nb201").latency_ms.tolist() == [[3.0]]

    def test_table_never_mixes_settings(self, store):
        for arch in "abc":
            store.add(measurement(arch, 1.0, at=1, threads=1))
        for arch in "ab":
            store.add(measurement(arch, 2.0, at=2, threads=4))
        table = store.table("nb201")
        assert table.latency_ms.tolist() == [[1.0]] * 3
        assert table.settings[0].threads == 1
        store.add(measurement("c", 2.0, at=3, threads=4))
        assert store.table("nb201").latency_ms.tolist() == [[2.0]] * 3

    def test_table_of_chosen_devices(self, store):
        for device in "xyz":
            store.add(measurement(device, device=device))
        table = store.table("nb201", ["z", "x"])
        assert table.devices == ["z", "x"]
        assert [arch.text for arch in table.archs] == ["x", "z"]

    def test_table_of_a_device_without_measurements(self, store):
        store.add(measurement())
        with pytest.raises(MeasurementsUnusable, match="toaster"):
            store.table("nb201", ["board", "toaster"])

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_figures_are_numbers(self, store, value):
        with pytest.raises(StoreError, match=r"latency_ms of a is (nan|-?inf)"):
            store.add(measurement(latency_ms=value))
        with pytest.raises(StoreError, match="noise"):
            store.add(replace(measurement(), noise=value))
        assert store.measurements() == []

    @pytest.mark.parametrize(
        "odd",
        [
            replace(measurement(), context={"what": object()}),
            replace(measurement(), context={"what": float("nan")}),
            measurement(threads=2**80),
            measurement(device="\ud800"),
            measurement(level="splendid"),
            measurement(device=None),
        ],
        ids=["object", "nan", "huge", "surrogate", "level", "none"],
    )
    def test_what_cannot_be_stored_is_a_store_error(self, store, odd):
        with pytest.raises(StoreError):
            store.add(odd)
        store.add(measurement())
        assert store.measurements() == [measurement()]

    def test_migrations_build_the_schema(self, url):
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        from latkit.store import schema
        from latkit.store.database import connect

        Store.open(url).close()
        engine = connect(url)
        with engine.connect() as connection:
            options = {"version_table": schema.VERSION_TABLE, "compare_server_default": True}
            context = MigrationContext.configure(connection, opts=options)
            assert context.get_current_revision() == schema.VERSION
            assert compare_metadata(context, schema.metadata) == []
        engine.dispose()

    def test_dataset_from_before_there_was_energy(self, url):
        self.execute(url, "ALTER TABLE measurement DROP COLUMN energy_mj", open_first=True)
        self.execute(url, "UPDATE latkit_schema SET version_num = '0001'")
        with Store.open(url) as store:
            store.add(measurement(samples=True))
            assert store.measurements()[0].energy_mj == 12.5

    def test_dataset_of_a_newer_latkit(self, url):
        self.execute(url, "UPDATE latkit_schema SET version_num = '9999'", open_first=True)
        with pytest.raises(StoreError, match="newer latkit") as caught:
            Store.open(url)
        assert "upgrade" in caught.value.hint

    def test_database_of_another_program(self, url):
        self.execute(url, "CREATE TABLE customer (id INTEGER)")
        with pytest.raises(StoreError, match="another program's tables \\(customer\\)"):
            Store.open(url)

    def execute(self, url: str, sql: str, open_first: bool = False) -> None:
        """Meddle with a database behind latkit's back."""
        from latkit.store.database import connect

        if open_first:
            Store.open(url).close()
        engine = connect(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(sql)
        engine.dispose()


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
from tests.conformance.store import measurement

with Store.open(sys.argv[1]) as store:
    found = [measurement(f"arch {n}", n + 1.0, device=d) for d in "xyz" for n in range(2000)]
    print("open", flush=True)
    print(store.add_many(found), flush=True)
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
            writer.communicate(timeout=60)
            assert writer.returncode == 0
        with Store.open(url) as store:
            summary = store.summary()
            found = store.measurements(with_samples=True)
        assert {entry.setting.device for entry in summary} == set(names)
        assert {(entry.archs, entry.measurements) for entry in summary} == {(40, 40)}
        assert len({m.arch for m in found}) == 40
        assert all(len(m.blocks) == 2 for m in found)
        self.check_integrity(url)

    def test_processes_importing_the_same_at_once(self, url):
        importers = [start(IMPORTER, url) for _ in range(2)]
        added = [int(importer.communicate(timeout=60)[0].split()[1]) for importer in importers]
        assert sorted(added) == [0, 6000]
        with Store.open(url) as store:
            assert len(store.measurements()) == 6000

    @pytest.mark.parametrize("acknowledged", [1, 40])
    def test_what_was_acknowledged_survives_a_kill(self, url, acknowledged):
        writer = start(WRITER, url, "board", "100000", "yes")
        assert writer.stdout.readline() == "open\n"
        for _ in range(acknowledged):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read()
        writer.wait(timeout=10)
        # A line that was cut in half acknowledges nothing.
        certain = acknowledged + rest.count("\n")
        self.check_integrity(url)
        with Store.open(url) as store:
            found = store.measurements(with_samples=True)
            store.add(measurement("after"))
        assert certain <= len(found) <= certain + 1
        assert {m.arch.text for m in found} == {f"arch {n}" for n in range(len(found))}
        assert all(len(m.blocks) == 2 and m.blocks[0].samples_ns == (3, 1, 2) for m in found)

    def test_a_kill_in_the_middle_of_an_import_leaves_nothing_of_it(self, url):
        importer = start(IMPORTER.replace("range(2000)", "range(20000)"), url)
        assert importer.stdout.readline() == "open\n"
        time.sleep(0.1)
        os.kill(importer.pid, signal.SIGKILL)
        importer.communicate(timeout=10)
        self.check_integrity(url)
        with Store.open(url) as store:
            assert store.measurements() == []
            store.add(measurement())

    def test_a_kill_while_the_dataset_is_created_can_be_mended_by_opening(self, url):
        for wait_s in (0.25, 0.35, 0.45, 0.55):
            writer = start(WRITER, url, "board", "1", "no")
            time.sleep(wait_s)
            os.kill(writer.pid, signal.SIGKILL)
            writer.communicate(timeout=10)
        with Store.open(url) as store:
            store.add(measurement("after"))
        self.check_integrity(url)


def read_all(url: str) -> None:
    """Do everything that reads a dataset; whatever the damage, nothing but a LatkitError comes."""
    with suppress(LatkitError), Store.open(url) as store:
        store.measurements(with_samples=True)
        store.latest()
        store.summary()
        store.table("nb201")
