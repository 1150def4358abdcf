"""Keyed pseudonyms of citizens' identities: normalised values, then HMAC-SHA-256 with a key per sector.

Connectors call this module with raw values, and publish only the pseudonyms. Without the key nobody can reverse a pseudonym or
test a guess. Two sectors give unrelated pseudonyms for the same person.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final
from unicodedata import normalize

import phonenumbers

KEY_BYTES = 32
MAX_IDENTITIES: Final = 8
"""Maximum number of identities used per contact. The weakest kinds beyond it are dropped."""
_FRENCH: Final = re.compile(r"(?:0|(?:\+|00)33 ?)([1-9])" + r"[ .-]?(\d\d)" * 4, re.ASCII)
"""French number as nearly every source has it: with or without country code, and with separators between pairs of digits."""

_WORDS_BEFORE_NUMBER: Final = frozenset(
    {
        "tel",
        "tél",
        "telephone",
        "téléphone",
        "phone",
        "fixe",
        "mob",
        "mobile",
        "port",
        "portable",
        "gsm",
        "domicile",
        "bureau",
    }
    | {"sip", "sips", "callto"}
)
_DIGITS: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"[^\W\d_]+")


class IdentityKind(StrEnum):
    """Kinds of identity, strongest first. A timeline entry is stored under the contact's strongest identity."""

    CASE = "case"
    DOSSIER = "dossier"
    RDV_USER = "rdv_user"
    EMAIL = "email"
    PHONE = "phone"
    AGENT = "agent"
    """Identity of an agent, not of a citizen."""


_RANKS: Final = {kind.value: rank for rank, kind in enumerate(IdentityKind)}


def identity_rank(identity: str) -> tuple[int, str]:
    """Return a sort key of pseudonyms: stronger kinds first, then by text. Unknown kinds come last."""
    return _RANKS.get(identity.partition(":")[0], len(_RANKS)), identity


IsBlocked = Callable[[IdentityKind, str], bool]
"""Predicate of a kind and a normalised value: true for values that belong to no citizen, such as a switchboard's number."""


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """The key of one sector. `key_id` identifies it without revealing the secret, which `repr` omits."""

    sector: str
    secret: bytes = field(repr=False)
    is_blocked: IsBlocked | None = field(default=None, repr=False, compare=False)
    """Predicate for values that get no pseudonym; with None, every value gets one."""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a short key. Phone numbers can be enumerated, so only the key protects them."""
        if len(self.secret) < KEY_BYTES:
            raise ValueError(f"the key of sector {self.sector!r} has {len(self.secret)} bytes, it needs {KEY_BYTES}")

    @property
    def key_id(self) -> str:
        """Return four hexadecimal digits derived from the secret, which mark the pseudonyms of this key."""
        return _key_id(self.secret)

    def pseudonym(self, kind: IdentityKind, normalised: str) -> str:
        """Return `<kind>:<key id>-<22 characters>` for a normalised value; the empty string if `is_blocked` is true for it."""
        if self.is_blocked is not None and self.is_blocked(kind, normalised):
            return ""
        digest = self.digest(f"{kind.value}\0{normalised}")[:16]
        return f"{kind.value}:{self.key_id}-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    def digest(self, text: str) -> bytes:
        """Return the HMAC-SHA-256 of `text`, 32 bytes."""
        mac = _mac(self.secret).copy()  # with the key already processed, in half the time of `hmac.digest`
        mac.update(text.encode())
        return mac.digest()


@lru_cache(maxsize=256)
def _mac(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")


@lru_cache(maxsize=256)  # runs for every pseudonym
def _key_id(secret: bytes) -> str:
    return hashlib.sha256(b"accueil key id\0" + secret).hexdigest()[:4]


def normalise(kind: IdentityKind, raw: str, region: str = "FR") -> str | None:
    """Return the value `raw`, as a person typed it, in the normal form that connectors hash to pseudonyms.

    Returns None if `raw` cannot be of this kind. Kinds other than telephone and e-mail only lose surrounding space. `region` is
    the country of national telephone numbers.
    """
    match kind:
        case IdentityKind.PHONE:
            return normalise_phone(raw.strip(), region)
        case IdentityKind.EMAIL:
            return normalise_email(raw)
        case _:
            return raw.strip() or None


def normalise_phone(raw: str, region: str = "FR") -> str | None:
    """Return the telephone number `raw` in E.164 format. A number without a country code belongs to `region`.

    Returns None if `raw` is not a possible telephone number: withheld, an extension, a name, or a reference (`DEM-2026-00001`).
    Letters may only name a telephone before the number (`tel:`, `Mobile :`), or its extension after it (`ext. 12`).
    """
    if region == "FR" and (usual := _FRENCH.fullmatch(raw)):
        return "+33" + "".join(usual.groups())  # same result as the library, in a fraction of the time
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or _has_other_letters(raw, number.extension):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _has_other_letters(raw: str, extension: str | None) -> bool:
    """Return whether a text has letters that name neither a telephone before the number nor its extension after it.

    The library skips letters before a number, and takes those in it as the keys of a telephone.
    """
    before, *others = _DIGITS.split(raw.partition(";")[0])  # without the parameters of an address `tel:`
    if extension:
        del others[-2:-1]  # such as ` ext. ` between the number and `12`
    named = normalize("NFC", before.rpartition("<")[2])  # without the name in `Mme Exemple <0639980001>`
    words = _WORD.findall(named.lower())
    return not _WORDS_BEFORE_NUMBER.issuperset(words) or any(map(_WORD.search, others))


def normalise_email(raw: str) -> str | None:
    """Return the address `raw` in lower case without surrounding space; None if it does not look like an e-mail address."""
    address = raw.strip().lower()
    local, at, domain = address.rpartition("@")
    return address if at and local and "." in domain and " " not in address else None
