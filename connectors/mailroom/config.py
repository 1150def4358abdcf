"""Settings of one mailroom."""

import re
from string import Formatter
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from connectors.sdk.config import Sector, Zone
from connectors.sdk.folder import FolderConfig
from connectors.sdk.identifiers import MAX_PLAIN_NUMBER
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


_PARTS: Final = {"year": r"(?P<year>(?:19|20)\d\d)", "number": r"(?P<number>\d{1,9})"}
_PLACEHOLDER: Final = re.compile(r"\{(?:(year)|(number)(?::0[1-9][0-9]?d?)?)\}")
MAX_LENGTH: Final = 80
"""Longest fixed text of a number format, in characters."""
LARGEST: Final = MAX_PLAIN_NUMBER
"""Highest number of a letter; a bare `{number}` format must not match telephone numbers."""


def _placeholders(form: str) -> list[str]:
    """Return the names of the placeholders in a format, sorted; none if it is invalid."""
    text = _PLACEHOLDER.sub("", form)
    return [] if len(text) > MAX_LENGTH or {"{", "}"} & {*text} else sorted(map("".join, _PLACEHOLDER.findall(form)))


def _check_register_format(form: str) -> str:
    if _placeholders(form) != ["number", "year"]:
        raise ValueError(_("must contain {year} and {number}, as in {year}-{number:06}"))
    return form


def _check_departure_format(form: str) -> str:
    if _placeholders(form) not in (["number"], ["number", "year"]):
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

    @field_validator("departures")
    @classmethod
    def _check_departures(cls, forms: list[str], info: ValidationInfo) -> list[str]:
        chrono = info.data["chrono"].format(year=2099, number=1) if "chrono" in info.data else ""
        if any(matches_format(form, chrono) for form in forms):
            raise ValueError(_("must differ from chrono: a mistyped chrono number would pass for outgoing mail"))
        return forms


def matches_format(form: str, chrono: str) -> bool:
    """Return whether `chrono` is a number written in `form`."""
    parts = Formatter().parse(form)
    pattern = "".join(re.escape(literal) + (_PARTS[name] if name is not None else "") for literal, name, *_ in parts)
    found = re.fullmatch(pattern, chrono, re.ASCII)
    if found is None:
        return False
    values = {name: int(part) for name, part in found.groupdict().items()}
    return values.get("number", 0) <= LARGEST and form.format(**values) == chrono
