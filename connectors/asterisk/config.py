"""How one switchboard is configured."""

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from connectors.asterisk.records import KNOWN
from connectors.sdk.config import ConnectorConfig, Options
from connectors.sdk.words import say
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


OUTCOMES: Final = (*LeaveReason, "did", "ignore")
"""What an event of the dialplan's own can mean."""
Sector = Annotated[Label, StringConstraints(min_length=1)]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
EventName = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^|\s]+$"), AfterValidator(_not_asterisks_own)]
CustomOutcome = Annotated[str, AfterValidator(_is_an_outcome)]


class Queue(Options):
    """What one queue of Asterisk is for."""

    label: Label = ""
    """Its name in events and figures; Asterisk's own if not given."""
    service: Label = ""
    """The service that answers."""
    site: Label = ""
    """Where it is."""
    extensions: tuple[str, ...] = ()
    """Extensions that lead to this queue, so that a transfer to one of them is known as one to this queue."""

    in_french: ClassVar = {
        "label": "Son nom dans les événements et les chiffres ; celui d'Asterisk à défaut.",
        "service": "Le service qui répond.",
        "site": "Où il se trouve.",
        "extensions": "Numéros internes qui mènent à cette file, pour qu'un transfert vers l'un d'eux soit reconnu.",
    }


class Line(Options):
    """One number that citizens dial."""

    line: Label
    """Its name in events: the number itself is not published."""
    service: Label = ""
    """Service of the call's arrival; in a queue, the call is of the queue's."""
    site: Label = ""
    """Site of the call's arrival; in a queue, the call is at the queue's."""

    in_french: ClassVar = {
        "line": "Son nom dans les événements : le numéro lui-même n'est pas publié.",
        "service": "Service de l'arrivée de l'appel ; dans une file, l'appel est au service de la file.",
        "site": "Site de l'arrivée de l'appel ; dans une file, l'appel est au site de la file.",
    }


class AsteriskConfig(ConnectorConfig):
    """One Asterisk, by its `queue_log`."""

    path: Path
    """The file, usually `/var/log/asterisk/queue_log`. Rotated files are looked for in the same directory."""
    start: Literal["beginning", "end"] = "beginning"
    """Where to begin on a first start; afterwards it goes on where it was."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: callers of different sectors cannot be told to be the same."""
    site: Label = ""
    """Site of what neither queue nor line has one for."""
    service: Label = ""
    """Service of what neither queue nor line has one for."""
    queues: dict[str, Queue] = Field(default_factory=dict)
    """What the queues are for, by their names in Asterisk. Others are taken as well, under their own names."""
    dids: dict[str, Line] = Field(default_factory=dict)
    """The numbers that citizens dial, as the log has them or in any usual form; `*` and `?` match any digits and one."""
    custom_events: dict[EventName, CustomOutcome] = Field(default_factory=dict)
    """What the dialplan's own `QueueLog()` events mean, by name: a reason to leave a queue (`full`, `closed`, `diverted` …),
    `did` (the first parameter is the number dialled), or `ignore`. `DID` means `did` if nothing else is said."""
    region: Region = "FR"
    """Country whose national way of writing phone numbers the log has."""

    in_french: ClassVar = {
        "path": "Le fichier, en général `/var/log/asterisk/queue_log`. Les fichiers archivés sont cherchés dans le "
        "même répertoire.",
        "start": "Où commencer la première fois (`beginning`, début, ou `end`, fin) ; ensuite il reprend là où il en "
        "était.",
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, on ne peut pas reconnaître un "
        "appelant.",
        "site": "Site de ce qui n'en a ni par la file ni par la ligne.",
        "service": "Service de ce qui n'en a ni par la file ni par la ligne.",
        "queues": "À quoi servent les files, par leur nom dans Asterisk. Les autres sont lues aussi, sous leur propre "
        "nom.",
        "dids": "Les numéros que composent les usagers, sous toute forme usuelle ; `*` et `?` remplacent des chiffres.",
        "custom_events": "Sens des événements `QueueLog()` du plan de numérotation, par nom : un motif de sortie (`full`, "
        "`closed`, `diverted` …), `did` (le premier paramètre est le numéro composé) ou `ignore`. `DID` a le sens de `did` "
        "si rien d'autre n'est dit.",
        "region": "Pays dont le journal suit l'écriture des numéros.",
    }
