"""What the board and the metrics are told from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.topics import Channel
from streams.core.figures.figure import Dimensions, Formula
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which value on a figure asks for attention, and from which for action.

    With `action` below `attention`, low values are the bad ones.
    """

    attention: float
    action: float


LONGEST_WAIT_SECONDS: Final = {
    Channel.CALL: Thresholds(attention=120, action=300),
    Channel.VISIT: Thresholds(attention=900, action=1800),
}
"""Where nothing else is said: one waits longer at a desk than on the telephone."""


_DAY_SECONDS: Final = 86_400
BACKLOG_AGE_SECONDS: Final[Mapping[str, Thresholds]] = {
    Channel.MAIL.value: Thresholds(attention=30 * _DAY_SECONDS, action=60 * _DAY_SECONDS),
    Channel.EMAIL.value: Thresholds(attention=7 * _DAY_SECONDS, action=14 * _DAY_SECONDS),
    Channel.FORM.value: Thresholds(attention=30 * _DAY_SECONDS, action=60 * _DAY_SECONDS),
}
"""Where nothing else is said. After two months silence is an answer in law (CRPA, L. 231-4); of an e-mail a citizen expects one
sooner, which is our judgement."""
WALL_VIEWS: Final = ("overview", "phone", "day", "written", "deadlines", "desk", "satisfaction", "sources")
"""Of the wall, in their order."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """A queue that is shown, and exported with zeros, even before its first contact."""

    dimensions: Dimensions
    label_fr: str
    label_en: str
    waiting: Thresholds = Thresholds(attention=5, action=10)
    """Contacts waiting now."""
    longest_wait_seconds: Thresholds = LONGEST_WAIT_SECONDS[Channel.CALL]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What people call a service."""

    service: str
    label_fr: str
    label_en: str
    dimension_keys: tuple[Dimensions, ...] = ()
    """Shown, and exported with zeros, even before their first contact."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Everything `accueil web` needs."""

    brokers: str
    """`host:port` of one or more brokers, separated by commas."""
    client: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of the Kafka client (kafka-python's names), as for TLS and SASL."""
    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    hosts: tuple[str, ...] = ()
    """Names by which a reverse proxy on this machine asks; on a loopback `host` only these and its own are answered."""
    max_viewers: int = 500
    """Boards open at once; further ones get no stream, and try again."""
    title: str = "Accueil"
    """Name of the house, at the head of the board."""
    title_en: str = ""
    """The same in English; empty if it has no other name."""
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Paris"))
    """Cuts the days."""
    holidays: str = "FR"
    """Whose public holidays (`models.calendars.public_holidays`) are no days like others; empty: nobody's."""
    target_seconds: int = 20
    """Answered within this many seconds counts for the service level; one of the bounds of waits."""
    desk_target_seconds: int = 900
    """The same at a front desk: called within this many seconds."""
    short_abandon_seconds: int = 10
    """Given up within this many seconds is a short abandon; one of the bounds of waits."""
    stale_after_seconds: float = 15.0
    """Older figures are called out of date. Workers write at least every 5 s."""
    quiet_after_seconds: float = 3600.0
    """A site from where nobody has called, or come to a desk, for so long is told, since its source may have stopped."""
    quiet_after_seconds_of: Mapping[str, float] = field(default_factory=dict)
    """Channel → the same, for a channel that is not judged by `quiet_after_seconds`."""
    formula: Formula = Formula.NET_OF_SHORT
    """Which service level the board shows; the metrics have all of them."""
    fewest_answers: int = 5
    """Of fewer answers no measure of satisfaction is told."""
    queues: tuple[QueueOptions, ...] = ()
    """In the order of the board; others follow as they appear."""
    services: tuple[ServiceOptions, ...] = ()
    """In the order of the board; others follow as they appear."""
    service_level: Thresholds = Thresholds(attention=0.80, action=0.60)
    abandonment: Thresholds = Thresholds(attention=0.10, action=0.20)
    backlog_age_seconds: Mapping[str, Thresholds] = field(default_factory=lambda: BACKLOG_AGE_SECONDS)
    """Channel → the same for how long ago the oldest contact came that waits for the service to act."""
    wall_seconds: float = 20.0
    """For how long the wall shows each view."""
    wall_views: tuple[str, ...] = WALL_VIEWS
    """Which, in their order; those that have nothing to show are left out."""

    @property
    def known(self) -> tuple[Dimensions, ...]:
        """All places that there are before their first contact."""
        return (
            *(queue.dimensions for queue in self.queues),
            *(dimensions for service in self.services for dimensions in service.dimension_keys),
        )

    def is_holiday(self, day: date) -> bool:
        """Return whether a day is a public holiday."""
        from models.calendars.public_holidays import public_holidays  # noqa: PLC0415 - brings a library

        return bool(self.holidays) and day in public_holidays(self.holidays, day.year)

    def service_labels(self, service: str) -> tuple[str, str]:
        """Return what a service is called in French and in English: its own name if no setting says more."""
        labels = ((known.label_fr, known.label_en) for known in self.services if known.service == service)
        return next(labels, (service, service))

    def service_level_target(self, channel: str) -> int:
        """Return the target of the service level of a channel that has queues, in seconds."""
        return self.desk_target_seconds if channel == Channel.VISIT else self.target_seconds

    def quiet_after(self, channel: str) -> float | None:
        """Return after how many seconds without anybody a channel is quiet.

        None if it is not judged: letters come by the day, and forms when they like.
        """
        usual = self.quiet_after_seconds if FIGURE_SCHEMAS[channel] is QUEUE_SCHEMA else None
        return self.quiet_after_seconds_of.get(channel, usual)
