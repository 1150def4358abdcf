"""Schema of the settings: names, types, bounds and defaults. `streams.settings.loader` reads them.

The docstring of an attribute documents the setting.
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
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from connectors.sdk.errors import describe_os_error
from connectors.sdk.pseudonyms import IdentityBlocklist, Region
from models.envelope import Label
from models.locale import _
from streams.core.citizens.identity_resolution import LinkLimits
from streams.notify.options import Notify
from streams.settings.api import Api
from streams.settings.base import Section
from streams.settings.contact_reasons import ContactReason
from streams.settings.errors import OperatorError
from streams.settings.web import Web


class ConfigError(OperatorError):
    """Invalid configuration. The message has the origin, the key and the allowed values."""


PortOrNone = Annotated[int, Field(ge=0, le=65535)]
_BROKER: Final = r"([^\s,:\[\]]+|\[[0-9a-fA-F:]+\]):\d+"
Brokers = Annotated[str, StringConstraints(pattern=rf"^$|^{_BROKER}(,{_BROKER})*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


def _check_database(url: str) -> str:
    if url and not any(url.startswith(scheme) and url != scheme for scheme in ("sqlite:///", "postgresql+psycopg://")):
        raise ValueError(_("must begin with sqlite:/// or postgresql+psycopg://"))
    return url


class Kafka(Section):
    """Connection to the Kafka cluster of `brokers`."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: Path | None = None
    """CA certificates (PEM); by default those of the system."""
    ssl_certfile: Path | None = None
    """Client certificate (PEM), for brokers that require one."""
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr = SecretStr("")
    """Passphrase of `ssl_keyfile`."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    sasl_password_file: Path | None = None
    """File with the password, used instead of `sasl_password` unless it is empty. Whitespace around the password is removed."""

    def client_options(self) -> dict[str, Any]:
        """Return client options for kafka-python and aiokafka; raise `ConfigError` for an unusable file."""
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
        except OSError as error:  # includes ssl.SSLError
            raise ConfigError(
                f"kafka: {describe_os_error(error, error.filename or self.ssl_certfile or self.ssl_cafile)}"
            ) from None
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, self.ssl_password.get_secret_value())
        return context


class Process(Section):
    """A process that serves its health and metrics."""

    health_host: str = "127.0.0.1"
    health_port: PortOrNone = 0
    """Port of /healthz, /readyz and /metrics; 0 disables them (`accueil up` uses a free port)."""


class Worker(Process):
    """Stream worker: turns events into rows and figures."""

    processes: PositiveInt = 1
    """Number of workers that `accueil up` starts; `health_port` is that of the first. Those beyond `partitions` are idle."""
    app_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "accueil"
    """Name of the consumer group and of the transactions. Never change it on existing data."""
    instance_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,128}$")] = ""
    """Stable, unique name of this worker (static membership): it gets its partitions back immediately after a restart.
    `accueil up` adds the worker's number, and replaces an empty name by that of the machine."""
    tick_seconds: Annotated[float, Field(gt=0, le=5)] = 1.0
    """Interval of ticks, which apply timeouts and deadlines."""
    linger_seconds: Annotated[float, Field(ge=0, le=10)] = 0.05
    """Minimum interval between steps of a partition under low load: saves CPU, adds at most as much delay."""
    session_timeout_seconds: PositiveFloat = 15.0
    """Time without heartbeat until another worker takes over."""
    max_records_per_step: PositiveInt = 10_000
    """Maximum number of records per transaction."""
    skip_expired: bool = False
    """Continue without events that Kafka's retention deleted before they were counted. Otherwise the worker refuses to start."""
    forget_waiting_after_seconds: PositiveInt = 3600
    """Waiting time until a call counts as forgotten: its end was never received."""
    forget_answered_after_seconds: PositiveInt = 12 * 3600
    """The same for an answered call."""
    forget_visits_after_seconds: PositiveInt = 12 * 3600
    """Time until a visitor who waits or is at a desk counts as gone, without an event."""
    forget_agents_after_seconds: PositiveInt = 7 * 24 * 3600
    """Time without events until an agent counts as logged out: switchboards do not emit every logout."""
    keep_closed_days: PositiveInt = 35
    """Days from its last event until a closed contact leaves the workers' state. Longer than `retention.events_days`, so that a
    topic can be replayed."""
    keep_touched_seconds: PositiveInt = 3600
    """Minimum time for which a contact stays in this state after its last change: longer than a connector needs to repeat
    events."""
    keep_buckets_days: PositiveInt = 8
    """Retention of the 5-minute figures; older ones are summed up by day. Totals never expire."""
    keep_days: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Retention of daily figures, and so the reach of `accueil report`. `web.time_zone` defines the days."""
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Additional wait before a passed deadline is reported, after a worker's start or outage and for contacts with late events:
    the event that met the target may still arrive."""
    news_seconds: Annotated[float, Field(ge=0, le=86_400)] = 90.0
    """Delay of breach reports for letters, e-mails and forms. Their sources are polled every minute (`poll_seconds`), and
    completions in time must arrive first. For calls and visits the delay is 1.5 s."""


class Connect(Process):
    """Process of the connectors."""


class Timeline(Process):
    """Process that writes the citizens' timelines, and its database."""

    url: Annotated[str, AfterValidator(_check_database)] = ""
    """SQLAlchemy URL of the database (`postgresql+psycopg://user@host/name`); empty: an SQLite file in `data`."""
    password: SecretStr = SecretStr("")
    """Password of the database."""
    password_file: Path | None = None
    """File with the password, instead of `password`."""
    max_records_per_step: PositiveInt = 10_000
    """Maximum number of entries per database transaction. To rebuild years of timelines in SQLite, 300,000 take half the time,
    and 3 GB of memory for four partitions."""
    keep_days: PositiveInt = 92
    """Days from the last entry of a closed contact until it leaves the timelines; open ones stay. Erasure marks stay as long."""


