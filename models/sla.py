"""Events of SLA clocks on `contact.sla.v1`: CloudEvents, one type for each change of a clock."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from models.calendars import Unit
from models.envelope import Envelope, EventPart, Label
from models.policies import ClockKind
from models.topics import Channel

SLA_SOURCE = "accueil/sla"


class SlaData(EventPart):
    """State of the SLA clock after the change."""

    policy: Label
    since: str = ""
    """First day of the policy's version, ISO 8601; empty if the version has none."""
    clock: ClockKind = Field(strict=False)
    number: int = Field(0, ge=0)
    """Number of the queue stay within the contact, from 1; 0 for a clock of the whole contact."""
    queue: Label = ""
    target: int = Field(gt=0)
    """The target: in seconds for the units `opening_hours` and `elapsed`, else in days or months."""
    unit: Unit = Field(strict=False)
    calendar: Label
    started_at: AwareDatetime
    deadline_at: AwareDatetime | None = None
    """None while a pause that began before the deadline lasts, and for a deadline beyond the calendar's years."""
    at_risk_at: AwareDatetime | None = None
    """When the share `at_risk` of the target is used up; None while a pause that began before it lasts, and beyond the calendar's
    years."""
    ended_at: AwareDatetime | None = None
    """When the clock stopped, because the target was met or cancelled; None while it is open."""
    late: bool = False
    """Whether the change was published more than ten seconds after it took effect: the worker was down, or learned of it late."""
    in_time: bool | None = None
    """For a met target: whether it was met by the deadline. None for other changes."""


class SlaEvent(Envelope):
    """Envelope of SLA events.

    `subject` is the contact, `time` is when the change took effect, and `recordedtime` is when it was published.
    """

    channel: Channel = Field(strict=False)
    data: SlaData


class SlaStarted(SlaEvent):
    """A clock started: the contact has an SLA target."""

    type: Literal["sla.started"] = "sla.started"


class SlaPaused(SlaEvent):
    """A clock was paused: the service waits for the citizen."""

    type: Literal["sla.paused"] = "sla.paused"


class SlaResumed(SlaEvent):
    """A paused clock resumed."""

    type: Literal["sla.resumed"] = "sla.resumed"


class SlaMoved(SlaEvent):
    """A deadline changed, because of a late event or a change of policy or calendar."""

    type: Literal["sla.moved"] = "sla.moved"


class SlaAtRisk(SlaEvent):
    """The share `at_risk` of the target is used up."""

    type: Literal["sla.at_risk"] = "sla.at_risk"


class SlaBreached(SlaEvent):
    """A deadline passed."""

    type: Literal["sla.breached"] = "sla.breached"


class SlaMet(SlaEvent):
    """The target was met, in time or late (`in_time`)."""

    type: Literal["sla.met"] = "sla.met"


class SlaCancelled(SlaEvent):
    """The target no longer applies: the citizen hung up, or the contact left the queue."""

    type: Literal["sla.cancelled"] = "sla.cancelled"


AnySlaEvent = Annotated[
    SlaStarted | SlaPaused | SlaResumed | SlaMoved | SlaAtRisk | SlaBreached | SlaMet | SlaCancelled,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[AnySlaEvent] = TypeAdapter(AnySlaEvent)


def decode_sla(value: bytes) -> AnySlaEvent:
    """Return the event encoded in `value` (CloudEvents JSON, UTF-8). Raises `pydantic.ValidationError`."""
    return _ADAPTER.validate_json(value)
