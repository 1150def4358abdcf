"""What is told of SLA clocks on `contact.sla.v1`: CloudEvents, one type for each thing that can happen to a clock."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from models.calendars import Unit
from models.envelope import Envelope, EventPart, Label
from models.policies import ClockKind
from models.topics import Channel

SLA_SOURCE = "accueil/sla"


class SlaData(EventPart):
    """A clock as it is after that."""

    policy: Label
    since: str = ""
    """First day of the policy's version, ISO 8601; empty if it has none."""
    clock: ClockKind = Field(strict=False)
    number: int = Field(0, ge=0)
    """Of the stay in a queue; 0 for what concerns the contact as a whole."""
    queue: Label = ""
    target: int = Field(gt=0)
    """How many of `unit`."""
    unit: Unit = Field(strict=False)
    calendar: Label
    started_at: AwareDatetime
    deadline_at: AwareDatetime | None = None
    """None while the citizen has to act."""
    at_risk_at: AwareDatetime | None = None
    """When most of the time is over; None while the citizen has to act."""
    ended_at: AwareDatetime | None = None
    """When it stopped, if it has: what was promised was done, or nobody waits for it any more."""
    late: bool = False
    """It was told long after it was so: the worker stood still, or it became known only then."""
    in_time: bool | None = None
    """Of what was done: whether the deadline had not passed."""


class SlaEvent(Envelope):
    """The envelope of them all: `subject` is the contact, `time` when it was so, `recordedtime` when it was told."""

    channel: Channel = Field(strict=False)
    data: SlaData


class SlaStarted(SlaEvent):
    """Something was promised."""

    type: Literal["sla.started"] = "sla.started"


class SlaPaused(SlaEvent):
    """The citizen has to act: the clock stands still."""

    type: Literal["sla.paused"] = "sla.paused"


class SlaResumed(SlaEvent):
    """The clock runs again."""

    type: Literal["sla.resumed"] = "sla.resumed"


class SlaMoved(SlaEvent):
    """The deadline is another one than was told: more became known, or policy or calendar changed."""

    type: Literal["sla.moved"] = "sla.moved"


class SlaAtRisk(SlaEvent):
    """Most of the time is over."""

    type: Literal["sla.at_risk"] = "sla.at_risk"


class SlaBreached(SlaEvent):
    """The deadline passed."""

    type: Literal["sla.breached"] = "sla.breached"


class SlaMet(SlaEvent):
    """What was promised was done: in time, or late."""

    type: Literal["sla.met"] = "sla.met"


class SlaCancelled(SlaEvent):
    """Nobody waits for it any more: the citizen hung up, or went elsewhere."""

    type: Literal["sla.cancelled"] = "sla.cancelled"


AnySlaEvent = Annotated[
    SlaStarted | SlaPaused | SlaResumed | SlaMoved | SlaAtRisk | SlaBreached | SlaMet | SlaCancelled,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[AnySlaEvent] = TypeAdapter(AnySlaEvent)


def decode_sla(value: bytes) -> AnySlaEvent:
    """Return the event that `value` (CloudEvents JSON, UTF-8) holds. Raises `pydantic.ValidationError`."""
    return _ADAPTER.validate_json(value)
