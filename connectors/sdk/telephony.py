"""What connectors of switchboards have in common: options, and names that tell nothing about a person."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated, ClassVar, Final
from unicodedata import combining, normalize

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from connectors.sdk.config import Options
from connectors.sdk.i18n import say
from connectors.sdk.pseudonyms import citizen_identities
from models.envelope import Label
from models.identities import PseudonymKey, normalise_phone

LABEL: Final = re.compile(r"(?!.*\d(?:[._-]*\d){6})[A-Za-z0-9._-]{1,64}", re.ASCII)
"""A name that can be shown as it is: a label, and no phone number, whatever stands between its digits."""
LONGEST_SECONDS: Final = 86_400
"""Longest wait or conversation that is published, in seconds. A telephone number has more digits than this."""
LAST_POSITION: Final = 99_999
"""Last position in a queue that is published."""
SECONDS: Final = range(1_000_000_000, 4_000_000_000)
"""Times that a switchboard may give, in seconds since 1970: the years 2001 to 2096."""
AHEAD_SECONDS: Final = 86_400
"""How far a switchboard's clock may be ahead, in seconds."""
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_CACHED: Final = 8_192
_LIGATURES: Final = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss"})


def _is_one_line(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value() or not secret.get_secret_value().isprintable():
        raise ValueError(say("is empty, or more than one line", "est vide, ou fait plus d'une ligne"))
    return secret


Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,253}$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Secret = Annotated[SecretStr, AfterValidator(_is_one_line)]


class QueueOptions(Options):
    """What one queue is for."""

    label: Label = ""
    """Its name in events and figures; the switchboard's own if not given."""
    service: Label = ""
    """The service that answers."""
    site: Label = ""
    """Where it is."""
    extensions: tuple[str, ...] = ()
    """Extensions that lead to this queue, so that a transfer to one of them is known as one to this queue."""

    french_descriptions: ClassVar = {
        "label": "Son nom dans les événements et les chiffres ; celui du standard à défaut.",
        "service": "Le service qui répond.",
        "site": "Où il se trouve.",
        "extensions": "Numéros internes qui mènent à cette file, pour qu'un transfert vers l'un d'eux soit reconnu.",
    }


class PhoneLine(Options):
    """One number that citizens dial."""

    line: Label
    """Its name in events: the number itself is not published."""
    service: Label = ""
    """Service of the call's arrival; in a queue, the call is of the queue's."""
    site: Label = ""
    """Site of the call's arrival; in a queue, the call is at the queue's."""

    french_descriptions: ClassVar = {
        "line": "Son nom dans les événements : le numéro lui-même n'est pas publié.",
        "service": "Service de l'arrivée de l'appel ; dans une file, l'appel est au service de la file.",
        "site": "Site de l'arrivée de l'appel ; dans une file, l'appel est au site de la file.",
    }


class PhoneNumbers:
    """Telephone numbers of one country's switchboard: its lines, and who calls."""

    def __init__(self, lines: Mapping[str, PhoneLine], region: str, key: PseudonymKey) -> None:
        self._lines = lines
        self._region = region
        self._key = key

    def caller(self, number: str) -> str:
        """Return the pseudonym of a caller, empty if the number is withheld or an extension."""
        return citizen_identities(self._key, phone=number, region=self._region)

    def line(self, dialled: str) -> PhoneLine | None:
        """Return the line that a dialled number is, if the configuration has it."""
        normalised = self._normalise(dialled)
        for pattern, line in self._lines.items():
            if (
                fnmatchcase(dialled, pattern)
                or fnmatchcase(normalised, pattern)
                or self._normalise(pattern) == normalised
            ):
                return line
        return None

    def _normalise(self, number: str) -> str:
        return normalise_phone(number, self._region) or number


@lru_cache(_CACHED)
def whole(text: str, highest: int) -> int | None:
    """Return the whole number that `text` is, None if it is none or above `highest`, which has ten digits at most.

    A number that begins with a needless 0, as telephone numbers do, is none.
    """
    return number if _WHOLE.fullmatch(text) and (number := int(text)) <= highest else None


def epoch(text: str, now: float) -> int:
    """Return the time that `text` is, in seconds since 1970; 0 if it is none of `SECONDS`, or later than tomorrow.

    Ten digits may be a telephone number.
    """
    second = whole(text, SECONDS[-1])
    return second if second is not None and SECONDS.start <= second <= now + AHEAD_SECONDS else 0


def decode_text(content: bytes) -> str:
    """Return the text of a name: UTF-8, else Windows-1252, else ISO 8859-1, which gives each byte a character of its own."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("iso-8859-1")


def is_here(host: str) -> bool:
    """Return whether `host` is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def keyed_hash(key: PseudonymKey, kind: str, name: str) -> str:
    """Return a word that stands for `name` and does not tell it."""
    # With the sector's key, like a pseudonym: a plain hash of a phone number can be guessed.
    digest = hmac.digest(key.secret, f"{kind}\0{name}".encode(), "sha256")[:9]
    return f"{kind}-{urlsafe_b64encode(digest).decode()}"


def as_label(name: str) -> str:
    """Return `name` as one plain word (`Accueil général` is `Accueil-general`), empty if it is none that can be shown.

    Not shown is what may be a phone number or an e-mail address, and what other alphabets than the Latin one write.
    """
    if LABEL.fullmatch(name):
        return name
    letters = normalize("NFKD", name.translate(_LIGATURES))
    word = re.sub(r"[^\w.-]+", "-", "".join(letter for letter in letters if not combining(letter))).strip("-")
    return word if LABEL.fullmatch(word) and "@" not in letters else ""
