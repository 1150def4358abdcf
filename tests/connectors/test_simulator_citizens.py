"""Citizen figures of simulated months equal those computed with full knowledge of the citizens."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.sdk.keys import load_key
from connectors.sdk.simulation.call_profile import CALLER_RANGES
from connectors.simulator.actions import CitizenCase
from connectors.simulator.office_hours import midnight
from connectors.simulator.plan import Plan
from connectors.simulator.population import NUMBERS_PER_RANGE
from models.events import Event
from models.identities import IdentityKind, normalise_phone
from models.topics import Channel
from streams import agents
from streams.agents.citizens import CitizenCounter
from streams.core.citizens import reattribution
from streams.core.citizens.citizen import RecontactTerms
from streams.core.citizens.citizen_figures import TOTAL_PERIOD, CitizenFigureKey, Period, start_of
from streams.core.figures.figure import Figure, merge, new_figure
from streams.core.figures.figure_schemas import CITIZENS, OTHER_CAUSE
from streams.core.timeline import entries as timeline
from streams.engine.job import Step
from streams.kafka.partitioner import partition_of
from tests.support.citizen_contacts import CitizenContact, Contacts, Counts, contacts_of, count
from tests.support.simulated_events import EventSystem, deliver, run
from tests.support.simulated_workers import DAY_MS, HOUR_MS, Workers

pytestmark = pytest.mark.timeout(600)
UNTIL, WEEKS, FEW, PARTITIONS = midnight(date(2026, 11, 23)), 10, 12_000, 3
"""`FEW` contacts per year, so that weeks take seconds."""
CITIZENS_WHO_CALL = 300
"""Few citizens, so that they make contact repeatedly."""
TERMS = RecontactTerms()


class IdentifyingSystem(EventSystem):
    """Systems that report identities. Some visits have none, and letters have more after they were assigned."""

    def identities(self, citizen_case: CitizenCase, kind: str) -> str:
        citizen = citizen_of(citizen_case.citizen.number)
        if citizen_case.channel is Channel.VISIT and citizen % 3 == 0:
            return ""
        phone = f"phone:sim-{citizen}"
        return f"case:sim-{citizen} {phone}" if kind == "letter.assigned" and has_case(citizen) else phone


def has_case(citizen: int) -> bool:
    """Return whether a citizen's letters have a case number; callers cannot be linked to it, so it is another citizen."""
    return citizen % 3 == 1


def citizen_of(number: int) -> int:
    """Return a citizen for several simulated ones, so that citizens make contact repeatedly."""
    return number % CITIZENS_WHO_CALL


class Month(NamedTuple):
    timeline: list[tuple[int, bytes, bytes]]
    expected: Counts


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Month:
    since = UNTIL - timedelta(weeks=WEEKS)
    directory = tmp_path_factory.mktemp("citizens")
    span = run(directory, Plan(5, FEW), since, UNTIL, IdentifyingSystem)
    common_pseudonyms = pseudonyms(directory / "keys", span.events)
    planned = contacts_of(takewhile(lambda action: action.at <= UNTIL, Plan(5, FEW).actions(since)))
    reopened = set(reopened_letters(planned))
    events = [
        event.model_copy(
            update={
                "identities": " ".join(
                    common_pseudonyms.get(identity, identity) for identity in event.identities.split()
                )
            }
        )
        for event in span.events
        if event.subject.rpartition(":")[2] not in reopened or event.channel is Channel.CALL
    ]
    workers = Workers(since, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agents.contacts, "SWEPT_PER_TICK", 6)  # simulated time passes faster than rows are added
        workers.process(deliver(events, 1), UNTIL + timedelta(days=2))
    assert workers.dead == {}
    contacts = [*non_call_contacts(planned, reopened), *call_contacts(events)]
    return Month(workers.timeline, count(contacts, TERMS.recontact_days))


def pseudonyms(keys: Path, events: Iterable[Event]) -> dict[str, str]:
    """Return pseudonyms of callers → identities in the other systems."""
    (sector,) = {event.sector for event in events if event.channel is Channel.CALL and event.identities}
    key = load_key(keys, sector)
    identities = {}
    for number in range(NUMBERS_PER_RANGE * len(CALLER_RANGES)):
        prefix, digits = divmod(number, NUMBERS_PER_RANGE)
        phone = normalise_phone(f"{CALLER_RANGES[prefix]}{digits:04}")
        assert phone
        identities[key.pseudonym(IdentityKind.PHONE, phone)] = f"phone:sim-{citizen_of(number)}"
    return identities


def reopened_letters(contacts: Contacts) -> Iterator[str]:
    """Yield closed letters reopened weeks later, whose earlier counts depend on the time."""
    for number, (citizen_case, contact) in contacts.items():
        if contact.times_assigned > 1 and citizen_case.channel is Channel.MAIL:
            yield str(number)


def non_call_contacts(contacts: Contacts, without: set[str]) -> Iterator[tuple[str, CitizenContact]]:
    for number, (citizen_case, contact) in contacts.items():
        if str(number) in without:
            continue
        citizen = citizen_of(citizen_case.citizen.number)
        if citizen_case.channel is Channel.VISIT and citizen % 3 == 0:
            yield "", contact
        else:
            yield f"case {citizen}" if contact.times_assigned and has_case(citizen) else f"phone {citizen}", contact


