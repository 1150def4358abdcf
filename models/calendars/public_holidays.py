"""Public holidays, by the library `holidays`; in France those of the law.

Law: Code du travail, articles L3133-1, L3134-13 (Alsace-Moselle) and L3422-2 (abolition of slavery, overseas). For Guadeloupe,
Martinique and Saint-Martin the library adds days of custom: mid-Lent, Good Friday, Victor Schœlcher. Polynesia, New Caledonia and
Wallis-and-Futuna have labour codes of their own, whose days the library has.
"""

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
_OF_ABOLITION: Final = {"971": (5, 27), "972": (5, 22), "MF": (5, 28)}
"""Month and day of the one day that article L3422-2 adds where the library adds more. Saint-Martin: by the prefect's circular."""
_COUNTRIES: Final = frozenset({"GP", "MQ", "MF"})
"""Parts of France that the library also has as countries (ISO 3166-1), with their days of custom."""
_METROPOLE: Final = re.compile(r"0[1-9]|[1-8]\d|9[0-5]|2[AB]", re.ASCII)


@cache
def public_holidays(code: str, year: int, *, customary: bool = False) -> frozenset[date]:
    """Return the public holidays of a country (`FR`) or of a part of it (`FR-57`, `FR-974`) in a year.

    In France, a part is the number of a département or collectivity, or ISO 3166-2's. `customary` adds the days that are holidays
    there by custom alone. Raises `ValueError` if the library does not know `code`.
    """
    return frozenset(_find(code, year, customary=customary))


def name_holidays(code: str, year: int, language: str, *, customary: bool = False) -> dict[date, str]:
    """Return the same with their names, in the order of the year: in `language` (ISO 639) where the library has them."""
    named = _find(code, year, {"en": "en_US"}.get(language, language), customary=customary)
    return dict(sorted(named.items()))


def _find(code: str, year: int, language: str | None = None, *, customary: bool) -> dict[date, str]:
    country, _, part = code.partition("-")
    if country in _COUNTRIES:
        country, part = "FR", country
    if country == "FR":
        part = _INSEE.get(part, part)
        part = country_holidays("FR").subdivisions_aliases.get(part, part)
        if part != "57" and _METROPOLE.fullmatch(part):
            part = ""
    try:
        found = dict(country_holidays(country, subdiv=part or None, years=year, language=language))
    except NotImplementedError:
        raise ValueError(f"no public holidays are known of {code!r}") from None
    if customary or country != "FR" or part not in _OF_ABOLITION:
        return found
    by_law = {*country_holidays("FR", years=year), date(year, *_OF_ABOLITION[part])}
    return {day: name for day, name in found.items() if day in by_law}
