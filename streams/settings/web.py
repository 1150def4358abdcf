"""What can be set of the board and the business metrics: names, kinds, bounds and defaults."""

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from models.envelope import Label
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Formula
from streams.core.figures.figure_schemas import WAIT_BOUNDS
from streams.locale.i18n import say
from streams.settings.base import Port, Section
from streams.web import options
from streams.web.options import BACKLOG_AGE_SECONDS, LONGEST_WAIT_SECONDS, QueueOptions, ServiceOptions, WebOptions

_BOARD: Final = WebOptions(brokers="")
_BOARD_QUEUE: Final = QueueOptions(Dimensions("", "", "", ""), label_fr="", label_en="")
"""What the board does if it is told nothing: its defaults have their home there."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(
            say("must be a time zone such as Europe/Paris", "attend un fuseau comme Europe/Paris")
        ) from None
    return name


def _known_holidays(code: str) -> str:
    if code:
        from models.calendars.public_holidays import public_holidays  # noqa: PLC0415 - brings a library, for who sets it
        from models.calendars.rules import LAST_YEAR  # noqa: PLC0415

        try:
            public_holidays(code, LAST_YEAR)
        except ValueError:
            raise ValueError(
                say(
                    'must be a country or a part of it, such as "FR", "FR-57" or "FR-974", or empty',
                    'attend un pays ou une partie, comme "FR", "FR-57" ou "FR-974", ou rien',
                )
            ) from None
    return code


def _one_of_the_bounds(seconds: int) -> int:
    # Figures hold waits by these bounds: with a target between two of them, who was answered in time could not be told.
    if seconds not in WAIT_BOUNDS:
        bounds = ", ".join(map(str, WAIT_BOUNDS))
        raise ValueError(say(f"must be one of {bounds}", f"attend une de ces valeurs : {bounds}"))
    return seconds


def _rising(thresholds: "Thresholds") -> "Thresholds":
    if thresholds.action < thresholds.attention:
        raise ValueError(
            say(
                "has its thresholds reversed: it is bad when high, so action must be at least attention",
                "a ses seuils inversés : il est mauvais quand il est haut, action doit valoir au moins attention",
            )
        )
    return thresholds


def _falling(thresholds: "Thresholds") -> "Thresholds":
    if thresholds.action > thresholds.attention:
        raise ValueError(
            say(
                "has its thresholds reversed: it is bad when low, so action must be at most attention",
                "a ses seuils inversés : il est mauvais quand il est bas, action doit valoir au plus attention",
            )
        )
    return thresholds


WaitBound = Annotated[int, AfterValidator(_one_of_the_bounds)]
NotNegative = Annotated[float, Field(ge=0)]
View = Literal["overview", "phone", "day", "written", "deadlines", "desk", "satisfaction", "sources"]
"""`options.VIEWS`."""
Share = Annotated[float, Field(ge=0, le=1)]


class Thresholds(Section):
    """From which value on a figure asks for attention, and from which for action."""

    attention: NotNegative
    action: NotNegative

    def to_board_options(self) -> options.Thresholds:
        """Return this as the board takes it."""
        return options.Thresholds(self.attention, self.action)


class Shares(Thresholds):
    """The same for a share of contacts: 0.8 is four of five."""

    attention: Share
    action: Share


Rising = Annotated[Thresholds, AfterValidator(_rising)]
RisingShares = Annotated[Shares, AfterValidator(_rising)]
FallingShares = Annotated[Shares, AfterValidator(_falling)]


class Queue(Section):
    """How the board shows one queue. A queue that is named here is shown before its first contact."""

    queue: Label = ""
    """Its name in the connector's configuration; that of the table if not given. For sites that have queues of one name."""
    channel: Literal["call", "visit"] = "call"
    """On the telephone, or at a front desk."""
    site: Label = ""
    service: Label = ""
    """As the connector's configuration gives them to this queue."""
    label_fr: str = ""
    """Its name for people; the queue's own if not given. The board adds the site where several queues would be the same."""
    label_en: str = ""
    """The same in English; `label_fr` if not given."""
    waiting: Rising = Thresholds(**asdict(_BOARD_QUEUE.waiting))
    """Contacts that wait now."""
    longest_wait_seconds: Rising = Thresholds(**asdict(_BOARD_QUEUE.longest_wait_seconds))
    """How long the first of them has waited; at a front desk 900 and 1800 if not given."""

    @model_validator(mode="before")
    @classmethod
    def _let_desks_wait_longer(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("channel") == Channel.VISIT:
            return {"longest_wait_seconds": asdict(LONGEST_WAIT_SECONDS[Channel.VISIT])} | values
        return values

    def place(self, table: str) -> Dimensions:
        """Return what its figures are about; `table` is the name of this table."""
        return Dimensions(self.channel, self.site, self.service, self.queue or table)

    def to_board_options(self, table: str) -> QueueOptions:
        """Return this as the board takes it."""
        name = self.queue or table
        return QueueOptions(
            dimensions=self.place(table),
            label_fr=self.label_fr or name,
            label_en=self.label_en or self.label_fr or name,
            waiting=self.waiting.to_board_options(),
            longest_wait_seconds=self.longest_wait_seconds.to_board_options(),
        )


class Service(Section):
    """How the board shows one service. What is named here of its work is shown before it happens."""

    label_fr: str = ""
    """Its name for people; that of the table, which is its name in the connectors' configuration, if not given."""
    label_en: str = ""
    """The same in English; `label_fr` if not given."""
    site: Label = ""
    """As the connectors' configuration gives it to the service."""
    channels: tuple[Literal["mail", "email", "appointment"], ...] = ()
    """How it is reached, beside queues and forms."""
    procedures: tuple[Label, ...] = ()
    """Its online procedures, as the connector's configuration names them."""

    def to_board_options(self, table: str) -> ServiceOptions:
        """Return this as the board takes it; `table` is the name of this table."""
        return ServiceOptions(
            service=table,
            label_fr=self.label_fr or table,
            label_en=self.label_en or self.label_fr or table,
            dimension_keys=(
                *(Dimensions(channel, self.site, table, "") for channel in self.channels),
                *(Dimensions(Channel.FORM.value, self.site, table, procedure) for procedure in self.procedures),
            ),
        )


def _each_once(queues: dict[str, Queue]) -> dict[str, Queue]:
    tables: dict[Dimensions, str] = {}
    for table, queue in queues.items():
        other = tables.setdefault(queue.place(table), table)
        if other != table:
            raise ValueError(say(f"has one queue twice: {other}, {table}", f"a deux fois une file : {other}, {table}"))
    return queues


class Web(Section):
    """The live board and the business metrics."""

    host: str = _BOARD.host
    """Where to listen; 0.0.0.0 for everywhere (put a reverse proxy with authentication before it)."""
    port: Port = _BOARD.port
    hosts: tuple[str, ...] = _BOARD.hosts
    """Names by which a reverse proxy on this machine asks: as long as `host` is local, only these and its own are answered."""
    max_viewers: PositiveInt = _BOARD.max_viewers
    """Boards open at once; further ones are refused a stream (503) and try again."""
    title: str = _BOARD.title
    """Name of the house, at the head of the board."""
    title_en: str = _BOARD.title_en
    """The same in English; empty if it has no other name."""
    time_zone: Annotated[str, AfterValidator(_known_zone)] = _BOARD.time_zone.key
    """Whose midnight begins the day."""
    holidays: Annotated[str, AfterValidator(_known_holidays)] = _BOARD.holidays
    """Whose public holidays are no days like others, for what is usual and the forecast; empty: nobody's."""
    target_seconds: WaitBound = _BOARD.target_seconds
    """An answer within this time is in time: the target of the service level."""
    desk_target_seconds: WaitBound = _BOARD.desk_target_seconds
    """The same at front desks: called within this time."""
    short_abandon_seconds: WaitBound = _BOARD.short_abandon_seconds
    """Who hangs up within this time was not patient: left out of abandonment, and of the service level by `net_of_short`."""
    formula: Formula = _BOARD.formula
    """Which service level the board shows (`streams.core.figures.figure.Formula`); the metrics have all of them."""
    stale_after_seconds: PositiveFloat = _BOARD.stale_after_seconds
    """Figures older than this are shown as out of date."""
    quiet_after_seconds: PositiveFloat = _BOARD.quiet_after_seconds
    """When nobody has called a site, or come to its desk, for this long, the board asks whether its source has stopped."""
    quiet_after_seconds_of: dict[Channel, Annotated[float, Field(gt=0, le=86_400)]] = Field(default_factory=dict)
    """The same for each channel that is to be judged otherwise: letters, for one, are not unless they stand here."""
    fewest_answers: PositiveInt = _BOARD.fewest_answers
    """Of fewer answers in a window the metrics tell no CSAT, NPS, CES or response rate: only how many answers there were."""
    service_level: FallingShares = Shares(**asdict(_BOARD.service_level))
    """The share of answers in time, by `formula`."""
    abandonment: RisingShares = Shares(**asdict(_BOARD.abandonment))
    """Of those who were answered, or waited longer than `short_abandon_seconds` and gave up: the share that gave up."""
    backlog_age_seconds: dict[Literal["mail", "email", "form"], Rising] = Field(default_factory=dict)
    """By channel: how long ago the oldest contact came that waits for the service to act, nights and holidays too. If not given,
    30 and 60 days; e-mails 7 and 14."""
    wall_seconds: Annotated[float, Field(ge=5, le=3600)] = _BOARD.wall_seconds
    """For how long a screen on a wall (`/wall`) shows each of its views; `/wall?seconds=30` is for one screen alone."""
    wall_views: Annotated[tuple[View, ...], Field(min_length=1)] = _BOARD.wall_views  # type: ignore[assignment]
    """Which of them, in their order; those with nothing to show are left out. `/wall?views=phone,day` is for one screen alone."""
    queues: Annotated[dict[Label, Queue], AfterValidator(_each_once)] = Field(default_factory=dict)
    """In the order of the board; others follow as they appear."""
    services: dict[Label, Service] = Field(default_factory=dict)
    """By their names in the connectors' configuration; in the order of the board, others follow as they appear."""

    def name_services(self, language: str) -> dict[str, str]:
        """Return code → name, in French (`fr`) or English, of the services that have one."""
        labels = (service.to_board_options(name) for name, service in self.services.items())
        named = {one.service: one.label_fr if language == "fr" else one.label_en for one in labels}
        return {code: name for code, name in named.items() if name != code}

    def name_queues(self, language: str) -> dict[tuple[str, str, str], str]:
        """Return channel, site and code → name, in French (`fr`) or English, of the queues that have one."""
        queues = (queue.to_board_options(table) for table, queue in self.queues.items())
        named = {one.dimensions: one.label_fr if language == "fr" else one.label_en for one in queues}
        return {(at.channel, at.site, at.queue): name for at, name in named.items() if name != at.queue}

    @property
    def backlog_ages(self) -> dict[str, options.Thresholds]:
        """`backlog_age_seconds`, with what is usual where it says nothing."""
        return {
            **BACKLOG_AGE_SECONDS,
            **{name: given.to_board_options() for name, given in self.backlog_age_seconds.items()},
        }

    @property
    def zone(self) -> ZoneInfo:
        """`time_zone`, as what tells times."""
        return ZoneInfo(self.time_zone)
