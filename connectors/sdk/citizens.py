"""Who a contact is of, as pseudonyms: the only form in which that leaves a connector."""

from typing import Annotated

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator

from connectors.sdk.words import say
from models.identities import IdentityKind, PseudonymKey, normalise_email, normalise_phone


def _is_a_region(region: str) -> str:
    if region not in SUPPORTED_REGIONS:  # national numbers would be nobody's
        raise ValueError(say("must be a country, as FR or GB", "attend un pays, comme FR ou GB"))
    return region


Region = Annotated[str, AfterValidator(_is_a_region)]
"""An option: a country, by its two letters (ISO 3166-1)."""


def identify(key: PseudonymKey, *, case: str = "", email: str = "", phone: str = "", region: str = "FR") -> str:
    """Return the `identities` of one citizen: pseudonyms of what is known, the strongest first; empty if nothing is.

    Each value is as it was written, empty if not known; what has not the form of an address or a number is passed over.
    `region` is the country whose national way of writing numbers is meant.
    """
    known = (
        (IdentityKind.CASE, case.strip()),
        (IdentityKind.EMAIL, normalise_email(email)),
        (IdentityKind.PHONE, normalise_phone(phone, region)),
    )
    return " ".join(key.pseudonym(kind, value) for kind, value in known if value)
