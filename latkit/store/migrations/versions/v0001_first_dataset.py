"""The first dataset: architectures, settings, measurements and their blocks of samples.

A migration is history: it spells its tables out and never imports the current schema.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "arch",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.UniqueConstraint("space", "text"),
    )
    fields: list[sa.Column[Any]] = [
        sa.Column("device", sa.String(128), nullable=False),
        sa.Column("skeleton", sa.String(64), nullable=False),
        sa.Column("runtime", sa.String(64), nullable=False),
        sa.Column("runtime_version", sa.String(64), nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("precision", sa.String(16), nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("device_state", sa.String(64), nullable=False),
        sa.Column("protocol", sa.Integer, nullable=False),
    ]
    op.create_table(
        "setting",
        sa.Column("id", _Key, primary_key=True),
        *fields,
        sa.UniqueConstraint(*(field.name for field in fields)),
    )
    op.create_table(
        "measurement",
        sa.Column("id", _Key, primary_key=True),
        sa.Column("arch_id", _Key, sa.ForeignKey("arch.id"), nullable=False),
        sa.Column("setting_id", _Key, sa.ForeignKey("setting.id"), nullable=False),
        sa.Column("level", sa.String(8), nullable=False),
        sa.Column("reasons", sa.Text),
        *(
            sa.Column(name, sa.Float(53))
            for name in ("latency_ms", "lower_ms", "upper_ms", "p10_ms", "p90_ms", "noise")
        ),
        sa.Column("context", sa.Text),
        sa.Column("measured_at", sa.String(40), nullable=False),
        sa.UniqueConstraint("setting_id", "arch_id", "measured_at"),
    )
    op.create_index("measurement_arch", "measurement", ["arch_id"])
    op.create_table(
        "block",
        sa.Column("id", _Key, primary_key=True),
        sa.Column(
            "measurement_id",
            _Key,
            sa.ForeignKey("measurement.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("cold_ns", sa.BigInteger, nullable=False),
        sa.Column("thread_cpu_ns", sa.BigInteger, nullable=False),
        sa.Column("involuntary_switches", sa.BigInteger, nullable=False),
        sa.Column("samples", sa.LargeBinary, nullable=False),
    )
    op.create_index("block_measurement", "block", ["measurement_id"])
