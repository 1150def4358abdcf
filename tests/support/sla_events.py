"""Sample events of SLA clocks, as a worker emits them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from models.ids import event_id
from models.sla import SLA_SOURCE, AnySlaEvent

NOON = datetime(2026, 3, 16, 12, 0, tzinfo=UTC)
SIEGE = """
[calendars.siege]
timezone = "Europe/Paris"
holidays = "FR"
[[calendars.siege.versions]]
from = 2020-01-01
monday = ["08:30-12:00", "13:30-17:00"]
tuesday = ["08:30-12:00", "13:30-17:00"]
wednesday = ["08:30-12:00", "13:30-17:00"]
thursday = ["08:30-12:00", "13:30-17:00"]
friday = ["08:30-12:00", "13:30-16:30"]
"""
"""Calendar of an office, for an SLA file."""
_EVENT: TypeAdapter[AnySlaEvent] = TypeAdapter(AnySlaEvent)


@dataclass
class SlaClockStub:
    """SLA clock of one contact with its deadline; each method returns an event, emitted at its own time by default."""

    number: int = 1
    deadline_at: datetime = NOON
    clock: str = "first_response"
    service: str = "solidarites"
    channel: str = "form"
    labels: dict[str, Any] = field(default_factory=dict)

    @property
    def contact(self) -> str:
        return f"{self.channel}:demarches/essai:{self.number}"

    def started(self) -> AnySlaEvent:
        return self._event("started", self.deadline_at - timedelta(hours=10), self.deadline_at)

    def at_risk(self, recorded_at: datetime | None = None) -> AnySlaEvent:
        return self._event("at_risk", self.deadline_at - timedelta(hours=2), self.deadline_at, recorded_at)

    def breached(self, recorded_at: datetime | None = None, ended_at: datetime | None = None) -> AnySlaEvent:
        return self._event("breached", self.deadline_at, self.deadline_at, recorded_at, ended_at=ended_at)

    def met(self, minutes: float = 5, recorded_at: datetime | None = None) -> AnySlaEvent:
        at = self.deadline_at + timedelta(minutes=minutes)
        return self._event("met", at, self.deadline_at, recorded_at, in_time=minutes <= 0)

    def cancelled(self, minutes: float = 5) -> AnySlaEvent:
        return self._event("cancelled", self.deadline_at + timedelta(minutes=minutes), self.deadline_at)

    def paused(self, minutes: float = 5, recorded_at: datetime | None = None) -> AnySlaEvent:
        return self._event("paused", self.deadline_at + timedelta(minutes=minutes), None, recorded_at)

    def resumed(self, minutes: float, deadline_at: datetime | None = None) -> AnySlaEvent:
        self.deadline_at, at = deadline_at or self.deadline_at, self.deadline_at + timedelta(minutes=minutes)
        return self._event("resumed", at, self.deadline_at)

    def moved(self, minutes: float, deadline_at: datetime) -> AnySlaEvent:
        self.deadline_at, at = deadline_at, self.deadline_at + timedelta(minutes=minutes)
        return self._event("moved", at, self.deadline_at)

    def _event(
        self,
        kind: str,
        at: datetime,
        deadline_at: datetime | None,
        recorded_at: datetime | None = None,
        in_time: bool | None = None,
        ended_at: datetime | None = None,
    ) -> AnySlaEvent:
        recorded_at = recorded_at or at
        return _EVENT.validate_python(
            {
                "type": f"sla.{kind}",
                "id": event_id(SLA_SOURCE, f"{self.contact}|{self.clock}|0|{kind}", str(at)),
                "source": SLA_SOURCE,
                "subject": self.contact,
                "time": at,
                "recordedtime": recorded_at,
                "service": self.service,
                "site": "siege",
                "channel": self.channel,
                "data": {
                    "policy": "demarches",
                    "clock": self.clock,
                    "target": 10,
                    "unit": "elapsed",
                    "calendar": "ouvert",
                    "started_at": self.deadline_at - timedelta(hours=10),
                    "deadline_at": deadline_at,
                    "late": recorded_at - at > timedelta(seconds=10),
                    "in_time": in_time,
                    "at_risk_at": deadline_at and deadline_at - timedelta(hours=2),
                    "ended_at": ended_at or (at if kind in {"met", "cancelled"} else None),
                    **self.labels,
                },
            },
            strict=False,
        )


def record(event: AnySlaEvent) -> tuple[bytes, bytes]:
    """Return key and value of the record of `event`."""
    return event.subject.encode(), event.model_dump_json().encode()
