"""The first dataset: architectures, settings, measurements and their blocks of samples.

A migration is history: it spells its tables out and never imports the current schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Time = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_FIGURES = ("latency_ms", "lower_ms", "upper_ms", "p10_ms", "p90_ms", "noise")


def upgrade() -> None:
    """Create the tables."""
    _create_archs()
    _create_settings()
    _create_measurements()
    _create_blocks()


def _create_archs() -> None:
    op.create_table(
        "arch",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.UniqueConstraint("space", "text"),
    )


def _create_settings() -> None:
    op.create_table(
        "setting",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("skeleton", sa.Text, nullable=False),
        sa.Column("runtime", sa.Text, nullable=False),
        sa.Column("runtime_version", sa.Text, nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("precision", sa.Text, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("device_state", sa.Text, nullable=False),
        sa.Column("protocol", sa.Integer, nullable=False),
        sa.UniqueConstraint(
            "device",
            "skeleton",
            "runtime",
            "runtime_version",
            "threads",
            "precision",
            "batch",
            "device_state",
            "protocol",
        ),
    )


def _create_measurements() -> None:
    op.create_table(
        "measurement",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("arch_id", _Key, sa.ForeignKey("arch.id"), nullable=False),
        sa.Column("setting_id", _Key, sa.ForeignKey("setting.id"), nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text),
        *(sa.Column(name, sa.Double) for name in _FIGURES),
        sa.Column("context", sa.Text),
        sa.Column("measured_at", _Time, nullable=False),
        sa.CheckConstraint("level IN ('valid', 'suspect', 'invalid')", name="level"),
    )
    op.create_index("measurement_setting_arch", "measurement", ["setting_id", "arch_id"])


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
