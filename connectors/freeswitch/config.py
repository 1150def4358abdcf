"""Options of one FreeSWITCH instance."""

from typing import Annotated

from pydantic import Field, StringConstraints

from connectors.sdk.config import ConnectorConfig, Sector
from connectors.sdk.pseudonyms import Region
from connectors.sdk.telephony import Host, PhoneLine, Port, QueueOptions, Secret
from models.envelope import Label

User = Annotated[str, StringConstraints(pattern=r"^[^@:\s]{1,64}@[^@:\s]{1,64}$")]


class FreeswitchConfig(ConnectorConfig):
    """The event socket of one FreeSWITCH: `event_socket.conf.xml`."""

    host: Host
    """Host name or address. The event socket has no TLS: reach another machine only through a tunnel."""
    port: Port = 8021
    """TCP port."""
    password: Secret
    """Password of the event socket, or of the user (`esl-password`)."""
    user: User | None = None
    """User of the directory, `name@domain`, with access to the event socket. Default: log in with the socket's own password."""
    sector: Sector = "general"
    """Sector whose key creates the pseudonyms. The same caller has different pseudonyms in different sectors."""
    site: Label = ""
    """Default site, for queues and lines without one."""
    service: Label = ""
    """Default service, for queues and lines without one."""
    queues: dict[str, QueueOptions] = Field(default_factory=dict)
    """Labels, services and sites of the queues, by their names in mod_callcenter, with or without `@` and the domain. Other
    queues are read too, under their own names."""
    dids: dict[str, PhoneLine] = Field(default_factory=dict)
    """Numbers that citizens dial, in any usual format; `*` matches any digits, `?` one digit. If any are given, each call to
    one of them is reported as arrived."""
    region: Region = "FR"
    """Country whose national phone number format is used."""
