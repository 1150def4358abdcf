"""What notify is told: who is to know of incidents, and how they are reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from models.topics import SLA

Severity = Literal["critical", "warning"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning")
"""Of a deadline that passed, and of one that soon will."""
Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
Security = Literal["starttls", "tls", "none"]
LINK_FIELDS: Final = ("contact", "clock", "policy", "channel", "service", "site", "queue")
"""In braces in a link, they stand for what the incident is about."""
PARIS: Final = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class AlertmanagerOptions:
    """One Alertmanager; those of a cluster are each told everything."""

    name: str
    url: str
    token: SecretStr | None = None
    refresh_seconds: float = 60.0
    show_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Whoever takes signed messages (Standard Webhooks)."""

    name: str
    url: str
    secret: SecretStr
    severities: tuple[Severity, ...] = SEVERITIES


@dataclass(frozen=True, slots=True)
class MailOptions:
    """Whoever reads e-mail."""

    name: str
    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int = 587
    security: Security = "starttls"
    username: str = ""
    password: SecretStr | None = None
    language: Language = "fr"
    severities: tuple[Severity, ...] = SEVERITIES

    @property
    def mailboxes(self) -> dict[str, str]:
        """The recipients by name, each a receiver of its own: the first has the name of the whole, the others `NAME.2` and on."""
        return {self.name if at == 1 else f"{self.name}.{at}": one for at, one in enumerate(self.recipients, 1)}


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """All of it."""

    brokers: str
    directory: Path
    topic: str = SLA.name
    client: Mapping[str, Any] = field(default_factory=dict)
    """Goes to kafka-python (security)."""
    alertmanagers: tuple[AlertmanagerOptions, ...] = ()
    webhooks: tuple[WebhookOptions, ...] = ()
    mails: tuple[MailOptions, ...] = ()
    dashboard_url: str = ""
    runbook_url: str = ""
    time_zone: ZoneInfo = PARIS
    """In which people read times."""
    services: Mapping[Language, Mapping[str, str]] = field(default_factory=dict)
    """Language → code → name of a service."""
    queues: Mapping[Language, Mapping[tuple[str, str, str], str]] = field(default_factory=dict)
    """Language → channel, site and code → name of a queue."""
    max_age_hours: float = 72.0
    digest_above: int = 10
    keep_ended_days: int = 35
