"""Entries as the contacts agent tells them, for tests of what is made of them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.events import Event
from models.sla import SOURCE
from models.topics import Channel
from streams.core import contact, timeline
from streams.core.contact import Contact
from streams.core.milestone import State
from streams.core.promises import PROMISED, Promise, Promised
from streams.core.timeline import Entry
from streams.timeline.store import Timeline
from tests.support.events import PHONE, make


def entries_of(events: Sequence[Event]) -> list[Entry]:
    """What the contacts agent tells of these events, in this order."""
    rows: dict[str, Contact] = {}
    told = []
    for event in events:
        rows[event.subject] = contact.fold(rows.get(event.subject), event)
        told.append(timeline.decode(timeline.record(event, rows[event.subject])[1]))
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


def breach(contact: str, at: int) -> Entry:
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
        State.WAITING,
        "",
        SOURCE,
        detail="letters:resolution",
    )


def promised(contact: str, at: int, sector: str = "", service: str = "mdph", **clocks: int | None) -> Promised:
    """What is told at `at` (milliseconds) of which clocks run, by when each is due; half a day before that they are at risk."""
    return Promised(
        f"promised-to-{contact}-{at}",
        "",
        contact,
        Channel(contact.partition(":")[0]),
        "siege",
        service,
        PROMISED,
        datetime.fromtimestamp(at / 1000, UTC),
        State.WAITING,
        "",
        SOURCE,
        sector,
        promises=tuple(
            Promise("letters", clock, service, due_at, None if due_at is None else due_at - 43_200_000)
            for clock, due_at in clocks.items()
        ),
    )


def read(kept: Timeline, asked: str) -> list[str]:
    return [row["id"] for row in kept.read(kept.tell_story(asked).identities, 100)]
