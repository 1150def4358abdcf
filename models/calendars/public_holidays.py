"""Public holidays, by the library `holidays`."""

import re
from datetime import date
from functools import cache
from typing import Final

from holidays import country_holidays

_INSEE: Final = {
    **dict.fromkeys(("67", "68"), "6AE"),
    "975": "PM",
    "977": "BL",
    "978": "MF",
    "984": "TF",
    "986": "WF",
    "987": "PF",
    "988": "NC",
}
"""INSEE's codes, where the library has a name of its own (ISO 3166-2)."""
_METROPOLE: Final = re.compile(r"0[1-9]|[1-8]\d|9[0-5]|2[AB]", re.ASCII)


@cache
def public_holidays(code: str, year: int) -> frozenset[date]:
    """Return the public holidays of a country (`FR`) or of a part of it (`FR-57`, `FR-974`) in a year.

    In France, a part is the number of a département or collectivity, or ISO 3166-2's. Raises `ValueError` if the library
    does not know `code`.
    """
    return frozenset(_find(code, year))


def name_holidays(code: str, year: int, language: str) -> dict[date, str]:
    """Return the same with their names, in the order of the year: in `language` (ISO 639) where the library has them."""
    return dict(sorted(_find(code, year, {"en": "en_US"}.get(language, language)).items()))


def _find(code: str, year: int, language: str | None = None) -> dict[date, str]:
    country, _, part = code.partition("-")
    if country == "FR":
        part = _INSEE.get(part, part)
        if part != "57" and _METROPOLE.fullmatch(part):
            part = ""
    try:
        return dict(country_holidays(country, subdiv=part or None, years=year, language=language))
    except NotImplementedError:
        raise ValueError(f"no public holidays are known of {code!r}") from None
