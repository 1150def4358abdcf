"""Delete contacts closed longer ago than the retention period, with their links and SLA targets.

It works in slices, so that it blocks no other process for long and may stop at any time.
"""

from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, exists, select, tuple_

from models.sla import SLA_SOURCE
from models.topics import Channel
from streams.core.contacts.case_event import ContactState
from streams.core.timeline.case_summary import ENDS_NOT_REPORTED
from streams.timeline.links import delete_orphaned_revocations
from streams.timeline.schema import ENTRIES, LINKS, SLA_TARGETS

FEEDBACK_CHANNELS: Final = frozenset({Channel.FEEDBACK.value})
"""Channels of feedback on a contact in another channel."""


class Cursor(NamedTuple):
    """Primary key of the last entry examined. The default is before all entries."""

    owner: str = ""
    happened_at: int = 0
    id: str = ""


class Expired(NamedTuple):
    """Numbers of contacts and entries that one call of `expire` deleted."""

    cursor: Cursor | None
    """Last examined entry, after which the next slice starts; None if the slice was not full, so that no entry follows."""
    contacts: int
    entries: int


def expire(connection: Connection, after: Cursor, until: int, limit: int) -> Expired:
    """Delete contacts closed before `until` (milliseconds since 1970), among those of the next `limit` entries after `after`.

    An open contact is kept however old it is, because a citizen still waits for an answer. In channels that report no end, a
    contact counts as closed at its last entry. At the end, SLA targets reported before `until` are deleted too if their contact
    has no entries.
    """
    place = (ENTRIES.c.owner, ENTRIES.c.happened_at, ENTRIES.c.id)
    query = select(*place, ENTRIES.c.contact).where(tuple_(*place) > after).order_by(*place).limit(limit)
    found = connection.execute(query).all()
    cursor = Cursor(*found[-1][:3]) if len(found) == limit else None
    if cursor is None:
        has_no_entries = ~exists().where(ENTRIES.c.contact == SLA_TARGETS.c.contact)
        connection.execute(delete(SLA_TARGETS).where(SLA_TARGETS.c.told_at < until, has_no_entries))
    latest: dict[str, int] = {}
    for row in found:
        latest[row.contact] = row.happened_at
    old = [contact for contact, at in latest.items() if at < until]
    expired = [contact for contact in old if _is_over(connection, contact, until)]
    return Expired(cursor, len(expired), _drop(connection, expired))


def _is_over(connection: Connection, contact: str, until: int) -> bool:
    """Return whether a contact has ended and has no entry from `until` on.

    Its own entries decide the end, because SLA entries may follow it.
    """
    query = select(ENTRIES.c.happened_at, ENTRIES.c.id, ENTRIES.c.state, ENTRIES.c.channel, ENTRIES.c.source).where(
        ENTRIES.c.contact == contact
    )
    rows = connection.execute(query).all()
    own = [row for row in rows if row.source != SLA_SOURCE] or rows
    last = max(own, key=lambda row: (row.happened_at, row.state == ContactState.CLOSED, row.id), default=None)
    if last is None or max(row.happened_at for row in rows) >= until:
        return False
    channels = {row.channel for row in own}
    return last.state == ContactState.CLOSED or (channels - FEEDBACK_CHANNELS or channels) <= ENDS_NOT_REPORTED


def _drop(connection: Connection, contacts: list[str]) -> int:
    dropped = 0
    for contact in contacts:
        for table in (LINKS, SLA_TARGETS):
            connection.execute(delete(table).where(table.c.contact == contact))
        dropped += connection.execute(delete(ENTRIES).where(ENTRIES.c.contact == contact)).rowcount
    if contacts:
        delete_orphaned_revocations(connection)
    return dropped
