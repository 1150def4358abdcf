"""Settings of one Maarch Courrier, and the default meanings of its statuses."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, StringConstraints

from connectors.sdk.config import ConnectorConfig, Options, Sector, Zone
from connectors.sdk.pseudonyms import Region
from connectors.sdk.pull import ServerUrl
from models.envelope import Label
from models.events import CloseOutcome, PostageClass

Meaning = Literal["open", "answered", "archived", "resolved", "rejected", "duplicate", "redirected", "no_action"]
"""Meaning of a status. `archived` keeps the outcome of a closed letter and closes others as `resolved`; the values after it are
outcomes of a closed letter."""
STATUSES: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(
        (
            *("INIT", "NEW", "NUMQUAL", "OUT", "RET", "COU", "ATT", "ATT_MP", "SVX"),
            *("VAL", "VALSG", "EVIS", "ESIG", "REJ_SIGN", "EENV", "EAVIS", "ESIGAR", "EENVAR"),
            *("GRC", "GRC_TRT", "GRC_ALERT", "PJQUAL", "SEND_MASS", "PND", "DSTRIBUTED", "RETRN", "NO_RETRN"),
        ),
        "open",
    ),
    "ENVDONE": "answered",
    "END": "resolved",
    "STDBY": "resolved",  # "Clôturé avec suivi": its action is `closeMailAction`, which sets `closing_date`
    "SSUITE": "no_action",
    "DEL": "no_action",
    **dict.fromkeys(("EXP_SEDA", "SEND_SEDA", "ACK_SEDA", "REPLY_SEDA"), "archived"),
}
"""Meanings of the statuses shipped with Maarch (`sql/data_fr.sql`)."""
OUTCOMES: Final = frozenset(CloseOutcome)
FOLLOWED_UP: Final = "STDBY"
"""Status of letters that are closed with a follow-up; earlier versions published them as open."""
StatusCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,10}$")]
EntityId = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Routing(Options):
    """Service and site of a letter."""

    service: Label = ""
    """Service that handles the letter."""
    site: Label = ""
    """Site of the service."""


class Entity(Routing):
    """Service, site and sector of one Maarch entity."""

    sector: Label = ""
    """Sector whose key pseudonymises the senders. Default: the sector of the instance."""


class Postage(Options):
    """Custom fields with the postage of outgoing mail."""

    class_field: Number
    """Number of the custom field with the class of postage."""
    cost_field: Number
    """Number of the custom field with the cost, in euros."""
    classes: Annotated[dict[str, PostageClass], Field(min_length=1)]
    """Classes of postage, by their names in the custom field."""


class MaarchConfig(ConnectorConfig):
    """Settings for the letters that one Maarch user may see."""

    url: ServerUrl
    """Address of Maarch without `/rest`, for example `https://courrier.example.org/mem`."""
    login: Annotated[str, StringConstraints(min_length=1)]
    """Maarch user with the mode `rest` (web services)."""
    password: Annotated[SecretStr, Field(min_length=1)]
    """Password of this user."""
    entities: dict[EntityId, Entity] = Field(default_factory=dict)
    """Service, site and sector of the Maarch entities that handle letters, by `entity_id`, for example `DGS`."""
    doctypes: dict[Number, Routing] = Field(default_factory=dict)
    """Service and site by document type number, used where the entity has none."""
    statuses: dict[StatusCode, Meaning] = Field(default_factory=dict)
    """Meanings of statuses that you added to Maarch or use in another way."""
    answered_when_resolved: bool = False
    """Whether a letter closed as `resolved` without an earlier answer also counts as answered."""
    models: tuple[Number, ...] = ()
    """Numbers of the indexing models of letters. Default: all. E-mails and forms in Maarch have other models."""
    postage: Postage | None = None
    """Custom fields with the postage of outgoing mail. Default: outgoing mail is not read."""
    case_field: Number | None = None
    """Number of the custom field with the citizen's case number."""
    senders: bool = True
    """Whether to request e-mail addresses and phone numbers of senders, which become pseudonyms."""
    receipts: bool = True
    """Whether to request the times of acknowledgements of receipt."""
    sector: Sector = "general"
    """Sector whose key pseudonymises the senders. Letters of different sectors cannot be linked to one person."""
    service: Label = ""
    """Service of letters without one from their entity or document type."""
    site: Label = ""
    """Site of letters without one from their entity or document type."""
    timezone: Zone = "Europe/Paris"
    """Time zone of Maarch's database, which stores local times."""
    region: Region = "FR"
    """Country of phone numbers written without a country code."""
    start: date | None = None
    """The first start skips letters unchanged since this day. Default: read all letters."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 60.0
    """Interval between polls for changed letters, in seconds."""
    recheck_seconds: Annotated[float, Field(ge=60, le=604_800)] = 3600.0
    """Interval between checks of all open letters for changes without a date, in seconds."""


def is_closed(meaning: Meaning) -> bool:
    """Return whether a letter whose status has this meaning is closed."""
    return meaning == "archived" or meaning in OUTCOMES


def closed_statuses(configured: Mapping[str, Meaning]) -> list[str]:
    """Return the statuses of closed letters, by the `configured` meanings and otherwise the default ones."""
    return [status for status, meaning in {**STATUSES, **configured}.items() if is_closed(meaning)]
