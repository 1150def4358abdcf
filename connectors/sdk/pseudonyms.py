"""Pseudonyms of citizens: the only form in which identities leave a connector."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Final

from phonenumbers import SUPPORTED_REGIONS, country_code_for_region
from pydantic import AfterValidator

from models.identities import IdentityKind, PseudonymKey, normalise_email, normalise_phone
from models.locale import _


def _is_a_region(region: str) -> str:
    if region not in SUPPORTED_REGIONS:  # otherwise national numbers get no pseudonym
        raise ValueError(_("must be a country, as FR or GB"))
    return region


Region = Annotated[str, AfterValidator(_is_a_region)]
"""Option type: a country, as ISO 3166-1 alpha-2 code."""


def citizen_identities(
    key: PseudonymKey, *, case: str = "", email: str = "", phone: str = "", region: str = "FR"
) -> str:
    """Return the `identities` of one citizen: pseudonyms of the known values, the strongest first; empty if none is known.

    Pseudonyms are separated by spaces. Values are as written in the source, empty if unknown. Blocked values, and addresses
    and numbers that are not valid, are left out. `region` is the country of numbers in national format.
    """
    known = (
        (IdentityKind.CASE, case.strip()),
        (IdentityKind.EMAIL, normalise_email(email)),
        (IdentityKind.PHONE, normalise_phone(phone, region)),
    )
    return join(key.pseudonym(kind, value) for kind, value in known if value)


def join(pseudonyms: Iterable[str]) -> str:
    """Return `pseudonyms`, given strongest first, separated by spaces. Empty ones, which blocked values have, are left out."""
    return " ".join(filter(None, pseudonyms))


_SPACES: Final = re.compile(r"[\s.\-()]")
_PATTERN: Final = re.compile(r"(\+|0(?=[1-9*?]))(?=[*?]*\d)[\d*?]*")


class IdentityBlocklist:
    """Numbers and addresses that identify no citizen: those of a switchboard, or of a social worker's mailbox.

    Patterns are numbers and addresses as people write them. `*` matches any characters, `?` matches one. A pattern for numbers
    begins with `+`, or with the leading 0 of national numbers. `region` is the country of national numbers. Raises `ValueError`
    for an invalid pattern. Its text contains the number of the pattern, from 1, but not the pattern, which may be personal.
    """

    def __init__(self, patterns: Iterable[str], region: str = "FR") -> None:
        self._region = region
        self._exact: set[tuple[IdentityKind, str]] = set()
        self._patterns: list[tuple[IdentityKind, str]] = []
        for index, pattern in enumerate(patterns):
            kind, value = self._read(pattern)
            if not value:
                raise ValueError(
                    _("number {index} is neither a telephone number nor an e-mail address", index=index + 1)
                )
            if "*" in value or "?" in value:
                self._patterns.append((kind, value))
            else:
                self._exact.add((kind, value))

    @property
    def exact(self) -> frozenset[tuple[IdentityKind, str]]:
        """Blocked values without wildcards, normalised, each with its kind."""
        return frozenset(self._exact)

    def __call__(self, kind: IdentityKind, normalised: str) -> bool:
        """Return whether a normalised value is blocked."""
        return (kind, normalised) in self._exact or any(
            kind is blocked_kind and fnmatchcase(normalised, pattern) for blocked_kind, pattern in self._patterns
        )

    def _read(self, pattern: str) -> tuple[IdentityKind, str]:
        if "@" in pattern:
            return IdentityKind.EMAIL, pattern.strip().lower()
        if "*" not in pattern and "?" not in pattern:
            return IdentityKind.PHONE, normalise_phone(pattern.strip(), self._region) or ""
        number = _SPACES.sub("", pattern)
        if not _PATTERN.fullmatch(number):
            return IdentityKind.PHONE, ""
        code = f"+{country_code_for_region(self._region)}"
        return IdentityKind.PHONE, code + number[1:] if number.startswith("0") else number
