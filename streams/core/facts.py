"""What a contact contributes to the figures: facts, a pure function of its row.

A fact is one thing to be counted, at the place where its contact is, in the five minutes when it happened.
"""

from collections.abc import Iterator
from typing import Final

from models.events import FeedbackScale
from models.instants import milliseconds
from models.policies import ClockKind
from models.topics import Channel
from streams.core.clock import Clock, End
from streams.core.contact import Contact
from streams.core.figures import BUCKET_SECONDS, Dimensions
from streams.core.layouts import (
    APPOINTMENTS,
    CLOCKS,
    FEEDBACK,
    LAYOUTS,
    LONG_WAITS,
    MATTERS,
    QUEUES,
    SATISFIED,
    SLA,
    TRANSFERS,
    WAITED,
    name_verdict,
)
from streams.core.milestone import STATE_AFTER, Milestone, State, latest, spans_in, standing
from streams.core.rows import beside
from streams.core.visit import Visit, tell

Fact = tuple[int | None, int, int]
"""Start of the five minutes in seconds since 1970, index in counts, its duration in milliseconds or its amount (0 if it has
neither). A stock has no time: None, index in stocks, 0."""
Facts = tuple[Fact, ...]

LONGEST_ADMISSION_MS: Final = 366 * 86_400_000
"""A letter admitted longer before its scan than this was not: somebody mistyped the year."""
_BUCKET_MS: Final = BUCKET_SECONDS * 1000


def start_of_bucket(at: int) -> int:
    """Return the start of the five minutes of `at` (milliseconds since 1970) in seconds since 1970."""
    return at // _BUCKET_MS * BUCKET_SECONDS


# ---------------------------------------------------------------------------------------------------------------- queues
_INDEX: Final = dict(QUEUES.index)
_WITH_DURATION: Final = QUEUES.with_duration
_OFFERED: Final = QUEUES.index["offered"]
_HANDED_ON: Final = TRANSFERS.index["handed_on"]
_WAITING: Final[Fact] = (None, QUEUES.stock_index["waiting"], 0)
_IN_PROGRESS: Final[Fact] = (None, QUEUES.stock_index["in_progress"], 0)


def facts_of_visit(visit: Visit) -> Facts:
    """Return what a stay in a queue contributes to the figures of its place.

    It is always offered, and has either an outcome or the stock `waiting`: `offered = answered + abandoned + left + waiting`.
    """
    story = tell(visit)
    offered = (start_of_bucket(story.queued_at), _OFFERED, 0)
    if story.outcome == "waiting":
        return offered, _WAITING
    index = _INDEX[story.outcome]
    outcome = (start_of_bucket(story.outcome_at), index, story.wait_ms if index in _WITH_DURATION else 0)
    if not story.finish:
        return offered, outcome
    if story.finish == "in_progress":
        return offered, outcome, _IN_PROGRESS
    return offered, outcome, (start_of_bucket(story.finished_at), _INDEX[story.finish], story.handle_ms)


def facts_of_transfer(visit: Visit) -> Facts:
    """Return what a stay in a queue contributes to the figures of where it was handed on to (`visit.place_of_transfer`)."""
    if visit.transferred_at is None or visit.to_queue is None or (story := tell(visit)).finish != "transferred":
        return ()
    return ((start_of_bucket(story.finished_at), _HANDED_ON, 0),)


# ---------------------------------------------------------------------------------------------------- all other channels
def facts_of_milestones(row: Contact) -> dict[Dimensions, Facts]:
    """Return what all but the stays in queues contributes: place → facts."""
    if not row.milestones:
        return {}
    told: dict[Dimensions, Facts] = {}
    layout = LAYOUTS[row.channel]
    if layout is not QUEUES and not row.visits and (own := row.own):
        facts = (
            _facts_of_matter(own) if layout is MATTERS else _facts_of_appointment(own) if layout is APPOINTMENTS else ()
        )
        if facts:
            told[row.place] = facts
    if _is_judged(row) and (opinions := _facts_of_feedback(row)):
        where = row.place
        about = row.channel.value if row.channel is not Channel.FEEDBACK else ""
        told[beside(Channel.FEEDBACK.value, where.site, where.service, about)] = opinions
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
_CLOSED: Final = frozenset({State.CLOSED})
_FEEDBACK: Final = Channel.FEEDBACK.value


