"""Public holidays from the `holidays` library; for France, only the statutory ones by default.

Law: Code du travail, articles L3133-1, L3134-13 (Alsace-Moselle) and L3422-2 (abolition of slavery, overseas). For Guadeloupe,
Martinique and Saint-Martin the library adds customary days: mid-Lent, Good Friday, Victor Schœlcher. For Polynesia, New Caledonia
and Wallis-and-Futuna it has the days of their own labour codes.
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
"""INSEE code → the library's code (ISO 3166-2), where the two differ."""
_ABOLITION_DAYS: Final = {"971": (5, 27), "972": (5, 22), "MF": (5, 28)}
"""Library's code → month and day of the abolition of slavery (article L3422-2). These are the parts of France where the library
also adds customary days. For Saint-Martin the day comes from the prefect's circular."""
_COUNTRIES: Final = frozenset({"GP", "MQ", "MF"})
"""Parts of France that the library also lists as countries (ISO 3166-1), with their customary days."""
_METROPOLE: Final = re.compile(r"0[1-9]|[1-8]\d|9[0-5]|2[AB]", re.ASCII)


@cache
def public_holidays(code: str, year: int, *, customary: bool = False) -> frozenset[date]:
    """Return the public holidays of a country (`FR`) or of a part of it (`FR-57`, `FR-974`) in a year.

    In France, a part is the number of a département or collectivity, or its ISO 3166-2 code. `customary` adds days that are
    holidays there only by custom. Raises `ValueError` if the library does not know `code`.
    """
    return frozenset(_find(code, year, customary=customary))


def name_holidays(code: str, year: int, language: str, *, customary: bool = False) -> dict[date, str]:
    """Return date → name of the holidays of `public_holidays`, by date.

    Names are in `language` (ISO 639) if the library has it. Raises `ValueError` as `public_holidays` does.
    """
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
        raise ValueError(f"no public holidays are known for {code!r}") from None
    if customary or country != "FR" or part not in _ABOLITION_DAYS:
        return found
    statutory = {*country_holidays("FR", years=year), date(year, *_ABOLITION_DAYS[part])}
    return {day: name for day, name in found.items() if day in statutory}
