"""Positions in the timelines' topic."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table. A row marks a database that an earlier release has filled."""
    op.create_table(
        "positions",
        sa.Column("partition", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("following", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO positions SELECT -1, 0 WHERE EXISTS (SELECT 1 FROM entries)")