def open_since(row: Contact) -> int | None:
    """Return since when a matter waits for the service to act, milliseconds since 1970; None if it does not."""
    if row.visits or LAYOUTS[row.channel] is not MATTERS:
        return None
    own = row.own
    state, _ = standing(latest(own))
    return received_at(own) if state in (State.WAITING, State.IN_PROGRESS) else None


def responded_at(own: tuple[Milestone, ...], *, in_substance: bool = False) -> int | None:
    """Return when a person first told the citizen something; `in_substance`: when they first did what was asked for."""
    kinds = _ANSWERS if in_substance else _RESPONSES
    return min((told.first_at for told in own if told.type in kinds), default=None)


def received_at(own: tuple[Milestone, ...]) -> int | None:
    """Return when a matter was received; None if that was not told: it was sent, or counted and dropped before.

    Earlier news than its beginning is believed more than the beginning's time.
    """
    if all(told.type not in _BEGINNINGS for told in own):
        return None
    times = [told.first_at for told in own if told.type != _SENT]  # that says of nothing that it was received
    for told in own:
        if told.type == "letter.arrived" and (admitted := told.data.admitted_at):
            admitted_at = milliseconds(admitted)
            if is_admission(admitted_at, told.first_at):
                times.append(admitted_at)
    return min(times)


def is_admission(admitted_at: int, arrived_at: int) -> bool:
    """Return whether a letter that arrived may have been admitted then."""
    return 0 <= arrived_at - admitted_at <= LONGEST_ADMISSION_MS


def _scan_ms(arrived: Milestone) -> int:
    """Return how long after its receipt a letter was scanned; 0 if it is not told, or not told apart."""
    admitted = arrived.data.admitted_at
    admitted_at = arrived.first_at if admitted is None else milliseconds(admitted)
    return arrived.first_at - admitted_at if is_admission(admitted_at, arrived.first_at) else 0


def reopened_at(own: tuple[Milestone, ...]) -> int | None:
    """Return when a matter first went on after it was closed; None if it never did."""
    if all(STATE_AFTER.get(told.type) is not State.CLOSED for told in own):
        return None
    return next((until for _, until in spans_in(own, _CLOSED) if until is not None), None)


def _facts_of_matter(own: tuple[Milestone, ...]) -> Facts:
    index = MATTERS.index
    facts: list[Fact] = []
    for told in own:
        if told.type == _SENT:
            sent = told.data
            at = start_of_bucket(told.last_at)
            cents = sent.cost_cents
            facts += (at, index[f"sent_{sent.postage}"], 0), (at, index["postage_cents"], cents)
            facts.append((at, index[f"postage_cents_{sent.postage}"], cents))
    begun_at, decisive = received_at(own), latest(own)
    if begun_at is None or decisive is None:
        return tuple(facts)
    facts.append((start_of_bucket(begun_at), index["received"], 0))
    for told in own:
        if step := _STEPS.get(told.type):
            delay_ms = told.first_at - begun_at if index[step] in MATTERS.with_duration else 0
            facts.append((start_of_bucket(told.first_at), index[step], delay_ms))
        if told.type == "letter.arrived" and (delay_ms := _scan_ms(told)):
            facts.append((start_of_bucket(told.first_at), index["scanned"], delay_ms))
    if (reopened := reopened_at(own)) is not None:
        facts.append((start_of_bucket(reopened), index["reopened"], 0))
    response_at = responded_at(own)
    if response_at is not None:
        facts.append((start_of_bucket(response_at), index["responded"], response_at - begun_at))
    state, outcome = standing(decisive)
    if state is not State.CLOSED:
        facts.append((None, MATTERS.stock_index[state], 0))
    else:
        facts.append((start_of_bucket(decisive.last_at), index[f"closed_{outcome}"], decisive.last_at - begun_at))
    return tuple(facts)


_APPOINTMENT_STEPS: Final = {"appointment.moved": "moved", "appointment.checked_in": "checked_in"}


