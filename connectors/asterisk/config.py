"""Options of one Asterisk instance."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from connectors.asterisk.queue_log import KNOWN, normalise_queue_name
from connectors.sdk.config import ConnectorConfig, Options, Sector
from connectors.sdk.contact_reasons import describe_unlisted
from connectors.sdk.pseudonyms import Region
from connectors.sdk.telephony import Host, PhoneLine, Port, QueueOptions, Secret, Word, is_here
from models.envelope import Label
from models.events import LeaveReason
from models.locale import _
from models.topics import Channel


def _is_custom(name: str) -> str:
    if name in KNOWN:
        raise ValueError(_("is a standard Asterisk event"))
    return name


def _is_an_outcome(outcome: str) -> str:
    if outcome not in OUTCOMES:
        raise ValueError(_("must be one of ") + ", ".join(OUTCOMES))
    return outcome


def _without_conflicts(queues: dict[str, QueueOptions]) -> dict[str, QueueOptions]:
    names: dict[str, str] = {}
    for name, queue in queues.items():
        other = names.setdefault(normalise_queue_name(name), name)
        if queues[other] != queue:
            raise ValueError(
                _(
                    "has {other} and {name}, which are the same queue in Asterisk: remove one, or give both the "
                    "same options",
                    other=other,
                    name=name,
                )
            )
    return queues


OUTCOMES: Final = (
    *LeaveReason,
    "did",
    "menu",
    "voicemail",
    "voicemail_heard",
    "callback",
    "called_back",
    "reason",
    "ignore",
)
"""Possible meanings of a custom `QueueLog()` event of the dialplan."""
EventName = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^|\s]+$"), AfterValidator(_is_custom)]
CustomOutcome = Annotated[str, AfterValidator(_is_an_outcome)]


class Manager(Options):
    """Connection to the manager interface (AMI) of one Asterisk."""

    host: Host
    """Host name or address of the manager interface."""
    port: Port | None = None
    """TCP port. Default: 5038, or 5039 with TLS."""
    username: Word
    """User in `manager.conf`, with `read = agent,call,dialplan,user`."""
    secret: Secret
    """Password (`secret`) of this user."""
    auth: Literal["md5", "plain"] = "md5"
    """How the client logs in: with a challenge and its MD5 response, or with the plain password, as some gateways require."""
    tls: bool | None = None
    """Whether to use TLS (`tlsenable` in `manager.conf`). Default: yes, unless the host is this machine."""
    authorities: Path | None = None
    """PEM file of the CA certificates that sign the server certificate. Default: the system's."""

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS: as set by `tls`, otherwise only for another machine."""
        return self.tls if self.tls is not None else not is_here(self.host)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, the default port if none is set."""
        return self.host, self.port or (5039 if self.encrypted else 5038)


class AsteriskConfig(ConnectorConfig):
    """One Asterisk, read through its `queue_log`, its manager interface, or both."""

    path: Path | None = None
    """The queue log, usually `/var/log/asterisk/queue_log`. Rotated files are read from the same directory."""
    start: Literal["beginning", "end"] = "beginning"
    """Where to begin on the first start: at the oldest uncompressed rotated file, or at the end of the log. Later starts
    resume at the saved position."""
    ami: Manager | None = None
    """The manager interface, in addition to the log or instead of it."""
    sector: Sector = "general"
    """Sector whose key creates the pseudonyms. The same caller has different pseudonyms in different sectors."""
    site: Label = ""
    """Default site, for queues and lines without one."""
    service: Label = ""
    """Default service, for queues and lines without one."""
    queues: Annotated[dict[str, QueueOptions], AfterValidator(_without_conflicts)] = Field(default_factory=dict)
    """Labels, services and sites of the queues, by queue name in Asterisk. Case does not matter: `Support` and `support` are
    the same queue. Other queues are read too, under their own names in lower case."""
    dids: dict[str, PhoneLine] = Field(default_factory=dict)
    """Numbers that citizens dial, as the log writes them or in any usual format; `*` matches any digits, `?` one digit."""
    custom_events: dict[EventName, CustomOutcome] = Field(default_factory=dict)
    """Meaning of the dialplan's own `QueueLog()` events, by name: a reason to leave a queue (`full`, `closed`, `diverted`
    …), `did` (first parameter: the number dialled), `menu` (parameters: the choice), `voicemail` (a message was left; first
    parameter: the duration in seconds), `voicemail_heard` (an agent listened to it), `callback` (the caller asked to be called
    back), `called_back` (an agent did so), `reason` (first parameter: the reason for contact, or a code in `reason_codes`), or
    `ignore`. `DID` means `did` by default. With `ami`, `UserEvent()` events of these names are
    read too."""
    menu_options: dict[str, Label] = Field(default_factory=dict)
    """Labels of the choices in voice menus, by what the dialplan writes: a key (`2`), or several parameters joined by `-`
    (`main-2`). Without a label, only single digits are shown."""
    reason_codes: dict[str, Label] = Field(default_factory=dict)
    """Reasons for contact (names of `contact_reasons` in the settings), by the code that a `reason` event has as its first
    parameter, such as the wrap-up code that an agent enters. Without an entry, the code must be the name itself."""
    region: Region = "FR"
    """Country whose national phone number format is used."""

    @field_validator("reason_codes")
    @classmethod
    def _check_reasons(cls, codes: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        known = info.context.names_of(Channel.CALL) if info.context else tuple(codes.values())
        for name in codes.values():
            if name not in known:
                raise ValueError(describe_unlisted(name, Channel.CALL, known))
        return codes

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.path is None and self.ami is None:
            raise ValueError(_("needs path, ami, or both"))
        return self
