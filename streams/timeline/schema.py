"""The tables. `migrations` brings a database to this shape; a test holds the two equal.

All times are milliseconds since 1970 UTC.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, MetaData, PrimaryKeyConstraint, Table, Text

METADATA: Final = MetaData()
Row = tuple[Any, ...]
"""All columns of a table, in their order."""

ENTRIES: Final = Table(
    "entries",
    METADATA,
    Column(
        "owner", Text, nullable=False
    ),  # the strongest identity that its contact told, or the contact if it told none
    Column("happened_at", BigInteger, nullable=False),
    Column("id", Text, nullable=False),  # of the event
    Column("contact", Text, nullable=False),
    Column("sector", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),  # of the contact after it
    Column("outcome", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("withdraws", Text, nullable=False),  # id of the contact's entry that does not hold, or empty
    PrimaryKeyConstraint("owner", "happened_at", "id"),
    Index(
        "entries_by_contact", "contact", "id", unique=True
    ),  # told again it is the same entry, whoever owns it by then
    sqlite_with_rowid=False,  # clustered by the primary key: a citizen's entries lie side by side, in order
)
LINKS: Final = Table(
    "links",
    METADATA,
    Column("one", Text, nullable=False),  # the strongest identity that the contact told
    Column("other", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("sector", Text, nullable=False),  # of the contact
    Column("linked_at", BigInteger, nullable=False),  # when the contact began
    PrimaryKeyConstraint("one", "other", "contact"),  # each contact is evidence of its own
    Index("links_by_other", "other", "one"),
    Index("links_by_contact", "contact"),
    sqlite_with_rowid=False,
)
PROMISES: Final = Table(
    "promises",
    METADATA,
    Column("contact", Text, primary_key=True),
    Column("sector", Text, nullable=False),
    Column("told_at", BigInteger, nullable=False),  # what was told before that counts no more
    Column("running", Text, nullable=False),  # JSON: what is still to be kept, `core.promises` says how
    sqlite_with_rowid=False,
)
"""What is promised to whoever has a matter. A row stays when nothing is left: what was told before may come after."""
REVOCATIONS: Final = Table(
    "revocations",
    METADATA,
    Column("one", Text, nullable=False),
    Column("other", Text, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),  # a `models.revocation_reasons.Ground`
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
"""Contacts whose person was erased: what is told of them later, or again, is not kept."""
ERASURE_REQUESTS: Final = Table(
    "erasure_requests",
    METADATA,
    Column("id", Text, primary_key=True),  # random: it names nobody
    Column("sector", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("told_at", BigInteger),  # when Kafka had all its events
    Column("contacts", BigInteger, nullable=False),  # so many were found, with so many entries and links
    Column("entries", BigInteger, nullable=False),
    Column("links", BigInteger, nullable=False),
    Column("proof", Text),  # JSON, once nothing is left
    sqlite_with_rowid=False,
)
POSITIONS: Final = Table(
    "positions",
    METADATA,
    Column("partition", BigInteger, primary_key=True, autoincrement=False),  # of the timelines' topic
    Column("following", BigInteger, nullable=False),  # all before this offset is here
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
"""Whose person a request is to erase, until that is proved."""