def _facts_of_appointment(own: tuple[Milestone, ...]) -> Facts:
    by_type = {told.type: told for told in own}
    booked, decisive = by_type.get("appointment.booked"), latest(own)
    if booked is None or decisive is None:  # its booking is yet to be told, or it was counted and dropped before
        return ()
    index = APPOINTMENTS.index
    booked_at, starts_at = booked.first_at, booked.data.starts_at
    lead_ms = 0 if starts_at is None else max(0, milliseconds(starts_at) - booked_at)
    facts: list[Fact] = [
        (start_of_bucket(booked_at), index["booked"], lead_ms),
        (start_of_bucket(booked_at), index[f"booked_by_{booked.data.by}"], 0),
    ]
    for kind, step in _APPOINTMENT_STEPS.items():
        if told := by_type.get(kind):
            facts.append((start_of_bucket(told.first_at), index[step], 0))
    state, outcome = standing(decisive)
    if state is not State.CLOSED:
        facts.append((None, APPOINTMENTS.stock_index[state], 0))
    else:
        name = f"cancelled_by_{decisive.data.by}" if outcome == "cancelled" else outcome
        facts.append((start_of_bucket(decisive.last_at), index[name], 0))
    return tuple(facts)


def _is_judged(row: Contact) -> bool:
    for told in row.milestones:  # noqa: SIM110 - a generator costs more than the loop, and this is asked of every call
        if told.place.channel == _FEEDBACK:
            return True
    return False


def _facts_of_feedback(row: Contact) -> Facts:
    index = FEEDBACK.index
    facts: list[Fact] = []
    told_of = [told for told in row.milestones if told.place.channel == Channel.FEEDBACK]
    given = [told for told in told_of if told.data.scale]
    for told in told_of:
        if told.type == "feedback.invited":
            facts.append((start_of_bucket(told.first_at), index["invited"], 0))
            if given:
                facts.append((start_of_bucket(told.first_at), index["invited_answered"], 0))
    for told in given:
        scale, score, at = told.data.scale, told.data.score, start_of_bucket(told.last_at)
        facts.append((at, index[f"given_{scale}_{score}"], 0))
        if scale == FeedbackScale.CSAT_5:
            is_satisfied = score >= SATISFIED
            facts += ((at, index[name_verdict(which, is_satisfied=is_satisfied)], 0) for which in experiences(row))
    return tuple(facts)


def experiences(row: Contact) -> Iterator[str]:
    """Yield what somebody went through, as `layouts.EXPERIENCES` has it: promises, and waits if there were any.

    A promise that is still to be kept in time is none yet.
    """
    if any(clock.is_breached for clock in row.clocks):
        yield "promise_missed"
    else:
        yield "promise_kept" if any(clock.end is End.KEPT for clock in row.clocks) else "no_promise"
    if row.visits:
        longest = max(tell(visit).wait_ms for visit in row.visits)
        yield next(
            (name for bound, name in zip(LONG_WAITS, WAITED, strict=False) if longest <= 1000 * bound), WAITED[-1]
        )


# ---------------------------------------------------------------------------------------------------------------- clocks
def facts_of_clock(clock: Clock) -> Facts:
    """Return what a clock contributes to the figures of its policy."""
    index, stocks = CLOCKS.index, CLOCKS.stock_index
    facts: list[Fact] = [(start_of_bucket(clock.started_at), index["started"], 0)]
    deadline_at, breached = clock.deadline_at, clock.is_breached
    if breached and deadline_at is not None:
        facts.append((start_of_bucket(deadline_at), index["breached"], 0))
    if clock.worked_ms is not None and clock.ended_at is not None:
        facts.append((start_of_bucket(clock.ended_at), index["worked"], clock.worked_ms))
    if clock.ended_at is not None:
        late = "_late" if breached else ""
        name = f"cancelled{late}" if clock.end is End.VOID else "late" if breached else "met"
        facts.append((start_of_bucket(clock.ended_at), index[name], 0))
        return tuple(facts)
    if deadline_at is None:
        facts.append((None, stocks["paused"], 0))
        return tuple(facts)
    standing = "overdue" if breached else "at_risk" if clock.is_at_risk else "running"
    return (*facts, (None, stocks[standing], 0), (start_of_bucket(deadline_at), index["due"], 0))


def place_of_clock(clock: Clock) -> Dimensions:
    """Return where a clock is counted."""
    return place_of_promise(clock.terms.policy, clock.kind, clock.place)


def place_of_promise(policy: str, kind: ClockKind, place: Dimensions) -> Dimensions:
    """Return where the clocks of a policy are counted whose contacts are at `place`."""
    channel, site, service, _ = place
    return beside(SLA, site, service, f"{policy}:{kind}:{channel}")
