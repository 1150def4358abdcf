"""Options of the notifier: receivers and message formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import SecretStr

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


@dataclass(frozen=True, slots=True)
class AlertmanagerOptions:
    """One Alertmanager. Each member of a cluster receives all alerts."""

    name: str
    url: str
    token: SecretStr | None = None
    refresh_seconds: float = 60.0
    show_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Receiver of signed messages (Standard Webhooks)."""

    name: str
    url: str
    secret: SecretStr
    severities: tuple[Severity, ...] = SEVERITIES


@dataclass(frozen=True, slots=True)
class MailOptions:
    """Recipients of e-mails."""

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
        """Name → recipient. Each is a receiver of its own: the first has the name of the whole, the others `NAME.2` and so on."""
        return {self.name if at == 1 else f"{self.name}.{at}": to for at, to in enumerate(self.recipients, 1)}


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """Options of `accueil notify`."""

    brokers: str
    directory: Path
    topic: str = SLA.name
    client: Mapping[str, Any] = field(default_factory=dict)
    """Security options of kafka-python."""
    alertmanagers: tuple[AlertmanagerOptions, ...] = ()
    webhooks: tuple[WebhookOptions, ...] = ()
    mails: tuple[MailOptions, ...] = ()
    dashboard_url: str = ""
    runbook_url: str = ""
    time_zone: ZoneInfo = PARIS
    """Time zone of the times in messages."""
    services: Mapping[Language, Mapping[str, str]] = field(default_factory=dict)
    """Language → code of a service → name."""
    queues: Mapping[Language, Mapping[tuple[str, str, str], str]] = field(default_factory=dict)
    """Language → channel, site and code of a queue → name."""
    max_age_hours: float = 72.0
    digest_above: int = 10
    keep_ended_days: int = 35

    def links_of(self, values: object) -> dict[str, str]:
        """Return the set URLs by name, with the attributes `LINK_FIELDS` of `values` in place of the fields in braces."""
        urls = {"dashboard_url": self.dashboard_url, "runbook_url": self.runbook_url}
        return {name: _fill(url, values) for name, url in urls.items() if url}


def _fill(url: str, values: object) -> str:
    for name in LINK_FIELDS:
        url = url.replace(f"{{{name}}}", quote(getattr(values, name), safe=""))
    return url
