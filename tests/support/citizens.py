"""Citizens to test with: entries of contacts, days apart, and the figures that they give."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
from hypothesis import strategies as st

from models import topics
from models.codec import encode
from models.events import Event
from models.ids import event_id
from models.timestamps import milliseconds
from models.topics import Channel
from streams.agents.contacts import ContactJob
from streams.core.citizens import reattribution
from streams.core.citizens.citizen import Citizen, RecontactTerms, add, day_of
from streams.core.citizens.citizen_figures import CitizenFigureChanges, CitizenFigureKey, start_of
from streams.core.citizens.reattribution import PastEvent, Reattribution
from streams.core.contacts.case_event import ContactState
from streams.core.contacts.contact import ERASED
from streams.core.figures.figure import Figure, new_figure
from streams.core.figures.figure_schemas import CITIZENS
from streams.core.sla.open_targets import SlaTargetsEntry
from streams.core.timeline import entries as timeline
from streams.core.timeline.entries import Entry
from streams.engine.job import Step
from streams.kafka.partitioner import partition_of
from tests.support.events import CASE, PHONE, START, START_MS, call_histories, contact_events, numbered
from tests.support.simulated_workers import DAY_MS, TIMES

TERMS = RecontactTerms()
START_DAY = day_of(TERMS.zone)(START_MS)
COUNTED_FROM = start_of("four_weeks", START_DAY)  # type: ignore[arg-type]
SERVICES = ("autonomie", "enfance")
ENDS = {
    "call": (("call.queued",), ("call.ended", "call.abandoned", "call.left_queue")),
    "visit": (("visit.arrived", "visit.called"), ("visit.served", "visit.left")),
    "mail": (("letter.arrived", "letter.assigned"), ("letter.answered", "letter.closed")),
    "email": (("email.received", "email.acknowledged"), ("email.answered",)),
    "form": (("form.submitted", "form.correction_requested", "form.corrected"), ("form.decided",)),
    "appointment": (("appointment.booked", "appointment.moved"), ("appointment.attended", "appointment.missed")),
}
"""Channel → how its contacts go on, and end."""


def entry(kind: str, days: float, contact: str = "call:s:1", service: str = "autonomie", citizen: str = PHONE) -> Entry:
    """Return the entry of an event so many days after `START`."""
    return Entry(
        event_id(contact, kind, str(days)),
        citizen,
        contact,
        Channel(contact.partition(":")[0]),
        "siege",
        service,
        kind,
        START + timedelta(days=days),
        ContactState.WAITING,
        "",
        "s",
    )


def move(
    kind: str, days: float, contact: str, settled_at: int = START_MS, *told: PastEvent, citizen: str = PHONE
) -> Reattribution:
    """Return a move to or from a citizen, since the contact is of the sector that was told first at that time."""
    one = entry(kind, days, contact, "", citizen)
    return Reattribution(**msgspec.structs.asdict(one), events=told, assigned_sector=(False, settled_at, "social"))


def at(one: Entry) -> int:
    """Return when an entry happened, milliseconds since 1970."""
    return round(one.happened_at.timestamp() * 1000)


def fold(entries: Iterable[Entry], row: Citizen | None = None) -> Citizen:
    """Return the row of a citizen's entries."""
    for one in entries:
        row = add(row or Citizen(TERMS, COUNTED_FROM, bool(one.citizen)), one, at(one))
    assert row is not None
    return row


def count(before: Citizen | None, after: Citizen, edit: Callable[[CitizenFigureKey], Figure]) -> None:
    """Change figures from what `before` contributes to what `after` does."""
    changes = CitizenFigureChanges()
    changes.add(before, after)
    changes.apply(edit)


class Figures(dict[CitizenFigureKey, Figure]):
    """Rows of zeros, where there are none yet."""

    def __missing__(self, key: CitizenFigureKey) -> Figure:
        figure = self[key] = new_figure(CITIZENS)
        return figure


def named(figures: dict[CitizenFigureKey, Figure]) -> dict[CitizenFigureKey, dict[str, int]]:
    """Return what is not zero, by name."""
    found = {
        key: {name: count for name, count in zip(CITIZENS.counts, figure.counts, strict=True) if count}
        for key, figure in figures.items()
    }
    return {key: counts for key, counts in found.items() if counts}


