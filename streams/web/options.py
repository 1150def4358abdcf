"""Options of the web process."""

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
    """Limits of a figure for the marks "attention" and "action".

    Values at or above a limit get its mark. If `action` is below `attention`, low values are bad: those below a limit get it.
    """

    attention: float
    action: float


LONGEST_WAIT_SECONDS: Final = {
    Channel.CALL: Thresholds(attention=120, action=300),
    Channel.VISIT: Thresholds(attention=900, action=1800),
}
"""Channel → default thresholds of the longest wait, in seconds. Waits at a front desk are longer than on the telephone."""

_DAY_SECONDS: Final = 86_400
BACKLOG_AGE_SECONDS: Final[Mapping[str, Thresholds]] = {
    Channel.MAIL.value: Thresholds(attention=30 * _DAY_SECONDS, action=60 * _DAY_SECONDS),
    Channel.EMAIL.value: Thresholds(attention=7 * _DAY_SECONDS, action=14 * _DAY_SECONDS),
    Channel.FORM.value: Thresholds(attention=30 * _DAY_SECONDS, action=60 * _DAY_SECONDS),
}
"""Channel → default thresholds for the age of the oldest open case, in seconds. After two months without an answer, silence is a
decision in law (CRPA, L. 231-4). The values for e-mail are shorter by convention: citizens expect an answer sooner."""
WALL_VIEWS: Final = ("overview", "phone", "day", "written", "deadlines", "desk", "satisfaction", "sources")
"""Views of the wall, in display order."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """A configured queue: shown, and exported with zeros, even before its first contact."""

    dimensions: Dimensions
    label_fr: str
    label_en: str
    waiting: Thresholds = Thresholds(attention=5, action=10)
    """Thresholds for the number of contacts that wait now."""
    longest_wait_seconds: Thresholds = LONGEST_WAIT_SECONDS[Channel.CALL]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Labels and dimensions of a configured service."""

    service: str
    label_fr: str
    label_en: str
    dimension_keys: tuple[Dimensions, ...] = ()
    """Dimensions that are shown, and exported with zeros, even before their first contact."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Options of `accueil web`."""

    brokers: str
    """`host:port` of one or more brokers, comma-separated."""
    client: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of the Kafka client (names of kafka-python), such as those for TLS and SASL."""
    host: str = "127.0.0.1"
    port: int = 8080
    """0 selects a free port."""
    hosts: tuple[str, ...] = ()
    """Additional accepted `Host` names, for a reverse proxy on this machine.

    On a loopback `host`, requests with other names than these and its own are refused; on any other, all are accepted."""
    max_viewers: int = 500
    """Limit of simultaneous event streams, one for each open board; further boards are refused and retry."""
    title: str = "Accueil"
    """Name of the organisation, shown at the top of the board."""
    title_en: str = ""
    """The same in English; empty if it is the same."""
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Paris"))
    """Time zone of the civil days."""
    holidays: str = "FR"
    """Country or region of the public holidays (`models.calendars.public_holidays`); empty for none."""
    target_seconds: int = 20
    """Target wait of the service level, in seconds; must be a bucket bound of the wait histogram."""
    desk_target_seconds: int = 900
    """Target wait of visits at front desks, in seconds; must be a bucket bound too."""
    short_abandon_seconds: int = 10
    """Longest wait of a short abandon, in seconds; must be a bucket bound of the wait histogram."""
    stale_after_seconds: float = 15.0
    """Age in seconds above which figures count as out of date. Workers write at least every 5 s."""
    quiet_after_seconds: float = 3600.0
    """Seconds without a call or visit after which the board reports a site: its source may have stopped."""
    quiet_after_seconds_of: Mapping[str, float] = field(default_factory=dict)
    """Channel → the same for arrivals of this channel, in place of `quiet_after_seconds`."""
    formula: Formula = Formula.NET_OF_SHORT
    """Formula of the service level on the board; the metrics export all formulas."""
    fewest_answers: int = 5
    """Minimum number of answers for a measure of satisfaction; below it, no value is shown."""
    queues: tuple[QueueOptions, ...] = ()
    """Configured queues, in the order of the board. Within each channel, queues found only in the data follow, sorted by their
    dimensions."""
    services: tuple[ServiceOptions, ...] = ()
    """Configured services, in the order of the board. Services found only in the data follow, sorted by name."""
    service_level: Thresholds = Thresholds(attention=0.80, action=0.60)
    abandonment: Thresholds = Thresholds(attention=0.10, action=0.20)
    backlog_age_seconds: Mapping[str, Thresholds] = field(default_factory=lambda: BACKLOG_AGE_SECONDS)
    """Channel → thresholds for the age of the oldest case that waits for the service, in seconds."""
    wall_seconds: float = 20.0
    """Time that the wall shows each view, in seconds."""
    wall_views: tuple[str, ...] = WALL_VIEWS
    """Views of the wall, in display order; a view without content is skipped."""

    @property
    def known(self) -> tuple[Dimensions, ...]:
        """Dimensions of all configured queues, then of all configured services."""
        return (
            *(queue.dimensions for queue in self.queues),
            *(dimensions for service in self.services for dimensions in service.dimension_keys),
        )

    def is_holiday(self, day: date) -> bool:
        """Return whether a day is a public holiday of `holidays`; always False if that is empty."""
        from models.calendars.public_holidays import public_holidays  # noqa: PLC0415 - brings a library

        return bool(self.holidays) and day in public_holidays(self.holidays, day.year)

    def service_labels(self, service: str) -> tuple[str, str]:
        """Return the French and the English label of a service. A service that is not configured has its name as both."""
        labels = ((known.label_fr, known.label_en) for known in self.services if known.service == service)
        return next(labels, (service, service))

    def service_level_target(self, channel: str) -> int:
        """Return the target wait of the channel `call` or `visit`, in seconds."""
        return self.desk_target_seconds if channel == Channel.VISIT else self.target_seconds

    def quiet_after(self, channel: str) -> float | None:
        """Return the longest time in seconds without an arrival before a site of the channel is reported.

        None for channels without such a limit: letters arrive once a day, forms at any time.
        """
        default = self.quiet_after_seconds if FIGURE_SCHEMAS[channel] is QUEUE_SCHEMA else None
        return self.quiet_after_seconds_of.get(channel, default)
