"""How one mailroom is configured."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from connectors.mailroom.chrono_formats import is_departure_format, is_register_format, matches_format
from connectors.sdk.config import Sector, Zone
from connectors.sdk.folder import FolderConfig
from connectors.sdk.i18n import say
from connectors.sdk.pseudonyms import Region
from models.envelope import Label

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


def _is_a_form(form: str) -> str:
    if not is_register_format(form):
        raise ValueError(
            say(
                "must hold {year} and {number}, as in {year}-{number:06}",
                "doit contenir {year} et {number}, comme {year}-{number:06}",
            )
        )
    return form


def _is_a_departure_form(form: str) -> str:
    if not is_departure_format(form):
        raise ValueError(
            say(
                "must hold {number}, and may hold {year}, once each, as in D{year}-{number:06}",
                "doit contenir {number}, et peut contenir {year}, une fois chacun, comme D{year}-{number:06}",
            )
        )
    return form


class MailroomConfig(FolderConfig):
    """One mailroom, by its hot folder."""

    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: senders of different sectors cannot be told to be the same."""
    site: Label = ""
    """Site of letters whose sidecar names none."""
    service: Label = ""
    """Service of letters whose sidecar names none."""
    sites: dict[str, Label] = Field(default_factory=dict)
    """What sites are called in events, by their names in sidecars. A sidecar that names another is rejected."""
    services: dict[str, Label] = Field(default_factory=dict)
    """The same for services."""
    separators: dict[str, Label] = Field(default_factory=dict)
    """Services by what their separator sheets say (Code 128 or QR, `separator_prefix` before it or not). A scan without a sidecar
    is as many letters as sheets divide it into. Without any, no sheets are looked for, which is faster."""
    separator_prefix: Annotated[str, StringConstraints(max_length=100)] = "MAARCH_"
    """How the codes of all separator sheets begin, but of no other barcodes: a sheet with such a code that `separators` does not
    have rejects the scan. Empty: sheets that `separators` does not have are pages like others."""
    fields: dict[FieldName, str] = Field(default_factory=dict)
    """What sidecars call the fields, by their names here; these themselves if not given."""
    chrono: Annotated[str, AfterValidator(_is_a_form)] = "{year}-{number:06}"
    """How chrono numbers are written: `{year}` of the scan, `{number}` from 1 on in each year. What has one keeps it."""
    departures: list[Annotated[str, AfterValidator(_is_a_departure_form)]] = Field(default_factory=list)
    """How numbers of mail are written that was only sent, as `D{year}-{number:06}` for a series of departures, or
    `2019-{number:06}` for letters of an older register. A `sent` step with such a number needs no letter of this register."""
    timezone: Zone = "Europe/Paris"
    """Where times in sidecars are local, if they do not say."""
    page_seconds: Annotated[float, Field(gt=0, le=30)] = 5.0
    """How long reading the pages of one file may take; beyond, it is rejected. Sheets take some 0.1 s per page."""
    region: Region = "FR"
    """Country whose national way of writing phone numbers sidecars have."""

    french_descriptions: ClassVar = {
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, on ne peut pas reconnaître un expéditeur.",
        "site": "Site des courriers dont la fiche n'en nomme pas.",
        "service": "Service des courriers dont la fiche n'en nomme pas.",
        "sites": "Nom des sites dans les événements, par leur nom dans les fiches. Une fiche qui en nomme un autre est rejetée.",
        "services": "La même chose pour les services.",
        "fields": "Comment les fiches appellent les champs, par leur nom ici ; ces noms mêmes à défaut.",
        "chrono": "Forme des numéros chrono : `{year}`, année du scan, et `{number}`, à partir de 1 chaque année. Ce qui en a un "
        "le garde.",
        "departures": "Forme des numéros du courrier qui a seulement été expédié, comme `D{year}-{number:06}` pour une série de "
        "départ, ou `2019-{number:06}` pour les courriers d'un ancien registre. Une étape `sent` qui en porte un n'a pas besoin "
        "d'un courrier de ce registre.",
        "timezone": "Où les heures des fiches sont locales, si elles ne le disent pas.",
        "separators": "Services par ce que disent leurs feuilles de séparation (Code 128 ou QR, précédé ou non de "
        "`separator_prefix`). Un scan sans fiche fait autant de courriers que les feuilles y délimitent. Sans cette option, "
        "elles ne sont pas cherchées : c'est plus rapide.",
        "separator_prefix": "Début des codes de toutes les feuilles de séparation, et d'aucun autre code-barres : une feuille "
        "dont le code commence ainsi et manque à `separators` fait rejeter le scan. Vide : les feuilles qui manquent à "
        "`separators` sont des pages comme les autres.",
        "page_seconds": "Temps laissé pour lire les pages d'un fichier ; au-delà, il est rejeté. Les feuilles prennent environ "
        "0,1 s par page.",
        "region": "Pays dont les fiches suivent l'écriture nationale des numéros de téléphone.",
    }

    @field_validator("departures")
    @classmethod
    def _check_departures(cls, forms: list[str], info: ValidationInfo) -> list[str]:
        given = info.data["chrono"].format(year=2099, number=1) if "chrono" in info.data else ""
        if any(matches_format(form, given) for form in forms):
            raise ValueError(
                say(
                    "must differ from chrono: a number mistyped would be taken for a letter's that was only sent",
                    "doit différer de chrono : un numéro mal saisi passerait pour celui d'un courrier seulement expédié",
                )
            )
        return forms
