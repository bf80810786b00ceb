"""Tables of the dataset. Text and numbers that repeat are stored once, so that a published table
of 27 devices x 15,625 architectures stays small.

A change here needs a new file in ``migrations/versions`` and its revision in ``VERSION``; a test
compares what the migrations build with what is written here.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = "0003"
"""Revision of the newest migration; a dataset that has it is opened without loading Alembic."""

VERSION_TABLE = "latkit_schema"
"""Where the revision is kept; its name also tells a dataset from another program's database."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_uq",
        "fk": "%(table_name)s_%(referred_table_name)s_fk",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
    }
)

# SQLite numbers rows by itself only in a column that is INTEGER to the letter.
_Key = BigInteger().with_variant(Integer, "sqlite")
# Times are ISO 8601 in UTC: in the order of their bytes, whatever the server's language.
_Time = Text().with_variant(Text(collation="C"), "postgresql")

subjects = Table(
    "subject",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("collection", Text, nullable=False),
    Column("key", Text, nullable=False),
    UniqueConstraint("collection", "key"),
)

conditions = Table(
    "condition",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("device", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("runtime", Text, nullable=False),
    Column("runtime_version", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("affinity", Text, nullable=False),  # numbers joined by commas
    Column("precision", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("tuned", Boolean, nullable=False),
    Column("protocol", Integer, nullable=False),
    UniqueConstraint(
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
    ),
)

measurements = Table(
    "measurement",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("subject_id", _Key, ForeignKey("subject.id"), nullable=False),
    Column("condition_id", _Key, ForeignKey("condition.id"), nullable=False),
    Column("level", Text, nullable=False),
    Column("reasons", Text),  # JSON list; NULL where there are none
    Column("latency_ms", Double),
    Column("lower_ms", Double),
    Column("upper_ms", Double),
    Column("p10_ms", Double),
    Column("p90_ms", Double),
    Column("noise", Double),
    Column("energy_mj", Double),
    Column("context", Text),  # JSON object; NULL where it is empty
    Column("measured_at", _Time, nullable=False),
    CheckConstraint("level IN ('valid', 'suspect', 'invalid')", name="level"),
    # Not unique: measuring again adds a row.
    Index("measurement_condition_subject", "condition_id", "subject_id"),
)

blocks = Table(
    "block",
    metadata,
    Column("measurement_id", _Key, ForeignKey("measurement.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("cold_ns", BigInteger, nullable=False),
    Column("thread_cpu_ns", BigInteger, nullable=False),
    Column("involuntary_switches", BigInteger, nullable=False),
    Column("sample_count", Integer, nullable=False),
    Column("samples", LargeBinary, nullable=False),  # see latkit.store.samples
)

canaries = Table(
    "canary",
    metadata,
    Column("condition_id", _Key, ForeignKey("condition.id"), primary_key=True),
    Column("model", Text, primary_key=True),  # its SHA-256; before 0003 its collection's name
    Column("reference_ns", Double, nullable=False),
)
