"""How one switchboard is configured."""

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.asterisk.queue_log import KNOWN, normalise_queue_name
from connectors.sdk.config import ConnectorConfig, Options, Sector
from connectors.sdk.i18n import say
from connectors.sdk.pseudonyms import Region
from connectors.sdk.telephony import Host, PhoneLine, Port, QueueOptions, Secret, Word, is_here
from models.envelope import Label
from models.events import LeaveReason


def _not_asterisks_own(name: str) -> str:
    if name in KNOWN:
        raise ValueError(say("is an event of Asterisk's own", "est un événement d'Asterisk lui-même"))
    return name


def _is_an_outcome(outcome: str) -> str:
    if outcome not in OUTCOMES:
        raise ValueError(say("must be one of ", "attend une de ces valeurs : ") + ", ".join(OUTCOMES))
    return outcome


def _once_each(queues: dict[str, QueueOptions]) -> dict[str, QueueOptions]:
    known: dict[str, str] = {}
    for name, queue in queues.items():
        other = known.setdefault(normalise_queue_name(name), name)
        if queues[other] != queue:
            raise ValueError(
                say(
                    f"has {other} and {name}, which are one queue in Asterisk: remove one, or give both the same options",
                    f"contient {other} et {name}, qui sont une seule file pour Asterisk : supprimez l'une, "
                    "ou donnez-leur les mêmes options",
                )
            )
    return queues


OUTCOMES: Final = (*LeaveReason, "did", "menu", "voicemail", "ignore")
"""What an event of the dialplan's own can mean."""
EventName = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^|\s]+$"), AfterValidator(_not_asterisks_own)]
CustomOutcome = Annotated[str, AfterValidator(_is_an_outcome)]


class Manager(Options):
    """The manager interface (AMI) of one Asterisk: `manager.conf`."""

    host: Host
    """Where it is."""
    port: Port | None = None
    """Its port; 5038 if not given, 5039 with TLS."""
    username: Word
    """The user of `manager.conf`, with `read = agent,call,dialplan,user`."""
    secret: Secret
    """Its secret."""
    auth: Literal["md5", "plain"] = "md5"
    """How the secret is shown: as the answer to a challenge, or as it is, which some gateways ask for."""
    tls: bool | None = None
    """Whether the connection is encrypted (`tlsenable` in `manager.conf`); if not given, yes unless it is on this machine."""
    authorities: Path | None = None
    """A file of certificates (PEM) that its own is checked by; those of the system if not given."""
    log_elsewhere: bool = False
    """Whether another Accueil reads the log of this Asterisk: it alone then tells of calls that began before the connection."""

    french_descriptions: ClassVar = {
        "host": "Où elle se trouve.",
        "port": "Son port ; 5038 à défaut, 5039 avec TLS.",
        "username": "L'utilisateur de `manager.conf`, avec `read = agent,call,dialplan,user`.",
        "secret": "Son mot de passe (`secret`).",
        "auth": "Comment il est montré : en réponse à un défi (`md5`), ou tel quel (`plain`), ce que demandent certaines "
        "passerelles.",
        "tls": "Si la connexion est chiffrée (`tlsenable` dans `manager.conf`) ; à défaut, oui sauf sur cette machine.",
        "authorities": "Un fichier de certificats (PEM) qui valident le sien ; ceux du système à défaut.",
        "log_elsewhere": "Si un autre Accueil lit le journal de cet Asterisk : lui seul parle alors des appels commencés "
        "avant la connexion.",
    }

    @property
    def encrypted(self) -> bool:
        """Whether the connection is encrypted."""
        return self.tls if self.tls is not None else not is_here(self.host)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (5039 if self.encrypted else 5038)


class AsteriskConfig(ConnectorConfig):
    """One Asterisk, by its `queue_log`, its manager interface, or both."""

    path: Path | None = None
    """The file, usually `/var/log/asterisk/queue_log`. Rotated files are looked for in the same directory."""
    start: Literal["beginning", "end"] = "beginning"
    """Where to begin on a first start: with the oldest rotated file (not compressed ones), or at the log's end; afterwards it
    goes on where it was."""
    ami: Manager | None = None
    """The manager interface, beside the log or in its place."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: callers of different sectors cannot be told to be the same."""
    site: Label = ""
    """Site of what neither queue nor line has one for."""
    service: Label = ""
    """Service of what neither queue nor line has one for."""
    queues: Annotated[dict[str, QueueOptions], AfterValidator(_once_each)] = Field(default_factory=dict)
    """What the queues are for, by their names in Asterisk. Capitals do not matter: to Asterisk, `Support` and `support` are one.
    Others are taken as well, under their own names in small letters."""
    dids: dict[str, PhoneLine] = Field(default_factory=dict)
    """The numbers that citizens dial, as the log has them or in any usual form; `*` and `?` match any digits and one."""
    custom_events: dict[EventName, CustomOutcome] = Field(default_factory=dict)
    """What the dialplan's own `QueueLog()` events mean, by name: a reason to leave a queue (`full`, `closed`, `diverted` …),
    `did` (the first parameter is the number dialled), `menu` (the parameters are what was chosen), `voicemail` (the first is the
    duration in seconds), or `ignore`. `DID` means `did` if nothing else is said. With `ami`, those of `UserEvent()` as well."""
    menu_options: dict[str, Label] = Field(default_factory=dict)
    """What is chosen in voice menus, by what the dialplan writes: a key (`2`), or several parameters with `-` between (`main-2`).
    Of others, only single digits are shown."""
    region: Region = "FR"
    """Country whose national way of writing phone numbers is used."""

    french_descriptions: ClassVar = {
        "path": "Le fichier, en général `/var/log/asterisk/queue_log`. Les fichiers archivés sont cherchés dans le "
        "même répertoire.",
        "start": "Où commencer la première fois : au plus ancien fichier archivé (sauf compressés ; `beginning`), ou à la fin du "
        "journal (`end`) ; ensuite il reprend là où il en était.",
        "ami": "L'interface de gestion (AMI), à côté du journal ou à sa place.",
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, on ne peut pas reconnaître un "
        "appelant.",
        "site": "Site de ce qui n'en a ni par la file ni par la ligne.",
        "service": "Service de ce qui n'en a ni par la file ni par la ligne.",
        "queues": "À quoi servent les files, par leur nom dans Asterisk ; les majuscules ne comptent pas : pour Asterisk, "
        "`Support` et `support` sont une seule file. Les autres sont lues aussi, sous leur propre nom en minuscules.",
        "dids": "Les numéros que composent les usagers, sous toute forme usuelle ; `*` et `?` remplacent des chiffres.",
        "custom_events": "Sens des événements `QueueLog()` du plan de numérotation, par nom : un motif de sortie (`full`, "
        "`closed`, `diverted` …), `did` (le premier paramètre est le numéro composé), `menu` (les paramètres sont le choix), "
        "`voicemail` (le premier est la durée en secondes) ou `ignore`. `DID` a le sens de `did` si rien d'autre n'est dit. Avec "
        "`ami`, ceux de `UserEvent()` par ces noms aussi.",
        "menu_options": "Ce qui est choisi dans les menus vocaux, par ce qu'écrit le plan de numérotation : une touche (`2`), ou "
        "plusieurs paramètres séparés par `-` (`main-2`). Des autres, seuls les chiffres isolés sont montrés.",
        "region": "Pays dont l'écriture nationale des numéros est suivie.",
    }

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.path is None and self.ami is None:
            raise ValueError(say("needs path, ami, or both", "a besoin de path, d'ami, ou des deux"))
        return self
