"""SLA clocks and their reported changes, for any order of events, with ticks, kills and file changes in between."""

import json
import tomllib
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from models.events import Event
from models.policies import Policies, SlaFile
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.sla import events as sla
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_changes import ClockChange, ClockChangeKind, advance, advance_time
from streams.core.sla.clock_intervals import clock_intervals
from tests.support.events import START_MS, make
from tests.support.sla_events import SIEGE

FORM = "form:demarches/siege:12"
MINUTE_MS, DAY = 60_000, 1440
MONTH = 30 * DAY
POLICY = """
[[policy]]
name = "dossiers"
match = { channel = "form" }
calendar = "siege"
clocks.acknowledge = { target = %d, unit = "opening_hours" }
clocks.first_response = { target = %d, unit = "elapsed", at_risk = 0.5 }
clocks.resolution = { target = %d, unit = "working_days" }
"""
STRIKE = SIEGE.replace('holidays = "FR"', 'holidays = "FR"\nclosures = [{ from = 2025-03-05, to = 2025-03-19 }]')
FILES = {
    name: Policies(SlaFile.model_validate(tomllib.loads(text)), name)
    for name, text in {
        "first": SIEGE + POLICY % (14_400, 7_200, 10),
        "shorter": SIEGE + POLICY % (3_600, 600, 2),
        "closed": STRIKE + POLICY % (14_400, 7_200, 10),
        "no policy": SIEGE,
        "empty": "",
    }.items()
}
DATA = {"form.submitted": {"procedure": "transport"}, "form.decided": {"decision": "accepted"}}
KINDS = ("form.taken_up", "form.correction_requested", "form.corrected", "form.decided")


class ReadEvent(NamedTuple):
    """An event, and the minute in which it is read."""

    event: Event
    minute: int


@st.composite
def form_histories(draw: st.DrawFn, *, in_order: bool) -> list[ReadEvent]:
    """Draw the events of a form, read late and with duplicates, and out of order unless `in_order`."""
    minutes = sorted(draw(st.lists(st.integers(1, MONTH), max_size=7, unique=True)))
    happened = [("form.submitted", 0), *((draw(st.sampled_from(KINDS)), minute) for minute in minutes)]
    read_events, known_at = [], 0
    for kind, minute in happened:
        event = make(kind, minute * 60, subject=FORM, site="siege", service="mobilite", **DATA.get(kind, {}))
        known_at = max(minute, known_at if in_order else 0) + draw(st.integers(0, 3 * DAY))
        again_at = known_at + draw(st.integers(0, DAY))
        read_events += [ReadEvent(event, known_at), *([ReadEvent(event, again_at)] if draw(st.booleans()) else [])]
    return sorted(read_events, key=lambda item: item.minute)


class ClockedContact:
    """A contact's row, and the reported changes of its clocks."""

    def __init__(self) -> None:
        self.policies = FILES["first"]
        self.row: Contact | None = None
        self.reported: list[tuple[ClockChange, int]] = []

    @property
    def clocks(self) -> tuple[SlaClock, ...]:
        return self.row.clocks if self.row else ()

    def take(self, item: ReadEvent) -> None:
        after = contact.fold(self.row, item.event)
        if after is not self.row:
            self._put(after, *advance(self.clocks, clock_intervals(after), self.policies, ms(item.minute)), item.minute)

    def tick(self, minute: int) -> None:
        if self.row is not None:
            self._put(self.row, *advance_time(self.clocks, ms(minute), ms(minute)), minute)

    def kill(self) -> None:
        self.row = contact.decode(contact.encode(self.row)) if self.row else None

    def change_file(self, name: str, minute: int) -> None:
        self.policies = FILES[name]
        if self.row is not None and not self.row.is_closed:
            self._put(
                self.row,
                *advance(self.clocks, clock_intervals(self.row), self.policies, ms(minute), renew=True),
                minute,
            )

    def _put(self, row: Contact, clocks: tuple[SlaClock, ...], changes: list[ClockChange], minute: int) -> None:
        self.row = row.__copy__()
        self.row.clocks = clocks
        self.reported += ((item, minute) for item in changes)


