"""Conditions without strings that hold several things; subjects of any collection; canaries.

The strings of before are taken apart here: ``runtime`` may have been ``torch:compile``,
``device_state`` may have been ``default tuned cpus=0,1``, and a skeleton stood beside the runtime
where it now belongs to the collection: ``nb201:c8``.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from latkit.store.migrations.strings_of_0002 import collection, condition

revision = "0003"
down_revision = "0002"

_Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Time = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_FIGURES = ("latency_ms", "lower_ms", "upper_ms", "p10_ms", "p90_ms", "noise", "energy_mj")
_SAME = ("level", "reasons", *_FIGURES, "context", "measured_at")
_BLOCK = ("cold_ns", "thread_cpu_ns", "involuntary_switches", "sample_count", "samples")
_IDENTITY = (
    "device",
    "runtime",
    "runtime_version",
    "provider",
    "threads",
    "affinity",
    "precision",
    "batch",
    "state",
    "tuned",
    "protocol",
)


def upgrade() -> None:
    """Build the new tables beside the old ones, move all rows, and drop the old ones."""
    _set_aside()
    _create_subjects()
    _create_conditions()
    _create_measurements()
    _create_blocks()
    _create_canaries()
    _move()
    for name in ("block_0002", "measurement_0002", "moved", "arch", "setting"):
        op.drop_table(name)
    _go_on_counting()


def _set_aside() -> None:
    for name in ("measurement", "block"):
        op.rename_table(name, f"{name}_0002")
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"ALTER INDEX {name}_pk RENAME TO {name}_0002_pk")


def _create_subjects() -> None:
    op.create_table(
        "subject",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.UniqueConstraint("collection", "key"),
    )


def _create_conditions() -> None:
    op.create_table(
        "condition",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("runtime", sa.Text, nullable=False),
        sa.Column("runtime_version", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("affinity", sa.Text, nullable=False),
        sa.Column("precision", sa.Text, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("tuned", sa.Boolean, nullable=False),
        sa.Column("protocol", sa.Integer, nullable=False),
        sa.UniqueConstraint(*_IDENTITY),
    )


def _create_measurements() -> None:
    op.create_table(
        "measurement",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("subject_id", _Key, sa.ForeignKey("subject.id"), nullable=False),
        sa.Column("condition_id", _Key, sa.ForeignKey("condition.id"), nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text),
        *(sa.Column(name, sa.Double) for name in _FIGURES),
        sa.Column("context", sa.Text),
        sa.Column("measured_at", _Time, nullable=False),
        sa.CheckConstraint("level IN ('valid', 'suspect', 'invalid')", name="level"),
    )
    op.create_index("measurement_condition_subject", "measurement", ["condition_id", "subject_id"])


def _create_blocks() -> None:
    op.create_table(
        "block",
        sa.Column("measurement_id", _Key, sa.ForeignKey("measurement.id"), primary_key=True),
        sa.Column("position", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("cold_ns", sa.BigInteger, nullable=False),
        sa.Column("thread_cpu_ns", sa.BigInteger, nullable=False),
        sa.Column("involuntary_switches", sa.BigInteger, nullable=False),
        sa.Column("sample_count", sa.Integer, nullable=False),
        sa.Column("samples", sa.LargeBinary, nullable=False),
    )


def _create_canaries() -> None:
    op.create_table(
        "canary",
        sa.Column("condition_id", _Key, sa.ForeignKey("condition.id"), primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("reference_ns", sa.Double, nullable=False),
    )


def _move() -> None:
    """Rows of the old tables into the new ones; ``moved`` tells where each pair has gone."""
    op.create_table(
        "moved",
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("setting_id", _Key, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("condition_id", _Key, nullable=False),
    )
    _move_settings()
    op.execute(
        "INSERT INTO subject (collection, key) "
        "SELECT n.collection, a.text FROM measurement_0002 m JOIN arch a ON m.arch_id = a.id "
        "JOIN moved n ON n.space = a.space AND n.setting_id = m.setting_id "
        "GROUP BY n.collection, a.text ORDER BY min(a.id)"
    )
    same, block = ", ".join(_SAME), ", ".join(_BLOCK)
    op.execute(
        f"INSERT INTO measurement (id, subject_id, condition_id, {same}) "  # noqa: S608
        f"SELECT m.id, s.id, n.condition_id, {', '.join('m.' + name for name in _SAME)} "
        "FROM measurement_0002 m JOIN arch a ON m.arch_id = a.id "
        "JOIN moved n ON n.space = a.space AND n.setting_id = m.setting_id "
        "JOIN subject s ON s.collection = n.collection AND s.key = a.text ORDER BY m.id"
    )
    op.execute(
        f"INSERT INTO block (measurement_id, position, {block}) "  # noqa: S608
        f"SELECT measurement_id, position, {block} FROM block_0002"
    )
    _note_canaries()


def _move_settings() -> None:
    connection = op.get_bind()
    settings = connection.execute(sa.text("SELECT * FROM setting ORDER BY id")).mappings()
    numbers: dict[tuple[Any, ...], int] = {}
    pairs = _pairs()
    for setting in settings.all():
        row = condition(dict(setting))
        identity = tuple(row[name] for name in _IDENTITY)
        if identity not in numbers:
            numbers[identity] = setting["id"]
            connection.execute(_conditions.insert(), {"id": setting["id"], **row})
        for space in pairs.get(setting["id"], []):
            where = {
                "space": space,
                "setting_id": setting["id"],
                "collection": collection(space, setting["skeleton"]),
                "condition_id": numbers[identity],
            }
            connection.execute(_moved.insert(), where)


def _pairs() -> dict[int, list[str]]:
    """Spaces that were measured under every setting."""
    query = (
        "SELECT DISTINCT m.setting_id, a.space FROM measurement_0002 m "
        "JOIN arch a ON m.arch_id = a.id"
    )
    found: dict[int, list[str]] = {}
    for setting_id, space in op.get_bind().execute(sa.text(query)):
        found.setdefault(setting_id, []).append(space)
    return found


def _note_canaries() -> None:
    """The newest reference of each canary, which stood in a file that this dataset knows not of.

    Its model is not known any more: the name of its collection stands for it.
    """
    connection = op.get_bind()
    query = (
        "SELECT m.condition_id, s.collection, m.context FROM measurement m "
        "JOIN subject s ON m.subject_id = s.id WHERE m.id IN (SELECT max(l.id) "
        "FROM measurement l JOIN subject o ON l.subject_id = o.id WHERE l.level <> 'invalid' "
        "AND l.context IS NOT NULL GROUP BY l.condition_id, o.collection)"
    )
    for condition_id, name, context in connection.execute(sa.text(query)).all():
        reference_ns = _reference_ns(context)
        if reference_ns:
            row = {"condition_id": condition_id, "model": name, "reference_ns": reference_ns}
            connection.execute(_canaries.insert(), row)


def _reference_ns(context: str) -> float | None:
    try:
        found = float(json.loads(context)["canary"]["reference_ns"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return found if 0 < found < 1e18 else None


def _go_on_counting() -> None:
    """PostgreSQL's counters do not see rows that bring their number along."""
    if op.get_bind().dialect.name == "postgresql":
        for name in ("condition", "measurement"):
            op.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), "  # noqa: S608
                f"coalesce((SELECT max(id) FROM {name}), 0) + 1, false)"
            )


_conditions = sa.table("condition", sa.column("id"), sa.column("kind"), *map(sa.column, _IDENTITY))
_moved = sa.table("moved", *map(sa.column, ("space", "setting_id", "collection", "condition_id")))
_canaries = sa.table("canary", *map(sa.column, ("condition_id", "model", "reference_ns")))
