"""Options of the API, from the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class OtherServices(StrEnum):
    """Visibility of other services' entries for tokens that are limited to some services."""

    HIDDEN = "hidden"
    """Nothing is shown. A contact with the child welfare office concerns only its staff (data protection by default, GDPR
    article 25)."""
    OUTLINE = "outline"
    """Time, channel and state are shown, but neither place nor subject. A shared front desk can then say that a case is being
    worked on."""


@dataclass(frozen=True, slots=True)
class CrossSectorRule:
    """Look-ups from one sector into another that the law allows."""

    from_sector: str
    """Sector of the token."""
    to_sector: str
    """Sector that this token may look up as well."""
    reason: str
    """Legal basis, recorded in the audit log with each such access."""


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Options of `accueil api`, except the database, the tokens and the audit log."""

    host: str = "127.0.0.1"
    port: int = 8081
    """0: any free port."""
    hosts: tuple[str, ...] = ()
    """Host names of a reverse proxy on this machine. On a loopback `host`, only these and its own names are accepted."""
    title: str = "Accueil"
    """Name of the organisation."""
    title_en: str = ""
    """English name of the organisation; empty if it is the same."""
    time_zone: str = "Europe/Paris"
    region: str = "FR"
    """Region whose national format of telephone numbers is accepted."""
    other_services: OtherServices = OtherServices.HIDDEN
    across: tuple[CrossSectorRule, ...] = ()
    """Look-ups between sectors that the law allows; empty for none."""
    threads: int = 8
    """Maximum of concurrent database queries, each with its own connection."""
    unusual_citizens_per_hour: int = 60
    """Usual maximum of citizens that one token reads within an hour. The metrics count tokens that exceed it."""
    idle_seconds: int = 900
    """Longest time without a key press or touch, in seconds, before the page forgets the token and its content."""
    services: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Code of a service → its name in French and in English."""

    def cross_sector_reason(self, sectors: Sequence[str], sector: str) -> str | None:
        """Return the legal basis on which clients of `sectors` may look up in the other sector `sector`; None if they may not."""
        return next(
            (pair.reason for pair in self.across if pair.to_sector == sector and pair.from_sector in sectors), None
        )
