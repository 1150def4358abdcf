"""What can be set: names, kinds, bounds and defaults. `streams.settings.loader` reads them.

The text under a setting is its documentation.
"""

import re
import ssl
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    StringConstraints,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from connectors.sdk.errors import describe_os_error
from connectors.sdk.pseudonyms import IdentityBlocklist, Region
from streams.core.citizens.identity_resolution import LinkLimits
from streams.locale.i18n import say
from streams.settings.api import Api
from streams.settings.base import Section
from streams.settings.notify import Notify
from streams.settings.web import Web


class ConfigError(Exception):
    """The configuration cannot be used: the text says where, which key, and what is allowed. Fix it and start again."""


PortOrNone = Annotated[int, Field(ge=0, le=65535)]
_BROKER: Final = r"([^\s,:\[\]]+|\[[0-9a-fA-F:]+\]):\d+"
Brokers = Annotated[str, StringConstraints(pattern=rf"^$|^{_BROKER}(,{_BROKER})*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


def _check_database(url: str) -> str:
    if url and not any(url.startswith(scheme) and url != scheme for scheme in ("sqlite:///", "postgresql+psycopg://")):
        raise PydanticCustomError(
            "database_url",
            "must begin with sqlite:/// or postgresql+psycopg://",
            {"french": "doit commencer par sqlite:/// ou postgresql+psycopg://"},
        )
    return url


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
            raise ConfigError(
                f"kafka: {describe_os_error(error, error.filename or self.ssl_certfile or self.ssl_cafile)}"
            ) from None
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, self.ssl_password.get_secret_value())
        return context


MAX_DAYS: Final = 10_000
"""Of so many days figures may be kept, and asked for at once."""


class Worker(Section):
    """The process that turns events into rows and figures."""

    processes: PositiveInt = 1
    """How many `accueil up` starts; more than there are partitions have nothing to do."""
    app_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "accueil"
    """Names the consumer group and the transactions: never change it on data that is to be kept."""
    instance_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,128}$")] = ""
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
    forget_visits_after_seconds: PositiveInt = 12 * 3600
    """A visitor who waits, or is at a desk, for this long has left: nobody told."""
    forget_agents_after_seconds: PositiveInt = 7 * 24 * 3600
    """An agent of whom nothing is heard for this long has left: switchboards do not tell every logout. Holidays are shorter."""
    keep_closed_days: PositiveInt = 35
    """A contact closed for this long leaves memory. More than Kafka keeps events (30 days), and a topic can be replayed."""
    keep_touched_seconds: PositiveInt = 3600
    """At least this long after its last change, however old: longer than a connector takes to tell things again."""
    keep_buckets_days: PositiveInt = 8
    """Days of which the 5-minute figures are kept; then they are added up to figures of a day. Totals are kept for ever."""
    keep_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 500
    """Days of which the figures of a day are kept: so far back `accueil report` can tell. `web.time_zone` cuts the days."""
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """After a stop, and of what is told late, so long news is waited for before a deadline that passed is told."""
    news_seconds: Annotated[float, Field(ge=0, le=86_400)] = 90.0
    """Of letters, e-mails and forms a deadline that passed is told so long after it: their sources are asked once a minute
    (`poll_seconds`), and what was done in time must not be called late. Of calls and visits it is a second and a half."""
    health_host: str = "127.0.0.1"
    health_port: PortOrNone = 0
    """Where /healthz, /readyz and /metrics answer; 0 for nowhere (`accueil up` takes a free port)."""


class Connect(Section):
    """The process that runs connectors."""

    health_host: str = "127.0.0.1"
    health_port: PortOrNone = 0
    """Where /healthz, /readyz and /metrics answer; 0 for nowhere (`accueil up` takes a free port)."""


class Timeline(Section):
    """Where citizens' timelines are kept."""

    url: Annotated[str, AfterValidator(_check_database)] = ""
    """The database, as SQLAlchemy writes it (`postgresql+psycopg://user@host/name`); empty: a file of SQLite in `data`."""
    password: SecretStr = SecretStr("")
    """Of the database."""
    password_file: Path | None = None
    """A file that holds the password, instead of `password`."""
    max_records_per_step: PositiveInt = 10_000
    """At most this many entries in one transaction of the database. To read years again into SQLite, 300,000 take half the time:
    a page is written once for many of them. Each partition holds as many, so that four take three gigabytes of memory."""
    keep_days: PositiveInt = 92
    """A contact that was closed so long ago leaves its citizen's timeline; one that is open stays."""
    health_host: str = "127.0.0.1"
    health_port: PortOrNone = 0
    """Where /healthz, /readyz and /metrics answer; 0 for nowhere (`accueil up` takes a free port)."""


