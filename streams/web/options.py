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
"""Channel → default thresholds for the age of the oldest case that waits for the service, in seconds.

After two months without an answer, silence is a decision in law (CRPA, L. 231-4). The values for e-mail are shorter by
convention: citizens expect an answer sooner."""
WALL_VIEWS: Final = ("overview", "phone", "day", "written", "deadlines", "desk", "reasons", "satisfaction", "sources")
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
class ReasonOptions:
    """Labels and channels of a configured reason for contact."""

    reason: str
    label_fr: str
    label_en: str
    channels: tuple[str, ...] = ()
    """Channels in which the reason may occur; empty for all."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Options of `accueil web`: the settings of the same names (`streams.settings.web.Web` describes them), and the broker."""

    brokers: str
    """`host:port` of one or more brokers, comma-separated."""
    client: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of the Kafka client (names of kafka-python), such as those for TLS and SASL."""
    host: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ()
    max_viewers: int = 500
    title: str = "Accueil"
    title_en: str = ""
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Paris"))
    holidays: str = "FR"
    target_seconds: int = 20
    desk_target_seconds: int = 900
    short_abandon_seconds: int = 10
    stale_after_seconds: float = 15.0
    """Workers write at least every 5 s."""
    quiet_after_seconds: float = 3600.0
    quiet_after_seconds_of: Mapping[str, float] = field(default_factory=dict)
    formula: Formula = Formula.NET_OF_SHORT
    fewest_answers: int = 5
    queues: tuple[QueueOptions, ...] = ()
    services: tuple[ServiceOptions, ...] = ()
    reasons: tuple[ReasonOptions, ...] = ()
    """Reasons for contact, the settings `contact_reasons`, in display order."""
    service_level: Thresholds = Thresholds(attention=0.80, action=0.60)
    abandonment: Thresholds = Thresholds(attention=0.10, action=0.20)
    backlog_age_seconds: Mapping[str, Thresholds] = field(default_factory=lambda: BACKLOG_AGE_SECONDS)
    wall_seconds: float = 20.0
    wall_views: tuple[str, ...] = WALL_VIEWS

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

    def reason_labels(self, reason: str) -> tuple[str, str]:
        """Return the French and the English label of a reason. A reason that is not configured has its name as both."""
        labels = ((known.label_fr, known.label_en) for known in self.reasons if known.reason == reason)
        return next(labels, (reason, reason))

    def service_level_target(self, channel: str) -> int:
        """Return the target wait of the channel `call` or `visit`, in seconds."""
        return self.desk_target_seconds if channel == Channel.VISIT else self.target_seconds

    def quiet_after(self, channel: str) -> float | None:
        """Return the longest time in seconds without an arrival before a site of the channel is reported.

        None for channels without such a limit: letters arrive once a day, forms at any time.
        """
        default = self.quiet_after_seconds if FIGURE_SCHEMAS[channel] is QUEUE_SCHEMA else None
        return self.quiet_after_seconds_of.get(channel, default)
