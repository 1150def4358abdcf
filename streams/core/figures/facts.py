"""Facts: the contribution of a contact's row to the counts and stocks of the figures.

A fact adds 1, or an amount, to a count of the contact's dimensions in the five minutes of its event, or 1 to a stock.
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
from streams.core.contacts.queue_stay import QueueStay
from streams.core.contacts.stay_outcome import stay_result
from streams.core.figures.derived_facts import derived_facts
from streams.core.figures.figure import Dimensions, Fact, Facts, bucket_start
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

LONGEST_ADMISSION_MS: Final = 366 * 86_400_000
"""Longest time from a letter's admission to its scan, in milliseconds. A longer one is a mistyped year."""

# ---------------------------------------------------------------------------------------------------------------- queues
_INDEX: Final = dict(QUEUE_SCHEMA.index)
_WITH_DURATION: Final = QUEUE_SCHEMA.with_duration
_OFFERED: Final = QUEUE_SCHEMA.index["offered"]
_HANDED_ON: Final = TRANSFER_SCHEMA.index["handed_on"]
_WAITING: Final[Fact] = (None, QUEUE_SCHEMA.stock_index["waiting"], 0)
_IN_PROGRESS: Final[Fact] = (None, QUEUE_SCHEMA.stock_index["in_progress"], 0)


def stay_facts(stay: QueueStay) -> Facts:
    """Return the facts of a queue stay for the figures of its dimensions.

    A stay always counts as offered, and has either an outcome or the stock `waiting`:
    `offered = answered + abandoned + left + waiting`. An answered stay also has a finish or the stock `in_progress`.
    """
    result = stay_result(stay)
    offered = (bucket_start(result.queued_at), _OFFERED, 0)
    if result.outcome == "waiting":
        return offered, _WAITING
    index = _INDEX[result.outcome]
    outcome = (bucket_start(result.outcome_at), index, result.wait_ms if index in _WITH_DURATION else 0)
    if not result.finish:
        return offered, outcome
    if result.finish == "in_progress":
        return offered, outcome, _IN_PROGRESS
    return offered, outcome, (bucket_start(result.finished_at), _INDEX[result.finish], result.handle_ms)


def transfer_facts(stay: QueueStay) -> Facts:
    """Return the fact of a queue stay for the figures of its `queue_stay.transfer_dimensions`.

    Returns an empty tuple without a transfer, and for a transfer of an earlier release, which did not record the target.
    """
    if stay.transferred_at is None or stay.to_queue is None or (result := stay_result(stay)).finish != "transferred":
        return ()
    return ((bucket_start(result.finished_at), _HANDED_ON, 0),)


# ----------------------------------------------------------------------------------------------------------- case events
def case_facts(row: Contact) -> dict[Dimensions, Facts]:
    """Return dimensions → facts of a contact's case or appointment, its opinions and derived figures; without queue stays."""
    if not row.case_events:
        return {}
    found = dict(derived_facts(row))
    figure_schema = FIGURE_SCHEMAS[row.channel]
    if figure_schema is not QUEUE_SCHEMA and not row.stays and (own_events := row.own_events):
        facts = (
            _facts_of_case(own_events)
            if figure_schema is CASE_SCHEMA
            else _facts_of_appointment(own_events)
            if figure_schema is APPOINTMENT_SCHEMA
            else ()
        )
        if facts:
            found[row.dimensions] = facts
    if _has_feedback(row) and (opinions := _facts_of_feedback(row)):
        dimensions = row.dimensions
        channel = row.channel.value if row.channel is not Channel.FEEDBACK else ""
        found[derived_dimensions(Channel.FEEDBACK.value, dimensions.site, dimensions.service, channel)] = opinions
    return found


