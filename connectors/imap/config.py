"""Settings of one IMAP mailbox."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from connectors.sdk.config import ConnectorConfig, Options, Sector
from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.telephony import is_here
from models.envelope import Label
from models.identities import normalise_email
from models.locale import _

PORTS: Final = {"implicit": 993, "starttls": 143, "none": 143}
LONGEST_POLL_SECONDS: Final = 1500
"""Upper limit of `poll_seconds`. Each poll renews IDLE; servers may close connections that idle for 29 minutes (RFC 2177)."""


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


class ImapConfig(ConnectorConfig):
    """Settings of one IMAP mailbox."""

    host: Annotated[str, StringConstraints(pattern=r"^[^\s/]+$")]
    """Host name or address of the IMAP server."""
    username: Line
    """User name for the login. Read access is sufficient."""
    addresses: Annotated[dict[Address, Routing], Field(min_length=1)]
    """Addresses of this mailbox and the routing of their mail. `mdph+enfants@…` is treated as `mdph@…`, unless it has its own
    entry."""
    token_command: tuple[Line, ...] = ()
    """Command and arguments that print an OAuth 2.0 access token, used instead of a password (XOAUTH2)."""
    password: Annotated[SecretStr | None, Field(validate_default=True)] = None
    """Password. Set `password_file` or `password_env` instead of writing it here."""
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    """Encryption of the connection. `none` is allowed only for a server on this machine."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """Port. Default: 993 for `implicit`, otherwise 143."""
    ca_file: Path | None = None
    """PEM file of the authority that signed the server's certificate. Default: the authorities of the system."""
    folders: Annotated[tuple[Line, ...], Field(min_length=1)] = ("INBOX",)
    """Folders of received and filed mail, as the server writes their names. The first is watched with IDLE. `*` matches any
    text, `%` one level. Patterns skip folders marked as drafts, junk or trash."""
    sent: tuple[Line, ...] = ()
    """Folders of sent mail. Default: the folder that the server marks as Sent."""
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
    poll_seconds: Annotated[float, Field(ge=5, le=LONGEST_POLL_SECONDS)] = 60.0
    """Interval between polls of all folders, in seconds. Between polls, IDLE watches the first folder if the server supports
    it."""

    @field_validator("password")
    @classmethod
    def _check_login(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if not info.data.get("token_command", True) and (password is None or not password.get_secret_value()):
            raise ValueError(_("is missing; set it or token_command"))
        return password

    @field_validator("tls")
    @classmethod
    def _check_encryption(cls, tls: str, info: ValidationInfo) -> str:
        if tls == "none" and not is_here(info.data.get("host", "localhost")):
            raise ValueError(_("must not be none, except for a server on this machine: mail is personal data"))
        return tls

    @field_validator("addresses")
    @classmethod
    def _check_aliases(cls, addresses: dict[str, Routing]) -> dict[str, Routing]:
        counts = Counter([*addresses, *(alias for routing in addresses.values() for alias in routing.aliases)])
        if duplicates := [address for address, count in counts.items() if count > 1]:
            raise ValueError(_("names {duplicates} twice", duplicates=duplicates[0]))
        return addresses

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield the folders, which no other instance may read. The folders matched by a pattern are not known yet."""
        yield from super().exclusive_resources()
        host, port = self.endpoint
        for folder in self.folders:
            name = "INBOX" if folder.upper() == "INBOX" else folder
            yield ExclusiveResource("folders", "mailbox", f"{self.username}@{host.lower()}:{port}/{name}")

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host name and port of the server."""
        return self.host, self.port or PORTS[self.tls]
