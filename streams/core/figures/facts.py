"""What a contact contributes to the figures: facts, a pure function of its row.

A fact is one thing to be counted, at the place where its contact is, in the five minutes when it happened.
"""

from collections.abc import Iterator
from typing import Final

from models.events import FeedbackScale
from models.policies import ClockKind
from models.timestamps import milliseconds
from models.topics import Channel
from streams.core.contacts.case_event import (
    STATE_AFTER_EVENT,
    CaseEvent,
    ContactState,
    intervals_in_states,
    latest_state_event,
    status,
)
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import QueueStay, stay_result
from streams.core.figures.figure import BUCKET_SECONDS, Dimensions
from streams.core.figures.figure_schemas import (
    APPOINTMENT_SCHEMA,
    CASE_SCHEMA,
    FEEDBACK,
    FIGURE_SCHEMAS,
    MIN_SATISFIED_SCORE,
    QUEUE_SCHEMA,
    SLA,
    SLA_SCHEMA,
    TRANSFER_SCHEMA,
    WAIT_CLASS_SECONDS,
    WAIT_CLASSES,
    csat_count_name,
)
from streams.core.rows import derived_dimensions
from streams.core.sla.clock import ClockEnd, SlaClock

Fact = tuple[int | None, int, int]
"""Start of the five minutes in seconds since 1970, index in counts, its duration in milliseconds or its amount (0 if it has
neither). A stock has no time: None, index in stocks, 0."""
Facts = tuple[Fact, ...]

LONGEST_ADMISSION_MS: Final = 366 * 86_400_000
"""A letter admitted longer before its scan than this was not: somebody mistyped the year."""
_BUCKET_MS: Final = BUCKET_SECONDS * 1000


def bucket_start(at: int) -> int:
    """Return the start of the five minutes of `at` (milliseconds since 1970) in seconds since 1970."""
    return at // _BUCKET_MS * BUCKET_SECONDS


# ---------------------------------------------------------------------------------------------------------------- queues
_INDEX: Final = dict(QUEUE_SCHEMA.index)
_WITH_DURATION: Final = QUEUE_SCHEMA.with_duration
_OFFERED: Final = QUEUE_SCHEMA.index["offered"]
_HANDED_ON: Final = TRANSFER_SCHEMA.index["handed_on"]
_WAITING: Final[Fact] = (None, QUEUE_SCHEMA.stock_index["waiting"], 0)
_IN_PROGRESS: Final[Fact] = (None, QUEUE_SCHEMA.stock_index["in_progress"], 0)


def stay_facts(visit: QueueStay) -> Facts:
    """Return what a stay in a queue contributes to the figures of its place.

    It is always offered, and has either an outcome or the stock `waiting`: `offered = answered + abandoned + left + waiting`.
    """
    story = stay_result(visit)
    offered = (bucket_start(story.queued_at), _OFFERED, 0)
    if story.outcome == "waiting":
        return offered, _WAITING
    index = _INDEX[story.outcome]
    outcome = (bucket_start(story.outcome_at), index, story.wait_ms if index in _WITH_DURATION else 0)
    if not story.finish:
        return offered, outcome
    if story.finish == "in_progress":
        return offered, outcome, _IN_PROGRESS
    return offered, outcome, (bucket_start(story.finished_at), _INDEX[story.finish], story.handle_ms)


def transfer_facts(visit: QueueStay) -> Facts:
    """Return what a stay in a queue contributes to the figures of where it was handed on to (`visit.place_of_transfer`)."""
    if visit.transferred_at is None or visit.to_queue is None or (story := stay_result(visit)).finish != "transferred":
        return ()
    return ((bucket_start(story.finished_at), _HANDED_ON, 0),)


# ---------------------------------------------------------------------------------------------------- all other channels
def case_facts(row: Contact) -> dict[Dimensions, Facts]:
    """Return what all but the stays in queues contributes: place → facts."""
    if not row.case_events:
        return {}
    told: dict[Dimensions, Facts] = {}
    figure_schema = FIGURE_SCHEMAS[row.channel]
    if figure_schema is not QUEUE_SCHEMA and not row.stays and (own_events := row.own_events):
        facts = (
            _facts_of_matter(own_events)
            if figure_schema is CASE_SCHEMA
            else _facts_of_appointment(own_events)
            if figure_schema is APPOINTMENT_SCHEMA
            else ()
        )
        if facts:
            told[row.dimensions] = facts
    if _is_judged(row) and (opinions := _facts_of_feedback(row)):
        where = row.dimensions
        about = row.channel.value if row.channel is not Channel.FEEDBACK else ""
        told[derived_dimensions(Channel.FEEDBACK.value, where.site, where.service, about)] = opinions
    return told


