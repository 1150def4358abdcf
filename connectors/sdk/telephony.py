"""Common options and functions of switchboard connectors, and names without personal data."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from functools import cache, lru_cache, partial
from ipaddress import ip_address
from typing import Annotated, ClassVar, Final
from unicodedata import combining, normalize

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from connectors.sdk.config import Options
from connectors.sdk.identifiers import keyed_digest
from connectors.sdk.pseudonyms import citizen_identities
from models.envelope import Envelope, Label
from models.identities import IdentityKind, PseudonymKey, normalise_phone
from models.locale import _

LABEL: Final = re.compile(r"(?!.*\d(?:[._-]*\d){6})[A-Za-z0-9._-]{1,64}", re.ASCII)
"""A name that may be published unchanged: a label that does not look like a phone number, with any separators."""
LONGEST_SECONDS: Final = 86_400
"""Longest published wait or conversation, in seconds. Telephone numbers have more digits."""
LAST_POSITION: Final = 99_999
"""Highest published position in a queue."""
SECONDS: Final = range(1_000_000_000, 4_000_000_000)
"""Valid times of a switchboard, in seconds since 1970: the years 2001 to 2096."""
AHEAD_SECONDS: Final = 86_400
"""Longest time that a switchboard's clock may be ahead, in seconds."""
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
CACHED: Final = 8_192
CALLERS: Final = 65_536
"""Callers kept in a cache. Normalising a number is slow, and in a large log the same callers return after weeks."""
_LIGATURES: Final = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss"})


def _is_one_line(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value() or not secret.get_secret_value().isprintable():
        raise ValueError(_("is empty, or more than one line"))
    return secret


Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,253}$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Secret = Annotated[SecretStr, AfterValidator(_is_one_line)]


class QueueOptions(Options):
    """Options of one queue."""

    label: Label = ""
    """Name in events and figures. Default: the switchboard's own name."""
    service: Label = ""
    """Service that answers."""
    site: Label = ""
    """Site of the service."""
    extensions: tuple[str, ...] = ()
    """Extensions that lead to this queue. A transfer to one of them counts as a transfer to the queue."""


class PhoneLine(Options):
    """One number that citizens dial."""

    line: Label
    """Name in events; the number itself is not published."""
    service: Label = ""
    """Service of the arriving call. Once in a queue, a call has the queue's service."""
    site: Label = ""
    """Site of the arriving call. Once in a queue, a call has the queue's site."""


class PhoneNames(ABC):
    """Converts callers, agents, queues, dialled numbers and extensions of one switchboard to their names in events.

    The parameter `place` is the instance's service and site. Each is used where a queue or line sets none.
    """

    unnamed: ClassVar[AbstractSet[str]] = frozenset({""})  # names that mean no agent

    def __init__(
        self,
        queues: Mapping[str, QueueOptions],
        lines: Mapping[str, PhoneLine],
        region: str,
        place: tuple[str, str],
        key: PseudonymKey,
    ) -> None:
        self._extensions = {extension: name for name, queue in queues.items() for extension in queue.extensions}
        self._lines = lines
        self._region = region
        self._place_otherwise = place
        self._key = key
        self.keyed_hash = lru_cache(CACHED)(partial(keyed_hash, key))
        self.caller = lru_cache(CALLERS)(self._caller)
        self.line = lru_cache(CACHED)(self._line)
        self.queue = lru_cache(CACHED)(self._queue)
        self._cached_queue_key = lru_cache(CACHED)(self._queue_key)
        self._cached_agent = lru_cache(CACHED)(self._agent)

    def place(self, scope: QueueOptions | PhoneLine | None) -> tuple[str, str]:
        """Return the service and site of a queue, or of a line for events outside queues; empty ones are the instance's."""
        service, site = self._place_otherwise
        return (scope and scope.service) or service, (scope and scope.site) or site

    def queue_key(self, name: str) -> str:
        """Return the key of a queue, which `queue` takes: the same for all its spellings; empty if `name` means no queue."""
        return self._cached_queue_key(name)

    def agent(self, name: str) -> str:
        """Return the pseudonym of an agent, empty if `name` means no agent."""
        return self._cached_agent(name)

    def queue_of_extension(self, extension: str) -> str:
        """Return the label of the queue with this extension, empty if none is configured."""
        name = self._extensions.get(extension)
        return self.queue(self.queue_key(name)).label if name else ""

    @abstractmethod
    def _queue_key(self, name: str) -> str:
        """Return the key of a queue: a label, or a label (or nothing), `~` and a keyed hash. Empty if `name` means no queue."""

    @abstractmethod
    def _configured_queue(self, key: str) -> QueueOptions | None:
        """Return the options of a queue by its key; None if it is not configured."""

    def _queue(self, key: str) -> QueueOptions:
        """Return the options of a queue by its key, with its label filled in, except for an empty key."""
        known = self._configured_queue(key) or QueueOptions()
        shown, _, hidden = key.partition("~")
        return known.model_copy(update={"label": known.label or shown or hidden})

    def _agent(self, name: str) -> str:
        name = name.strip()
        return "" if name in self.unnamed else self._key.pseudonym(IdentityKind.AGENT, name)

    def _caller(self, number: str) -> str:
        """Return the pseudonym of a caller; empty if withheld, blocked, or no valid number, such as an extension."""
        return citizen_identities(self._key, phone=number, region=self._region)

    def _line(self, dialled: str) -> PhoneLine | None:
        """Return the first configured line whose number or pattern matches a dialled number; None if none does."""
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


@lru_cache(CACHED)
def whole(text: str, highest: int) -> int | None:
    """Return `text` as a whole number of at most ten digits; None if it is not one, has a leading zero, or is above `highest`."""
    return number if _WHOLE.fullmatch(text) and (number := int(text)) <= highest else None


def epoch(text: str, now: float) -> int:
    """Return `text` as seconds since 1970; 0 if it is none, or implausible at `now`: it may be a telephone number."""
    second = whole(text, SECONDS[-1])
    return second if second is not None and SECONDS.start <= second <= now + AHEAD_SECONDS else 0


def decode_text(content: bytes) -> str:
    """Decode a name as UTF-8, else as Windows-1252, else as ISO 8859-1, which accepts every byte."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("iso-8859-1")


@cache
def event_type(kind: type[Envelope]) -> str:
    """Return the value that the field `type` has in all events of the class `kind`."""
    name: str = kind.model_fields["type"].default
    return name


def is_here(host: str) -> bool:
    """Return whether `host` is `localhost` or a loopback address; other names of this machine do not count."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def keyed_hash(key: PseudonymKey, kind: str, name: str) -> str:
    """Return `<kind>-<keyed digest>`, with nine bytes of digest, as an identifier for `name` that does not reveal it."""
    return keyed_digest(kind, name, key, 9)


def as_label(name: str) -> str:
    """Return `name` as a label (`Accueil général` becomes `Accueil-general`); empty if not possible, or if it may be personal."""
    if LABEL.fullmatch(name):
        return name
    letters = normalize("NFKD", name.translate(_LIGATURES))
    word = re.sub(r"[^\w.-]+", "-", "".join(letter for letter in letters if not combining(letter))).strip("-")
    return word if LABEL.fullmatch(word) and "@" not in letters else ""
