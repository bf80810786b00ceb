"""Energy of an inference beside its latency."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; what was measured before has none."""
    op.add_column("measurement", sa.Column("energy_mj", sa.Double))
