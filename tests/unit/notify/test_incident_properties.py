"""The final incidents match the clocks, whatever becomes known and in whatever order."""

import tomllib
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.policies import ClockKind, Policies, SlaFile
from models.sla import decode_sla
from streams.core.figures.figure import Dimensions
from streams.core.sla.clock import ClockEnd, SlaClock
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import ClockInterval
from streams.core.sla.events import record
from streams.notify.incidents import Change, ChangeKind, ClockIncidents, fold, resolve

FILE = """
[calendars.siege]
timezone = "Europe/Paris"
[[calendars.siege.versions]]
from = 2020-01-01
monday = ["08:30-17:00"]
tuesday = ["08:30-17:00"]
wednesday = ["08:30-17:00"]
thursday = ["08:30-17:00"]
friday = ["08:30-17:00"]
[[policy]]
name = "dossiers"
match = { channel = "form" }
calendar = "siege"
clocks.resolution = { target = TARGET, unit = "UNIT", at_risk = 0.5 }
"""
MINUTE, START = 60_000, 1_741_000_000_000
PLACE = Dimensions("form", "siege", "solidarites", "rsa")


class Knowledge(NamedTuple):
    """Known events of a contact at a time, in minutes."""

    now: int
    started_at: int
    pauses: tuple[tuple[int, int | None], ...]
    ended_at: int | None
    is_void: bool


def policies(target: int, unit: str) -> Policies:
    text = FILE.replace("TARGET", str(target)).replace("UNIT", unit)
    return Policies(SlaFile.model_validate(tomllib.loads(text)))


@st.composite
def histories(draw: st.DrawFn) -> list[Knowledge]:
    times = sorted(draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=8, unique=True)))
    return [draw(_knowledge(now)) for now in times]


@st.composite
def _knowledge(draw: st.DrawFn, now: int) -> Knowledge:
    """Any part of the earlier events may be known."""
    edges = sorted(draw(st.lists(st.integers(0, now), max_size=5, unique=True)))
    started_at, ended_at = (edges.pop(0) if edges else 0), None
    if draw(st.booleans()):
        ended_at = edges.pop() if edges else max(now, started_at)
    pauses = [(begin, end) for begin, end in pairwise(edges)][::2]
    lasts = [(edges[-1], None)] if ended_at is None and len(edges) % 2 else []
    return Knowledge(now, started_at, (*pauses, *lasts), ended_at, draw(st.booleans()))


def clock_interval(known: Knowledge) -> ClockInterval:
    def at(minute: int) -> int:
        return START + minute * MINUTE

    end = ClockEnd.NONE if known.ended_at is None else ClockEnd.CANCELLED if known.is_void else ClockEnd.MET
    pauses = tuple((at(begin), None if end is None else at(end)) for begin, end in known.pauses)
    ended_at = None if known.ended_at is None else at(known.ended_at)
    return ClockInterval(ClockKind.RESOLUTION, 0, PLACE, at(known.started_at), pauses, (), end, ended_at)


@settings(max_examples=400, deadline=None)
@given(
    histories(),
    st.sampled_from([(3_600, "elapsed"), (144_000, "elapsed"), (36_000, "opening_hours"), (2, "working_days")]),
    st.booleans(),
)
def test_incidents_match_the_clocks(history: list[Knowledge], delay: tuple[int, str], at_once: bool) -> None:
    rules = policies(*delay)
    clocks: tuple[SlaClock, ...] = ()
    known: ClockIncidents | None = None
    changes: list[Change] = []
    for step in history:
        now = START + step.now * MINUTE
        clocks, news = advance(clocks, [clock_interval(step)], rules, now)
        events = [decode_sla(record(b"form:demarches/essai:1", "social", one, now)[1]) for one in news]
        for batch in [events] if at_once else [[event] for event in events]:
            before = known
            for event in batch:
                known = fold(known, event)
            if known is not None and known is not before:
                known, new = resolve(before, known)
                changes += new
        (clock,) = clocks
        breach, risk = (known.breach, known.risk) if known else (None, None)
        assert (breach is not None and breach.ended_at is None) == clock.is_overdue
        risks = clock.is_open and clock.is_at_risk and clock.at_risk_at is not None
        if risk is not None and risk.ended_at is None:
            assert risks
        elif risks and not clock.is_overdue and not clock.is_paused:
            raise AssertionError("no warning began")
    started = [one.incident.id for one in changes if one.what is ChangeKind.STARTED]
    ended = [one.incident.id for one in changes if one.what is ChangeKind.ENDED]
    assert len(set(started)) == len(started)
    assert len(set(ended)) == len(ended)
    assert set(ended) <= set(started)


@settings(max_examples=200, deadline=None)
@given(histories(), st.sampled_from([(3_600, "elapsed"), (36_000, "opening_hours")]))
def test_rebuilt_worker_state_causes_no_new_breach(history: list[Knowledge], delay: tuple[int, str]) -> None:
    rules, last = policies(*delay), history[-1]
    known: ClockIncidents | None = None
    _, news = advance((), [clock_interval(last)], rules, START + last.now * MINUTE)
    events_of: list[Change] = []
    for recorded_at in (last.now, last.now + 60):
        now, before = START + recorded_at * MINUTE, known
        for one in news:
            known = fold(known, decode_sla(record(b"form:demarches/essai:1", "social", one, now)[1]))
        if known is not None:
            known, changes = resolve(before, known)
            events_of += (change for change in changes if change.what in {ChangeKind.STARTED, ChangeKind.ENDED})
    assert len({(change.what, change.incident.id) for change in events_of}) == len(events_of)
    assert all(change.incident.round == 1 for change in events_of)


@pytest.mark.parametrize("at_once", [False, True])
def test_repeated_fold_sends_nothing(*, at_once: bool) -> None:
    rules, known = policies(3_600, "elapsed"), None
    life = [Knowledge(minute, 0, (), ended_at, False) for minute, ended_at in ((1, None), (70, None), (90, 85))]
    events_of: list[list[Change]] = []
    for later in (0, 2_000):
        clocks: tuple[SlaClock, ...] = ()
        events = []
        for step in life:
            now = START + step.now * MINUTE
            clocks, news = advance(clocks, [clock_interval(step)], rules, now)
            events += [record(b"form:demarches/essai:1", "social", one, now + later * MINUTE)[1] for one in news]
        events_of.append([])
        for batch in [events] if at_once else [[event] for event in events]:
            before = known
            for event in batch:
                known = fold(known, decode_sla(event))
            if known is not None and known is not before:
                known, changes = resolve(before, known)
                events_of[-1] += (change for change in changes if change.what in {ChangeKind.STARTED, ChangeKind.ENDED})
    assert events_of[0]
    assert events_of[1] == []
