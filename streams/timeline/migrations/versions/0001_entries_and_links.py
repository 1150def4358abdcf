"""Entries, links, revocations, erasures."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

OF_ENTRIES = "id contact sector channel site service type state outcome source detail withdraws"


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "entries",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("happened_at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in OF_ENTRIES.split()),
        sa.PrimaryKeyConstraint("owner", "happened_at", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("entries_by_contact", "entries", ["contact", "id"], unique=True)
    op.create_table(
        "links",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("one", "other", "contact", "event", "sector")),
        sa.Column("linked_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", "other", "contact"),
        sqlite_with_rowid=False,
    )
    op.create_index("links_by_other", "links", ["other", "one"])
    op.create_index("links_by_contact", "links", ["contact"])
    op.create_table(
        "revocations",
        sa.Column("one", sa.Text, nullable=False),
        sa.Column("other", sa.Text, nullable=False),
        sa.Column("revoked_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("one", "other"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasures",
        sa.Column("contact", sa.Text, primary_key=True),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
