"""How one desk is configured."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import ConnectorConfig, Options, Zone
from connectors.sdk.i18n import say
from connectors.sdk.pull import ServerUrl
from connectors.sdk.webhook.signatures import check_secret

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Queue(Options):
    """What visitors may come for."""

    fr: Name
    """What its button says."""
    en: Name
    """The same in English."""
    letter: Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
    """What its tickets' numbers begin with, as in `A042`."""

    french_descriptions: ClassVar = {
        "fr": "Ce que dit son bouton.",
        "en": "La même chose en anglais.",
        "letter": "Ce par quoi commencent les numéros de ses tickets, comme dans `A042`.",
    }


class KioskConfig(ConnectorConfig):
    """One front desk."""

    url: ServerUrl
    """Where the `webhook` connector takes messages: `https://…`, or `http://` on this machine."""
    secret: Annotated[SecretStr, AfterValidator(check_secret)]
    """What messages are signed with: the connector's own. Give it as `secret_file` or `secret_env`."""
    site: Name
    """What the site is called, on the pages and in messages (`data.office`); the connector's `labels` has it."""
    queues: Annotated[dict[Name, Queue], Field(min_length=1, max_length=12)]
    """What visitors may come for, in order, by their names in messages (`data.room`), which the connector's `labels` has."""
    data: Path
    """The directory of the journal; made if it is not there, for this user alone."""
    host: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    """Address to listen on. The pages know no users: for other machines put a reverse proxy with access control before it."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8710
    """Port to listen on; 0 takes any that is free."""
    hosts: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+$")], ...] = ()
    """Names by which a reverse proxy asks, beside those of this machine."""
    counters: Annotated[int, Field(ge=1, le=50)] = 4
    """How many counters agents call visitors to."""
    timezone: Zone = "Europe/Paris"
    """Whose midnight begins the day: numbers begin anew, and who still waits has left."""

    french_descriptions: ClassVar = {
        "url": "Où le connecteur `webhook` prend les messages : `https://…`, ou `http://` sur cette machine.",
        "secret": "Ce avec quoi les messages sont signés : celui du connecteur. À donner par `secret_file` ou `secret_env`.",
        "site": "Le nom du site, sur les pages et dans les messages (`data.office`) ; `labels` du connecteur le connaît.",
        "queues": "Ce pour quoi on peut venir, dans l'ordre, par les noms dans les messages (`data.room`), que `labels` du "
        "connecteur connaît.",
        "data": "Le dossier du journal ; créé s'il n'existe pas, pour cet utilisateur seul.",
        "host": "Adresse d'écoute. Les pages ne connaissent pas d'utilisateurs : pour d'autres machines, mettre devant un "
        "mandataire inverse avec contrôle d'accès.",
        "port": "Port d'écoute ; 0 en prend un qui est libre.",
        "hosts": "Noms par lesquels un mandataire inverse demande, en plus de ceux de cette machine.",
        "counters": "Nombre de guichets où les agents appellent.",
        "timezone": "Dont minuit commence le jour : les numéros recommencent, et qui attend encore est parti.",
    }

    @model_validator(mode="after")
    def _check_letters(self) -> Self:
        letters = [queue.letter for queue in self.queues.values()]
        if len({*letters}) < len(letters):
            raise ValueError(say("two queues have one letter", "deux files ont la même lettre"))
        return self


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches `host`."""
    return bool(re.fullmatch(r"localhost|127(?:\.\d{1,3}){3}|::1", host))
