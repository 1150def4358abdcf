"""Timeline entries as emitted by the contacts agent."""

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


def records_of(events: Sequence[Event]) -> list[tuple[bytes, bytes]]:
    """Return the records, as keys and values, that the contacts agent emits for these events."""
    rows: dict[str, Contact] = {}
    emitted = []
    for event in events:
        rows[event.subject] = contact.fold(rows.get(event.subject), event)
        emitted.append(entries.record(event, rows[event.subject]))
    return emitted


def entries_of(events: Sequence[Event]) -> list[Entry]:
    """Return the entries that the contacts agent emits for these events."""
    return [entries.decode(value) for _, value in records_of(events)]


def call(
    name: str = "call:asterisk/siege:1.1", start: float = 0, identities: str = PHONE, sector: str = ""
) -> list[Event]:
    """Return the events of a call; its first event has no identities, as from a switchboard."""
    return [
        make("call.arrived", start, subject=name, sector=sector),
        make("call.queued", start + 1, subject=name, queue="mdph", identities=identities, sector=sector),
        make("call.abandoned", start + 60, subject=name, queue="mdph", sector=sector),
    ]


def breach_entry(contact: str, at: int) -> Entry:
    """Return the entry for the SLA breach of the letter `contact` at `at`, in milliseconds."""
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
    """Return the entry at `at` (milliseconds) for running SLA clocks with their deadlines; at risk half a day before."""
    return SlaTargetsEntry(
        f"targets-of-{contact}-{at}",
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
        sla_targets=tuple(
            SlaTarget("letters", clock, service, due_at, None if due_at is None else due_at - 43_200_000)
            for clock, due_at in clocks.items()
        ),
    )


def read(timeline: Timeline, identity: str) -> list[str]:
    return [row["id"] for row in timeline.read(timeline.resolve_identities(identity).identities, 100)]
