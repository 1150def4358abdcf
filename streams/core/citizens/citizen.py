"""Row of a citizen: evidence of recent and of open contacts on all channels. `recontact_rules` decides what they count.

The evidence of each contact only grows, so the same entries give the same row in any order, with or without duplicates. A citizen
is one pseudonym, the strongest of a contact. Links between pseudonyms are not used, so merges never change figures.

All times are milliseconds since 1970 UTC, days are ordinals of civil days.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from streams.core.citizens.reattribution import REATTRIBUTION_TYPES, WITHDRAWN, Reattribution
from streams.core.contacts.contact import UNASSIGNED_SECTOR, AssignedSector
from streams.core.contacts.event_order import TYPE_INDEX, add_event_order, time_of_order
from streams.core.rows import Codec, Row, fingerprint
from streams.core.timeline.entries import Entry

MAX_CONTACTS: Final = 100
"""Maximum number of contacts of one citizen. An identity with more is shared (a switchboard, a social worker, a hostel), and
counts in no figure from `Citizen.counted_from` on."""


class RecontactTerms(NamedTuple):
    """Parameters of the figures of citizens."""

    recontact_days: int = 7
    """Number of days after the end of a handled contact within which another one is a recontact. Missed appointments, abandoned
    calls and channel hopping have the same limit."""
    zone: str = "Europe/Paris"
    """IANA time zone of the civil days."""


class CitizenContact(Row):
    """Evidence of one contact of a citizen. Immutable once it is part of a row."""

    fingerprint: bytes
    """Fingerprint of the contact id."""
    channel: str = ""
    service: str = ""
    service_order: int = -1
    """Event order of the latest event that names the service; -1 without one."""
    began_at: int | None = None
    responded_at: int | None = None
    """Time of the first answer, closure, decision or request for a correction of a letter, e-mail or form; None without one.

    Always None for calls, visits and appointments, also if they were answered.
    """
    event_order: int = -1
    """Event order of the latest event; -1 without one."""
    withdrawn_at: int | None = None
    """Time at which the contact was reattributed to another citizen, else None. It then counts in no figure here."""
    is_first: bool | None = None
    """Whether it is a first contact (`recontact_rules`), stored before earlier contacts that decide it may leave the row; else
    None."""
    moved: AssignedSector | None = None
    """`Reattribution.assigned_sector` of its last reattribution; None without one, and in rows of an earlier release."""


class Citizen(Row, tag=1):
    """Row of one citizen, or of one contact without an identity. The tag is the row version."""

    terms: RecontactTerms
    """Parameters with which the row was counted in the figures."""
    counted_from: int
    """First day on which this row may still change figures; its contribution to earlier days is final."""
    is_known: bool
    """Whether the row belongs to an identity; false for a row of one contact without an identity."""
    contacts: tuple[CitizenContact, ...] = ()
    """Contacts, sorted by fingerprint."""
    overflow_at: int | None = None
    """Latest event time of a row whose contacts exceeded `MAX_CONTACTS` and were deleted; None for other rows."""


_QUARTER_MS: Final = 900_000
DayOf = Callable[[int], int]
"""Function from a time to the ordinal of its civil day."""


@lru_cache(16)
def day_of(zone: str) -> DayOf:
    """Return a function from a time to the ordinal of its civil day in `zone`.

    It caches results per quarter of an hour, which divides all UTC offsets in use.
    """
    tzinfo = ZoneInfo(zone)

    @lru_cache(20_000)
    def of_quarter(quarter: int) -> int:
        return datetime.fromtimestamp(quarter * 900, UTC).astimezone(tzinfo).toordinal()

    return lambda at: of_quarter(at // _QUARTER_MS)


# --------------------------------------------------------------------------------------------------------------- evidence
_BEGINNINGS: Final = frozenset(
    {"letter.arrived", "email.received", "form.submitted", "appointment.booked"}
    | {kind for kind in TYPE_INDEX if kind.partition(".")[0] in ("call", "visit")}
)
_RESPONSES: Final = frozenset(
    {"letter.answered", "letter.closed", "email.answered", "form.correction_requested", "form.decided"}
)
COUNTED_TYPES: Final = REATTRIBUTION_TYPES.union(TYPE_INDEX)
"""Types of the timeline entries that the figures of citizens use."""


def add(row: Citizen, entry: Entry, at: int) -> Citizen:
    """Return `row` with the evidence of `entry`, whose time is `at`: a new row, or `row` itself if nothing changes.

    More than `MAX_CONTACTS` contacts are all deleted from the new row; then only `overflow_at` changes.
    """
    if row.overflow_at is not None:
        if at <= row.overflow_at:
            return row
        after = row.__copy__()
        after.overflow_at = at
        return after
    own = fingerprint(entry.contact)
    contacts = row.contacts
    for index, known in enumerate(contacts):
        if known.fingerprint == own:
            changed = _add_entry(known, entry, at)
            if changed is known:
                return row
            contacts = (*contacts[:index], changed, *contacts[index + 1 :])
            break
    else:
        empty = CitizenContact(own)
        changed = _add_entry(empty, entry, at)
        if changed is empty:
            return row
        contacts = (*contacts, changed)
        if len(contacts) > 1:
            contacts = tuple(sorted(contacts, key=attrgetter("fingerprint")))
    after = row.__copy__()
    after.contacts = contacts
    if len(contacts) > MAX_CONTACTS:
        after.contacts, after.overflow_at = (), max(at, *(last_at(known) for known in contacts))
    return after


def _add_entry(known: CitizenContact, entry: Entry, at: int) -> CitizenContact:
    after = known.__copy__()
    if entry.type != WITHDRAWN:
        after.channel = entry.channel.value
    if isinstance(entry, Reattribution):
        _apply_reattribution(after, entry, at)
        for event in entry.events:
            _add_event(after, *event)
    else:
        _add_event(after, entry.type, at, entry.service)
    return known if after == known else after


def _apply_reattribution(known: CitizenContact, move: Reattribution, at: int) -> None:
    """Set `moved`, and set or clear `withdrawn_at`, unless `move` is earlier than the last known reattribution.

    The reattribution with the least `assigned_sector` is the last one.

    Within one sector a contact never returns to a former citizen, so a withdrawal is final there.
    """
    last = known.moved or UNASSIGNED_SECTOR
    is_withdrawal = move.type == WITHDRAWN
    if move.assigned_sector < last:
        known.moved, known.withdrawn_at = move.assigned_sector, at if is_withdrawal else None
    elif move.assigned_sector == last and is_withdrawal:
        known.withdrawn_at = max(at, known.withdrawn_at or at)


def _add_event(known: CitizenContact, kind: str, at: int, service: str) -> None:
    if not add_event_order(known, kind, at, service):
        return
    if kind in _BEGINNINGS and (known.began_at is None or at < known.began_at):
        known.began_at = at
    if kind in _RESPONSES and (known.responded_at is None or at < known.responded_at):
        known.responded_at = at


def last_at(known: CitizenContact) -> int:
    """Return the time of the contact's latest event, or of its withdrawal if that is later; 0 without either."""
    return max(time_of_order(known.event_order), known.withdrawn_at or 0)


# ------------------------------------------------------------------------------------------------------------------ bytes
_codec: Final = Codec(Citizen)
encode: Final = _codec.encode


def decode(value: bytes) -> Citizen:
    """Return the decoded row. Values that rows have in common are shared objects, which saves memory.

    Raises `rows.UnknownRowVersion` and `msgspec.DecodeError`, as `rows.Codec.decode` does.
    """
    row = _codec.decode(value)
    row.terms = _share(row.terms)
    for known in row.contacts:
        known.channel, known.service = sys.intern(known.channel), sys.intern(known.service)
    return row


@lru_cache(64)
def _share(terms: RecontactTerms) -> RecontactTerms:
    return terms
