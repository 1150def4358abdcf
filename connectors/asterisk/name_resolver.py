"""Conversion of names in Asterisk to names in events: configured labels, or pseudonyms and hashes."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.queue_log import UNNAMED, normalise_queue_name
from connectors.sdk.telephony import CACHED, LABEL, PhoneNames, QueueOptions, as_label
from models.identities import PseudonymKey

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

    unnamed = UNNAMED

    def __init__(self, config: AsteriskConfig, key: PseudonymKey) -> None:
        super().__init__(config.queues, config.dids, config.region, (config.service, config.site), key)
        self._menu_options = config.menu_options
        self._reason_codes = config.reason_codes
        self._cached_second = lru_cache(CACHED)(self._second)
        self.queue_place = lru_cache(CACHED, typed=True)(self._place)  # a `ResolvedName` and its text are equal
        self._queues: dict[str, QueueOptions] = {}
        for name, queue in config.queues.items():
            label = queue.label or as_label(name)
            self._queues.setdefault(self._queue_key(name), queue.model_copy(update={"label": label}))
        self._keys_by_saved = {self._as_one_word(name): self._queue_key(name) for name in config.queues}

    def call(self, unique_id: str, second: int) -> str:
        """Return the id of a call in events: Asterisk's own, or a keyed hash if it is no such id of about this time.

        Another number may be a telephone number.
        `second` is that of the record, for the age of the id. A `ResolvedName` is returned unchanged.
        """
        if type(unique_id) is ResolvedName:
            return str(unique_id)
        created = self._cached_second(unique_id)
        return unique_id if second - created in ID_AGE_SECONDS else self.keyed_hash("call", unique_id)

    def queue_key(self, name: str) -> str:
        """Return the key of a queue, as `PhoneNames.queue_key`; a `ResolvedName` is one already."""
        return str(name) if isinstance(name, ResolvedName) else super().queue_key(name)

    def queue_key_of_saved(self, key: str) -> str:
        """Return the current key of a queue for a key in a saved memory: earlier versions kept the case of names.

        A key with a hash is only converted if its queue is configured.
        """
        return self._keys_by_saved.get(key, key) if "~" in key else normalise_queue_name(key)

    def agent(self, name: str) -> str:
        """Return the pseudonym of an agent, as `PhoneNames.agent`; a `ResolvedName` is one already."""
        return str(name) if isinstance(name, ResolvedName) else super().agent(name)

    def menu_option(self, chosen: str) -> str:
        """Return the label of a menu choice: the configured one, or else `chosen` if it is one digit, or else empty."""
        return self._menu_options.get(chosen) or (chosen if re.fullmatch("[0-9]", chosen) else "")

    def contact_reason(self, code: str) -> str:
        """Return the reason for contact of a code: the configured one, or else `code` if it may be a name, or else empty."""
        return self._reason_codes.get(code) or (code if LABEL.fullmatch(code) else "")

    def _second(self, unique_id: str) -> int:
        created = UNIQUE_ID.fullmatch(unique_id)
        is_valid = created and (created["system"] is None or LABEL.fullmatch(created["system"]))
        return int(created["second"]) if created and is_valid else 0

    def _configured_queue(self, key: str) -> QueueOptions | None:
        return self._queues.get(key)

    def _queue_key(self, name: str) -> str:
        if name in UNNAMED:
            return ""
        return self._as_one_word(normalise_queue_name(name))

    def _as_one_word(self, name: str) -> str:
        return name if LABEL.fullmatch(name) else f"{as_label(name)}~{self.keyed_hash('queue', name)}"

    def _place(self, name: str) -> QueuePlace:
        key = self.queue_key(name)
        queue = self.queue(key)
        return QueuePlace(key, queue.label, *self.place(queue))