def ms(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def facts(clock: SlaClock) -> tuple[object, ...]:
    """Return the state of a clock, without its reports."""
    times = clock.started_at, clock.deadline_at, clock.at_risk_at, clock.pauses, clock.end, clock.ended_at
    return clock.terms, *times, clock.is_breached, clock.is_open and clock.is_at_risk


def recompute(history: list[ReadEvent], policies: Policies, minute: int) -> list[SlaClock]:
    """Return the clocks after all events are folded in one step."""
    row: Contact | None = None
    for item in sorted(history, key=lambda item: item.event.time):
        row = contact.fold(row, item.event)
    assert row is not None
    return list(advance((), clock_intervals(row), policies, ms(minute))[0])


moments = st.lists(st.tuples(st.integers(0, 2 * MONTH), st.sampled_from(["tick", "kill"])), max_size=8)


def run(history: list[ReadEvent], between: list[tuple[int, str]]) -> tuple[ClockedContact, int]:
    """Return the contact after all events and the steps `between`, and the minute after the end."""
    clocked = ClockedContact()
    steps = [*((item.minute, item) for item in history), *between]
    for minute, step in sorted(steps, key=lambda item: item[0]):
        match step:
            case ReadEvent():
                clocked.take(step)
            case "tick":
                clocked.tick(minute)
            case "kill":
                clocked.kill()
            case file:
                clocked.change_file(file, minute)
    over = max(minute for minute, _ in steps) + 1
    clocked.tick(over)
    return clocked, over


@settings(max_examples=300)
@given(form_histories(in_order=False), moments)
def test_clocks_do_not_depend_on_order_and_delays(history: list[ReadEvent], between: list[tuple[int, str]]) -> None:
    clocked, over = run(history, between)
    assert [facts(clock) for clock in clocked.clocks] == [
        facts(clock) for clock in recompute(history, clocked.policies, over)
    ]


@settings(max_examples=300)
@given(form_histories(in_order=True), moments)
def test_each_change_is_reported_once_with_its_true_time(
    history: list[ReadEvent], between: list[tuple[int, str]]
) -> None:
    clocked, _ = run(history, between)
    ids = [
        json.loads(sla.record(FORM.encode(), "", change, ms(minute))[1])["id"] for change, minute in clocked.reported
    ]
    assert len(set(ids)) == len(ids)
    for change, minute in clocked.reported:
        assert change.at <= ms(minute)
        if change.kind is ClockChangeKind.BREACHED:
            assert change.at == change.clock.deadline_at
    for clock in clocked.clocks:
        kinds = [change.kind for change, _ in clocked.reported if change.clock.kind is clock.kind]
        assert kinds[0] is ClockChangeKind.STARTED
        assert clock.is_paused or clock.deadline_at is not None
        if clock.is_breached:
            assert ClockChangeKind.BREACHED in kinds


@settings(max_examples=300)
@given(
    form_histories(in_order=False),
    moments,
    st.lists(st.tuples(st.integers(0, 2 * MONTH), st.sampled_from([*FILES])), min_size=1, max_size=6),
)
def test_changed_files_apply_to_open_clocks_only(
    history: list[ReadEvent], between: list[tuple[int, str]], changes: list[tuple[int, str]]
) -> None:
    clocked, over = run(history, [*between, *changes])
    (last,) = {item for item in FILES.values() if item is clocked.policies}
    fresh = {clock.kind: clock for clock in recompute(history, last, over)}
    for clock in clocked.clocks:
        if clock.is_open and clock.kind in fresh:
            assert facts(clock) == facts(fresh[clock.kind])
    before = clocked.clocks
    for minute, (_, name) in enumerate(pairwise(["first", *FILES]), over):
        clocked.policies = FILES[name]
        row = clocked.row
        assert row is not None
        for renew in (False, True):
            after, reported = advance(before, clock_intervals(row), clocked.policies, ms(minute), renew=renew)
            ended = {clock.kind: clock for clock in before if not clock.is_open}
            assert ended == {clock.kind: clock for clock in after if clock.kind in ended}
            assert not any(item.clock.kind in ended for item in reported)
