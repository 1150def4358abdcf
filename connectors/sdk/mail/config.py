"""Settings that the connectors of a mailbox share."""

from collections import Counter
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from connectors.sdk.config import ConnectorConfig, Options, Sector
from models.envelope import Label
from models.identities import normalise_email
from models.locale import _


def _check_address(text: str) -> str:
    address = normalise_email(text)
    if address is None:
        raise ValueError(_("must be an e-mail address"))
    return address


Address = Annotated[str, AfterValidator(_check_address)]
Domain = Annotated[str, StringConstraints(pattern=r"^[^\s@]+\.[^\s@.]+$", to_lower=True)]
Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\x00]+$")]


class Routing(Options):
    """Queue, service, site and sector of mail to one address."""

    aliases: tuple[Address, ...] = ()
    """Other addresses for the same mail."""
    queue: Label = ""
    """Queue of mail to this address."""
    service: Label = ""
    """Service that answers this mail."""
    site: Label = ""
    """Site of the service."""
    sector: Label = ""
    """Sector whose key pseudonymises the senders. Default: the sector of the instance."""


class MailboxConfig(ConnectorConfig):
    """Addresses of a mailbox, and which of its mail is read."""

    addresses: Annotated[dict[Address, Routing], Field(min_length=1)]
    """Addresses of this mailbox and the routing of their mail. `mdph+enfants@…` is treated as `mdph@…`, unless it has its own
    entry."""
    domains: tuple[Domain, ...] = ()
    """E-mail domains of the agents. Mail from these domains never starts a contact; mail to the citizen of a contact is an
    answer."""
    forms: tuple[Address, ...] = ()
    """Sender addresses of website contact forms. The citizen is then in `Reply-To`."""
    start: date | None = None
    """Mail received before this day, by the server's clock, is skipped. Default: read all mail."""
    sector: Sector = "general"
    """Sector whose key pseudonymises the senders. Contacts of different sectors cannot be linked to one person."""
    service: Label = ""
    """Service of mail to addresses without one."""
    site: Label = ""
    """Site of mail to addresses without one."""

    @field_validator("addresses")
    @classmethod
    def _check_aliases(cls, addresses: dict[str, Routing]) -> dict[str, Routing]:
        counts = Counter([*addresses, *(alias for routing in addresses.values() for alias in routing.aliases)])
        if duplicates := [address for address, count in counts.items() if count > 1]:
            raise ValueError(_("names {duplicates} twice", duplicates=duplicates[0]))
        return addresses