_STEPS: Final = {
    "letter.registered": "registered",
    "letter.assigned": "assigned",
    "letter.acknowledged": "acknowledged",
    "email.acknowledged": "acknowledged",
    "form.taken_up": "assigned",
    "form.correction_requested": "correction_requested",
    "form.corrected": "corrected",
}
"""Event type → count of the contacts to which it happened."""
_ANSWERS: Final = frozenset({"letter.answered", "email.answered", "form.decided"})
_RESPONSES: Final = _ANSWERS | {"form.correction_requested"}
"""What tells the citizen something of a person's for the first time."""
_BEGINNINGS: Final = frozenset({"letter.arrived", "email.received", "form.submitted"})
_SENT: Final = "letter.sent"
_CLOSED: Final = frozenset({ContactState.CLOSED})
_FEEDBACK: Final = Channel.FEEDBACK.value


def open_since(row: Contact) -> int | None:
    """Return since when a matter waits for the service to act, milliseconds since 1970; None if it does not."""
    if row.stays or FIGURE_SCHEMAS[row.channel] is not CASE_SCHEMA:
        return None
    own_events = row.own_events
    state, _ = status(latest_state_event(own_events))
    return received_at(own_events) if state in (ContactState.WAITING, ContactState.IN_PROGRESS) else None


def responded_at(own_events: tuple[CaseEvent, ...], *, in_substance: bool = False) -> int | None:
    """Return when a person first told the citizen something; `in_substance`: when they first did what was asked for."""
    kinds = _ANSWERS if in_substance else _RESPONSES
    return min((told.first_at for told in own_events if told.type in kinds), default=None)


def received_at(own_events: tuple[CaseEvent, ...]) -> int | None:
    """Return when a matter was received; None if that was not told: it was sent, or counted and dropped before.

    Earlier news than its beginning is believed more than the beginning's time.
    """
    if all(told.type not in _BEGINNINGS for told in own_events):
        return None
    times = [told.first_at for told in own_events if told.type != _SENT]  # that says of nothing that it was received
    for told in own_events:
        if told.type == "letter.arrived" and (admitted := told.data.admitted_at):
            admitted_at = milliseconds(admitted)
            if is_plausible_admission(admitted_at, told.first_at):
                times.append(admitted_at)
    return min(times)


def is_plausible_admission(admitted_at: int, arrived_at: int) -> bool:
    """Return whether a letter that arrived may have been admitted then."""
    return 0 <= arrived_at - admitted_at <= LONGEST_ADMISSION_MS


def _scan_ms(arrived: CaseEvent) -> int:
    """Return how long after its receipt a letter was scanned; 0 if it is not told, or not told apart."""
    admitted = arrived.data.admitted_at
    admitted_at = arrived.first_at if admitted is None else milliseconds(admitted)
    return arrived.first_at - admitted_at if is_plausible_admission(admitted_at, arrived.first_at) else 0


def reopened_at(own_events: tuple[CaseEvent, ...]) -> int | None:
    """Return when a matter first went on after it was closed; None if it never did."""
    if all(STATE_AFTER_EVENT.get(told.type) is not ContactState.CLOSED for told in own_events):
        return None
    return next((until for _, until in intervals_in_states(own_events, _CLOSED) if until is not None), None)


def _facts_of_matter(own_events: tuple[CaseEvent, ...]) -> Facts:
    index = CASE_SCHEMA.index
    facts: list[Fact] = []
    for told in own_events:
        if told.type == _SENT:
            sent = told.data
            at = bucket_start(told.last_at)
            cents = sent.cost_cents
            facts += (at, index[f"sent_{sent.postage}"], 0), (at, index["postage_cents"], cents)
            facts.append((at, index[f"postage_cents_{sent.postage}"], cents))
    begun_at, decisive = received_at(own_events), latest_state_event(own_events)
    if begun_at is None or decisive is None:
        return tuple(facts)
    facts.append((bucket_start(begun_at), index["received"], 0))
    for told in own_events:
        if step := _STEPS.get(told.type):
            delay_ms = told.first_at - begun_at if index[step] in CASE_SCHEMA.with_duration else 0
            facts.append((bucket_start(told.first_at), index[step], delay_ms))
        if told.type == "letter.arrived" and (delay_ms := _scan_ms(told)):
            facts.append((bucket_start(told.first_at), index["scanned"], delay_ms))
    if (reopened := reopened_at(own_events)) is not None:
        facts.append((bucket_start(reopened), index["reopened"], 0))
    response_at = responded_at(own_events)
    if response_at is not None:
        facts.append((bucket_start(response_at), index["responded"], response_at - begun_at))
    state, outcome = status(decisive)
    if state is not ContactState.CLOSED:
        facts.append((None, CASE_SCHEMA.stock_index[state], 0))
    else:
        facts.append((bucket_start(decisive.last_at), index[f"closed_{outcome}"], decisive.last_at - begun_at))
    return tuple(facts)


_APPOINTMENT_STEPS: Final = {"appointment.moved": "moved", "appointment.checked_in": "checked_in"}


