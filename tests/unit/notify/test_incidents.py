"""Incidents follow from the SLA events of clocks, without duplicates."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sla import AnySlaEvent
from streams.notify.incidents import Change, ChangeKind, ClockIncidents, IncidentKind, fold, resolve
from tests.support.sla_events import NOON, SlaClockStub

LATER = NOON + timedelta(days=2)


def changes_of(
    *batches: Sequence[AnySlaEvent], known: ClockIncidents | None = None, is_reread: bool = False
) -> tuple[ClockIncidents | None, list[Change]]:
    """Return the changes caused by batches of events of one clock."""
    changes: list[Change] = []
    for batch in batches:
        before = known
        for event in batch:
            known = fold(known, event, is_reread=is_reread)
        if known is not None and known is not before:
            known, new = resolve(before, known)
            changes += new
    return known, changes


def seen(changes: Iterable[Change]) -> list[tuple[str, str]]:
    """Return the changes that are sent."""
    return [(one.what, one.incident.kind) for one in changes if one.what in {ChangeKind.STARTED, ChangeKind.ENDED}]


def earlier_end(event: AnySlaEvent) -> AnySlaEvent:
    """Return `event` of a clock that ended before it."""
    data = event.data.model_copy(update={"ended_at": event.time - timedelta(minutes=30)})
    return event.model_copy(update={"data": data})


BREACH = [("started", "breached"), ("ended", "breached")]
WARNING = [("started", "at_risk"), ("ended", "at_risk")]
CHANGES: dict[str, tuple[Callable[[SlaClockStub], list[AnySlaEvent]], list[tuple[str, str]], bool]] = {
    "target met late": (lambda clock: [clock.started(), clock.breached(), clock.met()], BREACH, False),
    "target met in time": (lambda clock: [clock.at_risk(), clock.met(minutes=-30)], WARNING, False),
    "deadline passed": (
        lambda clock: [clock.started(), clock.at_risk(), clock.breached(), clock.met()],
        [*WARNING, *BREACH],
        False,
    ),
    "pause and later deadline": (
        lambda clock: [
            clock.at_risk(),
            clock.breached(),
            clock.paused(-60),
            clock.resumed(-30, LATER),
            clock.at_risk(LATER - timedelta(hours=2)),
        ],
        [*WARNING, *BREACH, WARNING[0]],
        True,
    ),
    "future deadline, which passes": (
        lambda clock: [clock.breached(), clock.moved(5, LATER), clock.breached()],
        [*BREACH, BREACH[0]],
        True,
    ),
    "other passed deadline": (
        lambda clock: [clock.breached(), clock.moved(60, NOON + timedelta(minutes=30)), clock.breached(LATER)],
        BREACH[:1],
        True,
    ),
    "withdrawn end": (lambda clock: [clock.breached(), clock.met(5), clock.resumed(5)], [*BREACH, BREACH[0]], True),
    "end known with the breach": (
        lambda clock: [clock.breached(LATER, ended_at=NOON + timedelta(minutes=5))],
        BREACH,
        False,
    ),
    "end from a worker with a slow clock": (
        lambda clock: [clock.breached(NOON + timedelta(minutes=20)), clock.met(0.1, NOON + timedelta(seconds=6))],
        BREACH,
        False,
    ),
    "pause from a worker with a slow clock": (
        lambda clock: [clock.breached(NOON + timedelta(minutes=20)), clock.paused(0.1, NOON + timedelta(seconds=6))],
        BREACH,
        False,
    ),
    "warning after the deadline": (lambda clock: [clock.at_risk(LATER)], [], False),
    "warning of an ended clock": (lambda clock: [earlier_end(clock.at_risk())], [], False),
    "repeated warning of an ended clock": (
        lambda clock: [clock.at_risk(), earlier_end(clock.at_risk(NOON - timedelta(hours=1)))],
        WARNING,
        False,
    ),
}
"""Events of a clock → sent changes, and whether an incident is open afterwards."""


@pytest.mark.parametrize(("events", "sent", "is_open"), CHANGES.values(), ids=CHANGES)
def test_events_of_a_clock_cause_changes(
    events: Callable[[SlaClockStub], list[AnySlaEvent]], sent: list[tuple[str, str]], *, is_open: bool
) -> None:
    known, changes = changes_of(*([event] for event in events(SlaClockStub())))
    assert seen(changes) == sent
    assert known is not None
    assert known.open is is_open
    began = [one.incident for one in changes if one.what is ChangeKind.STARTED]
    assert len({incident.id for incident in began}) == len(began)
    assert {one.incident.id for one in changes if one.what is ChangeKind.ENDED} <= {incident.id for incident in began}


def test_start_and_deadline_of_a_breach_are_those_of_its_event() -> None:
    _, (began,) = changes_of([SlaClockStub().breached()])
    assert began.incident.starts_at == began.incident.deadline_at == NOON.timestamp() * 1000


def test_incident_of_another_passed_deadline_has_the_new_deadline() -> None:
    clock = SlaClockStub()
    known, _ = changes_of([clock.breached()], [clock.moved(60, NOON + timedelta(minutes=30))])
    assert known is not None
    assert known.breach is not None
    assert known.breach.deadline_at == known.breach.starts_at + 30 * 60_000


@pytest.mark.parametrize("event", ["cancelled", "paused", "met"])
def test_stopped_clock_ends_its_incident(event: str) -> None:
    clock = SlaClockStub()
    _, changes = changes_of([clock.breached()], [getattr(clock, event)()])
    assert changes[-1].incident.end == event


def test_end_of_a_warning_is_the_missed_deadline() -> None:
    clock = SlaClockStub()
    _, (_, ended, broken) = changes_of([clock.at_risk()], [clock.breached()])
    assert (ended.incident.end, ended.incident.ended_at) == ("breached", broken.incident.due_at)


def test_clock_that_ended_before_its_report_is_one_late_ended_incident() -> None:
    clock = SlaClockStub()
    _, changes = changes_of([clock.at_risk(LATER), clock.breached(LATER), clock.met(5, LATER)])
    assert seen(changes) == BREACH
    assert all(change.incident.late for change in changes)


@pytest.mark.parametrize(
    ("channel", "seconds", "late"),
    [("call", 9, False), ("visit", 11, True), ("form", 95, False), ("mail", 899, False), ("email", 901, True)],
)
def test_incident_is_late_beyond_the_usual_delay_of_its_source(channel: str, seconds: int, late: bool) -> None:
    clock = SlaClockStub(channel=channel, clock="answer" if channel in {"call", "visit"} else "resolution")
    _, changes = changes_of([clock.breached(NOON + timedelta(seconds=seconds))])
    assert [change.incident.late for change in changes] == [late]


def test_met_targets_are_not_stored() -> None:
    clock = SlaClockStub()
    assert changes_of([clock.started(), clock.paused(-300), clock.resumed(-200), clock.met(-100)]) == (None, [])


def long_history(clock: SlaClockStub) -> list[AnySlaEvent]:
    """Return a long sequence of events in order."""
    return [
        clock.started(),
        clock.paused(-400),
        clock.resumed(-300),
        clock.at_risk(),
        clock.breached(),
        clock.paused(30),
        clock.resumed(60, NOON + timedelta(hours=8)),
        clock.breached(),
        clock.met(5),
        clock.resumed(5),
        clock.met(60),
    ]


@given(st.lists(st.integers(0, 10), max_size=3), st.data())
def test_reread_from_any_event_changes_nothing(until: list[int], data: st.DataObject) -> None:
    events = long_history(SlaClockStub())
    for end in (*until, len(events)):
        first, _ = changes_of(*([one] for one in events[: end + 1]))
        start = data.draw(st.integers(0, end))
        again, changes = changes_of(*([one] for one in events[start : end + 1]), known=first, is_reread=True)
        assert seen(changes) == []
        if first is not None and again is not None:
            assert again.incidents == first.incidents


@given(st.lists(st.booleans(), min_size=10, max_size=10))
def test_batches_do_not_change_the_final_state(cuts: list[bool]) -> None:
    events = long_history(SlaClockStub())
    batches: list[list[AnySlaEvent]] = [[]]
    for event, cut in zip(events, [*cuts, False], strict=True):
        batches[-1].append(event)
        if cut:
            batches.append([])
    known, changes = changes_of(*batches)
    assert known is not None
    assert not known.open
    breaches = [change for change in changes if change.incident.kind is IncidentKind.BREACHED]
    assert breaches[-1].what is ChangeKind.ENDED
    started = {one.incident.id for one in breaches if one.what is ChangeKind.STARTED}
    assert started == {one.incident.id for one in breaches if one.what is ChangeKind.ENDED}
    assert 1 <= len(started) <= 3


def test_events_without_a_deadline_cause_no_warning() -> None:
    event = SlaClockStub().at_risk()
    waiting = event.model_copy(update={"data": event.data.model_copy(update={"deadline_at": None})})
    assert changes_of([waiting])[1] == []
