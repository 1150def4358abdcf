"""SQL tables of the timelines. A test checks that `migrations` lead to the same tables.

All times are milliseconds since 1970 UTC.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, MetaData, PrimaryKeyConstraint, Table, Text

METADATA: Final = MetaData()
Row = tuple[Any, ...]
"""One row: the values of all columns of a table, in order."""

ENTRIES: Final = Table(
    "entries",
    METADATA,
    Column("owner", Text, nullable=False),  # strongest identity of the contact, or the contact id
    Column("happened_at", BigInteger, nullable=False),
    Column("id", Text, nullable=False),  # of the event
    Column("contact", Text, nullable=False),
    Column("sector", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),  # state of the contact after the event
    Column("outcome", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("withdraws", Text, nullable=False),  # id of the contact's entry that this one cancels, or empty
    PrimaryKeyConstraint("owner", "happened_at", "id"),
    Index("entries_by_contact", "contact", "id", unique=True),  # detects duplicates, also after a change of owner
    sqlite_with_rowid=False,  # clustered by the primary key: a citizen's entries are adjacent and in order
)
LINKS: Final = Table(
    "links",
    METADATA,
    Column("one", Text, nullable=False),  # strongest identity of the contact
    Column("other", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("sector", Text, nullable=False),  # sector of the contact
    Column("linked_at", BigInteger, nullable=False),  # beginning of the contact
    PrimaryKeyConstraint("one", "other", "contact"),  # each contact proves the link separately
    Index("links_by_other", "other", "one"),
    Index("links_by_contact", "contact"),
    sqlite_with_rowid=False,
)
SLA_TARGETS: Final = Table(
    "promises",
    METADATA,
    Column("contact", Text, primary_key=True),
    Column("sector", Text, nullable=False),
    Column("told_at", BigInteger, nullable=False),  # time of the event; earlier events are ignored
    Column("running", Text, nullable=False),  # JSON of the open targets, see `core.sla.open_targets`
    sqlite_with_rowid=False,
)
"""Open SLA targets by contact. A row without targets stays, so that an earlier event that comes late is ignored."""
REVOCATIONS: Final = Table(
    "revocations",
    METADATA,
    Column("one", Text, nullable=False),
    Column("other", Text, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),  # a `models.revocation_reasons.RevocationReason`
    PrimaryKeyConstraint("one", "other"),
    sqlite_with_rowid=False,
)
ERASURES: Final = Table(
    "erasures",
    METADATA,
    Column("contact", Text, primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Erased contacts. Their late or duplicate entries are ignored."""
ERASURE_REQUESTS: Final = Table(
    "erasure_requests",
    METADATA,
    Column("id", Text, primary_key=True),  # random, without personal data
    Column("sector", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("told_at", BigInteger),  # time at which Kafka had all its events
    Column("contacts", BigInteger, nullable=False),  # numbers found at the time of the request
    Column("entries", BigInteger, nullable=False),
    Column("links", BigInteger, nullable=False),
    Column("proof", Text),  # JSON; null until no data remains
    sqlite_with_rowid=False,
)
POSITIONS: Final = Table(
    "positions",
    METADATA,
    Column("partition", BigInteger, primary_key=True, autoincrement=False),  # partition of the timelines' topic
    Column("following", BigInteger, nullable=False),  # all records before this offset are stored
    sqlite_with_rowid=False,
)
ERASURE_CONTACTS: Final = Table(
    "erasure_contacts",
    METADATA,
    Column("request", Text, nullable=False),
    Column("contact", Text, nullable=False),
    PrimaryKeyConstraint("request", "contact"),
    sqlite_with_rowid=False,
)
"""Contacts of each erasure request. They are deleted when the request gets its proof."""