class Identities(Section):
    """Which identities bring a citizen's contacts together."""

    blocked: tuple[str, ...] = ()
    """Numbers and addresses that are no citizen's own: a switchboard's, a social worker's mailbox. `*` stands for any
    characters. Connectors tell nobody by them; those without a `*` also no longer bring together what was told before."""
    region: Region = "FR"
    """Country whose national way of writing numbers is meant in `blocked`."""
    fan_out: PositiveInt = LinkLimits().fan_out
    """A number or address that is linked to more identities than this is nobody's own."""
    contacts: PositiveInt = LinkLimits().contacts
    """Nor is one that more contacts tell, of whom nothing else is known."""
    most: PositiveInt = LinkLimits().identities
    """So many identities belong to one citizen at most."""

    @field_validator("blocked")
    @classmethod
    def _can_be_read(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        IdentityBlocklist(given)  # what can be a number in one country can be one in each
        return given


class Citizens(Section):
    """How citizens are counted, by who writes their timelines."""

    recontact_days: Annotated[int, Field(ge=1, le=28)] = 7
    """So many days after a contact was handled, another one of the same citizen with the same service is a recontact."""


def _time_of_day(text: str) -> str:
    if not re.fullmatch(r"(([01]\d|2[0-3]):[0-5]\d)?", text):
        raise ValueError(
            say("must be a time of the day such as 02:30, or empty", "attend une heure comme 02:30, ou rien")
        )
    return text


class Retention(Section):
    """How long is kept what no other section speaks of; `accueil retention show` prints all of it."""

    events_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Days for which Kafka keeps events, timeline entries and SLA events: replays and `accueil recompute` reach back so far."""
    dead_letters_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Records that could not be used, as they came, in Kafka."""
    rejects_days: Annotated[int, Field(ge=1, le=365)] = 30
    """What connectors could not map, as it came from its source, with the personal data in it, on their machine."""
    logs_days: Annotated[int, Field(ge=1, le=365)] = 90
    """Files in `data/logs`, which hold no personal data."""
    at: Annotated[str, AfterValidator(_time_of_day)] = "02:30"
    """When `accueil up` does `accueil retention apply`, each day by the clocks of `web.time_zone`; after a night in which it did
    not run, once it does, but then the timelines' tables are not written anew. Empty: never, something else does it."""


class Rights(Section):
    """What citizens are told beside what is held about them."""

    notice: Annotated[str, Field(max_length=20_000)] = ""
    """At the head of each export: what GDPR, article 15 asks for and Accueil does not know; empty lines part paragraphs."""
    notice_en: Annotated[str, Field(max_length=20_000)] = ""
    """The same in English; empty: the French one."""


class Audit(Section):
    """The record of who read what of whom, in `data`."""

    keep_days: Annotated[int, Field(ge=30, le=1100)] = 365
    """Of records; their files go a month later at most. The CNIL asks for 6 months to a year, 3 years with a reason."""


class Log(Section):
    """What processes say."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Demo(Section):
    """The simulated source systems of `accueil up --demo`."""

    seed: NonNegativeInt = 1
    calls_per_hour: PositiveFloat = 300.0
    contacts_per_year: PositiveFloat = 250_000.0
    """Of all channels together; how many of them are calls, `calls_per_hour` says."""
    history_days: Annotated[int, Field(ge=0, le=60)] = 3
    """At its first start, that many days are played at once, today among them, so that the board is not empty."""
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
    """All settings; `streams.settings.loader.load` makes them."""

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
    sla: Path | None = None
    """Calendars and SLA policies: a file, beside this one, read again when it changes (`accueil sla example` prints one)."""
    kafka: Kafka = Kafka()
    worker: Worker = Worker()
    connect: Connect = Connect()
    web: Web = Web()
    notify: Notify = Notify()
    timeline: Timeline = Timeline()
    api: Api = Api()
    identities: Identities = Identities()
    citizens: Citizens = Citizens()
    audit: Audit = Audit()
    rights: Rights = Rights()
    retention: Retention = Retention()
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
