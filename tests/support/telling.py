"""A simulated département whose deeds become events at once, told as connectors tell them: soon, late, twice, out of order.

Calls go through the switchboard's log and its real connector. All else is made of the deeds here, so that months take seconds.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from pydantic import TypeAdapter

import connectors.asterisk as asterisk
from connectors.sdk.testing import Bench
from connectors.simulator.deeds import Deed, Matter, Place, What
from connectors.simulator.departement import Departement
from connectors.simulator.ledger import Ledger
from connectors.simulator.plan import Plan
from connectors.simulator.stage import Stage
from connectors.simulator.systems.system import System
from models.events import Event
from models.ids import contact_id, event_id
from models.topics import Channel
from tests.support.events import PHONE

SWITCHBOARD = "asterisk/essai"
TOLD_BY = {
    What.LETTER_SCANNED: ("letter.arrived", "letter.registered"),
    What.LETTER_REGISTERED: ("letter.arrived", "letter.registered", "letter.assigned"),
    What.LETTER_ASSIGNED: ("letter.assigned",),
    What.LETTER_ACKNOWLEDGED: ("letter.acknowledged",),
    What.LETTER_ANSWERED: ("letter.answered",),
    What.LETTER_CLOSED: ("letter.closed",),
    What.LETTER_SENT: ("letter.sent",),
    What.EMAIL_RECEIVED: ("email.received",),
    What.EMAIL_ACKNOWLEDGED: ("email.acknowledged",),
    What.EMAIL_ANSWERED: ("email.answered",),
    What.FORM_SUBMITTED: ("form.submitted",),
    What.FORM_TAKEN_UP: ("form.taken_up",),
    What.CORRECTION_REQUESTED: ("form.correction_requested",),
    What.FORM_CORRECTED: ("form.corrected",),
    What.FORM_DECIDED: ("form.decided",),
    What.APPOINTMENT_BOOKED: ("appointment.booked",),
    What.APPOINTMENT_MOVED: ("appointment.moved",),
    What.APPOINTMENT_CANCELLED: ("appointment.cancelled",),
    What.CHECKED_IN: ("appointment.checked_in",),
    What.APPOINTMENT_ATTENDED: ("appointment.attended",),
    What.APPOINTMENT_MISSED: ("appointment.missed",),
    What.TICKET_TAKEN: ("visit.arrived",),
    What.VISITOR_CALLED: ("visit.called",),
    What.VISITOR_SERVED: ("visit.served",),
    What.VISITOR_LEFT: ("visit.left",),
    What.INVITED: ("feedback.invited",),
    What.OPINION_GIVEN: ("feedback.given",),
}
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class Telling(System):
    """All systems but the switchboard, and their connectors."""

    instance, connector, channel = "departement", "simulator", Channel.MAIL
    whats = frozenset(TOLD_BY)

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.events: list[Event] = []
        self._places: dict[int, Place] = {}

    def options(self) -> dict[str, Any]:
        return {}

    def play(self, deed: Deed) -> None:
        for matter in (deed.matter, *deed.others):
            place = self._places[matter.number] = deed.place or self._places.get(matter.number, matter.place)
            self.events += (self._event(kind, deed, matter, place) for kind in TOLD_BY[deed.what])

    def _event(self, kind: str, deed: Deed, matter: Matter, place: Place) -> Event:
        subject, asked = self._subject(matter), matter.channel is Channel.FEEDBACK and not _is_apart(matter)
        return _EVENT.validate_python(
            {
                "id": event_id(self.source, f"{matter.number}|{kind}|{deed.at}"),
                "type": kind,
                "source": self.source,
                "subject": subject,
                "channel": matter.channel,
                "time": _time(kind, deed),
                "identities": "" if asked else self.identities(matter, kind),
                "site": "" if asked else place.site,
                "service": "" if asked else place.service,
                "data": _data(kind, deed, matter, place),
            },
            strict=False,
        )

    def identities(self, matter: Matter, kind: str) -> str:
        """What an event of that type tells of whose the matter is."""
        return PHONE

    def _subject(self, matter: Matter) -> str:
        about = matter.about
        if matter.channel is not Channel.FEEDBACK or about is None or _is_apart(matter):
            return contact_id(matter.channel, self.source, str(matter.number))
        source = SWITCHBOARD if about.channel is Channel.CALL else self.source
        return contact_id(about.channel, source, about.reference)


def _is_apart(matter: Matter) -> bool:
    """Whether nobody knows which contact an opinion is about."""
    return matter.about is not None and matter.about.channel is Channel.FORM


def _time(kind: str, deed: Deed) -> datetime:
    """When it happened: a letter of a program in which the services work themselves arrived when it was received."""
    is_receipt = kind == "letter.arrived" and deed.what is What.LETTER_REGISTERED
    return deed.when if is_receipt and deed.when else deed.at


def _data(kind: str, deed: Deed, matter: Matter, place: Place) -> dict[str, Any]:
    said: dict[str, dict[str, Any]] = {
        "letter.arrived": {"admitted_at": deed.when},
        "letter.registered": {"chrono": str(matter.number)},
        "letter.closed": {"outcome": deed.value},
        "letter.sent": {"postage": deed.value, "cost_cents": deed.amount},
        "form.submitted": {"procedure": place.queue},
        "form.decided": {"decision": deed.value},
        "appointment.booked": {"starts_at": deed.when, "by": deed.value},
        "appointment.moved": {"starts_at": deed.when, "by": deed.value},
        "appointment.cancelled": {"by": deed.value},
        "visit.arrived": {"queue": place.queue},
        "feedback.given": {"scale": deed.value, "score": deed.amount},
    }
    return said.get(kind, {})


class Span(NamedTuple):
    """What happened, in the order in which it did, and what of it is true."""

    since: datetime
    until: datetime
    events: Sequence[Event]
    ledger: Ledger


def play(
    directory: Path, plan: Plan, since: datetime, until: datetime, tell: Callable[[Stage], Telling] = Telling
) -> Span:
    """Play what happens between two times."""
    stage = Stage(directory / "stage")
    telling = tell(stage)
    departement = Departement(stage, plan, systems=[telling])
    with departement.opened(since):
        departement.play_until(until)
        options = {name: told for name, told in departement.calls.options().items() if name != "ami"}
        desk = Bench(asterisk.CONNECTOR, options, directory / "data", directory / "keys")
        assert desk.source == SWITCHBOARD
        events = [*telling.events, *desk.read_all(confirm=True)]
        assert not desk.rejected()
        return Span(since, until, sorted(events, key=lambda event: event.time), departement.ledger)


# -------------------------------------------------------------------------------------------------------- when it is told
class Delivery(NamedTuple):
    """An event in the broker."""

    taken_at: datetime
    event: Event


def deliver(events: Iterable[Event], seed: int, outages: Sequence[tuple[datetime, datetime]] = ()) -> list[Delivery]:
    """Return when the broker takes in events, in that order.

    A log is told in its order, and after an `outage` of its connector all at once; other things a moment or minutes later, some
    the next day, and so before what had happened earlier. Now and then something is told twice.
    """
    random = Random(seed)
    told = [Delivery(_taken_at(event, random, outages), event) for event in events]
    again = (
        Delivery(one.taken_at + timedelta(seconds=random.uniform(0, 86_400)), one.event)
        for one in told
        if random.random() < 0.03
    )
    return sorted([*told, *again], key=lambda one: one.taken_at)


def _taken_at(event: Event, random: Random, outages: Sequence[tuple[datetime, datetime]]) -> datetime:
    if event.channel is Channel.CALL:
        away_until = next((end for begin, end in outages if begin <= event.time < end), event.time)
        return away_until + timedelta(milliseconds=50)
    late_seconds = (0.2, 300) if random.random() < 0.95 else (3600, 20 * 3600)
    return event.time + timedelta(seconds=random.uniform(*late_seconds))
