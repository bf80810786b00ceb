"""What must become of a dataset that an older latkit wrote, in every database system.

``recorded/datasets/0002.db`` was written by the last latkit of that schema: eight networks of nb201
and three of fbnet under onnxruntime, three under ``tflite:builtin`` in int8, and a published table;
of two of them it has the raw samples still. The exports beside it are by the same latkit.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from latkit import spaces
from latkit.condition import Runtime, State
from latkit.errors import StoreError
from latkit.lab import Lab
from latkit.lab.dataset import read_file
from latkit.store import Store
from latkit.store.database import connect, writing
from latkit.store.io.record import to_record
from latkit.store.migrations import strings_of_0002
from latkit.subjects import Subject
from tests.conformance.store import everything, measurement
from tests.conformance.store_processes import start

RECORDED = Path(__file__).parents[1] / "unit" / "recorded" / "datasets"
DATASET = RECORDED / "0002.db"
EXPORTED = json.loads((RECORDED / "0002.json").read_text())
RUNTIMES = {
    "onnxruntime": ("onnxruntime", "CPUExecutionProvider"),
    "tflite:builtin": ("tflite", "builtin"),
    "published": ("published", "unknown"),
}
SETTING = {
    "id": 1,
    "device": "board",
    "skeleton": "c16-n5-r32",
    "runtime": "onnxruntime",
    "runtime_version": "1.20",
    "threads": 1,
    "precision": "fp32",
    "batch": 1,
    "device_state": "default",
    "protocol": 1,
}
MEASURED = {
    "arch_id": 1,
    "setting_id": 1,
    "level": "valid",
    "latency_ms": 1.0,
    "measured_at": "2026-01-01T00:00:00+00:00",
}

READER = """
import sys
from latkit.store import Store

with Store.open(sys.argv[1]) as store:
    print(len(list(store.find())))
"""


def lay_out(url: str, revision: str = "0002") -> None:
    """An empty dataset of an older schema."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "latkit.store:migrations")
    engine = connect(url)
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def put(url: str, **rows: list[dict[str, Any]]) -> None:
    """Insert rows behind latkit's back: of each table, one after the other."""
    engine = connect(url)
    with writing(engine) as connection:
        for name, own in rows.items():
            for row in own:
                table = sa.table(name, *map(sa.column, row))
                connection.execute(sa.insert(table).values(row))
    engine.dispose()


