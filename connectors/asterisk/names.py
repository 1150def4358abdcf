"""Names of Asterisk's as names of events: the configuration's, or ones that tell nothing about a person."""

import hmac
import re
from base64 import urlsafe_b64encode
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final
from unicodedata import combining, normalize

from connectors.asterisk.config import AsteriskConfig, Line, Queue
from connectors.asterisk.records import NOBODY
from models.identities import IdentityKind, PseudonymKey, normalise_phone

UNIQUE_ID: Final = re.compile(
    r"(?:(?P<system>[A-Za-z0-9_.-]{1,40})-)?(?P<second>[12]\d{9})\.(?:0|[1-9]\d{0,7})", re.ASCII
)
"""The id that Asterisk gives a channel: its system's name, if it has one, the second and a number.

No second begins with 0, as phone numbers do, and no switchboard has had a hundred million channels.
"""
LABEL: Final = re.compile(r"(?!.*\d(?:[._-]*\d){6})[A-Za-z0-9._-]{1,64}", re.ASCII)
"""A name that can be shown as it is: a label, and no phone number, whatever stands between its digits."""
_LIGATURES: Final = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss"})
_CACHED: Final = 8_192


class Known(str):
    """A name as `Names` gave it, which it will not change again."""

    __slots__ = ()


class Names:
    """How queues, agents, callers, calls and dialled numbers of one Asterisk are called in its events."""

    def __init__(self, config: AsteriskConfig, key: PseudonymKey) -> None:
        self._config = config
        self._key = key
        self._extensions = {extension: name for name, queue in config.queues.items() for extension in queue.extensions}
        self._cached_queue = lru_cache(_CACHED)(self._queue)
        self._cached_own_queue = lru_cache(_CACHED)(self._own_queue)
        self._cached_agent = lru_cache(_CACHED)(self._agent)
        self.caller = lru_cache(_CACHED)(self._caller)
        self.hide = lru_cache(_CACHED)(self._hide)
        self.line = lru_cache(_CACHED)(self._line)
        self._queues = {self._own_queue(name): queue for name, queue in config.queues.items()}

    def call(self, unique_id: str) -> str:
        """Return the native id of a call: what Asterisk made is kept, what anyone else did is replaced."""
        if isinstance(unique_id, Known):
            return str(unique_id)
        made = UNIQUE_ID.fullmatch(unique_id)
        own = made and (made["system"] is None or LABEL.fullmatch(made["system"]))
        return unique_id if own else self.hide("call", unique_id)

    def queue(self, name: str) -> Queue:
        """Return a queue, with the label that events give it; one of no name stands for all queues."""
        return self._cached_queue(self.own_queue(name))

    def own_queue(self, name: str) -> str:
        """Return Asterisk's own name of a queue, which no other has, as it may be remembered: with its label, if it has one."""
        return str(name) if isinstance(name, Known) else self._cached_own_queue(name)

    def agent(self, name: str) -> str:
        """Return the pseudonym of an agent, empty if there is none."""
        return str(name) if isinstance(name, Known) else self._cached_agent(name)

    def queue_of_extension(self, extension: str) -> str:
        """Return the label of the queue that an extension leads to, empty if the configuration names none."""
        name = self._extensions.get(extension)
        label: str = self.queue(name).label if name else ""
        return label

    def menu_option(self, chosen: str) -> str:
        """Return the label of a choice in a menu: the configuration's, or the key if it is one digit, else empty."""
        return self._config.menu_options.get(chosen) or (chosen if re.fullmatch("[0-9]", chosen) else "")

    def place(self, of: Queue | Line | None) -> tuple[str, str]:
        """Return service and site of a queue or a line. Never of both: all that concerns a queue is to be in one place."""
        return (of and of.service) or self._config.service, (of and of.site) or self._config.site

    def _hide(self, kind: str, name: str) -> str:
        """Return a word that stands for `name` and does not tell it."""
        # With the sector's key, like a pseudonym: a plain hash of a phone number can be guessed.
        digest = hmac.digest(self._key.secret, f"{kind}\0{name}".encode(), "sha256")[:9]
        return f"{kind}-{urlsafe_b64encode(digest).decode()}"

    def _queue(self, own: str) -> Queue:
        if not own:
            return Queue()
        known = self._queues.get(own, Queue())
        shown, _, hidden = own.partition("~")
        return known.model_copy(update={"label": known.label or shown or hidden})

    def _own_queue(self, name: str) -> str:
        if name in NOBODY:
            return ""
        return name if LABEL.fullmatch(name) else f"{as_label(name)}~{self.hide('queue', name)}"

    def _agent(self, name: str) -> str:
        name = name.strip()
        return "" if name in NOBODY else self._key.pseudonym(IdentityKind.AGENT, name)

    def _caller(self, number: str) -> str:
        """Return the pseudonym of a caller, empty if the number is withheld or an extension."""
        normalised = normalise_phone(number, self._config.region)
        return self._key.pseudonym(IdentityKind.PHONE, normalised) if normalised else ""

    def _line(self, dialled: str) -> Line | None:
        """Return the line that a dialled number is, if the configuration has it."""
        normalised = self._normalise(dialled)
        for pattern, line in self._config.dids.items():
            if (
                fnmatchcase(dialled, pattern)
                or fnmatchcase(normalised, pattern)
                or self._normalise(pattern) == normalised
            ):
                return line
        return None

    def _normalise(self, number: str) -> str:
        return normalise_phone(number, self._config.region) or number


def as_label(name: str) -> str:
    """Return `name` as one plain word (`Accueil général` is `Accueil-general`), empty if it is none that can be shown.

    Not shown is what may be a phone number or an e-mail address, and what other alphabets than the Latin one write.
    """
    if LABEL.fullmatch(name):
        return name
    letters = normalize("NFKD", name.translate(_LIGATURES))
    word = re.sub(r"[^\w.-]+", "-", "".join(letter for letter in letters if not combining(letter))).strip("-")
    return word if LABEL.fullmatch(word) and "@" not in letters else ""
