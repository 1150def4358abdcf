"""The simulated département through the real connectors: the figures are its ledger, number for number."""

import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.simulator.accounts import Numbers
from connectors.simulator.departement import Departement
from connectors.simulator.plan import Plan
from connectors.simulator.playing import play_span
from connectors.simulator.stage import Stage
from connectors.simulator.working import PARIS, midnight
from models.events import Event
from models.topics import Channel
from streams.core.layouts import CANCELLED, CLOSED, LEFT, OPEN
from tests.support.departement import Folded, differences, last_monday, read
from tests.support.processes import wait_until
from tests.support.simulated_workers import Workers
from tests.support.telling import deliver

STEPS = {f"letter.{step}" for step in ("assigned", "acknowledged", "answered", "closed", "sent")}
CONNECTORS = {"asterisk", "mailroom", "maarch", "webhook", "demarches", "rdv", "survey", "jdma"}
PER_YEAR = 40_000
SETTLES = timedelta(days=2)


class Days:
    """Days that were played, and read until figures and ledger agreed."""

    def __init__(self, directory: Path, days: int, keys: Path | None = None) -> None:
        self.keys = directory / "data" / "keys"
        if keys:  # ids of agents are made of pseudonyms
            shutil.copytree(keys, self.keys)
        since = last_monday()
        until = midnight(since.astimezone(PARIS).date() + timedelta(days=days))
        self.since, self.until = since, until
        stage, folded = Stage(directory / "stage"), Folded(until)
        departement = Departement(stage, Plan(1, PER_YEAR))
        stage.write_settings(departement.connectors())

        def disagree() -> list[object]:
            return [*differences(folded.numbers(collected.events), self.ledger)]

        with read(stage, directory / "data") as collected, departement.opened(since):
            assert play_span(departement, since, until, threading.Event())
            self.ledger = departement.ledger.numbers(until)
            self.later = departement.ledger.numbers(until + SETTLES)
            wait_until(lambda: not disagree(), "the figures to be the ledger's", 120, otherwise=disagree)
        self.events: Sequence[Event] = collected.events
        self.figures = folded.numbers(collected.events)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return Days(tmp_path_factory.mktemp("week"), 7)


def test_figures_are_the_ledger_number_for_number(week: Days) -> None:
    assert week.figures == week.ledger
    assert {place[0] for place in week.figures} == {*Channel}
    assert {event.source.partition("/")[0] for event in week.events} == CONNECTORS
    assert any(event.type == "letter.sent" and ":D20" in event.subject for event in week.events), "nothing only sent"


def total(numbers: Numbers, *names: str) -> int:
    return sum(numbers.get(name, 0) for name in names)


def test_figures_are_the_ledger_if_it_is_told_as_it_happens(week: Days) -> None:
    workers, until = Workers(week.since, partitions=2), week.until + SETTLES
    told = sorted({event.id: event for event in week.events}.values(), key=lambda event: event.time)
    workers.live(deliver(told, 1), until, [week.since + timedelta(days=1, hours=11)])
    assert differences(workers.numbers(), week.later) == []
    assert workers.dead == {}


def test_who_came_is_accounted_for_on_every_channel(week: Days) -> None:
    for (channel, *_), numbers in week.figures.items():
        match channel:
            case Channel.CALL | Channel.VISIT:
                assert numbers.get("offered", 0) == total(numbers, "answered", "abandoned", *LEFT, "waiting")
            case Channel.MAIL | Channel.EMAIL | Channel.FORM:
                assert numbers.get("received", 0) == total(numbers, *CLOSED, *OPEN)
            case Channel.APPOINTMENT:
                assert numbers.get("booked", 0) == total(numbers, *CANCELLED, "attended", "missed", *OPEN)


def test_the_same_seed_gives_the_same_ids(week: Days, tmp_path: Path) -> None:
    begin = Days(tmp_path, 2, week.keys)
    assert ids(begin.events, begin.until) == ids(week.events, begin.until)


def ids(events: Sequence[Event], until: datetime) -> Counter[tuple[str, ...]]:
    """What tells events until then apart, whatever the order in which they were read; steps of letters by what they say."""
    return Counter(
        # A letter's number, which ids of its steps are made of, depends on when the connector found it in the folder.
        (event.type, *((str(event.time), event.service) if event.type in STEPS else (event.id,)))
        for event in {event.id: event for event in events}.values()
        # When a letter had come is told by whoever registers it later, how agents are by when the switchboard was asked.
        if event.time < until and event.type not in {"letter.arrived", "agent.state_changed"}
    )
