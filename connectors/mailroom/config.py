"""Settings of one mailroom."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from connectors.mailroom.chrono_formats import is_departure_format, is_register_format, matches_format
from connectors.sdk.config import Sector, Zone
from connectors.sdk.folder import FolderConfig
from connectors.sdk.pseudonyms import Region
from models.envelope import Label
from models.locale import _

FieldName = Literal[
    "step",
    "chrono",
    "scanned_at",
    "arrived_at",
    "at",
    "reference",
    "case",
    "email",
    "phone",
    "service",
    "site",
    "outcome",
    "postage",
    "cost_cents",
]


def _check_register_format(form: str) -> str:
    if not is_register_format(form):
        raise ValueError(_("must contain {year} and {number}, as in {year}-{number:06}"))
    return form


def _check_departure_format(form: str) -> str:
    if not is_departure_format(form):
        raise ValueError(_("must contain {number}, and may contain {year}, once each, as in D{year}-{number:06}"))
    return form


class MailroomConfig(FolderConfig):
    """Settings of one mailroom with its hot folder."""

    sector: Sector = "general"
    """Sector whose key pseudonymises the senders. Letters of different sectors cannot be linked to one person."""
    site: Label = ""
    """Site of letters whose sidecar has none."""
    service: Label = ""
    """Service of letters whose sidecar has none."""
    sites: dict[str, Label] = Field(default_factory=dict)
    """Site labels in events, by site name in sidecars. A sidecar with another name is rejected."""
    services: dict[str, Label] = Field(default_factory=dict)
    """Service labels in events, by service name in sidecars. A sidecar with another name is rejected."""
    separators: dict[str, Label] = Field(default_factory=dict)
    """Services by the text of their separator sheets (Code 128 or QR, with or without `separator_prefix`). Sheets split a scan
    without a sidecar into letters. If this table is empty, scans are not searched for sheets, which is faster."""
    separator_prefix: Annotated[str, StringConstraints(max_length=100)] = "MAARCH_"
    """Common prefix of the codes of all separator sheets, used by no other barcode. A sheet with this prefix that is missing in
    `separators` rejects the scan. If empty, unknown sheets are ordinary pages."""
    fields: dict[FieldName, str] = Field(default_factory=dict)
    """Field names used in sidecars, by the standard field name. Default: the standard names."""
    chrono: Annotated[str, AfterValidator(_check_register_format)] = "{year}-{number:06}"
    """Format of chrono numbers: `{year}` of the scan and `{number}`, which restarts at 1 each year. Letters keep numbers
    assigned earlier."""
    departures: list[Annotated[str, AfterValidator(_check_departure_format)]] = Field(default_factory=list)
    """Number formats of outgoing mail that answers no letter of this register: `D{year}-{number:06}` for a departure series,
    or `2019-{number:06}` for an older register. A `sent` step with such a number needs no registered letter."""
    timezone: Zone = "Europe/Paris"
    """Time zone of times in sidecars without an offset."""
    page_seconds: Annotated[float, Field(gt=0, le=30)] = 5.0
    """Longest time for reading the pages of one file, in seconds; slower files are rejected. Searching for sheets takes about
    0.1 s per page."""
    region: Region = "FR"
    """Country of phone numbers written without a country code."""

    french_descriptions: ClassVar = {
        "sector": "Secteur dont la clé sert aux pseudonymes des expéditeurs. Les courriers de secteurs différents ne peuvent pas "
        "être rapprochés d'une même personne.",
        "site": "Site des courriers dont la fiche n'en a pas.",
        "service": "Service des courriers dont la fiche n'en a pas.",
        "sites": "Libellé des sites dans les événements, par leur nom dans les fiches. Une fiche avec un autre nom est rejetée.",
        "services": "Libellé des services dans les événements, par leur nom dans les fiches. Une fiche avec un autre nom est "
        "rejetée.",
        "fields": "Noms des champs dans les fiches, par nom standard. À défaut, les noms standard.",
        "chrono": "Format des numéros chrono : `{year}`, année du scan, et `{number}`, qui repart de 1 chaque année. Les "
        "courriers gardent les numéros déjà attribués.",
        "departures": "Formats des numéros du courrier expédié qui ne répond à aucun courrier de ce registre : "
        "`D{year}-{number:06}` pour une série de départ, ou `2019-{number:06}` pour un ancien registre. Une étape `sent` avec un "
        "tel numéro se passe de courrier enregistré.",
        "timezone": "Fuseau horaire des heures sans décalage dans les fiches.",
        "separators": "Services par texte de leurs feuilles de séparation (Code 128 ou QR, avec ou sans `separator_prefix`). Les "
        "feuilles divisent un scan sans fiche en courriers. Si cette table est vide, les feuilles ne sont pas cherchées : c'est "
        "plus rapide.",
        "separator_prefix": "Début commun des codes de toutes les feuilles de séparation, et d'aucun autre code-barres. Une "
        "feuille de ce préfixe absente de `separators` fait rejeter le scan. Vide : les feuilles inconnues sont des pages "
        "ordinaires.",
        "page_seconds": "Temps maximal pour lire les pages d'un fichier, en secondes ; un fichier plus lent est rejeté. Chercher "
        "les feuilles prend environ 0,1 s par page.",
        "region": "Pays des numéros de téléphone écrits sans indicatif.",
    }

    @field_validator("departures")
    @classmethod
    def _check_departures(cls, forms: list[str], info: ValidationInfo) -> list[str]:
        chrono = info.data["chrono"].format(year=2099, number=1) if "chrono" in info.data else ""
        if any(matches_format(form, chrono) for form in forms):
            raise ValueError(_("must differ from chrono: a mistyped chrono number would pass for outgoing mail"))
        return forms
