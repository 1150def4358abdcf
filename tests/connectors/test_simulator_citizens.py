"""Who came back in months of a whole département: citizens' figures are those of who knows what everybody did."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.asterisk.simulate import CALLER_RANGES
from connectors.sdk.keys import load_key
from connectors.simulator.actions import CitizenCase
from connectors.simulator.citizen_contacts import CitizenContact, Counts, count
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
from streams.core.figures.figure_schemas import CITIZENS, OTHER_REASON
from streams.core.timeline import entries as timeline
from streams.engine.job import Step
from streams.kafka.partitioner import partition_of
from tests.support.simulated_events import EventSystem, deliver, run
from tests.support.simulated_figures import last_monday
from tests.support.simulated_workers import DAY_MS, HOUR_MS, Workers

pytestmark = pytest.mark.timeout(600)
WEEKS, FEW, PARTITIONS = 10, 12_000, 3
"""So few contacts a year that weeks take seconds; and so that citizens turn up again, few of them."""
CITIZENS_WHO_CALL = 300
TERMS = RecontactTerms()


class Known(EventSystem):
    """Systems that tell whose a contact is: visits of some do not, and letters tell more once somebody has read them."""

    def identities(self, citizen_case: CitizenCase, kind: str) -> str:
        who = who_is(citizen_case.citizen.number)
        if citizen_case.channel is Channel.VISIT and who % 3 == 0:
            return ""
        told = f"phone:sim-{who}"
        return f"case:sim-{who} {told}" if kind == "letter.assigned" and has_case(who) else told


def has_case(who: int) -> bool:
    """Whether somebody's letters are put to a case, which nobody knows who calls: he is another citizen there."""
    return who % 3 == 1


def who_is(number: int) -> int:
    """Take many invented people for one, so that people come back more than once in a lifetime."""
    return number % CITIZENS_WHO_CALL


class Month(NamedTuple):
    """What was told, and what is true."""

    timeline: list[tuple[int, bytes, bytes]]
    truth: Counts


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Month:
    until = last_monday()
    since = until - timedelta(weeks=WEEKS)
    directory = tmp_path_factory.mktemp("citizens")
    span = run(directory, Plan(5, FEW), since, until, Known)
    mine = pseudonyms(directory / "keys", span.events)
    revived = set(taken_up_again(span.ledger.citizen_contacts.contacts))
    events = [
        event.model_copy(update={"identities": " ".join(mine.get(one, one) for one in event.identities.split())})
        for event in span.events
        if event.subject.rpartition(":")[2] not in revived or event.channel is Channel.CALL
    ]
    workers = Workers(since, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agents.contacts, "SWEPT_PER_TICK", 6)  # time goes by faster than rows become more
        workers.process(deliver(events, 1), until + timedelta(days=2))
    assert workers.dead == {}
    contacts = [*written(span.ledger.citizen_contacts.contacts, revived), *called(events)]
    return Month(workers.timeline, count(contacts, TERMS.recontact_days))


def pseudonyms(keys: Path, events: Iterable[Event]) -> dict[str, str]:
    """What the switchboard's connector calls a caller → what the other systems do."""
    (sector,) = {event.sector for event in events if event.channel is Channel.CALL and event.identities}
    key = load_key(keys, sector)
    found = {}
    for number in range(NUMBERS_PER_RANGE * len(CALLER_RANGES)):
        prefix, digits = divmod(number, NUMBERS_PER_RANGE)
        phone = normalise_phone(f"{CALLER_RANGES[prefix]}{digits:04}")
        assert phone
        found[key.pseudonym(IdentityKind.PHONE, phone)] = f"phone:sim-{who_is(number)}"
    return found


def taken_up_again(contacts: dict[int, tuple[CitizenCase, CitizenContact]]) -> Iterator[str]:
    """Letters that were closed and are taken up weeks later: what was counted then may stand or not, by when that is."""
    for number, (citizen_case, contact) in contacts.items():
        if contact.times_assigned > 1 and citizen_case.channel is Channel.MAIL:
            yield str(number)


def written(
    contacts: dict[int, tuple[CitizenCase, CitizenContact]], without: set[str]
) -> Iterator[tuple[str, CitizenContact]]:
    for number, (citizen_case, contact) in contacts.items():
        if str(number) in without:
            continue
        who = who_is(citizen_case.citizen.number)
        if citizen_case.channel is Channel.VISIT and who % 3 == 0:
            yield "", contact
        else:
            yield f"case {who}" if contact.times_assigned and has_case(who) else f"phone {who}", contact


