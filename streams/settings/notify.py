"""What can be set of `accueil notify`: who is told of promises that are broken, or soon will be."""

from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveInt, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import Options
from connectors.sdk.webhook.signatures import check_secret
from streams.locale.i18n import say
from streams.notify.options import (
    LINK_FIELDS,
    SEVERITIES,
    AlertmanagerOptions,
    Language,
    MailOptions,
    NotifyOptions,
    Security,
    Severity,
    WebhookOptions,
)
from streams.settings.base import Port, Section

_NOTIFY: Final = NotifyOptions(brokers="", directory=Path())
_ALERTMANAGER: Final = AlertmanagerOptions("", "")
"""What notify does if it is told nothing: its defaults have their home there."""


def _check_url(url: str) -> str:
    try:
        parsed = urlsplit(url)
        usable = parsed.scheme in {"http", "https"} and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parsed.netloc or parsed.fragment:
        raise ValueError(
            say("must be http(s)://…, without a name or password", "attend http(s)://…, sans nom ni mot de passe")
        )
    return url


def _check_token(token: SecretStr) -> SecretStr:
    secret = token.get_secret_value()
    if not secret.isascii() or not secret.isprintable() or not secret or " " in secret:
        raise ValueError(say("is empty, or no token", "est vide, ou n'est pas un jeton"))
    return token


def _check_link(url: str) -> str:
    rest = url
    for place in LINK_FIELDS:
        rest = rest.replace(f"{{{place}}}", "")
    if "{" in rest or "}" in rest:
        known = ", ".join(f"{{{place}}}" for place in LINK_FIELDS)
        raise ValueError(say(f"may have in braces {known}", f"peut avoir entre accolades {known}"))
    if rest:
        _check_url(rest)
    return url


def _check_user(user: str) -> str:
    if not user.isascii():
        raise ValueError(say("must be ASCII, without accents", "doit être en ASCII, sans accents"))
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
"""As smtplib can send them."""
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+$")]
Severities = Annotated[tuple[Severity, ...], Field(min_length=1)]


class Alertmanager(Options):
    """An Alertmanager of Prometheus: it groups, silences and tells people."""

    url: Url
    """Its own address, not that of several: `http://127.0.0.1:9093`. Of a cluster each is named, in a table of its own."""
    token: Token | None = None
    """A bearer token, where a proxy before it asks for one; from a file by `token_file`."""
    refresh_seconds: Annotated[float, Field(ge=1, le=120)] = _ALERTMANAGER.refresh_seconds
    """How often it is told again of all that goes on; what it does not hear of for five minutes ends by itself."""
    show_seconds: Annotated[float, Field(ge=0, le=3600)] = _ALERTMANAGER.show_seconds
    """It is told of an end this long after the beginning at the earliest: more than the `group_wait` and `group_interval` of a
    route that is to see even what was short."""


class Webhook(Options):
    """Whoever takes signed messages, as Standard Webhooks says."""

    url: Url
    """Where they are posted to."""
    secret: Secret
    """`whsec_…`, known to both; from a file by `secret_file`."""
    severities: Severities = SEVERITIES
    """`critical`: deadlines that passed; `warning`: those that soon will."""


class Mail(Options):
    """Whoever reads e-mail."""

    host: Host
    """The mail server."""
    port: Port = 587
    """Its port: 587 is usual with `starttls`, 465 with `tls`, 25 with `none`."""
    security: Security = "starttls"
    """How the connection is secured: `starttls`, `tls` or `none`."""
    username: User = ""
    """For servers that ask for one; ASCII."""
    password: Password | None = None
    """The same; from a file by `password_file`."""
    sender: Address
    """Whom messages are from."""
    recipients: Annotated[tuple[Address, ...], Field(min_length=1)]
    """Whom they are to."""
    language: Language = "fr"
    """`fr` or `en`."""
    severities: Severities = SEVERITIES
    """As of webhooks."""

    @model_validator(mode="after")
    def _keep_password_safe(self) -> "Mail":
        if self.username and self.security == "none":
            raise ValueError(
                say(
                    "must not send a password unsecured: choose starttls or tls",
                    "ne doit pas envoyer un mot de passe en clair : choisir starttls ou tls",
                )
            )
        return self


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class Notify(Section):
    """The process that tells people of SLA clocks. It runs if it has a receiver."""

    health_host: str = "127.0.0.1"
    health_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where /healthz, /readyz and /metrics answer; 0 for nowhere (`accueil up` takes a free port)."""
    dashboard_url: Link = ""
    """A link to the board in each alert; `{service}`, `{queue}` and so on stand for what it is about."""
    runbook_url: Link = ""
    """The same, to what is to be done."""
    max_age_hours: Annotated[float, Field(gt=0, le=8760)] = _NOTIFY.max_age_hours
    """An incident that becomes known longer after its deadline (a warning: after its time) is recorded and counted, not sent."""
    digest_above: PositiveInt = _NOTIFY.digest_above
    """When more messages than this wait for a receiver, it gets one in their place."""
    keep_ended_days: PositiveInt = _NOTIFY.keep_ended_days
    """How long an incident that is over is remembered; more than Kafka keeps events (30 days), so that none is new again."""
    alertmanagers: dict[Name, Alertmanager] = Field(default_factory=dict)
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    mails: dict[Name, Mail] = Field(default_factory=dict)

    @property
    def has_receivers(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self.alertmanagers or self.webhooks or self.mails)

    def to_notify_options(self, **common: Any) -> NotifyOptions:
        """Return this as notify takes it; `common` is what is not set here."""
        return NotifyOptions(
            dashboard_url=self.dashboard_url,
            runbook_url=self.runbook_url,
            max_age_hours=self.max_age_hours,
            digest_above=self.digest_above,
            keep_ended_days=self.keep_ended_days,
            alertmanagers=tuple(
                AlertmanagerOptions(f"alertmanagers.{name}", **dict(one)) for name, one in self.alertmanagers.items()
            ),
            webhooks=tuple(WebhookOptions(f"webhooks.{name}", **dict(one)) for name, one in self.webhooks.items()),
            mails=tuple(MailOptions(f"mails.{name}", **dict(one)) for name, one in self.mails.items()),
            **common,
        )
