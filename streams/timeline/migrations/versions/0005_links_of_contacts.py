"""Links of each contact by all that it told: a former release left what its stronger identities, told later, made superfluous."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

STRENGTH = ("case:", "dossier:", "rdv_user:", "email:", "phone:", "agent:")
MOST = 8


def upgrade() -> None:
    """Write the table anew: without `event`, since no one event tells a link any more. Of millions it takes a minute."""
    is_postgresql = op.get_context().dialect.name == "postgresql"
    op.create_table(
        "links_anew",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("one", "other", "contact", "sector")),
        sa.Column("linked_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", "other", "contact"),
        sqlite_with_rowid=False,
    )
    by_bytes = 'COLLATE "C"' if is_postgresql else "COLLATE BINARY"
    kinds = " ".join(
        f"WHEN substr(name, 1, {len(start)}) = '{start}' THEN {strength}" for strength, start in enumerate(STRENGTH)
    )
    of_linked = "FROM entries WHERE contact IN (SELECT contact FROM links)"
    op.execute(
        f"WITH whose AS (SELECT contact, max(owner) AS owner, max(sector {by_bytes}) AS sector,"  # noqa: S608 - no value
        " coalesce(min(happened_at) FILTER (WHERE source <> 'accueil/sla'), min(happened_at)) AS began_at"
        f" {of_linked} GROUP BY contact),"
        " told AS (SELECT contact, one AS name FROM links UNION SELECT contact, other FROM links"
        " UNION SELECT contact, owner FROM whose),"
        " ranked AS (SELECT contact, name,"
        f" row_number() OVER (PARTITION BY contact ORDER BY CASE {kinds} ELSE 9 END, name {by_bytes}) AS place FROM told)"
        " INSERT INTO links_anew SELECT owner, name, contact, sector, began_at FROM ranked JOIN whose USING (contact)"
        f" WHERE place <= {MOST} AND name <> owner"
    )
    op.drop_table("links")
    op.rename_table("links_anew", "links")
    op.create_index("links_by_other", "links", ["other", "one"])
    op.create_index("links_by_contact", "links", ["contact"])
    if is_postgresql:
        op.execute("ALTER INDEX links_anew_pkey RENAME TO links_pkey")
        for column in ("one", "other"):
            op.execute(f"ALTER TABLE links ALTER COLUMN {column} SET STATISTICS 0")
