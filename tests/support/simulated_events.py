"""Simulated département whose actions become events directly, delivered like those of connectors: late, twice, unordered.

Calls go through the switchboard's log and its real connector. All other events are created here, so that months take
seconds.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from pydantic import TypeAdapter

import connectors.asterisk as asterisk
from connectors.sdk.contact_reasons import ContactReasons, ReasonRule
from connectors.sdk.testing import ConnectorHarness
from connectors.simulator.actions import Action, ActionKind, CitizenCase, Place
from connectors.simulator.case_tallies import REASON_ACTIONS
from connectors.simulator.departement import Departement
from connectors.simulator.ledger import Ledger
from connectors.simulator.organisation import CONTACT_REASONS, POSTAGE, find_reason
from connectors.simulator.plan import Plan
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import System
from models.events import Event
from models.ids import contact_id, event_id
from models.topics import Channel
from tests.support.events import PHONE

SWITCHBOARD = "asterisk/essai"
REASONS = ContactReasons(
    ReasonRule(name, menu_options=reason.menu_options, procedures=reason.procedures)
    for name, reason in CONTACT_REASONS.items()
)
"""Reasons for contact, as in the settings of the simulation."""
EVENTS_OF = {
    ActionKind.LETTER_SCANNED: ("letter.arrived", "letter.registered"),
    ActionKind.LETTER_REGISTERED: ("letter.arrived", "letter.registered", "letter.assigned"),
    ActionKind.LETTER_ASSIGNED: ("letter.assigned",),
    ActionKind.LETTER_ACKNOWLEDGED: ("letter.acknowledged",),
    ActionKind.LETTER_ANSWERED: ("letter.answered",),
    ActionKind.LETTER_CLOSED: ("letter.closed",),
    ActionKind.LETTER_SENT: ("letter.sent",),
    ActionKind.POST_FRANKED: ("post.counted",),
    ActionKind.EMAIL_RECEIVED: ("email.received",),
    ActionKind.EMAIL_ACKNOWLEDGED: ("email.acknowledged",),
    ActionKind.EMAIL_ANSWERED: ("email.answered",),
    ActionKind.FORM_SUBMITTED: ("form.submitted",),
    ActionKind.FORM_TAKEN_UP: ("form.taken_up",),
    ActionKind.CORRECTION_REQUESTED: ("form.correction_requested",),
    ActionKind.FORM_CORRECTED: ("form.corrected",),
    ActionKind.FORM_IN_COMMITTEE: (),
    ActionKind.FORM_DECIDED: ("form.decided",),
    ActionKind.APPOINTMENT_BOOKED: ("appointment.booked",),
    ActionKind.APPOINTMENT_MOVED: ("appointment.moved",),
    ActionKind.APPOINTMENT_CANCELLED: ("appointment.cancelled",),
    ActionKind.CHECKED_IN: ("appointment.checked_in",),
    ActionKind.APPOINTMENT_ATTENDED: ("appointment.attended",),
    ActionKind.APPOINTMENT_MISSED: ("appointment.missed",),
    ActionKind.TICKET_TAKEN: ("visit.arrived",),
    ActionKind.VISITOR_CALLED: ("visit.called",),
    ActionKind.VISITOR_SERVED: ("visit.served",),
    ActionKind.VISITOR_LEFT: ("visit.left",),
    ActionKind.INVITED: ("feedback.invited",),
    ActionKind.OPINION_GIVEN: ("feedback.given",),
}
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class EventSystem(System):
    """All systems except the switchboard, with their connectors."""

    instance, connector, channel = "departement", "simulator", Channel.MAIL
    action_kinds = frozenset(EVENTS_OF)

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self.events: list[Event] = []
        self._places: dict[int, Place] = {}

    def options(self) -> dict[str, Any]:
        return {}

    def run(self, action: Action) -> None:
        for citizen_case in (action.citizen_case, *action.other_cases):
            place = self._places[citizen_case.number] = action.place or self._places.get(
                citizen_case.number, citizen_case.place
            )
            kinds = EVENTS_OF[action.kind]
            if action.kind in REASON_ACTIONS and find_reason(citizen_case):
                kinds = (*kinds, "contact.reason_set")
            self.events += (self._event(kind, action, citizen_case, place) for kind in kinds)

    def _event(self, kind: str, action: Action, citizen_case: CitizenCase, place: Place) -> Event:
        subject, is_survey = (
            self._subject(citizen_case),
            citizen_case.channel is Channel.FEEDBACK and not _is_anonymous(citizen_case),
        )
        is_unknown = is_survey or action.kind is ActionKind.POST_FRANKED
        return _EVENT.validate_python(
            {
                "id": event_id(self.source, f"{citizen_case.number}|{kind}|{action.at}"),
                "type": kind,
                "source": self.source,
                "subject": subject,
                "channel": citizen_case.channel,
                "time": _time(kind, action),
                "identities": "" if is_unknown else self.identities(citizen_case, kind),
                "site": "" if is_survey else place.site,
                "service": "" if is_survey else place.service,
                "data": _data(kind, action, citizen_case, place),
            },
            strict=False,
        )

    def identities(self, citizen_case: CitizenCase, kind: str) -> str:
        return PHONE

    def _subject(self, citizen_case: CitizenCase) -> str:
        parent = citizen_case.parent
        if citizen_case.channel is not Channel.FEEDBACK or parent is None or _is_anonymous(citizen_case):
            return contact_id(citizen_case.channel, self.source, str(citizen_case.number))
        source = SWITCHBOARD if parent.channel is Channel.CALL else self.source
        return contact_id(parent.channel, source, parent.reference)


def _is_anonymous(citizen_case: CitizenCase) -> bool:
    """Return whether an opinion cannot be linked to a contact."""
    return citizen_case.parent is not None and citizen_case.parent.channel is Channel.FORM


def _time(kind: str, action: Action) -> datetime:
    """Return the time of an event. A letter that a service registers itself arrives at its receipt."""
    is_receipt = kind == "letter.arrived" and action.kind is ActionKind.LETTER_REGISTERED
    return action.effective_at if is_receipt and action.effective_at else action.at


def _data(kind: str, action: Action, citizen_case: CitizenCase, place: Place) -> dict[str, Any]:
    data_by_type: dict[str, dict[str, Any]] = {
        "letter.arrived": {"admitted_at": action.effective_at},
        "letter.registered": {"chrono": str(citizen_case.number)},
        "letter.closed": {"outcome": action.value},
        "letter.sent": {"postage": action.value, "cost_cents": action.amount},
        "contact.reason_set": {"contact_reason": find_reason(citizen_case)},
        "post.counted": {
            "post_class": action.value,
            "items": action.amount,
            "cost_cents": action.amount * POSTAGE.get(action.value, (0, 0))[0],
        },
        "form.submitted": {"procedure": place.queue},
        "form.decided": {"decision": action.value},
        "appointment.booked": {"starts_at": action.effective_at, "by": action.value},
        "appointment.moved": {"starts_at": action.effective_at, "by": action.value},
        "appointment.cancelled": {"by": action.value},
        "visit.arrived": {"queue": place.queue},
        "feedback.given": {"scale": action.value, "score": action.amount},
    }
    return data_by_type.get(kind, {})


class SimulatedPeriod(NamedTuple):
    """Events of a period in order of time, with the true figures."""

    since: datetime
    until: datetime
    events: Sequence[Event]
    ledger: Ledger


def run(
    directory: Path,
    plan: Plan,
    since: datetime,
    until: datetime,
    make_system: Callable[[SimulationRun], EventSystem] = EventSystem,
) -> SimulatedPeriod:
    simulation_run = SimulationRun(directory / "systems")
    system = make_system(simulation_run)
    departement = Departement(simulation_run, plan, systems=[system])
    with departement.opened(since):
        departement.run_until(until)
        options = {name: option for name, option in departement.calls.options().items() if name != "ami"}
        switchboard = ConnectorHarness(asterisk.CONNECTOR, options, directory / "data", directory / "keys", REASONS)
        assert switchboard.source == SWITCHBOARD
        events = [*system.events, *switchboard.read_all(confirm=True)]
        assert not switchboard.rejected()
        return SimulatedPeriod(since, until, sorted(events, key=lambda event: event.time), departement.ledger)


# --------------------------------------------------------------------------------------------------------------- delivery
class Delivery(NamedTuple):
    taken_at: datetime
    event: Event


def deliver(events: Iterable[Event], seed: int, outages: Sequence[tuple[datetime, datetime]] = ()) -> list[Delivery]:
    """Return the events in the order in which the broker receives them.

    Log lines arrive in order, and after an outage of their connector all at the end of it. Other events arrive seconds or
    minutes later, some on the next day, and thus before earlier ones. Some arrive twice.
    """
    random = Random(seed)
    deliveries = [Delivery(_taken_at(event, random, outages), event) for event in events]
    duplicates = (
        Delivery(delivery.taken_at + timedelta(seconds=random.uniform(0, 86_400)), delivery.event)
        for delivery in deliveries
        if random.random() < 0.03
    )
    return sorted([*deliveries, *duplicates], key=lambda delivery: delivery.taken_at)


def _taken_at(event: Event, random: Random, outages: Sequence[tuple[datetime, datetime]]) -> datetime:
    if event.channel is Channel.CALL:
        away_until = next((end for begin, end in outages if begin <= event.time < end), event.time)
        return away_until + timedelta(milliseconds=50)
    late_seconds = (0.2, 300) if random.random() < 0.95 else (3600, 20 * 3600)
    return event.time + timedelta(seconds=random.uniform(*late_seconds))