def called(events: Iterable[Event]) -> Iterator[tuple[str, CitizenContact]]:
    """What the log says of each call: whose, where last, and how it ended."""
    calls: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.channel is Channel.CALL and event.type not in {"agent.state_changed", "call.arrived"}:
            calls[event.subject].append(event)
    for told in calls.values():
        phone = next((event.identities for event in told if event.identities), "")
        assert phone.startswith("phone:sim-") or not phone
        service = [event.service for event in told if event.service][-1]
        contact = CitizenContact(Channel.CALL, service, min(event.time for event in told))
        ends = {
            "call.ended": "handled",
            "call.transferred": "handled",
            "call.abandoned": "given up",
            "call.left_queue": "left",
        }
        if told[-1].type in ends:
            contact.end, contact.ended_at = ends[told[-1].type], told[-1].time
        yield phone.replace("phone:sim-", "phone "), contact


class NobodyErased:
    """Timelines in which everybody has entries."""

    def find_erased(self) -> Collection[str]:
        return ()

    def find_owners(self, names: Collection[str]) -> Collection[str]:
        return names


class Counting:
    """The agent on several partitions, in the time of the simulation; now and then its rows are read back."""

    def __init__(self) -> None:
        self._parts = [CitizenCounter(TERMS) for _ in range(PARTITIONS)]
        self._written: list[dict[tuple[str, bytes], bytes]] = [{} for _ in self._parts]

    def process(self, since: int, until: int, told: Sequence[tuple[int, bytes, bytes]] = ()) -> None:
        """Take in all of it in steps of some hours, in time, with ticks and restarts between."""
        waiting = [*reversed(told)]
        for number, now in enumerate(range(since, until, 6 * HOUR_MS)):
            batch: list[list[Any]] = [[] for _ in self._parts]
            while waiting and waiting[-1][0] <= now:
                _, key, value = waiting.pop()
                entry = timeline.decode(value)
                entry = reattribution.decode(value) if entry.type in reattribution.REATTRIBUTION_TYPES else entry
                batch[partition_of(key, PARTITIONS)].append(entry)
            for partition, entries in enumerate(batch):
                part = self._parts[partition]
                part.fold(entries, now)
                self._commit(partition)
                part.tick(Step(partition, now, []), NobodyErased())
                self._commit(partition)
            if number % 100 == 99:
                self._restart()

    def _commit(self, partition: int) -> None:
        for table in self._parts[partition].tables:
            for key, value in table.changes():
                assert key is not None
                if value is None:
                    self._written[partition].pop((table.topic, key), None)
                else:
                    self._written[partition][table.topic, key] = value
            table.commit()

    def _restart(self) -> None:
        for partition, written in enumerate(self._written):
            self._parts[partition] = CitizenCounter(TERMS)
            for (topic, key), value in written.items():
                loads = [table.load for table in self._parts[partition].tables if table.topic == topic]
                assert sum(load(key, value) for load in loads) == 1
            self._parts[partition].restore()

    @property
    def rows(self) -> int:
        """How many citizens are kept now."""
        return sum(len(part.citizens.rows) for part in self._parts)

    def figures(self) -> dict[CitizenFigureKey, dict[str, int]]:
        """Return what is counted, by name, without zeros."""
        sums: dict[CitizenFigureKey, Figure] = {}
        for part in self._parts:
            for key, figure in part.figures.rows.items():
                merge(sums.setdefault(key, new_figure(CITIZENS)), figure)
        named = {
            key: {name: number for name, number in zip(CITIZENS.facts, figure.counts, strict=False) if number}
            for key, figure in sums.items()
        }
        return {key: numbers for key, numbers in named.items() if numbers}


def by_period(truth: Counts, period: str) -> dict[CitizenFigureKey, Counter[str]]:
    found: defaultdict[CitizenFigureKey, Counter[str]] = defaultdict(Counter)
    for (on, service), numbers in truth.items():
        start = 0 if period == TOTAL_PERIOD else start_of(Period(period), on.toordinal())
        found[CitizenFigureKey(period, start, service)] += numbers
    return {key: numbers for key, numbers in found.items() if numbers}


def test_citizen_figures_match_the_actions(months: Month) -> None:
    counting = Counting()
    counting.process(months.timeline[0][0], end := months.timeline[-1][0] + DAY_MS, months.timeline)
    figures = counting.figures()
    for period in (*Period, TOTAL_PERIOD):
        found = {key: numbers for key, numbers in figures.items() if key.period == period}
        assert found == by_period(months.truth, period), period
    total = sum((numbers for (_, service), numbers in months.truth.items() if service), Counter())
    for reason in ("letter_unanswered", "email_unanswered", "no_show", "abandoned", OTHER_REASON):
        assert total[f"began_call_{reason}"], f"nobody called for {reason}"
    assert total["hop_call_email"]
    assert total["handled_call_first_followed"]
    assert total["unidentified_visit"]
    kept = counting.rows
    counting.process(end, end + 60 * DAY_MS)
    assert counting.rows < kept / 4, "nobody was forgotten"
