"""Links of each contact from all its identities. An earlier release kept links made superfluous by stronger identities."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

STRENGTH = ("case:", "dossier:", "rdv_user:", "email:", "phone:", "agent:")
MOST = 8


def upgrade() -> None:
    """Rewrite the table without `event`, because no single event proves a link any more.

    A million links take a minute. An interrupted run changes nothing.
    """
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
    if is_postgresql:  # fails now, not after all the work, if another process uses the table
        op.execute("LOCK TABLE links IN ACCESS EXCLUSIVE MODE")
    op.execute(
        f"WITH told_in AS (SELECT contact, owner, sector, source, happened_at"  # noqa: S608 - no value
        " FROM entries WHERE contact IN (SELECT contact FROM links)"
        " UNION ALL SELECT contact, '', sector, 'accueil/sla', CAST(NULL AS bigint) FROM links),"
        f" whose AS (SELECT contact, max(owner) AS owner, coalesce(min(nullif(sector, '') {by_bytes}), '') AS first,"
        f" max(sector {by_bytes}) AS last,"
        " coalesce(min(happened_at) FILTER (WHERE source <> 'accueil/sla'), min(happened_at)) AS began_at"
        " FROM told_in GROUP BY contact),"
        " placed AS (SELECT contact, sector, one AS name FROM links UNION SELECT contact, sector, other FROM links"
        " UNION SELECT contact, last, owner FROM whose WHERE first = last),"
        " several AS (SELECT DISTINCT contact, sector FROM placed JOIN whose USING (contact)"
        " WHERE first <> last AND sector <> ''),"
        " told AS (SELECT contact, last AS sector, name FROM placed JOIN whose USING (contact) WHERE first = last"
        " UNION SELECT contact, coalesce(several.sector, placed.sector), name FROM placed JOIN whose USING (contact)"
        " LEFT JOIN several USING (contact) WHERE first <> last AND placed.sector IN ('', several.sector)),"
        f" ranked AS (SELECT contact, sector, name, row_number() OVER by_strength AS place,"
        f" first_value(name) OVER by_strength AS strongest FROM told"
        f" WINDOW by_strength AS (PARTITION BY contact, sector ORDER BY CASE {kinds} ELSE 9 END, name {by_bytes}))"
        f" INSERT INTO links_anew SELECT strongest, name, contact, max(sector {by_bytes}), min(began_at)"
        f" FROM ranked JOIN whose USING (contact) WHERE place <= {MOST} AND name <> strongest"
        " GROUP BY strongest, name, contact"
    )
    op.execute(  # carry over revocations, see `links.carry_over_revocations`
        "INSERT INTO revocations SELECT anew.one, anew.other, min(revoked_at), min(reason) FROM revocations"
        " JOIN links ON links.one = revocations.one AND links.other = revocations.other"
        " JOIN links_anew AS anew ON anew.contact = links.contact AND anew.other = links.other AND anew.one <> links.one"
        " WHERE NOT EXISTS (SELECT 1 FROM revocations AS known WHERE known.one = anew.one AND known.other = anew.other)"
        " AND NOT EXISTS (SELECT 1 FROM links AS told WHERE told.one = anew.one AND told.other = anew.other)"
        " GROUP BY anew.one, anew.other HAVING count(DISTINCT anew.contact)"
        " = (SELECT count(*) FROM links_anew AS told WHERE told.one = anew.one AND told.other = anew.other)"
    )
    op.drop_table("links")
    op.rename_table("links_anew", "links")
    op.create_index("links_by_other", "links", ["other", "one"])
    op.create_index("links_by_contact", "links", ["contact"])
    if is_postgresql:
        op.execute("ALTER INDEX links_anew_pkey RENAME TO links_pkey")
        for column in ("one", "other"):
            op.execute(f"ALTER TABLE links ALTER COLUMN {column} SET STATISTICS 0")