_STEPS: Final = {
    "letter.registered": "registered",
    "letter.assigned": "assigned",
    "letter.acknowledged": "acknowledged",
    "email.acknowledged": "acknowledged",
    "form.taken_up": "assigned",
    "form.correction_requested": "correction_requested",
    "form.corrected": "corrected",
}
"""Event type → count of contacts with such an event."""
_ANSWERS: Final = frozenset({"letter.answered", "email.answered", "form.decided"})
_RESPONSES: Final = _ANSWERS | {"form.correction_requested"}
"""Event types that are a response of an agent to the citizen."""
_BEGINNINGS: Final = frozenset({"letter.arrived", "email.received", "form.submitted"})
_SENT: Final = "letter.sent"
_CLOSED: Final = frozenset({ContactState.CLOSED})
_FEEDBACK: Final = Channel.FEEDBACK.value


def open_since(row: Contact) -> int | None:
    """Return the time of receipt of a case whose state is `waiting` or `in_progress`, in milliseconds since 1970.

    Returns None in other states, for an unknown receipt, and for other contacts than cases.
    """
    if row.stays or FIGURE_SCHEMAS[row.channel] is not CASE_SCHEMA:
        return None
    own_events = row.own_events
    state, _ = status(latest_state_event(own_events))
    return received_at(own_events) if state in (ContactState.WAITING, ContactState.IN_PROGRESS) else None


def responded_at(own_events: tuple[CaseEvent, ...], *, in_substance: bool = False) -> int | None:
    """Return the time of the first event in `_RESPONSES`; None without one. With `in_substance`, only `_ANSWERS` count."""
    kinds = _ANSWERS if in_substance else _RESPONSES
    return min((event.first_at for event in own_events if event.type in kinds), default=None)


def received_at(own_events: tuple[CaseEvent, ...]) -> int | None:
    """Return the time of receipt of a case.

    Returns None without an event of its receipt: an outgoing letter, or a contact whose row was deleted. If another event, or
    a letter's plausible admission, is earlier than that event, its time counts. The sending of a letter never counts.
    """
    if all(event.type not in _BEGINNINGS for event in own_events):
        return None
    times = [event.first_at for event in own_events if event.type != _SENT]  # sending does not imply receipt
    for event in own_events:
        if event.type == "letter.arrived" and (admitted := event.data.admitted_at):
            admitted_at = milliseconds(admitted)
            if is_plausible_admission(admitted_at, event.first_at):
                times.append(admitted_at)
    return min(times)


def is_plausible_admission(admitted_at: int, arrived_at: int) -> bool:
    """Return whether a letter's admission is not after its arrival, and before it by at most `LONGEST_ADMISSION_MS`."""
    return 0 <= arrived_at - admitted_at <= LONGEST_ADMISSION_MS


def _scan_ms(arrived: CaseEvent) -> int:
    """Return the milliseconds from a letter's admission to its scan; 0 if the admission is unknown or implausible."""
    admitted = arrived.data.admitted_at
    admitted_at = arrived.first_at if admitted is None else milliseconds(admitted)
    return arrived.first_at - admitted_at if is_plausible_admission(admitted_at, arrived.first_at) else 0


def reopened_at(own_events: tuple[CaseEvent, ...]) -> int | None:
    """Return the time at which a closed case was first reopened; None if it never was."""
    if all(STATE_AFTER_EVENT.get(event.type) is not ContactState.CLOSED for event in own_events):
        return None
    return next((until for _, until in intervals_in_states(own_events, _CLOSED) if until is not None), None)


