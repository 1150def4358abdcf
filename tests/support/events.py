"""Builder of test events, sample call histories, and realistic and adversarial hypothesis strategies.

All names and pseudonyms are invented.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.events import AgentChange, CloseOutcome, EndedBy, Event, FeedbackScale, FormDecision, LeaveReason
from models.ids import event_id

settings.register_profile("accueil", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("accueil")  # without deadlines, because a busy machine is no failure

START = datetime(2025, 3, 3, 8, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
CALL = "call:asterisk/siege:1740988800.1"
AGENT = "agent:asterisk/siege:agent:k1-dupont"
CASE = "case:k1-0000000000000000000001"
PHONE = "phone:k1-000000000000000000001"
IN_QUEUE = {"queue": "mdph", "site": "siege", "service": "autonomie"}
"""Fields of events in the queue of `answered_call`."""

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_serial = count()


@cache
def channel_of(kind: str) -> str:
    """Return the channel of an event type."""
    noun = kind.partition(".")[0]
    return {"letter": "mail", "post": "mail", "agent": "call"}.get(noun, noun)


def make(kind: str, at: float = 0, /, *, subject: str = CALL, native_id: object = None, **fields: Any) -> Event:
    """Return an event of type `kind`, `at` seconds after `START`.

    `fields` with names of the envelope go there, others into `data`. The same `native_id` gives the same event id; without it,
    the id is new.
    """
    envelope = {
        name: fields.pop(name) for name in ("sequence", "sector", "site", "service", "identities") if name in fields
    }
    channel = fields.pop("channel", channel_of(kind))
    source = subject.split(":")[1] if ":" in subject else "test"
    return _EVENT.validate_python(
        {
            "id": event_id(source, str(next(_serial)) if native_id is None else str(native_id)),
            "type": kind,
            "source": source,
            "subject": subject,
            "channel": channel,
            "time": START + timedelta(seconds=at),
            "data": fields,
            **envelope,
        },
        strict=False,
    )


def numbered(events: list[Event]) -> list[Event]:
    """Return the events with reproducible ids, computed from subject and position in the list."""
    return [event.model_copy(update={"id": event_id(event.subject, str(index))}) for index, event in enumerate(events)]


def answered_call(
    subject: str = CALL,
    *,
    at: float = 0,
    queue: str = "mdph",
    wait: float = 20,
    handle: float = 180,
    identities: str = PHONE,
    site: str = "siege",
    service: str = "autonomie",
) -> list[Event]:
    """Return the events of an answered and ended call, as from a switchboard."""
    where: dict[str, Any] = {"subject": subject, "site": site, "service": service, "sector": "social"}
    return [
        make("call.arrived", at, **where, identities=identities, line="accueil"),
        make("call.queued", at + 5, **where, identities=identities, queue=queue, position=1),
        make("call.answered", at + 5 + wait, **where, queue=queue, wait_seconds=wait, ring_seconds=3),
        make(
            "call.ended",
            at + 5 + wait + handle,
            **where,
            queue=queue,
            wait_seconds=wait,
            handle_seconds=handle,
            ended_by="caller",
        ),
    ]


# ------------------------------------------------------------------------------------------------------------ realistic
QUEUES = ("mdph", "apa", "routes")


@st.composite
def call_histories(draw: st.DrawFn, subject: str = CALL, *, longest: int = 400, is_whole: bool = False) -> list[Event]:
    """Generate the events of one call: up to three queue stays, repeated queues, open calls, lost events.

    `longest` limits a queue stay, in seconds. `is_whole` excludes lost events.
    """
    at = draw(st.integers(0, 1000))
    where: dict[str, Any] = {"subject": subject, "site": "siege", "sector": "social"}
    caller = draw(st.sampled_from(["", PHONE, f"{CASE} {PHONE}"]))
    events = [make("call.arrived", at, **where, identities=caller, line="accueil")]
    for visit in range(1, draw(st.integers(0, 3)) + 1):
        queue = draw(st.sampled_from(QUEUES))
        stay = {**where, "service": f"s-{queue}", "queue": queue, "visit": visit}
        events.append(make("call.queued", at, **stay, identities=caller))
        wait = draw(st.integers(0, longest))
        handle = draw(st.integers(0, 5 * longest))
        at += wait
        durations = draw(st.sampled_from([{"wait_seconds": wait}, {}]))
        match draw(st.sampled_from(["waiting", "in_progress", "ended", "transferred", "abandoned", "left"])):
            case "waiting":
                break
            case "abandoned":
                events.append(make("call.abandoned", at, **stay, **durations))
                break
            case "left":
                reason = draw(st.sampled_from(LeaveReason))
                events.append(make("call.left_queue", at, **stay, **durations, reason=reason))
            case finish:
                events.append(make("call.answered", at, **stay, **durations, agent="agent:k1-dupont"))
                if finish == "in_progress":
                    break
                at += handle
                durations = draw(st.sampled_from([{**durations, "handle_seconds": handle}, {}]))
                if finish == "ended":
                    events.append(make("call.ended", at, **stay, **durations, ended_by=draw(st.sampled_from(EndedBy))))
                    break
                to = draw(st.sampled_from(["", *QUEUES]))
                events.append(make("call.transferred", at, **stay, **durations, kind="blind", to_queue=to))
    lost = set() if is_whole else draw(st.sets(st.sampled_from(range(len(events))), max_size=len(events) - 1))
    return numbered([event for index, event in enumerate(events) if index not in lost or draw(st.booleans())])


# ---------------------------------------------------------------------------------------------------------- adversarial
SECONDS = st.sampled_from([0, 0, 1, 2, 3, 60, 299.999, 300, 900.5, 5000])
DURATIONS = st.none() | st.sampled_from([0, 0.4, 1, 5, 5.001, 30, 1800, 4000])
_IN_QUEUE = {
    "call.queued": {},
    "call.answered": {"wait_seconds": DURATIONS},
    "call.abandoned": {"wait_seconds": DURATIONS},
    "call.left_queue": {"wait_seconds": DURATIONS, "reason": st.sampled_from(LeaveReason)},
    "call.transferred": {
        "wait_seconds": DURATIONS,
        "handle_seconds": DURATIONS,
        "kind": st.just("unknown"),
        "to_queue": st.sampled_from(["", "mdph", "rsa"]),
    },
    "call.ended": {"wait_seconds": DURATIONS, "handle_seconds": DURATIONS, "ended_by": st.just("system")},
}
_OTHERS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "call.arrived": {"line": st.sampled_from(["", "accueil", "urgences"])},
    "call.menu_chosen": {"option": st.sampled_from(["", "apa", "pch"])},
    "call.voicemail_left": {"queue": st.sampled_from(["", "mdph"])},
    "call.voicemail_heard": {},
    "call.callback_requested": {"queue": st.sampled_from(["", "rsa"])},
    "call.called_back": {},
    "letter.arrived": {"admitted_at": st.sampled_from([None, START - timedelta(hours=3), START + timedelta(hours=1)])},
    "letter.registered": {"chrono": st.sampled_from(["2025A/1", "2025A/2"])},
    "letter.assigned": {},
    "letter.acknowledged": {},
    "letter.answered": {},
    "letter.closed": {"outcome": st.sampled_from(CloseOutcome)},
    "letter.sent": {"postage": st.sampled_from(["lettre_verte", "economique"]), "cost_cents": st.integers(100, 102)},
    "post.counted": {
        "post_class": st.sampled_from(["lettre_verte", "courrier_ordinaire"]),
        "items": st.integers(0, 3),
        "cost_cents": st.integers(0, 2),
    },
    "email.received": {},
    "email.acknowledged": {},
    "email.answered": {},
    "form.submitted": {"procedure": st.sampled_from(["apa", "pch"])},
    "form.taken_up": {},
    "form.correction_requested": {},
    "form.corrected": {},
    "form.decided": {"decision": st.sampled_from(FormDecision)},
    "appointment.booked": {"starts_at": st.just(START)},
    "appointment.moved": {"starts_at": st.sampled_from([START, START + timedelta(days=1)])},
    "appointment.cancelled": {"by": st.sampled_from(["citizen", "service"])},
    "appointment.checked_in": {},
    "appointment.attended": {},
    "appointment.missed": {},
    "visit.arrived": {"queue": st.sampled_from(["", "guichet"])},
    "visit.called": {},
    "visit.served": {},
    "visit.left": {},
    "feedback.invited": {},
    "feedback.given": {"scale": st.sampled_from(FeedbackScale)},
    "contact.reason_set": {"contact_reason": st.sampled_from(["aide", "dossier"]), "by_rule": st.booleans()},
    "personal_data.erased": {},
}
CONTACT_TYPES = (*_IN_QUEUE, *_OTHERS)
KINDS_OF_CHANNELS = tuple(
    tuple(kind for kind in CONTACT_TYPES if kind.partition(".")[0] in (noun, "feedback", "contact", "personal_data"))
    for noun in ("letter", "email", "form", "appointment", "visit")
)
"""Event types of a contact by channel."""


@st.composite
def contact_events(
    draw: st.DrawFn,
    kinds: tuple[str, ...] = CONTACT_TYPES,
    subject: str = CALL,
    seconds: st.SearchStrategy[float] = SECONDS,
) -> Event:
    """Generate any event of one contact, plausible or not, with few routings, times and durations, so that many coincide."""
    kind = draw(st.sampled_from(kinds))
    data = {name: draw(values) for name, values in (_IN_QUEUE.get(kind) or _OTHERS.get(kind, {})).items()}
    if kind == "feedback.given":
        data["score"] = draw(st.sampled_from(data["scale"].scores))
    if kind in _IN_QUEUE:
        data |= {"queue": draw(st.sampled_from(["mdph", "apa"])), "visit": draw(st.integers(1, 3))}
    if kind in ("personal_data.erased", "contact.reason_set"):
        data["channel"] = draw(st.sampled_from(["call", "mail", "feedback"]))
    return make(
        kind,
        draw(seconds),
        subject=subject,
        site=draw(st.sampled_from(["", "siege"])),
        service=draw(st.sampled_from(["", "autonomie", "enfance"])),
        sector=draw(st.sampled_from(["", "social", "routes"])),
        identities=draw(st.sampled_from(["", PHONE, f"{CASE} {PHONE}", "email:k1-a", "unheard-of"])),
        **data,
    )


def queue_events(subject: str = CALL, seconds: st.SearchStrategy[float] = SECONDS) -> st.SearchStrategy[Event]:
    """Generate any event of a call in a queue."""
    return contact_events(tuple(_IN_QUEUE), subject, seconds)


@st.composite
def agent_events(draw: st.DrawFn, subject: str = AGENT, changes: tuple[AgentChange, ...] = tuple(AgentChange)) -> Event:
    """Generate any change of an agent's state."""
    return make(
        "agent.state_changed",
        draw(SECONDS),
        subject=subject,
        sequence=draw(st.sampled_from(["", "01", "02", "03"])),
        site=draw(st.sampled_from(["", "siege"])),
        change=draw(st.sampled_from(changes)),
        queue=draw(st.sampled_from(["", "mdph", "apa"])),
    )


def sets_of(
    events: st.SearchStrategy[Event], *, min_size: int = 1, max_size: int = 8
) -> st.SearchStrategy[list[Event]]:
    """Generate lists of events with distinct ids."""
    return st.lists(events, min_size=min_size, max_size=max_size).map(numbered)


@st.composite
def deliveries(draw: st.DrawFn, events: list[Event], *, repeats: int = 4) -> list[Event]:
    """Generate deliveries of the events in any order, with repetitions."""
    again = draw(st.lists(st.sampled_from(events), max_size=repeats)) if events else []
    return draw(st.permutations([*events, *again]))
