"""Incidents follow from the SLA events of clocks, without duplicates."""

from collections.abc import Iterable, Sequence
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


def test_breach_opens_an_incident_and_meeting_the_target_ends_it() -> None:
    promise = SlaClockStub()
    _, changes = changes_of([promise.started()], [promise.breached()], [promise.met()])
    assert seen(changes) == [("started", "breached"), ("ended", "breached")]
    began, over = (change.incident for change in changes)
    assert began.id == over.id
    assert (began.ended_at, over.end) == (None, "met")
    assert began.starts_at == began.deadline_at == NOON.timestamp() * 1000


@pytest.mark.parametrize("batches", [1, 5])
def test_warning_ends_when_the_deadline_passes(batches: int) -> None:
    promise = SlaClockStub()
    events = [promise.started(), promise.at_risk(), promise.breached(), promise.met()]
    _, changes = changes_of(*([one] for one in events)) if batches > 1 else changes_of(events)
    assert seen(changes) == [
        ("started", "at_risk"),
        ("ended", "at_risk"),
        ("started", "breached"),
        ("ended", "breached"),
    ]
    warned, over, broken, _ = (change.incident for change in changes)
    assert warned.id == over.id
    assert (over.end, over.ended_at) == ("breached", broken.due_at)


def test_warning_is_repeated_after_a_pause() -> None:
    promise = SlaClockStub()
    events = [promise.at_risk(), promise.breached(), promise.paused(-60), promise.resumed(-30, LATER)]
    known, changes = changes_of(*([one] for one in events), [promise.at_risk(LATER - timedelta(hours=2))])
    assert seen(changes) == [
        ("started", "at_risk"),
        ("ended", "at_risk"),
        ("started", "breached"),
        ("ended", "breached"),
        ("started", "at_risk"),
    ]
    assert changes[-1].incident.id != changes[0].incident.id
    assert known is not None
    assert [one.kind for one in known.incidents if one.ended_at is None] == ["at_risk"]


def test_warning_ends_in_time() -> None:
    promise = SlaClockStub()
    _, changes = changes_of([promise.at_risk()], [promise.met(minutes=-30)])
    assert seen(changes) == [("started", "at_risk"), ("ended", "at_risk")]


@pytest.mark.parametrize("event", ["cancelled", "paused", "met"])
def test_stopped_clock_ends_its_incident(event: str) -> None:
    promise = SlaClockStub()
    known, changes = changes_of([promise.breached()], [getattr(promise, event)()])
    assert changes[-1].incident.end == event
    assert known is not None
    assert not known.open


def test_future_deadline_ends_an_incident_and_next_breach_is_new() -> None:
    promise = SlaClockStub()
    first, moved = promise.breached(), promise.moved(5, LATER)
    _, changes = changes_of([first], [moved], [promise.breached()])
    assert seen(changes) == [("started", "breached"), ("ended", "breached"), ("started", "breached")]
    assert changes[1].incident.end == "moved"
    assert changes[0].incident.id != changes[2].incident.id
    assert changes[0].incident.key == changes[2].incident.key


def test_other_passed_deadline_is_the_same_incident() -> None:
    promise = SlaClockStub()
    first, moved = promise.breached(), promise.moved(60, NOON + timedelta(minutes=30))
    known, changes = changes_of([first], [moved], [promise.breached(told_at=LATER)])
    assert seen(changes) == [("started", "breached")]
    assert known is not None
    assert known.breach is not None
    assert known.breach.deadline_at == known.breach.starts_at + 30 * 60_000


def test_withdrawn_end_opens_a_new_incident() -> None:
    promise = SlaClockStub()
    known, changes = changes_of([promise.breached()], [promise.met(5)], [promise.resumed(5)])
    assert seen(changes) == [("started", "breached"), ("ended", "breached"), ("started", "breached")]
    assert known is not None
    assert known.open


def test_clock_that_ended_before_its_report_is_one_late_ended_incident() -> None:
    promise = SlaClockStub()
    _, changes = changes_of([promise.at_risk(LATER), promise.breached(LATER), promise.met(5, LATER)])
    assert seen(changes) == [("started", "breached"), ("ended", "breached")]
    assert all(change.incident.late for change in changes)


@pytest.mark.parametrize(
    ("channel", "seconds", "late"),
    [("call", 9, False), ("visit", 11, True), ("form", 95, False), ("mail", 899, False), ("email", 901, True)],
)
def test_incident_is_late_beyond_the_usual_delay_of_its_source(channel: str, seconds: int, late: bool) -> None:
    promise = SlaClockStub(channel=channel, clock="answer" if channel in {"call", "visit"} else "resolution")
    _, changes = changes_of([promise.breached(NOON + timedelta(seconds=seconds))])
    assert [change.incident.late for change in changes] == [late]


def test_breach_with_known_end_ends_immediately() -> None:
    _, changes = changes_of([SlaClockStub().breached(LATER, ended_at=NOON + timedelta(minutes=5))])
    assert seen(changes) == [("started", "breached"), ("ended", "breached")]
    assert changes[-1].incident.end == ""


def test_too_late_warning_is_not_given() -> None:
    known, changes = changes_of([SlaClockStub().at_risk(LATER)])
    assert changes == []
    assert known is not None
    assert not known.open


def test_warning_of_an_ended_clock_is_not_given() -> None:
    warned, event = SlaClockStub().at_risk(), SlaClockStub().at_risk(NOON - timedelta(hours=1))
    done = event.model_copy(update={"data": event.data.model_copy(update={"ended_at": NOON - timedelta(minutes=90)})})
    known, changes = changes_of([done])
    assert seen(changes) == []
    assert known is not None
    assert not known.open
    _, changes = changes_of([warned], [done])
    assert seen(changes) == [("started", "at_risk"), ("ended", "at_risk")]


@pytest.mark.parametrize("event", ["met", "paused"])
def test_end_from_a_worker_with_a_slow_clock_counts(event: str) -> None:
    promise = SlaClockStub()
    end = getattr(promise, event)(0.1, NOON + timedelta(seconds=6))
    known, changes = changes_of([promise.breached(NOON + timedelta(minutes=20))], [end])
    assert seen(changes) == [("started", "breached"), ("ended", "breached")]
    assert known is not None
    assert not known.open


def test_met_targets_are_not_stored() -> None:
    promise = SlaClockStub()
    assert changes_of([promise.started(), promise.paused(-300), promise.resumed(-200), promise.met(-100)]) == (None, [])


def life(promise: SlaClockStub) -> list[AnySlaEvent]:
    """Return a long sequence of events in order."""
    return [
        promise.started(),
        promise.paused(-400),
        promise.resumed(-300),
        promise.at_risk(),
        promise.breached(),
        promise.paused(30),
        promise.resumed(60, NOON + timedelta(hours=8)),
        promise.breached(),
        promise.met(5),
        promise.resumed(5),
        promise.met(60),
    ]


@given(st.lists(st.integers(0, 10), max_size=3), st.data())
def test_reread_from_any_event_changes_nothing(until: list[int], data: st.DataObject) -> None:
    events = life(SlaClockStub())
    for end in (*until, len(events)):
        first, _ = changes_of(*([one] for one in events[: end + 1]))
        start = data.draw(st.integers(0, end))
        again, changes = changes_of(*([one] for one in events[start : end + 1]), known=first, is_reread=True)
        assert seen(changes) == []
        if first is not None and again is not None:
            assert again.incidents == first.incidents


@given(st.lists(st.booleans(), min_size=10, max_size=10))
def test_batches_do_not_change_the_final_state(cuts: list[bool]) -> None:
    events = life(SlaClockStub())
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
