"""Who a contact is of, as pseudonyms: the only form in which that leaves a connector."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Final

from phonenumbers import SUPPORTED_REGIONS, country_code_for_region
from pydantic import AfterValidator

from connectors.sdk.i18n import say
from models.identities import IdentityKind, PseudonymKey, normalise_email, normalise_phone


def _is_a_region(region: str) -> str:
    if region not in SUPPORTED_REGIONS:  # national numbers would be nobody's
        raise ValueError(say("must be a country, as FR or GB", "attend un pays, comme FR ou GB"))
    return region


Region = Annotated[str, AfterValidator(_is_a_region)]
"""An option: a country, by its two letters (ISO 3166-1)."""


def citizen_identities(
    key: PseudonymKey, *, case: str = "", email: str = "", phone: str = "", region: str = "FR"
) -> str:
    """Return the `identities` of one citizen: pseudonyms of what is known, the strongest first; empty if nothing is.

    Each value is as it was written, empty if not known; what has not the form of an address or a number is passed over.
    `region` is the country whose national way of writing numbers is meant.
    """
    known = (
        (IdentityKind.CASE, case.strip()),
        (IdentityKind.EMAIL, normalise_email(email)),
        (IdentityKind.PHONE, normalise_phone(phone, region)),
    )
    return join(key.pseudonym(kind, value) for kind, value in known if value)


def join(pseudonyms: Iterable[str]) -> str:
    """Return the `identities` of one citizen, given the strongest first; an empty pseudonym is of a blocked value."""
    return " ".join(filter(None, pseudonyms))


_SPACES: Final = re.compile(r"[\s.\-()]")
_PATTERN: Final = re.compile(r"(\+|0(?=[1-9*?]))(?=[*?]*\d)[\d*?]*")


class IdentityBlocklist:
    """Numbers and addresses that are no citizen's own: of a switchboard, a social worker's mailbox.

    Each is written as people write it. `*` stands for any characters, `?` for one: a pattern of numbers begins with `+`, or with
    the 0 of national numbers that is not part of international ones. `region` is the country whose national way of writing is
    meant. Raises `ValueError` for what can be neither, with its position alone: it may be personal.
    """

    def __init__(self, patterns: Iterable[str], region: str = "FR") -> None:
        self._region = region
        self._exact: set[tuple[IdentityKind, str]] = set()
        self._patterns: list[tuple[IdentityKind, str]] = []
        for place, pattern in enumerate(patterns):
            kind, value = self._read(pattern)
            if not value:
                raise ValueError(
                    say(
                        f"number {place + 1} is neither a telephone number nor an e-mail address",
                        f"le n° {place + 1} n'est ni un numéro de téléphone ni une adresse électronique",
                    )
                )
            if "*" in value or "?" in value:
                self._patterns.append((kind, value))
            else:
                self._exact.add((kind, value))

    @property
    def exact(self) -> frozenset[tuple[IdentityKind, str]]:
        """Those without a pattern, normalised."""
        return frozenset(self._exact)

    def __call__(self, kind: IdentityKind, normalised: str) -> bool:
        """Return whether a normalised value is one of them."""
        return (kind, normalised) in self._exact or any(
            kind is of and fnmatchcase(normalised, pattern) for of, pattern in self._patterns
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
