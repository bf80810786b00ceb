"""Tables of the dataset. Text and numbers that repeat are stored once, so that a published table
of 27 devices x 15,625 architectures stays small.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = "0001"
"""Revision of the newest migration; a store at this revision needs no Alembic to open."""

metadata = MetaData()

# SQLite numbers rows only in a column that is INTEGER to the letter.
_Key = BigInteger().with_variant(Integer, "sqlite")

archs = Table(
    "arch",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("space", String(64), nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("space", "text"),
)

settings = Table(
    "setting",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("device", String(128), nullable=False),
    Column("skeleton", String(64), nullable=False),
    Column("runtime", String(64), nullable=False),
    Column("runtime_version", String(64), nullable=False),
    Column("threads", Integer, nullable=False),
    Column("precision", String(16), nullable=False),
    Column("batch", Integer, nullable=False),
    Column("device_state", String(64), nullable=False),
    Column("protocol", Integer, nullable=False),
)
SETTING_FIELDS = tuple(column.name for column in settings.columns if column.name != "id")
settings.append_constraint(UniqueConstraint(*SETTING_FIELDS))

measurements = Table(
    "measurement",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("arch_id", ForeignKey("arch.id"), nullable=False),
    Column("setting_id", ForeignKey("setting.id"), nullable=False),
    Column("level", String(8), nullable=False),
    Column("reasons", Text),
    Column("latency_ms", Float(53)),
    Column("lower_ms", Float(53)),
    Column("upper_ms", Float(53)),
    Column("p10_ms", Float(53)),
    Column("p90_ms", Float(53)),
    Column("noise", Float(53)),
    Column("context", Text),
    Column("measured_at", String(40), nullable=False),
    # The same measurement imported twice is one measurement.
    UniqueConstraint("setting_id", "arch_id", "measured_at"),
    Index("measurement_arch", "arch_id"),
)

blocks = Table(
    "block",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("measurement_id", ForeignKey("measurement.id", ondelete="CASCADE"), nullable=False),
    Column("cold_ns", BigInteger, nullable=False),
    Column("thread_cpu_ns", BigInteger, nullable=False),
    Column("involuntary_switches", BigInteger, nullable=False),
    Column("samples", LargeBinary, nullable=False),
    Index("block_measurement", "measurement_id"),
)