def _facts_of_case(own_events: tuple[CaseEvent, ...]) -> Facts:
    index = CASE_SCHEMA.index
    facts: list[Fact] = []
    for event in own_events:
        if event.type == _SENT:
            sent = event.data
            at = bucket_start(event.last_at)
            cents = sent.cost_cents
            facts += (at, index[f"sent_{sent.postage}"], 0), (at, index["postage_cents"], cents)
            facts.append((at, index[f"postage_cents_{sent.postage}"], cents))
    begun_at, decisive = received_at(own_events), latest_state_event(own_events)
    if begun_at is None or decisive is None:
        return tuple(facts)
    facts.append((bucket_start(begun_at), index["received"], 0))
    for event in own_events:
        if step := _STEPS.get(event.type):
            delay_ms = event.first_at - begun_at if index[step] in CASE_SCHEMA.with_duration else 0
            facts.append((bucket_start(event.first_at), index[step], delay_ms))
        if event.type == "letter.arrived" and (delay_ms := _scan_ms(event)):
            facts.append((bucket_start(event.first_at), index["scanned"], delay_ms))
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
    by_type = {event.type: event for event in own_events}
    booked, decisive = by_type.get("appointment.booked"), latest_state_event(own_events)
    if booked is None or decisive is None:  # the booking is late, or the contact was counted and its row deleted
        return ()
    index = APPOINTMENT_SCHEMA.index
    booked_at, starts_at = booked.first_at, booked.data.starts_at
    lead_ms = 0 if starts_at is None else max(0, milliseconds(starts_at) - booked_at)
    facts: list[Fact] = [
        (bucket_start(booked_at), index["booked"], lead_ms),
        (bucket_start(booked_at), index[f"booked_by_{booked.data.by}"], 0),
    ]
    for kind, step in _APPOINTMENT_STEPS.items():
        if event := by_type.get(kind):
            facts.append((bucket_start(event.first_at), index[step], 0))
    state, outcome = status(decisive)
    if state is not ContactState.CLOSED:
        facts.append((None, APPOINTMENT_SCHEMA.stock_index[state], 0))
    else:
        name = f"cancelled_by_{decisive.data.by}" if outcome == "cancelled" else outcome
        facts.append((bucket_start(decisive.last_at), index[name], 0))
    return tuple(facts)


def _has_feedback(row: Contact) -> bool:
    for event in row.case_events:  # noqa: SIM110 - runs for every call, and a generator costs more than the loop
        if event.dimensions.channel == _FEEDBACK:
            return True
    return False


def _facts_of_feedback(row: Contact) -> Facts:
    index = FEEDBACK.index
    facts: list[Fact] = []
    feedback = [event for event in row.case_events if event.dimensions.channel == Channel.FEEDBACK]
    given = [event for event in feedback if event.data.scale]
    for event in feedback:
        if event.type == "feedback.invited":
            facts.append((bucket_start(event.first_at), index["invited"], 0))
            if given:
                facts.append((bucket_start(event.first_at), index["invited_answered"], 0))
    for event in given:
        scale, score, at = event.data.scale, event.data.score, bucket_start(event.last_at)
        facts.append((at, index[f"given_{scale}_{score}"], 0))
        if scale == FeedbackScale.CSAT_5:
            is_satisfied = score >= MIN_SATISFIED_SCORE
            facts += ((at, index[csat_count_name(which, is_satisfied=is_satisfied)], 0) for which in experiences(row))
    return tuple(facts)


def experiences(row: Contact) -> Iterator[str]:
    """Yield the citizen's experiences (`figure_schemas.EXPERIENCES`): the SLA result, and the class of the longest wait.

    A contact without queue stays has no class. Open and cancelled SLA clocks count only if they are breached.
    """
    if any(clock.is_breached for clock in row.clocks):
        yield "promise_missed"
    else:
        yield "promise_kept" if any(clock.end is ClockEnd.MET for clock in row.clocks) else "no_promise"
    if row.stays:
        longest = max(stay_result(stay).wait_ms for stay in row.stays)
        yield next(
            (name for bound, name in zip(WAIT_CLASS_SECONDS, WAIT_CLASSES, strict=False) if longest <= 1000 * bound),
            WAIT_CLASSES[-1],
        )


# ---------------------------------------------------------------------------------------------------------------- clocks
def clock_facts(clock: SlaClock) -> Facts:
    """Return the facts of an SLA clock for the figures of its policy."""
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
    """Return the dimensions of the SLA figures of a clock."""
    return target_dimensions(clock.terms.policy, clock.kind, clock.dimensions)


def target_dimensions(policy: str, kind: ClockKind, dimensions: Dimensions) -> Dimensions:
    """Return the dimensions of the SLA figures of a policy and clock, for contacts with these dimensions in any queue."""
    channel, site, service, _ = dimensions
    return derived_dimensions(SLA, site, service, f"{policy}:{kind}:{channel}")