class Identities(Section):
    """Identities that link the contacts of a citizen."""

    blocked: tuple[str, ...] = ()
    """Numbers and addresses that do not identify a citizen, such as a switchboard or a social worker's mailbox. `*` matches
    any characters, `?` one. Connectors ignore them; entries without `*` and `?` also stop linking earlier contacts."""
    region: Region = "FR"
    """Country of national telephone numbers in `blocked`."""
    fan_out: PositiveInt = LinkLimits().fan_out
    """A number or address with more linked identities counts as shared."""
    contacts: PositiveInt = LinkLimits().contacts
    """A number or address with more contacts without a stronger identity, such as a case number, counts as shared."""
    most: PositiveInt = LinkLimits().identities
    """Maximum number of identities of one citizen."""

    @field_validator("blocked")
    @classmethod
    def _is_valid(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        IdentityBlocklist(patterns)  # validity does not depend on the country
        return patterns


class Citizens(Section):
    """Figures about citizens, computed by `accueil timeline`."""

    recontact_days: Annotated[int, Field(ge=1, le=28)] = 7
    """Days during which another contact of the same citizen with the same service is a recontact, after a handled one."""


def _time_of_day(text: str) -> str:
    if not re.fullmatch(r"(([01]\d|2[0-3]):[0-5]\d)?", text):
        raise ValueError(_("must be a time of the day such as 02:30, or empty"))
    return text


class Retention(Section):
    """Retention periods that are not in other sections. `accueil retention show` prints all of them."""

    events_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Retention of events, timeline entries and SLA events in Kafka, and so the reach of replays and `accueil recompute`."""
    dead_letters_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Retention of dead letters in Kafka: events that workers rejected, unchanged."""
    rejects_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Retention of records that connectors rejected and of their damaged files, which may contain personal data, and of positions
    saved before a source was read again."""
    logs_days: Annotated[int, Field(ge=1, le=365)] = 90
    """Retention of the files in `data/logs`, which contain no personal data."""
    at: Annotated[str, AfterValidator(_time_of_day)] = "02:30"
    """Daily time of `accueil retention apply` in `accueil up`, in `web.time_zone`; empty: never. If it did not run at
    that time, it catches up; after 15 minutes, without rewriting the timelines' tables."""


class Rights(Section):
    """Texts for the exports of citizens' data."""

    notice: Annotated[str, Field(max_length=20_000)] = ""
    """Notice at the head of each export: information that GDPR article 15 requires. Empty lines separate paragraphs."""
    notice_en: Annotated[str, Field(max_length=20_000)] = ""
    """The notice in English; empty: the French one."""


class Audit(Section):
    """Audit log of accesses to citizens' data, in `data`."""

    keep_days: Annotated[int, Field(ge=30, le=1100)] = 365
    """Retention of records; files are deleted up to a month later. The CNIL asks for 6 to 12 months, 3 years if justified."""


class Log(Section):
    """Logs of the processes."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Demo(Section):
    """Simulated source systems of `accueil up --demo`."""

    seed: NonNegativeInt = 1
    calls_per_hour: PositiveFloat = 300.0
    contacts_per_year: PositiveFloat = 250_000.0
    """Contacts per year of all channels together; `calls_per_hour` replaces the share of calls."""
    history_days: Annotated[int, Field(ge=0, le=60)] = 3
    """Days simulated immediately at the first start, including today; 0: the simulation begins at the start."""


class Instance(Section):
    """A connector instance. Other keys in its table are options of the connector."""

    model_config = ConfigDict(extra="allow")

    connector: str
    """Name of the connector, such as `asterisk`."""

    @property
    def options(self) -> dict[str, Any]:
        """The options of the connector as read; the connector's own model validates them later."""
        return dict(self.model_extra or {})


class Settings(BaseSettings):
    """All settings, as `streams.settings.loader.load` returns them."""

    model_config = SettingsConfigDict(
        env_prefix="ACCUEIL_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    brokers: Brokers = ""
    """Kafka brokers, as `host:port,host:port`. Empty: `accueil up` starts an embedded broker."""
    broker_port: PortOrNone = 0
    """Port of the embedded broker; 0: a free port at each start."""
    data: Path = Path("accueil-data")
    """Data directory: broker data, cursors, spools, keys, logs."""
    partitions: Annotated[int, Field(ge=1, le=256)] = 4
    """Partitions of every topic, and so the maximum number of active workers. Cannot be changed once topics exist."""
    replication: Annotated[int, Field(ge=1, le=7)] = 1
    """Replicas of every topic; 3 for a cluster that must survive the loss of a machine."""
    sla: Path | None = None
    """File of calendars and SLA policies, reloaded when it changes (example: `accueil sla example`). In a settings file, the path
    is relative to that file."""
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
    contact_reasons: dict[Label, ContactReason] = {}
    """Closed list of the reasons for contact, in the order of the board."""
    connectors: dict[Name, Instance] = {}

    def name_reasons(self, language: str) -> dict[str, str]:
        """Return name in events → displayed name in French (`fr`) or English, for reasons for contact where they differ."""
        labels = (reason.to_board_options(name) for name, reason in self.contact_reasons.items())
        named = {label.reason: label.label_fr if language == "fr" else label.label_en for label in labels}
        return {code: name for code, name in named.items() if name != code}

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
