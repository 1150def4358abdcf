"""What can be set: names, kinds, bounds and defaults. `streams.configuration` reads them.

The text under a setting is its documentation.
"""

import ssl
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    StringConstraints,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from connectors.sdk.errors import why
from models.envelope import Label
from models.topics import Channel
from streams.core.figures import Dimensions, Formula
from streams.core.layouts import WAIT_BOUNDS
from streams.web.options import QueueOptions, WebOptions
from streams.words import say

_BOARD: Final = WebOptions(brokers="")
_BOARD_QUEUE: Final = QueueOptions(Dimensions("", "", "", ""), label_fr="", label_en="")
"""What the board does if it is told nothing: its defaults have their home there."""


class ConfigError(Exception):
    """The configuration cannot be used: the text says where, which key, and what is allowed. Fix it and start again."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(
            say("must be a time zone such as Europe/Paris", "attend un fuseau comme Europe/Paris")
        ) from None
    return name


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


Port = Annotated[int, Field(ge=1, le=65535)]
PortOrNone = Annotated[int, Field(ge=0, le=65535)]
WaitBound = Annotated[int, AfterValidator(_one_of_the_bounds)]
Brokers = Annotated[str, StringConstraints(pattern=r"^$|^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """What all sections share."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class Kafka(Section):
    """How to speak with the brokers named in `brokers`."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: Path | None = None
    """Certificates to trust (PEM); the system's if not given."""
    ssl_certfile: Path | None = None
    """Our own certificate (PEM), where the brokers ask for one."""
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr = SecretStr("")
    """Pass phrase of `ssl_keyfile`."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    sasl_password_file: Path | None = None
    """A file that holds the password, instead of `sasl_password`."""

    def client_options(self) -> dict[str, Any]:
        """Return these settings as kafka-python and aiokafka both take them.

        Raises `ConfigError` if a file cannot be read or is no certificate.
        """
        options: dict[str, Any] = {"security_protocol": self.security_protocol}
        try:
            if self.security_protocol.endswith("SSL"):
                options["ssl_context"] = self._ssl_context()
            if self.security_protocol.startswith("SASL"):
                password = self.sasl_password_file.read_text().strip() if self.sasl_password_file else None
                options |= {
                    "sasl_mechanism": self.sasl_mechanism,
                    "sasl_plain_username": self.sasl_username,
                    "sasl_plain_password": password or self.sasl_password.get_secret_value(),
                }
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"kafka: {why(error, error.filename or self.ssl_certfile or self.ssl_cafile)}") from None
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, self.ssl_password.get_secret_value())
        return context


class Worker(Section):
    """The process that turns events into rows and figures."""

    processes: PositiveInt = 1
    """How many `accueil up` starts; more than there are partitions have nothing to do."""
    app_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "accueil"
    """Names the consumer group and the transactions: never change it on data that is to be kept."""
    instance_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    """A name that this worker alone has and keeps (static membership): after a restart it goes on at once."""
    tick_seconds: Annotated[float, Field(gt=0, le=5)] = 1.0
    """How often what depends on time alone is looked at."""
    linger_seconds: Annotated[float, Field(ge=0, le=10)] = 0.05
    """Steps of a partition begin at least this far apart while there is little to do: saves CPU, costs as much delay."""
    session_timeout_seconds: PositiveFloat = 15.0
    """After this long without a sign of life, another worker takes over."""
    max_records_per_step: PositiveInt = 10_000
    """At most this many records in one transaction."""
    skip_expired: bool = False
    """Go on without the events that Kafka's retention deleted before they were counted; else the worker refuses to start."""
    forget_waiting_after_seconds: PositiveInt = 3600
    """A call that waits this long was forgotten by the switchboard, and is counted as such."""
    forget_answered_after_seconds: PositiveInt = 12 * 3600
    """The same for a conversation."""
    forget_agents_after_seconds: PositiveInt = 7 * 24 * 3600
    """An agent of whom nothing is heard for this long has left: switchboards do not tell every logout. Holidays are shorter."""
    keep_closed_days: PositiveInt = 35
    """A contact closed for this long leaves memory. More than Kafka keeps events (30 days), and a topic can be replayed."""
    keep_touched_seconds: PositiveInt = 3600
    """At least this long after its last change, however old: longer than a connector takes to tell things again."""
    keep_buckets_days: PositiveInt = 8
    """Days of which the 5-minute figures are kept; totals are kept for ever."""
    health_host: str = "127.0.0.1"
    health_port: PortOrNone = 0
    """Where /healthz, /readyz and /metrics answer; 0 for nowhere (`accueil up` takes a free port)."""


