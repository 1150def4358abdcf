"""How one FreeSWITCH is configured."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from connectors.sdk.config import ConnectorConfig, Sector
from connectors.sdk.pseudonyms import Region
from connectors.sdk.telephony import Host, PhoneLine, Port, QueueOptions, Secret
from models.envelope import Label

User = Annotated[str, StringConstraints(pattern=r"^[^@:\s]{1,64}@[^@:\s]{1,64}$")]


class FreeswitchConfig(ConnectorConfig):
    """The event socket of one FreeSWITCH: `event_socket.conf.xml`."""

    host: Host
    """Where it is. The event socket speaks no TLS: reach another machine through a tunnel only."""
    port: Port = 8021
    """Its port."""
    password: Secret
    """Its password, or the user's (`esl-password`)."""
    user: User | None = None
    """A user of the directory, `name@domain`, who may use the event socket; if not given, the socket's own password is shown."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: callers of different sectors cannot be told to be the same."""
    site: Label = ""
    """Site of what neither queue nor line has one for."""
    service: Label = ""
    """Service of what neither queue nor line has one for."""
    queues: dict[str, QueueOptions] = Field(default_factory=dict)
    """What the queues are for, by their names in mod_callcenter, with or without what follows `@`. Others are taken as well,
    under their own names."""
    dids: dict[str, PhoneLine] = Field(default_factory=dict)
    """The numbers that citizens dial, in any usual form; `*` and `?` match any digits and one. If there are any, each call to one
    of them is told to have arrived."""
    region: Region = "FR"
    """Country whose national way of writing phone numbers is used."""

    french_descriptions: ClassVar = {
        "host": "Où il se trouve. L'event socket ne parle pas TLS : ne joindre une autre machine que par un tunnel.",
        "port": "Son port.",
        "password": "Son mot de passe, ou celui de l'utilisateur (`esl-password`).",
        "user": "Un utilisateur de l'annuaire, `nom@domaine`, qui peut se servir de l'event socket ; à défaut, c'est "
        "le mot de passe de celui-ci qui est montré.",
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, on ne peut pas reconnaître un appelant.",
        "site": "Site de ce qui n'en a ni par la file ni par la ligne.",
        "service": "Service de ce qui n'en a ni par la file ni par la ligne.",
        "queues": "À quoi servent les files, par leur nom dans mod_callcenter, avec ou sans ce qui suit `@`. Les autres sont "
        "lues aussi, sous leur propre nom.",
        "dids": "Les numéros que composent les usagers, sous toute forme usuelle ; `*` et `?` remplacent des chiffres. S'il y "
        "en a, l'arrivée de chaque appel vers l'un d'eux est racontée.",
        "region": "Pays dont l'écriture nationale des numéros est suivie.",
    }
