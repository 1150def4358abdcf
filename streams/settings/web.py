"""Schema of the settings of the board and the business metrics."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from models.envelope import Label
from models.locale import _
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Formula
from streams.core.figures.figure_schemas import WAIT_BOUNDS
from streams.settings.base import Port, Section
from streams.web import options
from streams.web.options import (
    BACKLOG_AGE_SECONDS,
    LONGEST_WAIT_SECONDS,
    QueueOptions,
    ReasonOptions,
    ServiceOptions,
    WebOptions,
)

_BOARD: Final = WebOptions(brokers="")
_BOARD_QUEUE: Final = QueueOptions(Dimensions("", "", "", ""), label_fr="", label_en="")
"""Default options of a queue on the board; `_BOARD` has those of the board."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(_("must be a time zone such as Europe/Paris")) from None
    return name


def _known_holidays(code: str) -> str:
    if code:
        from models.calendars.public_holidays import public_holidays  # noqa: PLC0415 - imports a library
        from models.calendars.rules import LAST_YEAR  # noqa: PLC0415

        try:
            public_holidays(code, LAST_YEAR)
        except ValueError:
            raise ValueError(
                _('must be a country or a part of it, such as "FR", "FR-57" or "FR-974", or empty')
            ) from None
    return code


def _check_wait_bound(seconds: int) -> int:
    # Figures count waits by these bounds: a target between two of them could not be evaluated.
    if seconds not in WAIT_BOUNDS:
        bounds = ", ".join(map(str, WAIT_BOUNDS))
        raise ValueError(_("must be one of {bounds}", bounds=bounds))
    return seconds


def _rising(thresholds: "Thresholds") -> "Thresholds":
    if thresholds.action < thresholds.attention:
        raise ValueError(_("has reversed thresholds: high values are bad, so action must be at least attention"))
    return thresholds


def _falling(thresholds: "Thresholds") -> "Thresholds":
    if thresholds.action > thresholds.attention:
        raise ValueError(_("has reversed thresholds: low values are bad, so action must be at most attention"))
    return thresholds


WaitBound = Annotated[int, AfterValidator(_check_wait_bound)]
NotNegative = Annotated[float, Field(ge=0)]
View = Literal["overview", "phone", "day", "written", "deadlines", "desk", "reasons", "satisfaction", "sources"]
"""A view of the wall, as in `streams.web.options.WALL_VIEWS`."""
Share = Annotated[float, Field(ge=0, le=1)]


class Thresholds(Section):
    """Limits of a figure for the marks "attention" and "action"."""

    attention: NotNegative
    action: NotNegative

    def to_board_options(self) -> options.Thresholds:
        """Return the options of the board."""
        return options.Thresholds(self.attention, self.action)


class Shares(Thresholds):
    """Thresholds for a share of contacts, from 0 to 1."""

    attention: Share
    action: Share


Rising = Annotated[Thresholds, AfterValidator(_rising)]
RisingShares = Annotated[Shares, AfterValidator(_rising)]
FallingShares = Annotated[Shares, AfterValidator(_falling)]


