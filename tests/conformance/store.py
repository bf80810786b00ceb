"""What a dataset must do in every database system. Subclass it in the system's own test module."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latkit.condition import Condition, Runtime, State
from latkit.errors import LatkitError, MeasurementsUnusable, StoreError, UsageError
from latkit.measurement import Block, Measurement, Verdict
from latkit.store import USABLE, LatencyTable, Query, Store, dialect
from latkit.store import store as store_module
from latkit.store.database import connect, writing
from latkit.store.insert import Inserter
from latkit.subjects import Subject

CONDITION = Condition("board", Runtime("onnxruntime", "1.20", "CPUExecutionProvider"))

# Neither NUL nor lone surrogates are text to a database.
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_name = st.from_regex(r"[A-Za-zäß0-9][\w .()+-]{0,20}[\w)]", fullmatch=True)
_count = st.integers(1, 2**31 - 1)
_ns = st.integers(0, 2**63 - 1)
_ms = st.floats(1e-9, 24 * 3600 * 1000, width=64)
_no_ms = st.floats(allow_nan=False, allow_infinity=False, width=64)
_times = st.datetimes(max_value=datetime(2026, 1, 1), timezones=st.just(timezone.utc))

conditions = st.builds(
    Condition,
    _name,
    st.builds(Runtime, _text, _text, _text),
    threads=_count,
    affinity=st.lists(_count, max_size=3).map(tuple),
    precision=_text,
    batch=_count,
    state=st.builds(State, _text, st.booleans()),
    protocol=st.integers(0, 9),
    kind=_text,
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
    latency_ms = draw(st.none() | _no_ms if level == "invalid" else _ms)
    bounds = [sorted(draw(st.tuples(_ms, _ms))) for _ in range(2)]
    figures = [value if draw(st.booleans()) else None for pair in bounds for value in pair]
    figures.append(draw(st.none() | _ms))
    return Measurement(
        Subject(draw(_text), draw(_text)),
        draw(conditions),
        Verdict(level, tuple(draw(st.lists(_text, max_size=3)))),
        latency_ms,
        *figures,
        blocks=tuple(draw(st.lists(blocks, max_size=2))),
        context=draw(contexts),
        measured_at=draw(st.just("") | _times.map(lambda moment: moment.isoformat())),
    )


def changed(condition: Condition = CONDITION, **values: object) -> Condition:
    """A condition with other ``values``, by their flat names."""
    return Condition.from_values({**condition.values(), **values})


def measurement(
    arch: str = "a",
    latency_ms: float | None = 1.0,
    at: int = 0,
    level: str = "valid",
    space: str = "nb201",
    condition: Condition = CONDITION,
    samples: bool = False,
    **changes: object,
) -> Measurement:
    """A measurement at second ``at``; ``changes`` are made to its condition's values."""
    return Measurement(
        Subject(space, arch),
        changed(condition, **changes),
        Verdict(level),
        latency_ms,
        blocks=(Block(9, (3, 1, 2), 7, 1), Block(8, (), 6, 0)) if samples else (),
        context={"governor": "performance"} if samples else {},
        measured_at=f"2026-01-01T00:00:{at:02}+00:00",
        energy_mj=12.5 if samples else None,
    )


def everything(store: Store, *, samples: bool = False, **query: object) -> list[Measurement]:
    """All measurements that a query asks for, read to the end."""
    return list(store.find(Query(**query), samples=samples))


def latencies(store: Store, **query: object) -> list[float | None]:
    return [found.latency_ms for found in everything(store, **query)]


def archs(store: Store, **query: object) -> str:
    return "".join(found.subject.key for found in everything(store, **query))


