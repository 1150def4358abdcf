"""Names of Asterisk's as names of events: the configuration's, or ones that tell nothing about a person."""

import re
from functools import lru_cache, partial
from typing import Final, NamedTuple

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.queue_log import UNNAMED, normalise_queue_name
from connectors.sdk.telephony import LABEL, PhoneLine, PhoneNumbers, QueueOptions, as_label, keyed_hash
from models.identities import IdentityKind, PseudonymKey

UNIQUE_ID: Final = re.compile(
    r"(?:(?P<system>[A-Za-z0-9_.-]{1,40})-)?(?P<second>[12]\d{9})\.(?:0|[1-9]\d{0,7})", re.ASCII
)
"""The id that Asterisk gives a channel: its system's name, if it has one, the second and a number.

No second begins with 0, as phone numbers do, and no switchboard has had a hundred million channels.
"""
MADE_BEFORE: Final = range(-86_400, 30 * 86_400)
"""Age of a call's id in a record, in seconds. An older or newer number only looks like an id."""
CACHED: Final = 8_192
"""So many names of each kind are remembered."""
CALLERS: Final = 65_536
"""Of callers more: to normalise a number takes long, and in a large log the same come back after weeks."""


class ResolvedName(str):
    """A name as `Names` gave it, which it will not change again."""

    __slots__ = ()


class QueuePlace(NamedTuple):
    """A queue, and where its events are."""

    own: str
    """See `Names.own_queue`."""
    previous: str
    """See `Names.former_queue`."""
    label: str
    service: str
    site: str


class NameResolver:
    """How queues, agents, callers, calls and dialled numbers of one Asterisk are called in its events."""

    def __init__(self, config: AsteriskConfig, key: PseudonymKey) -> None:
        self._config = config
        self._key = key
        self._extensions = {extension: name for name, queue in config.queues.items() for extension in queue.extensions}
        self._cached_second = lru_cache(CACHED)(self._second)
        self._cached_queue = lru_cache(CACHED)(self._queue)
        self._cached_own_queue = lru_cache(CACHED)(self._own_queue)
        self._cached_place = lru_cache(CACHED, typed=True)(self._place)  # a `Known` name and its text are equal
        self._cached_agent = lru_cache(CACHED)(self._agent)
        numbers = PhoneNumbers(config.dids, config.region, key)
        self.caller = lru_cache(CALLERS)(numbers.caller)
        self.keyed_hash = lru_cache(CACHED)(partial(keyed_hash, key))
        self.line = lru_cache(CACHED)(numbers.line)
        self._queues: dict[str, QueueOptions] = {}
        for name, queue in config.queues.items():
            label = queue.label or as_label(name)
            self._queues.setdefault(self._own_queue(name), queue.model_copy(update={"label": label}))

    def call(self, unique_id: str, second: int) -> str:
        """Return the native id of a call in a record of `second`: an id that Asterisk made is kept, all else is replaced."""
        if type(unique_id) is ResolvedName:
            return str(unique_id)
        made = self._cached_second(unique_id)
        return unique_id if second - made in MADE_BEFORE else self.keyed_hash("call", unique_id)

    def queue(self, name: str) -> QueueOptions:
        """Return a queue, with the label that events give it; one of no name stands for all queues."""
        return self._cached_queue(self.queue_key(name))

    def queue_key(self, name: str) -> str:
        """Return the name by which a queue is remembered: the same for all its spellings, with a label if it has one."""
        return str(name) if isinstance(name, ResolvedName) else self._cached_own_queue(name)

    def previous_queue_key(self, name: str) -> str:
        """Return what `own_queue` returned in earlier versions, which kept the spelling; empty if that is the same."""
        return self.queue_place(name).previous

    def queue_place(self, name: str) -> QueuePlace:
        """Return all that is known of a queue by its name."""
        return self._cached_place(name)

    def agent(self, name: str) -> str:
        """Return the pseudonym of an agent, empty if there is none."""
        return str(name) if isinstance(name, ResolvedName) else self._cached_agent(name)

    def queue_of_extension(self, extension: str) -> str:
        """Return the label of the queue that an extension leads to, empty if the configuration names none."""
        name = self._extensions.get(extension)
        label: str = self.queue(name).label if name else ""
        return label

    def menu_option(self, chosen: str) -> str:
        """Return the label of a choice in a menu: the configuration's, or the key if it is one digit, else empty."""
        return self._config.menu_options.get(chosen) or (chosen if re.fullmatch("[0-9]", chosen) else "")

    def place(self, of: QueueOptions | PhoneLine | None) -> tuple[str, str]:
        """Return service and site of a queue or a line. Never of both: all that concerns a queue is to be in one place."""
        return (of and of.service) or self._config.service, (of and of.site) or self._config.site

    def _second(self, unique_id: str) -> int:
        """Return when Asterisk made an id, in seconds since 1970; 0 if it is none of its own."""
        made = UNIQUE_ID.fullmatch(unique_id)
        own = made and (made["system"] is None or LABEL.fullmatch(made["system"]))
        return int(made["second"]) if made and own else 0

    def _queue(self, own: str) -> QueueOptions:
        if not own:
            return QueueOptions()
        known = self._queues.get(own, QueueOptions())
        shown, _, hidden = own.partition("~")
        return known.model_copy(update={"label": known.label or shown or hidden})

    def _own_queue(self, name: str) -> str:
        return "" if name in UNNAMED else self._as_one_word(normalise_queue_name(name))

    def _place(self, name: str) -> QueuePlace:
        own = self.queue_key(name)
        previous = self._as_one_word(name) if own and not isinstance(name, ResolvedName) else own
        queue = self.queue(name)
        return QueuePlace(own, "" if previous == own else previous, queue.label, *self.place(queue))

    def _as_one_word(self, name: str) -> str:
        return name if LABEL.fullmatch(name) else f"{as_label(name)}~{self.keyed_hash('queue', name)}"

    def _agent(self, name: str) -> str:
        name = name.strip()
        return "" if name in UNNAMED else self._key.pseudonym(IdentityKind.AGENT, name)
