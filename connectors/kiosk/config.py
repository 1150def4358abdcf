"""Options of one kiosk."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors.sdk.config import ConnectorConfig, Options, Zone
from connectors.sdk.pull import ServerUrl
from connectors.sdk.webhook.signatures import check_secret
from models.locale import _

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Queue(Options):
    """A reason for visits."""

    fr: Name
    """Text of its button in French."""
    en: Name
    """Text of its button in English."""
    letter: Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
    """First letter of its ticket numbers, as in `A042`."""


class KioskConfig(ConnectorConfig):
    """Options of one front desk."""

    url: ServerUrl
    """URL of the `webhook` connector: `https://…`, or `http://` on this machine."""
    secret: Annotated[SecretStr, AfterValidator(check_secret)]
    """Signing secret of the connector. Give it as `secret_file` or `secret_env`."""
    site: Name
    """Name of the site on the pages and in messages (`data.office`); must be in the connector's `values.site`."""
    queues: Annotated[dict[Name, Queue], Field(min_length=1, max_length=12)]
    """Reasons for visits, in order, by their names in messages (`data.room`); these must be in the connector's `values.queue`."""
    data: Path
    """Directory of the journal; created if it is missing, for this user only."""
    host: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    """Address to listen on. The pages have no login: for other machines put a reverse proxy with access control in front."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8710
    """Port to listen on; 0 takes any free port."""
    hosts: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+$")], ...] = ()
    """Host names used by a reverse proxy, in addition to those of this machine."""
    counters: Annotated[int, Field(ge=1, le=50)] = 4
    """Number of counters."""
    timezone: Zone = "Europe/Paris"
    """Time zone of midnight, when ticket numbers restart and visitors who still wait count as having left."""

    @model_validator(mode="after")
    def _check_letters(self) -> Self:
        letters = [queue.letter for queue in self.queues.values()]
        if len({*letters}) < len(letters):
            raise ValueError(_("two queues have the same letter"))
        return self