def recorded_rows() -> dict[str, list[dict[str, Any]]]:
    """The recorded dataset, table by table."""
    connection = sqlite3.connect(f"file:{DATASET}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    tables = ("arch", "setting", "measurement", "block")
    found = {name: list(map(dict, connection.execute(f"SELECT * FROM {name}"))) for name in tables}
    connection.close()
    return found


def plain(measurement) -> dict[str, Any]:
    """A measurement as JSON has it."""
    return json.loads(json.dumps(to_record(measurement)))


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """What is to become of a row that the older latkit has exported."""
    runtime, provider = RUNTIMES[row["runtime"]]
    changed = {
        "kind": row["device"],
        "runtime": runtime,
        "provider": provider,
        "affinity": [],
        "state": row["device_state"],
        "tuned": False,
    }
    gone = ("skeleton", "device_state")
    return {name: value for name, value in row.items() if name not in gone} | changed


def by_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The order in which the older latkit exported; those of equal times as they were stored."""
    return sorted(rows, key=lambda row: row["measured_at"])


class MigrationConformance:
    """Provide the fixture ``url``: that of a new empty database."""

    @pytest.fixture
    def older(self, url):
        """The URL of the recorded dataset."""
        lay_out(url)
        put(url, **recorded_rows())
        return url

    def test_every_measurement_is_as_it_was(self, older):
        """Labels, intervals, verdicts, reasons, times, context and samples."""
        with Store.open(older) as store:
            found = by_time([plain(one) for one in store.find(samples=True)])
        assert found == [expected(row) for row in EXPORTED]
        assert sum(bool(row["blocks"]) for row in found) == 2

    def test_numbers_of_measurements_per_device_and_condition(self, older):
        with Store.open(older) as store:
            summary = store.summary()
        found = {(s.condition.board, s.condition.runtime, s.collection): s for s in summary}
        assert {key: entry.measurements for key, entry in found.items()} == Counter(
            (row["device"], Runtime(name, row["runtime_version"], provider), row["space"])
            for row in EXPORTED
            for name, provider in [RUNTIMES[row["runtime"]]]
        )
        assert sum(entry.suspect for entry in summary) == 8
        local = [s for s in summary if s.condition.board == "local"]
        assert [(s.number, s.collection) for s in local] == [
            (1, "nb201"),
            (2, "nb201"),
            (1, "fbnet"),
        ]

    def test_int8_on_another_provider_came_apart(self, older):
        with Store.open(older) as store:
            wanted = {"runtime": "tflite", "provider": "builtin", "precision": "int8"}
            found = everything(store, device="local", wanted=wanted)
        assert len(found) == 3
        assert {m.condition.words() for m in found} == {
            "tflite litert-2.3.0 (builtin), int8, 1 thread, batch 1"
        }

    def test_published_labels_keep_what_is_unknown(self, older):
        with Store.open(older) as store:
            found = everything(store, wanted={"runtime": "published"})
        assert len(found) == 5
        for one in found:
            condition = one.condition
            assert condition.runtime == Runtime("published", "unknown", "unknown")
            assert (condition.threads, condition.batch, condition.protocol) == (0, 0, 0)
            assert (condition.precision, condition.state) == ("unknown", State("unknown"))
            assert (condition.words(), one.measured_at) == ("published", "")

    def test_canary_references_come_over_per_collection(self, older):
        with Store.open(older) as store:
            measured = {m.condition.runtime.name: m.condition for m in everything(store)}
            onnxruntime, tflite = measured["onnxruntime"], measured["tflite"]
            # As they stood in the files beside the older dataset.
            assert store.canary_reference_ns(onnxruntime, "its sha256", "nb201") == 999282
            assert store.canary_reference_ns(onnxruntime, "its sha256", "fbnet") == 1700972
            assert store.canary_reference_ns(tflite, "its sha256", "nb201") == 4754874
            assert store.canary_reference_ns(tflite, "its sha256", "fbnet") is None
            assert store.canary_reference_ns(measured["published"], "nb201") is None

    def test_a_predictor_adapted_to_it_predicts_the_same(self, older, tmp_path):
        migrated = Lab(data=tmp_path / "lab", db=older)
        exported = Lab(data=tmp_path / "exported")
        with exported.store() as store:
            store.add_many(read_file(RECORDED / "0002.parquet"))
        for lab in (migrated, exported):
            assert all(one.path for one in lab.adapt("local"))
        int8 = {"runtime": "tflite", "provider": "builtin", "precision": "int8"}
        for name, options in (("nb201", {}), ("nb201", int8), ("fbnet", {})):
            networks = spaces.get(name).sample(np.random.default_rng(0), 10)
            one, other = (lab.predict(networks, "local", **options) for lab in (migrated, exported))
            for figure in ("mean_ms", "lower_ms", "upper_ms"):
                found = getattr(one, figure)
                np.testing.assert_allclose(found, getattr(other, figure), rtol=1e-6)

    @pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
    def test_its_exports_hold_the_same(self, older, suffix):
        exported = list(read_file(RECORDED / f"0002{suffix}"))
        with Store.open(older) as store:
            migrated = [plain(one) for one in store.find(samples=True)]
            assert store.add_many(exported) == 0
        if suffix == ".csv":
            migrated = [row | {"context": {}, "blocks": []} for row in migrated]
        assert [plain(one) for one in exported] == by_time(migrated)

    def test_what_is_measured_afterwards_comes_beside_it(self, older):
        with Store.open(older) as store:
            before = everything(store, samples=True)
            again = everything(store, device="local", last=1, samples=True)[0]
            store.add(again)
            store.add(measurement("new", samples=True))
            assert len(everything(store)) == len(before) + 2
            assert len(everything(store, subject=again.subject, condition=again.condition)) == 2
            assert len(store.summary()) == 6
            assert all(one in everything(store, samples=True) for one in before)

    def test_opening_it_again_changes_nothing(self, older):
        Store.open(older).close()
        with Store.open(older) as store:
            found = by_time([plain(one) for one in store.find(samples=True)])
        assert found == list(map(expected, EXPORTED))

    def test_processes_that_open_it_at_once(self, older):
        readers = [start(READER, older) for _ in range(3)]
        found = [reader.communicate(timeout=200)[0] for reader in readers]
        assert found == [f"{len(EXPORTED)}\n"] * 3

    def test_a_migration_that_fails_leaves_the_dataset_as_it_was(self, older, monkeypatch):
        def fail(*_):
            raise StoreError("the power is gone")

        monkeypatch.setattr(strings_of_0002, "collection", fail)
        with pytest.raises(StoreError, match="power"):
            Store.open(older)
        monkeypatch.undo()
        with Store.open(older) as store:
            assert len(everything(store)) == len(EXPORTED)

    @pytest.mark.parametrize(
        ("strings", "values"),
        [
            ({"device_state": "default tuned cpus=0,1"}, {"tuned": True, "affinity": [0, 1]}),
            ({"device_state": "15W cpus=4"}, {"state": "15W", "affinity": [4]}),
            ({"device_state": "10 W tuned"}, {"state": "10 W", "tuned": True}),
            ({"device_state": "tuned"}, {"state": "tuned"}),
            ({"device_state": "cpus=x"}, {"state": "cpus=x"}),
            (
                {"runtime": "onnxruntime:CUDAExecutionProvider"},
                {"provider": "CUDAExecutionProvider"},
            ),
            ({"runtime": "tflite"}, {"runtime": "tflite", "provider": "XNNPACK"}),
            ({"runtime": "torch"}, {"runtime": "torch", "provider": "eager"}),
            ({"runtime": "torch:compile"}, {"runtime": "torch", "provider": "compile"}),
            ({"runtime": "torch:compile:cuda"}, {"runtime": "torch", "provider": "compile:cuda"}),
            ({"runtime": "benchmark_app:1a2b3c4d"}, {"runtime": "benchmark_app:1a2b3c4d"}),
            (
                {"runtime": "trtexec:1a2b3c4d:GPU"},
                {"runtime": "trtexec:1a2b3c4d", "provider": "GPU"},
            ),
            ({"runtime": "mnn:OpenCL"}, {"runtime": "mnn", "provider": "OpenCL"}),
        ],
        ids=str,
    )
    def test_strings_come_apart(self, url, strings, values):
        lay_out(url)
        arch = {"id": 1, "space": "nb201", "text": "a"}
        put(url, arch=[arch], setting=[SETTING | strings], measurement=[{"id": 1, **MEASURED}])
        with Store.open(url) as store:
            (found,) = everything(store)
        as_before = measurement("a", kind="board").condition.values()
        assert found.condition.values() == as_before | values

    @pytest.mark.parametrize(
        ("space", "skeleton", "collection"),
        [
            ("nb201", "c16-n5-r32", "nb201"),
            ("nb201", "c8-n5-r32", "nb201:c8"),
            ("nb201", "c8-n1-r16-k100", "nb201:c8-n1-r16-k100"),
            ("fbnet", "r32-k100", "fbnet"),
            ("fbnet", "r32-k10", "fbnet:k10"),
            ("fbnet", "r224-k1000", "fbnet:r224"),
            ("fbnet", "r224-k100", "fbnet:r224-k100"),
            ("another", "", "another"),
            ("another", "w4", "another:w4"),
        ],
    )
    def test_skeletons_become_collections(self, url, space, skeleton, collection):
        lay_out(url)
        arch = {"id": 1, "space": space, "text": "a"}
        setting = SETTING | {"skeleton": skeleton}
        put(url, arch=[arch], setting=[setting], measurement=[{"id": 1, **MEASURED}])
        with Store.open(url) as store:
            assert [m.subject for m in store.find()] == [Subject(collection, "a")]
        assert space == "another" or spaces.get(collection).name == collection

    def test_settings_that_differ_in_skeleton_alone_become_one_condition(self, url):
        lay_out(url)
        put(
            url,
            arch=[{"id": n, "space": "nb201", "text": text} for n, text in ((1, "a"), (2, "b"))],
            setting=[SETTING, SETTING | {"id": 2, "skeleton": "c8-n5-r32"}],
            measurement=[
                {"id": 3, **MEASURED},
                {"id": 4, **MEASURED, "setting_id": 2, "latency_ms": 2.0},
                {"id": 5, **MEASURED, "setting_id": 2, "arch_id": 2, "latency_ms": 3.0},
            ],
        )
        with Store.open(url) as store:
            found = {str(m.subject.collection) + m.subject.key: m.latency_ms for m in store.find()}
            assert found == {"nb201a": 1.0, "nb201:c8a": 2.0, "nb201:c8b": 3.0}
            assert {entry.number for entry in store.summary()} == {1}
            assert len(store.summary()) == 2

    def test_the_newest_canary_reference_that_is_one_counts(self, url):
        lay_out(url)
        contexts = [
            ("valid", {"canary": {"reference_ns": 7.0}}),
            ("suspect", {"canary": {"reference_ns": 8.0}}),
            ("invalid", {"canary": {"reference_ns": 9.0}}),
            ("valid", None),
        ]
        rows = [
            {**MEASURED, "id": n, "level": level, "context": context and json.dumps(context)}
            for n, (level, context) in enumerate(contexts, start=1)
        ]
        put(url, arch=[{"id": 1, "space": "nb201", "text": "a"}], setting=[SETTING])
        put(url, measurement=rows)
        with Store.open(url) as store:
            (condition,) = {m.condition for m in store.find()}
            assert store.canary_reference_ns(condition, "nb201") == 8.0

    @pytest.mark.parametrize(
        "context",
        [
            "not JSON",
            "[]",
            '{"canary": null}',
            '{"canary": {}}',
            '{"canary": {"reference_ns": null}}',
            '{"canary": {"reference_ns": 0}}',
            '{"canary": {"reference_ns": NaN}}',
            '{"canary": {"reference_ns": Infinity}}',
        ],
    )
    def test_a_context_without_a_reference(self, url, context):
        lay_out(url)
        put(url, arch=[{"id": 1, "space": "nb201", "text": "a"}], setting=[SETTING])
        put(url, measurement=[{"id": 1, **MEASURED, "context": context}])
        with Store.open(url) as store:
            (entry,) = store.summary()
            assert store.canary_reference_ns(entry.condition, "nb201") is None

    def test_from_before_there_was_energy(self, url):
        lay_out(url, "0001")
        put(url, arch=[{"id": 1, "space": "nb201", "text": "a"}], setting=[SETTING])
        put(url, measurement=[{"id": 1, **MEASURED}])
        with Store.open(url) as store:
            store.add(measurement("b", at=1, samples=True))
            assert [m.energy_mj for m in store.find()] == [None, 12.5]

    def test_an_empty_one(self, url):
        lay_out(url)
        with Store.open(url) as store:
            assert everything(store) == []
            store.add(measurement())
            assert everything(store) == [measurement()]