class Connect(Section):
    """The process that runs connectors."""

    health_host: str = "127.0.0.1"
    health_port: PortOrNone = 0
    """Where /healthz, /readyz and /metrics answer; 0 for nowhere (`accueil up` takes a free port)."""


class Thresholds(Section):
    """From which value on a figure asks for attention, and from which for action."""

    attention: NotNegative
    action: NotNegative


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
    channel: Channel = Channel.CALL
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
    """How long the first of them has waited."""

    def place(self, table: str) -> Dimensions:
        """Return what its figures are about; `table` is the name of this table."""
        return Dimensions(self.channel.value, self.site, self.service, self.queue or table)


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
    target_seconds: WaitBound = _BOARD.target_seconds
    """An answer within this time is in time: the target of the service level."""
    short_abandon_seconds: WaitBound = _BOARD.short_abandon_seconds
    """Who hangs up within this time was not patient: left out of abandonment, and of the service level by `net_of_short`."""
    formula: Formula = _BOARD.formula
    """Which service level the board shows (`streams.core.figures.Formula`); the metrics have all of them."""
    stale_after_seconds: PositiveFloat = _BOARD.stale_after_seconds
    """Figures older than this are shown as out of date."""
    quiet_after_seconds: PositiveFloat = _BOARD.quiet_after_seconds
    """When nobody has come from a site for this long, the board asks whether its source has stopped."""
    service_level: FallingShares = Shares(**asdict(_BOARD.service_level))
    """The share of answers in time, by `formula`."""
    abandonment: RisingShares = Shares(**asdict(_BOARD.abandonment))
    """Of those who were answered, or waited longer than `short_abandon_seconds` and gave up: the share that gave up."""
    queues: Annotated[dict[Label, Queue], AfterValidator(_each_once)] = {}
    """In the order of the board; others follow as they appear."""

    @property
    def zone(self) -> ZoneInfo:
        """`time_zone`, as what tells times."""
        return ZoneInfo(self.time_zone)


class Log(Section):
    """What processes say."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Demo(Section):
    """The simulated source systems of `accueil up --demo`."""

    seed: NonNegativeInt = 1
    calls_per_hour: PositiveFloat = 300.0
    contacts_per_year: PositiveFloat = 500_000.0
    """Of all channels but calls, as many as come with so many in all."""
    history_days: NonNegativeInt = 3
    """Of these days, the first of them today, the figures are at once when it is started for the first time."""
    speed: PositiveFloat = 1.0
    """Simulated seconds per second."""


class Instance(Section):
    """One connector that runs; what else stands in its table is that connector's own configuration."""

    model_config = ConfigDict(extra="allow")

    connector: str
    """Its kind, as in `asterisk`."""

    @property
    def options(self) -> dict[str, Any]:
        """The rest of the table, for the connector's own model to check."""
        return dict(self.model_extra or {})


class Settings(BaseSettings):
    """All settings; `streams.configuration.load` makes them."""

    model_config = SettingsConfigDict(
        env_prefix="ACCUEIL_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    brokers: Brokers = ""
    """Kafka, as `host:port,host:port`. Empty: `accueil up` starts one of its own on this machine."""
    broker_port: PortOrNone = 0
    """Port of Accueil's own broker; 0 for a free one at each start."""
    data: Path = Path("accueil-data")
    """Directory of everything that is kept: the broker's data, cursors, spools, keys, logs."""
    partitions: Annotated[int, Field(ge=1, le=256)] = 4
    """Of every topic: how far the work can be shared. Cannot be changed once topics exist."""
    replication: Annotated[int, Field(ge=1, le=7)] = 1
    """Copies of every topic; 3 for a cluster that is to survive the loss of a machine."""
    kafka: Kafka = Kafka()
    worker: Worker = Worker()
    connect: Connect = Connect()
    web: Web = Web()
    log: Log = Log()
    demo: Demo = Demo()
    connectors: dict[Name, Instance] = {}

    @classmethod
    def settings_customise_sources(  # noqa: D102
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings
