"""Identities of a citizen as keyed pseudonyms: normalised, then HMAC-SHA-256 with a key per sector.

A raw value enters here, inside a connector, and does not come out again. Who holds no key can neither read a pseudonym nor
test a guess; two sectors give unrelated pseudonyms for the same person.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import phonenumbers

KEY_BYTES = 32
MAX_IDENTITIES: Final = 8
"""Of one contact so many count, the strongest."""
_FRENCH: Final = re.compile(r"0([1-9]\d{8})", re.ASCII)
"""A number as nearly every caller of a French switchboard has one."""


class IdentityKind(StrEnum):
    """What an identity is, strongest first: the order decides under which one a timeline entry is stored."""

    CASE = "case"
    DOSSIER = "dossier"
    RDV_USER = "rdv_user"
    EMAIL = "email"
    PHONE = "phone"
    AGENT = "agent"


IsBlocked = Callable[[IdentityKind, str], bool]
"""Tells of a normalised value whether it is no citizen's own, as a switchboard's number is."""


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """The key of one sector. Its secret is not in its `repr`; `key_id` names it without telling it."""

    sector: str
    secret: bytes = field(repr=False)
    is_blocked: IsBlocked | None = field(default=None, repr=False, compare=False)
    """What gets no pseudonym."""

    def __post_init__(self) -> None:
        """Refuse a short key: phone numbers can be guessed, the key is all that protects them."""
        if len(self.secret) < KEY_BYTES:
            raise ValueError(f"the key of sector {self.sector!r} has {len(self.secret)} bytes, it needs {KEY_BYTES}")

    @property
    def key_id(self) -> str:
        """Four characters that change with the key, so that pseudonyms of two keys are told apart."""
        return hashlib.sha256(b"accueil key id\0" + self.secret).hexdigest()[:4]

    def pseudonym(self, kind: IdentityKind, normalised: str) -> str:
        """Return `<kind>:<key id>-<22 characters>` for a value that is already normalised; empty for one that is blocked."""
        if self.is_blocked is not None and self.is_blocked(kind, normalised):
            return ""
        digest = hmac.digest(self.secret, f"{kind.value}\0{normalised}".encode(), "sha256")[:16]
        return f"{kind.value}:{self.key_id}-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def normalise(kind: IdentityKind, raw: str, region: str = "FR") -> str | None:
    """Return what a person typed as the connectors have it, or None if it cannot be of this kind."""
    match kind:
        case IdentityKind.PHONE:
            return normalise_phone(raw.strip(), region)
        case IdentityKind.EMAIL:
            return normalise_email(raw)
        case _:
            return raw.strip() or None


def normalise_phone(raw: str, region: str = "FR") -> str | None:
    """Return the number as E.164, or None if `raw` is no possible number (withheld, an extension, a name)."""
    if region == "FR" and (usual := _FRENCH.fullmatch(raw)):
        return f"+33{usual[1]}"  # as the library does, in a fraction of the time
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_email(raw: str) -> str | None:
    """Return the address in lower case without surrounding space, or None if it has not the form of one."""
    address = raw.strip().lower()
    local, at, domain = address.rpartition("@")
    return address if at and local and "." in domain and " " not in address else None