class StoreConformance:
    """Provide the fixture ``url``: that of a new empty database."""

    @pytest.fixture
    def store(self, url):
        with Store.open(url) as opened:
            yield opened

    def test_new_dataset_is_empty(self, store):
        assert everything(store) == []
        assert store.summary() == []
        assert store.table("nb201").latency_ms.shape == (0, 0)

    def test_what_was_added_is_there_when_opened_again(self, url):
        with Store.open(url) as store:
            store.add(measurement(samples=True))
        with Store.open(url) as store:
            assert everything(store, samples=True) == [measurement(samples=True)]

    def test_blocks_come_only_on_request(self, store):
        store.add(measurement(samples=True))
        (found,) = everything(store)
        assert found == replace(measurement(samples=True), blocks=())

    @given(st.lists(any_measurements(), max_size=4))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def test_round_trip(self, store, found):
        before = len(everything(store))
        for one in found:
            store.add(one)
        stored = everything(store, samples=True)
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
        assert everything(store, samples=True) == sorted(found, key=found.index)

    def test_add_many_keeps_what_the_file_holds_twice(self, store):
        assert store.add_many([measurement(), measurement()]) == 2
        assert store.add_many([measurement(), measurement(), measurement()]) == 1

    def test_nothing_is_stored_before_all_is_read(self, store, monkeypatch):
        def broken():
            yield from (measurement("a"), measurement("b"), measurement("c"))
            raise StoreError("row 4 is wrong")

        monkeypatch.setattr(store_module, "BATCH", 1)
        with pytest.raises(StoreError, match="row 4"):
            store.add_many(broken())
        assert everything(store) == []
        store.add(measurement("a"))
        assert archs(store) == "a"

    def test_many_batches_add_what_one_does(self, store, monkeypatch):
        monkeypatch.setattr(store_module, "BATCH", 3)
        monkeypatch.setattr(store_module, "TURN_S", 0)
        found = [measurement(arch, at=at) for arch in "abcdefg" for at in (1, 2)]
        found += found[:5]  # as often as the file holds it, though in another batch
        assert store.add_many(found[:4]) == 4
        assert store.add_many(found) == 15
        assert store.add_many(found) == 0
        assert len(everything(store)) == 19

    def test_an_import_that_failed_on_the_way_is_completed_by_the_same_again(
        self, store, monkeypatch
    ):
        monkeypatch.setattr(store_module, "BATCH", 2)
        monkeypatch.setattr(store_module, "TURN_S", 0)
        wrong = measurement("c", latency_ms=float("inf"))
        with pytest.raises(StoreError, match="latency_ms of c"):
            store.add_many([measurement("a"), measurement("b"), wrong, measurement("d")])
        assert archs(store) == "ab"
        assert store.add_many([measurement(arch) for arch in "abcd"]) == 2
        assert archs(store) == "abcd"

    def test_a_writer_gets_its_turn_while_an_import_runs(self, store, url, monkeypatch):
        monkeypatch.setattr(store_module, "BATCH", 1)
        events, importing = [], threading.Event()
        add_missing = Inserter.add_missing

        def watched(*arguments):
            importing.set()
            return add_missing(*arguments)

        def campaign():
            with Store.open(url) as other:
                importing.wait()
                other.add(measurement("campaign"))
                events.append("added")

        monkeypatch.setattr(Inserter, "add_missing", watched)
        writer = threading.Thread(target=campaign)
        writer.start()
        assert store.add_many([measurement(str(number)) for number in range(20)]) == 20
        events.append("imported")
        writer.join()
        assert events == ["added", "imported"]
        assert len(everything(store)) == 21

    def test_a_writer_waits_for_another_only_so_long(self, url, monkeypatch):
        monkeypatch.setattr(dialect, "BUSY_TIMEOUT_S", 0.05)
        with Store.open(url) as store, Store.open(url) as other:
            with writing(other._engine):
                with pytest.raises(StoreError, match="held by another process") as caught:
                    store.add(measurement())
                assert "again" in caught.value.hint
            store.add(measurement())
            assert everything(store) == [measurement()]

    def test_readers_do_not_wait_for_a_writer(self, store, url):
        with Store.open(url) as other, writing(store._engine) as connection:
            Inserter(connection).add([measurement("a")])
            assert everything(other) == []
            assert other.summary() == []
        assert archs(store) == "a"

    def test_a_reader_sees_the_dataset_of_one_moment(self, store, url, monkeypatch):
        """Also where what it has read so far knows nothing of what is added meanwhile."""
        store.add(measurement("a"))
        conditions_of = store_module._conditions

        def added_meanwhile(connection):
            found = conditions_of(connection)
            with Store.open(url) as other:
                other.add(measurement("b", device="another"))
            return found

        monkeypatch.setattr(store_module, "_conditions", added_meanwhile)
        assert archs(store) == "a"
        monkeypatch.undo()
        assert archs(store) == "ab"

    def test_measuring_again_keeps_both(self, store):
        store.add(measurement(latency_ms=1.0, at=1))
        store.add(measurement(latency_ms=2.0, at=2))
        store.add(measurement(latency_ms=2.0, at=2))
        assert latencies(store) == [1.0, 2.0, 2.0]
        assert store.summary()[0].repeats == 2

    def test_newest_is_what_was_stored_last_whatever_the_clock_said(self, store):
        for at in (3, 1, 2):
            store.add(measurement(latency_ms=float(at), at=at))
        assert latencies(store) == [3.0, 1.0, 2.0]
        assert latencies(store, newest=True) == [2.0]
        assert latencies(store, last=2) == [1.0, 2.0]

    def test_what_was_imported_last_was_stored_last(self, store):
        store.add(measurement(latency_ms=3.0, at=3))
        store.add_many([measurement(latency_ms=float(at), at=at) for at in (3, 2, 1)])
        assert latencies(store) == [3.0, 2.0, 1.0]
        assert latencies(store, newest=True) == [1.0]

    def test_numbers_rise_in_the_order_of_storing(self, store):
        assert store.last_number() == 0
        numbers = []
        for at, arch in ((3, "a"), (2, "b"), (1, "a")):
            store.add(measurement(arch, at=at))
            numbers.append(store.last_number())
        assert numbers == sorted(set(numbers))
        assert store.last_number(Query(subject=Subject("nb201", "b"))) == numbers[1]
        assert store.last_number(Query(device="nobody")) == 0

    def test_the_summary_tells_when_the_last_was_measured(self, store):
        for device in ("late", "early"):
            for at in (5, 3) if device == "late" else (1, 2):
                store.add(measurement(at=at, device=device))
        late, early = store.summary()
        assert (late.condition.board, early.condition.board) == ("late", "early")
        assert [one.first[-8:-6] for one in (late, early)] == ["05", "01"]
        assert [one.last[-8:-6] for one in (late, early)] == ["03", "02"]

    def test_newest_is_one_per_subject_and_condition(self, store):
        for threads in (1, 4):
            for arch in "ab":
                for at in (1, 2):
                    store.add(measurement(arch, float(at), at, threads=threads, samples=True))
        found = everything(store, newest=True, samples=True)
        assert len(found) == 4
        assert {m.latency_ms for m in found} == {2.0}
        assert all(len(m.blocks) == 2 for m in found)

    def test_newest_of_equal_times_is_what_was_added_last(self, store):
        for latency_ms in (1.0, 3.0, 2.0):
            store.add(measurement(latency_ms=latency_ms))
        assert latencies(store, newest=True) == [2.0]
        assert latencies(store, last=2) == [3.0, 2.0]

    def test_newest_goes_back_to_what_is_wanted(self, store):
        store.add(measurement(latency_ms=1.0, at=1, level="suspect"))
        store.add(measurement(latency_ms=None, at=2, level="invalid"))
        assert latencies(store, newest=True, levels=USABLE) == [1.0]
        assert latencies(store, newest=True, levels=("invalid",)) == [None]
        assert latencies(store, newest=True) == [None]

    def test_last_counts_what_meets_all_the_rest(self, store):
        for at, arch in enumerate("abcab"):
            store.add(measurement(arch, float(at), at))
        store.add(measurement("a", 9.0, 9, device="another"))
        assert latencies(store, device="board", last=2) == [3.0, 4.0]
        assert latencies(store, device="board", newest=True, last=2) == [3.0, 4.0]
        assert latencies(store, subject=Subject("nb201", "a"), last=9) == [0.0, 3.0, 9.0]
        assert latencies(store, last=0) == []

    def test_what_is_found(self, store):
        for at, found in enumerate(
            (
                measurement("a", device="one"),
                measurement("b", device="two"),
                measurement("c", device="two", space="fbnet"),
                measurement("d", device="two", threads=4, level="invalid"),
                measurement("a", device="two", space="nb201:c8"),
            )
        ):
            store.add(replace(found, measured_at=f"2026-01-01T00:00:0{at}+00:00"))
        assert archs(store) == "abcda"
        assert archs(store, device="two") == "bcda"
        assert archs(store, collection="nb201") == "abd"
        assert archs(store, collection="nb201:c8") == "a"
        assert archs(store, device="two", collection="nb201") == "bd"
        assert archs(store, subject=Subject("nb201", "a")) == "a"
        assert archs(store, subject=Subject("fbnet", "a")) == ""
        assert archs(store, subject=Subject("nb201", "a"), device="two") == ""
        assert archs(store, condition=changed(device="two")) == "bca"
        assert archs(store, condition=changed(device="two", threads=4)) == "d"
        assert archs(store, condition=changed(device="two", threads=4), levels=USABLE) == ""
        assert archs(store, levels=USABLE) == "abca"
        assert archs(store, levels=()) == ""
        assert archs(store, device="three") == ""

    @pytest.mark.parametrize(
        "values",
        [
            {"affinity": [0, 3]},
            {"affinity": (0, 3)},
            {"tuned": True},
            {"provider": "XNNPACK"},
            {"runtime": "tflite"},
            {"runtime_version": "1.21"},
            {"threads": 4},
            {"precision": "int8"},
            {"batch": 8},
            {"state": "15W"},
            {"protocol": 2},
            {"device": "another", "threads": 2},
        ],
        ids=str,
    )
    def test_wanted_values(self, store, values):
        store.add(measurement("a"))
        store.add(measurement("b", at=1, **values))
        assert archs(store, wanted=values) == "b"
        assert archs(store, wanted={name: CONDITION.values()[name] for name in values}) == "a"
        assert archs(store, wanted={**values, "batch": 99}) == ""

    def test_a_value_that_no_condition_has(self, store):
        with pytest.raises(UsageError, match="thread'") as caught:
            everything(store, wanted={"thread": 1})
        assert "threads" in caught.value.hint

    def test_processors_are_no_digits_of_others(self, store):
        store.add(measurement("a", affinity=[1]))
        store.add(measurement("b", affinity=[1, 2]))
        store.add(measurement("c", affinity=[11]))
        assert archs(store, wanted={"affinity": [1]}) == "a"
        assert archs(store, wanted={"affinity": [11]}) == "c"
        assert archs(store, wanted={"affinity": []}) == ""

    def test_kind_tells_no_two_conditions_apart(self, store):
        store.add(measurement("a", kind="rpi4"))
        store.add(measurement("b", at=1, kind="raspberry"))
        store.keep_canary_reference(changed(kind="pi"), "model", 5.0)
        (entry,) = store.summary()
        assert (entry.condition.kind, entry.measurements) == ("rpi4", 2)
        assert archs(store, condition=changed(kind="another")) == "ab"
        assert store.canary_reference_ns(CONDITION, "model") == 5.0

    def test_is_read_as_it_is_asked_for(self, store, url, monkeypatch):
        monkeypatch.setattr(store_module, "READ_AT_ONCE", 2)
        read, blocks_of = [], store_module._blocks

        def watched(connection, numbers):
            read.extend(numbers)
            return blocks_of(connection, numbers)

        monkeypatch.setattr(store_module, "_blocks", watched)
        store.add_many([measurement(str(n), at=n, samples=True) for n in range(6)])
        found = store.find(samples=True)
        assert read == []
        assert next(found).subject.key == "0"
        assert len(read) == 2
        store.add(measurement("x", at=8))
        with Store.open(url) as other:
            other.add(measurement("y", at=9))
        assert "".join(m.subject.key for m in found) == "12345"
        assert len(read) == 6
        assert archs(store) == "012345xy"

    def test_a_search_may_be_broken_off(self, store):
        store.add_many([measurement(str(n), at=n) for n in range(9)])
        for _ in range(40):  # more often than there are connections
            next(store.find())
        store.add(measurement("x", at=9))
        assert archs(store, last=1) == "x"

    def test_conditions_used_last_come_last(self, store):
        for at, threads in enumerate((1, 4, 2, 1)):
            store.add(measurement(at=at, threads=threads))
        store.add(measurement(at=9, device="other"))
        assert [entry.condition.threads for entry in store.summary()] == [4, 2, 1, 1]
        assert store.summary()[-1].condition.board == "other"

    def test_canary_references(self, store):
        slow = changed(threads=4)
        assert store.canary_reference_ns(CONDITION, "model") is None
        store.keep_canary_reference(CONDITION, "model", 5.0)
        store.keep_canary_reference(CONDITION, "another", 6.0)
        store.keep_canary_reference(slow, "model", 7.0)
        assert store.canary_reference_ns(CONDITION, "model") == 5.0
        assert store.canary_reference_ns(CONDITION, "another") == 6.0
        assert store.canary_reference_ns(slow, "model") == 7.0
        assert store.canary_reference_ns(slow, "another") is None
        assert store.canary_reference_ns(CONDITION) is None

    def test_a_canary_reference_is_replaced(self, store, url):
        store.keep_canary_reference(CONDITION, "model", 5.0)
        store.keep_canary_reference(CONDITION, "model", 4.0)
        with Store.open(url) as other:
            assert other.canary_reference_ns(CONDITION, "model") == 4.0

    def test_a_collections_canary_reference_counts_until_the_models_own_is_known(self, store):
        store.keep_canary_reference(CONDITION, "nb201", 5.0)
        assert store.canary_reference_ns(CONDITION, "model", "nb201") == 5.0
        store.keep_canary_reference(CONDITION, "model", 4.0)
        assert store.canary_reference_ns(CONDITION, "model", "nb201") == 4.0

    def test_a_canary_makes_no_entry(self, store):
        store.keep_canary_reference(CONDITION, "model", 5.0)
        assert store.summary() == []
        store.add(measurement())
        assert len(store.summary()) == 1

    def test_summary(self, store):
        for at, (arch, level) in enumerate(
            [("a", "valid"), ("b", "suspect"), ("b", "valid"), ("c", "invalid")]
        ):
            store.add(measurement(arch, at=at, level=level))
        (entry,) = store.summary()
        assert (entry.collection, entry.condition) == ("nb201", CONDITION)
        assert (entry.subjects, entry.measurements, entry.repeats) == (3, 4, 1)
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
        assert [subject.key for subject in table.subjects] == ["b", "a"]
        assert table.devices == ["x", "y"]
        assert [condition.board for condition in table.conditions] == ["x", "y"]
        np.testing.assert_array_equal(table.latency_ms, [[np.nan, 1.0], [3.0, 2.0]])

    def test_table_takes_the_newest(self, store):
        for at in (2, 3, 1):
            store.add(measurement(latency_ms=float(at), at=at))
        assert store.table("nb201").latency_ms.tolist() == [[1.0]]

    def test_table_never_mixes_conditions(self, store):
        for arch in "abc":
            store.add(measurement(arch, 1.0, at=1, threads=1))
        for arch in "ab":
            store.add(measurement(arch, 2.0, at=2, threads=4))
        table = store.table("nb201")
        assert table.latency_ms.tolist() == [[1.0]] * 3
        assert table.conditions[0].threads == 1
        store.add(measurement("c", 2.0, at=3, threads=4))
        assert store.table("nb201").latency_ms.tolist() == [[2.0]] * 3

    def test_table_of_chosen_devices(self, store):
        for device in "xyz":
            store.add(measurement(device, device=device))
        table = store.table("nb201", ["z", "x"])
        assert table.devices == ["z", "x"]
        assert [subject.key for subject in table.subjects] == ["x", "z"]

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
        assert everything(store) == []

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
        assert everything(store) == [measurement()]

    def test_migrations_build_the_schema(self, url):
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        from latkit.store import schema

        Store.open(url).close()
        engine = connect(url)
        with engine.connect() as connection:
            options = {"version_table": schema.VERSION_TABLE, "compare_server_default": True}
            context = MigrationContext.configure(connection, opts=options)
            assert context.get_current_revision() == schema.VERSION
            assert compare_metadata(context, schema.metadata) == []
        engine.dispose()

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
        if open_first:
            Store.open(url).close()
        engine = connect(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(sql)
        engine.dispose()


def read_all(url: str) -> None:
    """Do everything that reads a dataset; whatever the damage, nothing but a LatkitError comes."""
    with suppress(LatkitError), Store.open(url) as store:
        everything(store, samples=True)
        everything(store, newest=True, last=9)
        store.canary_reference_ns(CONDITION, "nb201")
        store.summary()
        store.table("nb201")
