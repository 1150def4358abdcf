"""Conversion of names in Asterisk to names in events: configured labels, or pseudonyms and hashes."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.queue_log import UNNAMED, normalise_queue_name
from connectors.sdk.telephony import CACHED, LABEL, PhoneNames, QueueOptions, as_label
from models.identities import IdentityKind, PseudonymKey

UNIQUE_ID: Final = re.compile(
    r"(?:(?P<system>[A-Za-z0-9_.-]{1,40})-)?(?P<second>[12]\d{9})\.(?:0|[1-9]\d{0,7})", re.ASCII
)
"""Unique id that Asterisk gives a channel: optional system name, creation second and a counter.

The second does not begin with 0, unlike phone numbers. Eight digits suffice for the counter."""
ID_AGE_SECONDS: Final = range(-86_400, 30 * 86_400)
"""Accepted age of a call id in a record, in seconds. Outside this range, the id may be another number, such as a phone
number."""


class ResolvedName(str):
    """A name that `NameResolver` has already converted and will not change again."""

    __slots__ = ()


class QueuePlace(NamedTuple):
    """A queue with its label, service and site."""

    key: str
    """See `NameResolver.queue_key`."""
    label: str
    service: str
    site: str


class NameResolver(PhoneNames):
    """Converts the names of one Asterisk."""

    def __init__(self, config: AsteriskConfig, key: PseudonymKey) -> None:
        super().__init__(config.queues, config.dids, config.region, (config.service, config.site), key)
        self._menu_options = config.menu_options
        self._cached_second = lru_cache(CACHED)(self._second)
        self._cached_queue = lru_cache(CACHED)(self._queue)
        self._cached_queue_key = lru_cache(CACHED)(self._queue_key)
        self._cached_place = lru_cache(CACHED, typed=True)(self._place)  # a `ResolvedName` and its text are equal
        self._cached_agent = lru_cache(CACHED)(self._agent)
        self._queues: dict[str, QueueOptions] = {}
        for name, queue in config.queues.items():
            label = queue.label or as_label(name)
            self._queues.setdefault(self._queue_key(name), queue.model_copy(update={"label": label}))
        self._keys_by_saved = {self._as_one_word(name): self._queue_key(name) for name in config.queues}

    def call(self, unique_id: str, second: int) -> str:
        """Return the id of a call in events: Asterisk's own, or a keyed hash if it may be another number."""
        if type(unique_id) is ResolvedName:
            return str(unique_id)
        created = self._cached_second(unique_id)
        return unique_id if second - created in ID_AGE_SECONDS else self.keyed_hash("call", unique_id)

    def queue(self, name: str) -> QueueOptions:
        """Return the options of a queue with its label filled in; without a label if `name` means no queue."""
        return self._cached_queue(self.queue_key(name))

    def queue_key(self, name: str) -> str:
        """Return the key of a queue in the memory, the same for all its spellings; empty if `name` means no queue."""
        return str(name) if isinstance(name, ResolvedName) else self._cached_queue_key(name)

    def queue_key_of_saved(self, key: str) -> str:
        """Return the current key of a queue for a key in a saved memory: earlier versions kept the case of names.

        A key with a hash is only converted if its queue is configured.
        """
        return self._keys_by_saved.get(key, key) if "~" in key else normalise_queue_name(key)

    def queue_place(self, name: str) -> QueuePlace:
        """Return a queue with its key, label, service and site; those it does not set are the connector's."""
        return self._cached_place(name)

    def agent(self, name: str) -> str:
        """Return the pseudonym of an agent, empty if `name` means no agent."""
        return str(name) if isinstance(name, ResolvedName) else self._cached_agent(name)

    def queue_of_extension(self, extension: str) -> str:
        """Return the label of the queue with this extension, empty if none is configured."""
        name = self._extensions.get(extension)
        label: str = self.queue(name).label if name else ""
        return label

    def menu_option(self, chosen: str) -> str:
        """Return the label of a menu choice: the configured one, or else `chosen` if it is one digit, or else empty."""
        return self._menu_options.get(chosen) or (chosen if re.fullmatch("[0-9]", chosen) else "")

    def _second(self, unique_id: str) -> int:
        created = UNIQUE_ID.fullmatch(unique_id)
        is_valid = created and (created["system"] is None or LABEL.fullmatch(created["system"]))
        return int(created["second"]) if created and is_valid else 0

    def _queue(self, key: str) -> QueueOptions:
        if not key:
            return QueueOptions()
        known = self._queues.get(key, QueueOptions())
        shown, _, hidden = key.partition("~")
        return known.model_copy(update={"label": known.label or shown or hidden})

    def _queue_key(self, name: str) -> str:
        if name in UNNAMED:
            return ""
        return self._as_one_word(normalise_queue_name(name))

    def _as_one_word(self, name: str) -> str:
        return name if LABEL.fullmatch(name) else f"{as_label(name)}~{self.keyed_hash('queue', name)}"

    def _place(self, name: str) -> QueuePlace:
        queue = self.queue(name)
        return QueuePlace(self.queue_key(name), queue.label, *self.place(queue))

    def _agent(self, name: str) -> str:
        name = name.strip()
        return "" if name in UNNAMED else self._key.pseudonym(IdentityKind.AGENT, name)
