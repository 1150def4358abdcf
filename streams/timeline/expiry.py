"""What was kept long enough is dropped: contacts that were closed long ago, with their links.

A slice at a time, so that nobody waits for it and it may stop anywhere.
"""

from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, exists, select, tuple_

from models.sla import SLA_SOURCE
from models.topics import Channel
from streams.core.contacts.case_event import ContactState
from streams.timeline.links import delete_orphaned_revocations
from streams.timeline.schema import ENTRIES, LINKS, PROMISES

ENDED_UNSAID: Final = frozenset({Channel.CALL.value, Channel.VISIT.value, Channel.FEEDBACK.value})
"""Channels whose sources do not tell every end: what goes on for longer than things are kept has ended."""

OPINIONS: Final = frozenset({Channel.FEEDBACK.value})
"""Of a contact in another channel."""


class Cursor(NamedTuple):
    """After which entry to go on."""

    owner: str = ""
    happened_at: int = 0
    id: str = ""


class Expired(NamedTuple):
    """What one slice came to."""

    cursor: Cursor | None
    """Where to go on; None if the end was reached."""
    contacts: int
    entries: int


def expire(connection: Connection, after: Cursor, until: int, limit: int) -> Expired:
    """Drop contacts closed before `until` (milliseconds since 1970), looking at the next `limit` entries.

    A contact that is open is kept, however old: somebody still waits for an answer. Once all were looked at, what was promised
    before `until` goes too, of contacts of which there are no entries.
    """
    place = (ENTRIES.c.owner, ENTRIES.c.happened_at, ENTRIES.c.id)
    asked = select(*place, ENTRIES.c.contact).where(tuple_(*place) > after).order_by(*place).limit(limit)
    found = connection.execute(asked).all()
    cursor = Cursor(*found[-1][:3]) if len(found) == limit else None
    if cursor is None:
        of_nothing = ~exists().where(ENTRIES.c.contact == PROMISES.c.contact)
        connection.execute(delete(PROMISES).where(PROMISES.c.told_at < until, of_nothing))
    latest: dict[str, int] = {}
    for row in found:
        latest[row.contact] = row.happened_at
    old = [contact for contact, at in latest.items() if at < until]
    gone = [contact for contact in old if _is_over(connection, contact, until)]
    return Expired(cursor, len(gone), _drop(connection, gone))


def _is_over(connection: Connection, contact: str, until: int) -> bool:
    """Return whether a contact was closed before.

    How it stands is told by what itself came to, not by a promise that was judged: that may be told after the end.
    """
    asked = select(ENTRIES.c.happened_at, ENTRIES.c.id, ENTRIES.c.state, ENTRIES.c.channel, ENTRIES.c.source).where(
        ENTRIES.c.contact == contact
    )
    rows = connection.execute(asked).all()
    told = [row for row in rows if row.source != SLA_SOURCE] or rows
    last = max(told, key=lambda row: (row.happened_at, row.state == ContactState.CLOSED, row.id), default=None)
    if last is None or max(row.happened_at for row in rows) >= until:
        return False
    channels = {row.channel for row in told}
    return last.state == ContactState.CLOSED or (channels - OPINIONS or channels) <= ENDED_UNSAID


def _drop(connection: Connection, contacts: list[str]) -> int:
    dropped = 0
    for contact in contacts:
        for table in (LINKS, PROMISES):
            connection.execute(delete(table).where(table.c.contact == contact))
        dropped += connection.execute(delete(ENTRIES).where(ENTRIES.c.contact == contact)).rowcount
    if contacts:
        delete_orphaned_revocations(connection)
    return dropped
