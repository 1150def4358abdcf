"""Conversion of names in FreeSWITCH to names in events: configured labels, or pseudonyms and hashes."""

import re
from functools import lru_cache, partial
from typing import Final

from connectors.freeswitch.config import FreeswitchConfig
from connectors.sdk.telephony import LABEL, PhoneLine, PhoneNumbers, QueueOptions, as_label, keyed_hash
from models.identities import IdentityKind, PseudonymKey

UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""Default id of a channel or a member."""
_DOMAIN: Final = re.compile(r"\.[^\W\d]")
"""A dot before a letter: found in domain names, but not in IPv4 addresses."""
_CACHED: Final = 8_192


class NameResolver:
    """Converts queues, agents, callers, call ids and dialled numbers of one FreeSWITCH to their names in events."""

    def __init__(self, config: FreeswitchConfig, key: PseudonymKey) -> None:
        self._config = config
        self._key = key
        numbers = PhoneNumbers(config.dids, config.region, key)
        self._extensions = {extension: name for name, queue in config.queues.items() for extension in queue.extensions}
        self.caller = lru_cache(_CACHED)(numbers.caller)
        self.line = lru_cache(_CACHED)(numbers.line)
        self.queue_key = lru_cache(_CACHED)(self._queue_key)
        self.queue = lru_cache(_CACHED)(self._queue)
        self.agent = lru_cache(_CACHED)(self._agent)
        self._hide = lru_cache(_CACHED)(partial(keyed_hash, key))
        self._shown = {as_label(name.partition("@")[0]) for name in config.queues}
        self._queues = {self._queue_key(name): queue for name, queue in config.queues.items()}
        self._everywhere = {as_label(name): queue for name, queue in config.queues.items() if "@" not in name}

    def call(self, uuid: str) -> str:
        """Return the id of a call or a member: FreeSWITCH's own id as is, anything else as a keyed hash."""
        return uuid if not uuid or UUID.fullmatch(uuid) else self._hide("call", uuid)

    def queue_of_extension(self, extension: str) -> str:
        """Return the label of the queue with this extension, empty if none is configured."""
        name = self._extensions.get(extension)
        return self._queue(self._queue_key(name)).label if name else ""

    def place(self, scope: QueueOptions | PhoneLine | None) -> tuple[str, str]:
        """Return the service and site of a queue or a line; what it does not set is the connector's.

        For events in a queue pass the queue, never the line, so that one queue has one place.
        """
        return (scope and scope.service) or self._config.service, (scope and scope.site) or self._config.site

    def _queue_key(self, name: str) -> str:
        """Return a unique key of a queue, which contains its default label if that can be shown.

        `name@example.org` may be a person's address. `name` is shown only if it is configured or an extension.
        """
        if not name or LABEL.fullmatch(name):
            return name
        local_part, _, domain = name.partition("@")
        label = as_label(local_part)
        if _DOMAIN.search(domain) and label not in self._shown and not label.isdecimal():
            label = ""
        return f"{label}~{keyed_hash(self._key, 'queue', name)}"

    def _queue(self, key: str) -> QueueOptions:
        """Return the options of a queue by its key, with its label in events."""
        shown, _, hidden = key.partition("~")
        known = self._queues.get(key) or self._everywhere.get(shown) or QueueOptions()
        return known.model_copy(update={"label": known.label or shown or hidden})

    def _agent(self, name: str) -> str:
        """Return the pseudonym of an agent, empty if the name is empty."""
        name = name.strip()
        return self._key.pseudonym(IdentityKind.AGENT, name) if name else ""