@st.composite
def contacts_of_one(draw: st.DrawFn, most: int = 6, citizen: str = PHONE) -> list[Entry]:
    """Contacts of one citizen in a few weeks, some days apart or at the same moment; of some not all is told."""
    entries = []
    for number in range(draw(st.integers(1, most))):
        channel = draw(st.sampled_from([*ENDS]))
        steps, ends = ENDS[channel]
        days = draw(st.integers(0, 30)) + draw(st.sampled_from([0, 0.25, 0.9]))
        kinds = [*steps[: draw(st.integers(1, len(steps)))]]
        if draw(st.booleans()):
            kinds.append(draw(st.sampled_from(ends)))
        for kind in kinds:
            service = draw(st.sampled_from(SERVICES))
            entries.append(entry(kind, days, f"{channel}:s:{number}", service, citizen))
            days += draw(st.sampled_from([0, 0.01, 1, 9, 40]))
    return entries


# ------------------------------------------------------------------------------------------------------------------ moves
KEYS = {"social": "k1-", "routes": "k2-"}
"""By sector: who tells an identity names the sector whose key made it."""


@st.composite
def events_of_many(draw: st.DrawFn) -> list[Event]:
    """Contacts of which it becomes known bit by bit whose they are, in which sector and where, in the order of time."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, 5))):
        channel = draw(st.sampled_from(["call", "letter", "email", "form", "appointment", "visit"]))
        subject = f"{'mail' if channel == 'letter' else channel}:s/x:{number}"
        if channel == "call":
            own = [event.model_copy(update={"subject": subject}) for event in draw(call_histories(subject))]
        else:
            kinds = tuple(kind for kind in ALL_KINDS if kind.startswith(f"{channel}."))
            own = draw(st.lists(contact_events(kinds, subject), min_size=1, max_size=5))
        later = timedelta(days=draw(st.integers(0, 20)))
        for event in own:
            told = draw(st.sampled_from(["", "", PHONE, f"{CASE} {PHONE}", "email:k1-a"]))
            sector = draw(st.sampled_from(["social", "social", "routes", *([] if told else [""])]))
            events.append(
                event.model_copy(
                    update={
                        "time": event.time + later,
                        "identities": told.replace("k1-", KEYS.get(sector, "")),
                        "sector": sector,
                        "site": "siege",
                        "service": draw(st.sampled_from(["", event.service, *SERVICES])),
                    }
                )
            )
    return numbered(sorted(events, key=lambda event: event.time))


class Timelines:
    """Timelines that know who was erased, and in which everybody has entries."""

    def __init__(self) -> None:
        self.erased: dict[str, int] = {}

    def write(self, entries: Sequence[Entry], _promised: Sequence[SlaTargetsEntry], _place: object = None) -> None:
        for one in entries:
            if one.type == ERASED:
                self.erased.setdefault(one.contact, milliseconds(one.happened_at))

    def find_erased(self, contacts: Collection[str] | None = None) -> dict[str, int]:
        return {one: at for one, at in self.erased.items() if contacts is None or one in contacts}

    def find_owners(self, names: Collection[str]) -> Collection[str]:
        return names

    def checkpoint(self, now: int) -> None:
        pass

    def expire(self, now: int) -> None:
        pass


ALL_KINDS = (
    *("letter.arrived", "letter.assigned", "letter.answered", "letter.closed", "letter.sent"),
    *("email.received", "email.answered", "form.submitted", "form.correction_requested", "form.decided"),
    *("appointment.booked", "appointment.moved", "appointment.attended", "appointment.missed"),
    *("visit.arrived", "visit.called", "visit.served", "visit.left"),
)


def entries_from_workers(events: Iterable[Event], partitions: int = 3) -> list[Entry]:
    """Return the entries that workers make of `events`, moves among them, and check that each has its citizen's key."""
    jobs = [ContactJob(number, TIMES) for number in range(partitions)]
    entries: list[Entry] = []
    for event in events:
        key = event.subject.encode()
        number = partition_of(key, partitions)
        step = Step(number, START_MS + 10 * DAY_MS, [topics.TIMELINE.name, topics.SLA.name], partitions=partitions)
        jobs[number].fold(topics.SOURCES[event.channel].name, [_record(event)], step)
        assert not step.dead_letters
        for table in jobs[number].tables:
            table.commit()
        for name, value in step.outputs[topics.TIMELINE.name]:
            assert value is not None
            one = timeline.decode(value)
            entries.append(reattribution.decode(value) if one.type in reattribution.REATTRIBUTION_TYPES else one)
            assert name == (one.citizen or one.contact).encode()
    return entries


def _record(event: Event) -> Any:
    timestamp = (event.time - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return SimpleNamespace(key=event.subject.encode(), value=encode(event), offset=0, timestamp=timestamp, headers=())
