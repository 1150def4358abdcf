"""Settings and options of `accueil notify`: receivers of alerts on SLA deadlines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PositiveInt, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options
from connectors.sdk.microsoft.config import MicrosoftApp
from connectors.sdk.webhook.signatures import check_secret
from models.locale import _
from models.topics import SLA

Severity = Literal["critical", "warning"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning")
"""Severities of a missed target and of one at risk."""
Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
Security = Literal["starttls", "tls", "none"]
LINK_FIELDS: Final = ("contact", "clock", "policy", "channel", "service", "site", "queue")
"""Fields of the incident that links may contain in braces."""
PARIS: Final = ZoneInfo("Europe/Paris")


def _check_url(url: str) -> str:
    try:
        parsed = urlsplit(url)
        usable = parsed.scheme in {"http", "https"} and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parsed.netloc or parsed.fragment:
        raise ValueError(_("must be http(s)://…, without a name or password"))
    return url


def _check_token(token: SecretStr) -> SecretStr:
    secret = token.get_secret_value()
    if not secret.isascii() or not secret.isprintable() or not secret or " " in secret:
        raise ValueError(_("is empty or not a valid token"))
    return token


def _check_link(url: str) -> str:
    rest = url
    for name in LINK_FIELDS:
        rest = rest.replace(f"{{{name}}}", "")
    if "{" in rest or "}" in rest:
        known = ", ".join(f"{{{name}}}" for name in LINK_FIELDS)
        raise ValueError(_("may contain only the fields {known}", known=known))
    if rest:
        _check_url(rest)
    return url


def _check_user(user: str) -> str:
    if not user.isascii():
        raise ValueError(_("must be ASCII, without accents"))
    return user


def _check_password(password: SecretStr) -> SecretStr:
    _check_user(password.get_secret_value())
    return password


Url = Annotated[str, AfterValidator(_check_url)]
Link = Annotated[str, AfterValidator(_check_link)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]
Secret = Annotated[SecretStr, AfterValidator(check_secret)]
User = Annotated[str, AfterValidator(_check_user)]
Password = Annotated[SecretStr, AfterValidator(_check_password)]
"""ASCII only, a limit of smtplib."""
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]*$")]
Severities = Annotated[tuple[Severity, ...], Field(min_length=1)]


class AlertmanagerOptions(Options):
    """A Prometheus Alertmanager, which groups, silences and routes alerts."""

    url: Url
    """URL of one Alertmanager, such as `http://127.0.0.1:9093`. A cluster needs a table `alertmanagers.<name>` per member."""
    token: Token | None = None
    """Bearer token, if a proxy requires one; from a file with `token_file`."""
    refresh_seconds: Annotated[float, Field(ge=1, le=120)] = 60.0
    """Interval at which active alerts are sent again. Alertmanager ends alerts after five minutes without update."""
    show_seconds: Annotated[float, Field(ge=0, le=3600)] = 20.0
    """Minimum time for which an alert stays open after it was first sent. It must exceed `group_wait` + `group_interval` of
    routes that must see short alerts."""


class WebhookOptions(Options):
    """A receiver of signed messages (Standard Webhooks)."""

    url: Url
    """URL for POST requests."""
    secret: Secret
    """Shared secret (`whsec_…`); from a file with `secret_file`."""
    severities: Severities = SEVERITIES
    """Incidents to send. `critical`: breached deadlines; `warning`: deadlines at risk."""


class MailOptions(Options):
    """Recipients of e-mail."""

    host: Host = ""
    """The mail server. Without it, mail is sent by Microsoft Graph, with `oauth`."""
    port: Port = 587
    """Usually 587 with `starttls`, 465 with `tls`, 25 with `none`."""
    security: Security = "starttls"
    """Encryption: `starttls`, `tls` or `none`."""
    username: User = ""
    """User name, if the server requires one; ASCII."""
    password: Password | None = None
    """Password; from a file with `password_file`."""
    oauth: MicrosoftApp | None = None
    """Application in Microsoft Entra that sends the mail, instead of a password: by Graph, or by SMTP (XOAUTH2) with `host`."""
    sender: Address
    """Address of the sender."""
    recipients: Annotated[tuple[Address, ...], Field(min_length=1)]
    """Addresses of the recipients."""
    language: Language = "fr"
    """`fr` or `en`."""
    severities: Severities = SEVERITIES
    """As for webhooks."""

    @model_validator(mode="after")
    def _keep_password_safe(self) -> "MailOptions":
        if self.username and self.security == "none":
            raise ValueError(_("must not send a password unencrypted: use starttls or tls"))
        if self.oauth and self.host and self.security == "none":
            raise ValueError(_("must not send a token unencrypted: use starttls or tls"))
        if self.oauth and self.password:
            raise ValueError(_("must have either password or oauth"))
        if not self.host and not self.oauth:
            raise ValueError(_("must have host, or else oauth to send by Microsoft Graph"))
        return self

    def mailboxes(self, name: str) -> dict[str, str]:
        """Return name → recipient. Each is a receiver of its own: the first is called `name`, the others `name.2` and so on."""
        return {name if at == 1 else f"{name}.{at}": to for at, to in enumerate(self.recipients, 1)}


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class Notify(Options):
    """Alerts on SLA deadlines. The process runs if at least one receiver is configured."""

    health_host: str = "127.0.0.1"
    """Address of /healthz, /readyz and /metrics."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port of /healthz, /readyz and /metrics; 0 disables them (`accueil up` uses a free port)."""
    dashboard_url: Link = ""
    """Link to the board in each alert; may contain fields such as `{service}` and `{queue}`."""
    runbook_url: Link = ""
    """Link to the runbook in each alert; may contain the same fields."""
    max_age_hours: Annotated[float, Field(gt=0, le=8760)] = 72.0
    """Maximum age of an alert, from its deadline or warning time. Older ones are counted but not sent."""
    digest_above: PositiveInt = 10
    """Number of waiting messages above which a receiver gets one digest instead."""
    keep_ended_days: PositiveInt = 35
    """Retention of ended incidents; longer than Kafka's retention (30 days), so that none is sent twice."""
    alertmanagers: dict[Name, AlertmanagerOptions] = Field(default_factory=dict)
    """Alertmanagers by name."""
    webhooks: dict[Name, WebhookOptions] = Field(default_factory=dict)
    """Receivers of webhooks by name."""
    mails: dict[Name, MailOptions] = Field(default_factory=dict)
    """Recipients of e-mail by name."""

    @property
    def has_receivers(self) -> bool:
        """Return whether at least one receiver is configured."""
        return bool(self.alertmanagers or self.webhooks or self.mails)

    def links_of(self, values: object) -> dict[str, str]:
        """Return the set URLs by name, with the attributes `LINK_FIELDS` of `values` in place of the fields in braces."""
        urls = {"dashboard_url": self.dashboard_url, "runbook_url": self.runbook_url}
        return {name: _fill(url, values) for name, url in urls.items() if url}


def _fill(url: str, values: object) -> str:
    for name in LINK_FIELDS:
        url = url.replace(f"{{{name}}}", quote(getattr(values, name), safe=""))
    return url


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """Options of the notifier: the section `notify` of the settings, and values from other sections."""

    brokers: str
    directory: Path
    settings: Notify = field(default_factory=Notify)
    topic: str = SLA.name
    client: Mapping[str, Any] = field(default_factory=dict)
    """Security options of kafka-python."""
    time_zone: ZoneInfo = PARIS
    """Time zone of the times in messages."""
    services: Mapping[Language, Mapping[str, str]] = field(default_factory=dict)
    """Language → code of a service → name."""
    queues: Mapping[Language, Mapping[tuple[str, str, str], str]] = field(default_factory=dict)
    """Language → channel, site and code of a queue → name."""
