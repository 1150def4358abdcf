"""What the API is told from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LANGUAGES: Final = ("fr", "en")
"""The first one is for whoever asks for none."""


class OtherServices(StrEnum):
    """What of other services is shown to a token that is for some services only."""

    HIDDEN = "hidden"
    """Nothing: that a citizen is known to the child welfare office concerns nobody who does not work there (data protection by
    default, GDPR article 25)."""
    OUTLINE = "outline"
    """When, in what channel and how it stands, not where nor what: who answers at a front desk for all can say that a matter is
    being worked on."""


@dataclass(frozen=True, slots=True)
class CrossSectorRule:
    """A look-up from one sector into another that the law allows here."""

    from_sector: str
    """A token of this sector …"""
    to_sector: str
    """… may look up in this one."""
    reason: str
    """The legal basis; stands in the audit with each such access."""


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Everything `accueil api` needs beside the database, the tokens and the audit."""

    host: str = "127.0.0.1"
    port: int = 8081
    """0 takes a free one."""
    hosts: tuple[str, ...] = ()
    """Names by which a reverse proxy on this machine asks; on a loopback `host` only these and its own are answered."""
    title: str = "Accueil"
    """Name of the house."""
    title_en: str = ""
    """The same in English; empty if it has no other name."""
    time_zone: str = "Europe/Paris"
    region: str = "FR"
    """Whose national way of writing telephone numbers is meant."""
    other_services: OtherServices = OtherServices.HIDDEN
    across: tuple[CrossSectorRule, ...] = ()
    threads: int = 8
    """Questions that are put to the database at once, each by a connection of its own."""
    unusual_citizens_per_hour: int = 60
    """More citizens than this whom one token reads within an hour are unusual."""
    idle_seconds: int = 900
    """The page forgets a token, and all that it shows, after so long without a key or a touch."""
    services: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What people call a service, in French and English."""

    def cross_sector_reason(self, sectors: Sequence[str], sector: str) -> str | None:
        """Return why who is of `sectors` may look up in `sector`, which is none of them; None if he may not."""
        return next(
            (pair.reason for pair in self.across if pair.to_sector == sector and pair.from_sector in sectors), None
        )