def call_contacts(events: Iterable[Event]) -> Iterator[tuple[str, CitizenContact]]:
    """Yield the calls in the log with their citizen, their last service and their end."""
    calls: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.channel is Channel.CALL and event.type not in {"agent.state_changed", "call.arrived"}:
            calls[event.subject].append(event)
    for of_call in calls.values():
        phone = next((event.identities for event in of_call if event.identities), "")
        assert phone.startswith("phone:sim-") or not phone
        service = [event.service for event in of_call if event.service][-1]
        contact = CitizenContact(Channel.CALL, service, min(event.time for event in of_call))
        ends = {
            "call.ended": "handled",
            "call.transferred": "handled",
            "call.abandoned": "given up",
            "call.left_queue": "left",
        }
        if of_call[-1].type in ends:
            contact.end, contact.ended_at = ends[of_call[-1].type], of_call[-1].time
        yield phone.replace("phone:sim-", "phone "), contact


class NoErasures:
    def find_erased(self) -> Collection[str]:
        return ()

    def find_owners(self, names: Collection[str]) -> Collection[str]:
        return names


class CounterJobs:
    """The agent on several partitions in simulated time; its rows are read back at intervals."""

    def __init__(self) -> None:
        self._counters = [CitizenCounter(TERMS) for _ in range(PARTITIONS)]
        self._written: list[dict[tuple[str, bytes], bytes]] = [{} for _ in self._counters]

    def process(self, since: int, until: int, published: Sequence[tuple[int, bytes, bytes]] = ()) -> None:
        """Process all entries in steps of some hours, with ticks and restarts in between."""
        waiting = [*reversed(published)]
        for number, now in enumerate(range(since, until, 6 * HOUR_MS)):
            batch: list[list[Any]] = [[] for _ in self._counters]
            while waiting and waiting[-1][0] <= now:
                _, key, value = waiting.pop()
                entry = timeline.decode(value)
                entry = reattribution.decode(value) if entry.type in reattribution.REATTRIBUTION_TYPES else entry
                batch[partition_of(key, PARTITIONS)].append(entry)
            for partition, entries in enumerate(batch):
                counter = self._counters[partition]
                counter.fold(entries, now)
                self._commit(partition)
                counter.tick(Step(partition, now, []), NoErasures())
                self._commit(partition)
            if number % 100 == 99:
                self._restart()

    def _commit(self, partition: int) -> None:
        for table in self._counters[partition].tables:
            for key, value in table.changes():
                assert key is not None
                if value is None:
                    self._written[partition].pop((table.topic, key), None)
                else:
                    self._written[partition][table.topic, key] = value
            table.commit()

    def _restart(self) -> None:
        for partition, rows in enumerate(self._written):
            self._counters[partition] = CitizenCounter(TERMS)
            for (topic, key), value in rows.items():
                loads = [table.load for table in self._counters[partition].tables if table.topic == topic]
                assert sum(load(key, value) for load in loads) == 1
            self._counters[partition].restore()

    @property
    def rows(self) -> int:
        return sum(len(counter.citizens.rows) for counter in self._counters)

    def figures(self) -> dict[CitizenFigureKey, dict[str, int]]:
        """Return the counts by name, without zeros."""
        sums: dict[CitizenFigureKey, Figure] = {}
        for counter in self._counters:
            for key, figure in counter.figures.rows.items():
                merge(sums.setdefault(key, new_figure(CITIZENS)), figure)
        named = {
            key: {name: number for name, number in zip(CITIZENS.facts, figure.counts, strict=False) if number}
            for key, figure in sums.items()
        }
        return {key: numbers for key, numbers in named.items() if numbers}


def by_period(expected: Counts, period: str) -> dict[CitizenFigureKey, Counter[str]]:
    counts: defaultdict[CitizenFigureKey, Counter[str]] = defaultdict(Counter)
    for (on, service), numbers in expected.items():
        start = 0 if period == TOTAL_PERIOD else start_of(Period(period), on.toordinal())
        counts[CitizenFigureKey(period, start, service)] += numbers
    return {key: numbers for key, numbers in counts.items() if numbers}


def test_citizen_figures_match_the_actions(months: Month) -> None:
    jobs = CounterJobs()
    jobs.process(months.timeline[0][0], end := months.timeline[-1][0] + DAY_MS, months.timeline)
    figures = jobs.figures()
    for period in (*Period, TOTAL_PERIOD):
        counts = {key: numbers for key, numbers in figures.items() if key.period == period}
        assert counts == by_period(months.expected, period), period
    total = sum((numbers for (_, service), numbers in months.expected.items() if service), Counter())
    for cause in ("letter_unanswered", "email_unanswered", "no_show", "abandoned", OTHER_CAUSE):
        assert total[f"began_call_{cause}"], f"no call with cause {cause}"
    assert total["hop_call_email"]
    assert total["handled_call_first_followed"]
    assert total["unidentified_visit"]
    before = jobs.rows
    jobs.process(end, end + 60 * DAY_MS)
    assert jobs.rows < before / 4, "old citizens were not deleted"
