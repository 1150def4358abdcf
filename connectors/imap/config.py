"""Settings of one IMAP mailbox."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.mail.config import Line, MailboxConfig
from connectors.sdk.microsoft.config import MicrosoftApp
from connectors.sdk.telephony import is_here
from models.locale import _

PORTS: Final = {"implicit": 993, "starttls": 143, "none": 143}
LONGEST_POLL_SECONDS: Final = 1500
"""Upper limit of `poll_seconds`. Each poll renews IDLE; servers may close connections that idle for 29 minutes (RFC 2177)."""


class ImapConfig(MailboxConfig):
    """Settings of one IMAP mailbox."""

    host: Annotated[str, StringConstraints(pattern=r"^[^\s/]+$")]
    """Host name or address of the IMAP server."""
    username: Line
    """User name for the login. Read access is sufficient."""
    token_command: tuple[Line, ...] = ()
    """Command and arguments that print an OAuth 2.0 access token, used instead of a password (XOAUTH2)."""
    oauth: MicrosoftApp | None = None
    """Application in Microsoft Entra whose token is used instead of a password (XOAUTH2), for a mailbox of Exchange Online."""
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
    poll_seconds: Annotated[float, Field(ge=5, le=LONGEST_POLL_SECONDS)] = 60.0
    """Interval between polls of all folders, in seconds. Between polls, IDLE watches the first folder if the server supports
    it."""

    @field_validator("password")
    @classmethod
    def _check_login(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        has_token = info.data.get("token_command", True) or info.data.get("oauth", True)
        if not has_token and (password is None or not password.get_secret_value()):
            raise ValueError(_("is missing; set it, token_command or oauth"))
        return password

    @field_validator("tls")
    @classmethod
    def _check_encryption(cls, tls: str, info: ValidationInfo) -> str:
        if tls == "none" and not is_here(info.data.get("host", "localhost")):
            raise ValueError(_("must not be none, except for a server on this machine: mail is personal data"))
        return tls

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