class Queue(Section):
    """Display of a queue on the board. Queues listed here are shown before their first contact."""

    queue: Label = ""
    """Name of the queue in events and figures: its `label` in the connector's configuration, or its own name without a label.
    Default: the name of this table. Set it if several sites use the same name."""
    channel: Literal["call", "visit"] = "call"
    """`call`: telephone; `visit`: front desk."""
    site: Label = ""
    service: Label = ""
    """Site and service of the queue, spelled as in the configuration of the connector; empty if its contacts have none."""
    label_fr: str = ""
    """Displayed name, by default the name of the queue. The board adds the site if several queues have the same name."""
    label_en: str = ""
    """Displayed name in English, by default `label_fr`."""
    waiting: Rising = Thresholds(**asdict(_BOARD_QUEUE.waiting))
    """Thresholds of the number of waiting contacts."""
    longest_wait_seconds: Rising = Thresholds(**asdict(_BOARD_QUEUE.longest_wait_seconds))
    """Thresholds of the longest current wait; by default 900 and 1800 at front desks."""

    @model_validator(mode="before")
    @classmethod
    def _set_desk_defaults(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("channel") == Channel.VISIT:
            return {"longest_wait_seconds": asdict(LONGEST_WAIT_SECONDS[Channel.VISIT])} | values
        return values

    def place(self, table: str) -> Dimensions:
        """Return the dimensions of the queue's figures; `table` is the name of the queue's table in the settings."""
        return Dimensions(self.channel, self.site, self.service, self.queue or table)

    def to_board_options(self, table: str) -> QueueOptions:
        """Return the board's options for this queue; `table` as in `place`."""
        name = self.queue or table
        return QueueOptions(
            dimensions=self.place(table),
            label_fr=self.label_fr or name,
            label_en=self.label_en or self.label_fr or name,
            waiting=self.waiting.to_board_options(),
            longest_wait_seconds=self.longest_wait_seconds.to_board_options(),
        )


class Service(Section):
    """Display of a service on the board. Channels and procedures listed here are shown before their first contact."""

    label_fr: str = ""
    """Displayed name, by default the name of the table, which is its name in the configuration of the connectors."""
    label_en: str = ""
    """Displayed name in English, by default `label_fr`."""
    site: Label = ""
    """Site of the service, spelled as in the configuration of the connectors; empty if its contacts have none."""
    channels: tuple[Literal["mail", "email", "appointment"], ...] = ()
    """Channels of the service that are neither queues nor online procedures."""
    procedures: tuple[Label, ...] = ()
    """Online procedures, as in the configuration of the connector."""

    def to_board_options(self, table: str) -> ServiceOptions:
        """Return the board's options for this service; `table` is the name of its table, and of the service in events."""
        return ServiceOptions(
            service=table,
            label_fr=self.label_fr or table,
            label_en=self.label_en or self.label_fr or table,
            dimension_keys=(
                *(Dimensions(channel, self.site, table, "") for channel in self.channels),
                *(Dimensions(Channel.FORM.value, self.site, table, procedure) for procedure in self.procedures),
            ),
        )


def _check_unique(queues: dict[str, Queue]) -> dict[str, Queue]:
    tables: dict[Dimensions, str] = {}
    for table, queue in queues.items():
        other = tables.setdefault(queue.place(table), table)
        if other != table:
            raise ValueError(_("has the same queue twice: {other}, {table}", other=other, table=table))
    return queues


class Web(Section):
    """Live board and business metrics."""

    host: str = _BOARD.host
    """Address to listen on; 0.0.0.0: all interfaces (behind a reverse proxy with authentication)."""
    port: Port = _BOARD.port
    hosts: tuple[str, ...] = _BOARD.hosts
    """Host names used by a local reverse proxy. While `host` is local, only these, `host` and local names are answered."""
    max_viewers: PositiveInt = _BOARD.max_viewers
    """Maximum number of open boards; further ones get a 503 and try again."""
    title: str = _BOARD.title
    """Name of the organisation, at the head of the board."""
    title_en: str = _BOARD.title_en
    """The name in English; empty: the same."""
    time_zone: Annotated[str, AfterValidator(_known_zone)] = _BOARD.time_zone.key
    """Time zone of days and displayed times."""
    holidays: Annotated[str, AfterValidator(_known_holidays)] = _BOARD.holidays
    """Country, or a part of it (`FR-57`), whose public holidays are left out of usual values and forecast; empty: none."""
    target_seconds: WaitBound = _BOARD.target_seconds
    """Target of the service level: calls answered within this time."""
    desk_target_seconds: WaitBound = _BOARD.desk_target_seconds
    """The same for front desks: visitors called within this time."""
    short_abandon_seconds: WaitBound = _BOARD.short_abandon_seconds
    """Calls and visits abandoned within this time do not count in the abandonment rate, nor in the service level by
    `net_of_short`."""
    formula: Formula = _BOARD.formula
    """Formula of the service level on the board (`streams.core.figures.figure.Formula`); metrics have all formulas."""
    stale_after_seconds: PositiveFloat = _BOARD.stale_after_seconds
    """Age of the figures after which the board shows them as out of date, and of its last message after which it reports a lost
    connection."""
    quiet_after_seconds: PositiveFloat = _BOARD.quiet_after_seconds
    """Time without calls or visits at a site until the board warns that its source may have stopped."""
    quiet_after_seconds_of: dict[Channel, Annotated[float, Field(gt=0, le=86_400)]] = Field(default_factory=dict)
    """The same by channel. Channels other than calls and visits are only checked if listed here."""
    fewest_answers: PositiveInt = _BOARD.fewest_answers
    """Minimum number of answers for a satisfaction measure, and of invitations for a response rate."""
    service_level: FallingShares = Shares(**asdict(_BOARD.service_level))
    """Thresholds of the service level, by `formula`."""
    abandonment: RisingShares = Shares(**asdict(_BOARD.abandonment))
    """Thresholds of the abandonment rate, without contacts abandoned within `short_abandon_seconds`."""
    backlog_age_seconds: dict[Literal["mail", "email", "form"], Rising] = Field(default_factory=dict)
    """By channel: thresholds of the age of the oldest contact that waits for the service, nights and holidays included. By
    default 30 and 60 days; for e-mails 7 and 14."""
    wall_seconds: Annotated[float, Field(ge=5, le=3600)] = _BOARD.wall_seconds
    """Display time of each view on wall screens (`/wall`). `/wall?seconds=30` overrides it for one screen."""
    wall_views: Annotated[tuple[View, ...], Field(min_length=1)] = _BOARD.wall_views  # type: ignore[assignment]
    """Views of wall screens, in order; empty views are skipped. `/wall?views=phone,day` overrides them for one screen."""
    queues: Annotated[dict[Label, Queue], AfterValidator(_check_unique)] = Field(default_factory=dict)
    """Queues in the order of the board, within each channel; others with contacts follow, sorted."""
    services: dict[Label, Service] = Field(default_factory=dict)
    """Services in the order of the board, by their names in the configuration of the connectors; others follow, sorted."""

    def name_services(self, language: str) -> dict[str, str]:
        """Return name in events → displayed name in French (`fr`) or English, for services where they differ."""
        labels = (service.to_board_options(name) for name, service in self.services.items())
        named = {label.service: label.label_fr if language == "fr" else label.label_en for label in labels}
        return {code: name for code, name in named.items() if name != code}

    def name_queues(self, language: str) -> dict[tuple[str, str, str], str]:
        """Return (channel, site, name in events) → displayed name in French (`fr`) or English, for queues where they differ."""
        queues = (queue.to_board_options(table) for table, queue in self.queues.items())
        named = {queue.dimensions: queue.label_fr if language == "fr" else queue.label_en for queue in queues}
        return {(at.channel, at.site, at.queue): name for at, name in named.items() if name != at.queue}

    def to_board_options(
        self, brokers: str, client: Mapping[str, Any], reasons: tuple[ReasonOptions, ...] = ()
    ) -> WebOptions:
        """Return the options of the board, which reads from `brokers` with the Kafka client options `client`.

        `reasons` are the reasons for contact.
        """
        same = {field.name: getattr(self, field.name) for field in fields(WebOptions) if field.name in Web.model_fields}
        ages = dict(BACKLOG_AGE_SECONDS)
        ages |= {name: thresholds.to_board_options() for name, thresholds in self.backlog_age_seconds.items()}
        converted = {
            "time_zone": self.zone,
            "quiet_after_seconds_of": {channel.value: age for channel, age in self.quiet_after_seconds_of.items()},
            "queues": tuple(queue.to_board_options(table) for table, queue in self.queues.items()),
            "services": tuple(service.to_board_options(table) for table, service in self.services.items()),
            "service_level": self.service_level.to_board_options(),
            "abandonment": self.abandonment.to_board_options(),
            "backlog_age_seconds": ages,
        }
        return WebOptions(brokers=brokers, client=client, reasons=reasons, **same | converted)

    @property
    def zone(self) -> ZoneInfo:
        """Return `time_zone` as `ZoneInfo`."""
        return ZoneInfo(self.time_zone)