def _facts_of_appointment(own_events: tuple[CaseEvent, ...]) -> Facts:
    by_type = {told.type: told for told in own_events}
    booked, decisive = by_type.get("appointment.booked"), latest_state_event(own_events)
    if booked is None or decisive is None:  # its booking is yet to be told, or it was counted and dropped before
        return ()
    index = APPOINTMENT_SCHEMA.index
    booked_at, starts_at = booked.first_at, booked.data.starts_at
    lead_ms = 0 if starts_at is None else max(0, milliseconds(starts_at) - booked_at)
    facts: list[Fact] = [
        (bucket_start(booked_at), index["booked"], lead_ms),
        (bucket_start(booked_at), index[f"booked_by_{booked.data.by}"], 0),
    ]
    for kind, step in _APPOINTMENT_STEPS.items():
        if told := by_type.get(kind):
            facts.append((bucket_start(told.first_at), index[step], 0))
    state, outcome = status(decisive)
    if state is not ContactState.CLOSED:
        facts.append((None, APPOINTMENT_SCHEMA.stock_index[state], 0))
    else:
        name = f"cancelled_by_{decisive.data.by}" if outcome == "cancelled" else outcome
        facts.append((bucket_start(decisive.last_at), index[name], 0))
    return tuple(facts)


def _is_judged(row: Contact) -> bool:
    for told in row.case_events:  # noqa: SIM110 - a generator costs more than the loop, and this is asked of every call
        if told.dimensions.channel == _FEEDBACK:
            return True
    return False


def _facts_of_feedback(row: Contact) -> Facts:
    index = FEEDBACK.index
    facts: list[Fact] = []
    told_of = [told for told in row.case_events if told.dimensions.channel == Channel.FEEDBACK]
    given = [told for told in told_of if told.data.scale]
    for told in told_of:
        if told.type == "feedback.invited":
            facts.append((bucket_start(told.first_at), index["invited"], 0))
            if given:
                facts.append((bucket_start(told.first_at), index["invited_answered"], 0))
    for told in given:
        scale, score, at = told.data.scale, told.data.score, bucket_start(told.last_at)
        facts.append((at, index[f"given_{scale}_{score}"], 0))
        if scale == FeedbackScale.CSAT_5:
            is_satisfied = score >= MIN_SATISFIED_SCORE
            facts += ((at, index[csat_count_name(which, is_satisfied=is_satisfied)], 0) for which in experiences(row))
    return tuple(facts)


def experiences(row: Contact) -> Iterator[str]:
    """Yield what somebody went through, as `layouts.EXPERIENCES` has it: promises, and waits if there were any.

    A promise that is still to be kept in time is none yet.
    """
    if any(clock.is_breached for clock in row.clocks):
        yield "promise_missed"
    else:
        yield "promise_kept" if any(clock.end is ClockEnd.MET for clock in row.clocks) else "no_promise"
    if row.stays:
        longest = max(stay_result(visit).wait_ms for visit in row.stays)
        yield next(
            (name for bound, name in zip(WAIT_CLASS_SECONDS, WAIT_CLASSES, strict=False) if longest <= 1000 * bound),
            WAIT_CLASSES[-1],
        )


# ---------------------------------------------------------------------------------------------------------------- clocks
def clock_facts(clock: SlaClock) -> Facts:
    """Return what a clock contributes to the figures of its policy."""
    index, stocks = SLA_SCHEMA.index, SLA_SCHEMA.stock_index
    facts: list[Fact] = [(bucket_start(clock.started_at), index["started"], 0)]
    deadline_at, breached = clock.deadline_at, clock.is_breached
    if breached and deadline_at is not None:
        facts.append((bucket_start(deadline_at), index["breached"], 0))
    if clock.worked_ms is not None and clock.ended_at is not None:
        facts.append((bucket_start(clock.ended_at), index["worked"], clock.worked_ms))
    if clock.ended_at is not None:
        late = "_late" if breached else ""
        name = f"cancelled{late}" if clock.end is ClockEnd.CANCELLED else "late" if breached else "met"
        facts.append((bucket_start(clock.ended_at), index[name], 0))
        return tuple(facts)
    if deadline_at is None:
        facts.append((None, stocks["paused"], 0))
        return tuple(facts)
    status = "overdue" if breached else "at_risk" if clock.is_at_risk else "running"
    return (*facts, (None, stocks[status], 0), (bucket_start(deadline_at), index["due"], 0))


def clock_dimensions(clock: SlaClock) -> Dimensions:
    """Return where a clock is counted."""
    return target_dimensions(clock.terms.policy, clock.kind, clock.dimensions)


def target_dimensions(policy: str, kind: ClockKind, dimensions: Dimensions) -> Dimensions:
    """Return where the clocks of a policy are counted whose contacts are at `place`."""
    channel, site, service, _ = dimensions
    return derived_dimensions(SLA, site, service, f"{policy}:{kind}:{channel}")
