"""Open SLA targets of contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table; no samples of contacts in PostgreSQL's statistics."""
    op.create_table(
        "promises",
        sa.Column("contact", sa.Text, primary_key=True),
        sa.Column("sector", sa.Text, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("running", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE promises ALTER COLUMN contact SET STATISTICS 0")
