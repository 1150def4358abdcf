"""Timeline entries of citizens' contacts, a timeline database in memory, and figures of citizens."""

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
from streams.timeline import positions
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
"""Channel → types of its events before the end of a contact, and at the end."""


def entry(kind: str, days: float, contact: str = "call:s:1", service: str = "autonomie", citizen: str = PHONE) -> Entry:
    """Return the entry of an event `days` after `START`."""
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
    kind: str, days: float, contact: str, sector_at: int = START_MS, *events: PastEvent, citizen: str = PHONE
) -> Reattribution:
    """Return the adoption or withdrawal of a contact whose sector was first named at `sector_at`."""
    fields = msgspec.structs.asdict(entry(kind, days, contact, "", citizen))
    return Reattribution(**fields, events=events, assigned_sector=(False, sector_at, "social"))


def fold(entries: Iterable[Entry], row: Citizen | None = None) -> Citizen:
    """Return the row of a citizen after these entries."""
    for item in entries:
        row = add(row or Citizen(TERMS, COUNTED_FROM, bool(item.citizen)), item, milliseconds(item.happened_at))
    assert row is not None
    return row


def count(before: Citizen | None, after: Citizen, edit: Callable[[CitizenFigureKey], Figure]) -> None:
    """Replace the contribution of the row `before` to the figures by that of `after`."""
    changes = CitizenFigureChanges()
    changes.add(before, after)
    changes.apply(edit)


class Figures(dict[CitizenFigureKey, Figure]):
    """Figures of citizens by key, with rows of zeros as default."""

    def __missing__(self, key: CitizenFigureKey) -> Figure:
        figure = self[key] = new_figure(CITIZENS)
        return figure


def named(figures: dict[CitizenFigureKey, Figure]) -> dict[CitizenFigureKey, dict[str, int]]:
    """Return the counts that are not zero, by name."""
    found = {
        key: {name: count for name, count in zip(CITIZENS.counts, figure.counts, strict=True) if count}
        for key, figure in figures.items()
    }
    return {key: counts for key, counts in found.items() if counts}


@st.composite
def contacts_of_one(draw: st.DrawFn, most: int = 6, citizen: str = PHONE) -> list[Entry]:
    """Draw entries of one citizen's contacts within weeks, some of them simultaneous, some without an end."""
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


# -------------------------------------------------------------------------------------------------------- reattribution
KEYS = {"social": "k1-", "routes": "k2-"}
"""Sector → prefix of the pseudonyms made with its key."""


@st.composite
def events_of_many(draw: st.DrawFn) -> list[Event]:
    """Draw events in the order of time, whose contacts get identities, sectors and services one after the other."""
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
            identities = draw(st.sampled_from(["", "", PHONE, f"{CASE} {PHONE}", "email:k1-a"]))
            sector = draw(st.sampled_from(["social", "social", "routes", *([] if identities else [""])]))
            events.append(
                event.model_copy(
                    update={
                        "time": event.time + later,
                        "identities": identities.replace("k1-", KEYS.get(sector, "")),
                        "sector": sector,
                        "site": "siege",
                        "service": draw(st.sampled_from(["", event.service, *SERVICES])),
                    }
                )
            )
    return numbered(sorted(events, key=lambda event: event.time))


class FakeTimeline:
    """Timeline database in memory, with erased contacts and identities that own entries."""

    def __init__(self, erased: Iterable[str] = (), owners: Iterable[str] = ()) -> None:
        self.batches: list[list[Entry]] = []
        self.places: list[tuple[int, int] | None] = []
        self.sla_targets: list[SlaTargetsEntry] = []
        self.expirations: list[int] = []
        self.erased = dict.fromkeys(erased, 0)
        self._owners = {*owners}

    def write(
        self, entries: Sequence[Entry], targets: Sequence[SlaTargetsEntry], place: tuple[int, int] | None = None
    ) -> None:
        self.places.append(place)
        self.batches.append(list(entries))
        self.sla_targets += targets
        for item in entries:
            self._owners.add(item.citizen)
            if item.type == ERASED:
                self.erased.setdefault(item.contact, milliseconds(item.happened_at))

    def find_missing(self, partition: int, committed: int) -> int | None:
        return positions.find_missing(dict(filter(None, self.places)), partition, committed)

    def find_erased(self, contacts: Collection[str] | None = None) -> dict[str, int]:
        return {contact: at for contact, at in self.erased.items() if contacts is None or contact in contacts}

    def find_owners(self, names: Collection[str]) -> set[str]:
        return self._owners & {*names}

    def checkpoint(self, now: int) -> None:
        pass

    def expire(self, now: int) -> None:
        self.expirations.append(now)


ALL_KINDS = (
    *("letter.arrived", "letter.assigned", "letter.answered", "letter.closed", "letter.sent"),
    *("email.received", "email.answered", "form.submitted", "form.correction_requested", "form.decided"),
    *("appointment.booked", "appointment.moved", "appointment.attended", "appointment.missed"),
    *("visit.arrived", "visit.called", "visit.served", "visit.left"),
)


def entries_from_workers(events: Iterable[Event], partitions: int = 3) -> list[Entry]:
    """Return the timeline entries and reattributions of workers for `events`; check that each has its citizen's key."""
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
            item = timeline.decode(value)
            entries.append(reattribution.decode(value) if item.type in reattribution.REATTRIBUTION_TYPES else item)
            assert name == (item.citizen or item.contact).encode()
    return entries


def _record(event: Event) -> Any:
    timestamp = (event.time - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return SimpleNamespace(key=event.subject.encode(), value=encode(event), offset=0, timestamp=timestamp, headers=())
