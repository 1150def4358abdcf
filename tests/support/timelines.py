"""Entries as the contacts agent tells them, for tests of what is made of them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.events import Event
from models.sla import SLA_SOURCE
from models.topics import Channel
from streams.core.contacts import contact
from streams.core.contacts.case_event import ContactState
from streams.core.contacts.contact import Contact
from streams.core.sla.open_targets import SLA_TARGETS_TYPE, SlaTarget, SlaTargetsEntry
from streams.core.timeline import entries
from streams.core.timeline.entries import Entry
from streams.timeline.store import Timeline
from tests.support.events import PHONE, make


def entries_of(events: Sequence[Event]) -> list[Entry]:
    """What the contacts agent tells of these events, in this order."""
    rows: dict[str, Contact] = {}
    told = []
    for event in events:
        rows[event.subject] = contact.fold(rows.get(event.subject), event)
        told.append(entries.decode(entries.record(event, rows[event.subject])[1]))
    return told


def call(
    name: str = "call:asterisk/siege:1.1", start: float = 0, identities: str = PHONE, sector: str = ""
) -> list[Event]:
    """A call: its first event knows nobody, as a switchboard tells it."""
    return [
        make("call.arrived", start, subject=name, sector=sector),
        make("call.queued", start + 1, subject=name, queue="mdph", identities=identities, sector=sector),
        make("call.abandoned", start + 60, subject=name, queue="mdph", sector=sector),
    ]


def breach_entry(contact: str, at: int) -> Entry:
    """The entry for a promise to who wrote the letter `contact`, of which is told that it was broken at `at` (milliseconds)."""
    return Entry(
        f"breach-of-{contact}-{at}",
        "",
        contact,
        Channel.MAIL,
        "siege",
        "mdph",
        "sla.breached",
        datetime.fromtimestamp(at / 1000, UTC),
        ContactState.WAITING,
        "",
        SLA_SOURCE,
        detail="letters:resolution",
    )


def sla_status_entry(
    contact: str, at: int, sector: str = "", service: str = "mdph", **clocks: int | None
) -> SlaTargetsEntry:
    """What is told at `at` (milliseconds) of which clocks run, by when each is due; half a day before that they are at risk."""
    return SlaTargetsEntry(
        f"promised-to-{contact}-{at}",
        "",
        contact,
        Channel(contact.partition(":")[0]),
        "siege",
        service,
        SLA_TARGETS_TYPE,
        datetime.fromtimestamp(at / 1000, UTC),
        ContactState.WAITING,
        "",
        SLA_SOURCE,
        sector,
        promises=tuple(
            SlaTarget("letters", clock, service, due_at, None if due_at is None else due_at - 43_200_000)
            for clock, due_at in clocks.items()
        ),
    )


def read(kept: Timeline, asked: str) -> list[str]:
    return [row["id"] for row in kept.read(kept.resolve_identities(asked).identities, 100)]
