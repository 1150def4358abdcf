"""Names of FreeSWITCH's as names of events: the configuration's, or ones that tell nothing about a person."""

import re
from functools import lru_cache, partial
from typing import Final

from connectors.freeswitch.config import FreeswitchConfig
from connectors.sdk.telephony import LABEL, PhoneLine, PhoneNumbers, QueueOptions, as_label, keyed_hash
from models.identities import IdentityKind, PseudonymKey

UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""What FreeSWITCH calls a channel or a member, if nobody gave it another name."""
_DOMAIN: Final = re.compile(r"\.[^\W\d]")
"""A dot before a letter: a domain's name has one, an IPv4 address has none."""
_CACHED: Final = 8_192


class NameResolver:
    """How queues, agents, callers, calls and dialled numbers of one FreeSWITCH are called in its events."""

    def __init__(self, config: FreeswitchConfig, key: PseudonymKey) -> None:
        self._config = config
        self._key = key
        numbers = PhoneNumbers(config.dids, config.region, key)
        self._extensions = {extension: name for name, queue in config.queues.items() for extension in queue.extensions}
        self.caller = lru_cache(_CACHED)(numbers.caller)
        self.line = lru_cache(_CACHED)(numbers.line)
        self.queue_key = lru_cache(_CACHED)(self._own_queue)
        self.queue = lru_cache(_CACHED)(self._queue)
        self.agent = lru_cache(_CACHED)(self._agent)
        self._hide = lru_cache(_CACHED)(partial(keyed_hash, key))
        self._shown = {as_label(name.partition("@")[0]) for name in config.queues}
        self._queues = {self._own_queue(name): queue for name, queue in config.queues.items()}
        self._everywhere = {as_label(name): queue for name, queue in config.queues.items() if "@" not in name}

    def call(self, uuid: str) -> str:
        """Return what a call, or a member, is called: what FreeSWITCH made is kept, what anyone else did is replaced."""
        return uuid if not uuid or UUID.fullmatch(uuid) else self._hide("call", uuid)

    def queue_of_extension(self, extension: str) -> str:
        """Return the label of the queue that an extension leads to, empty if the configuration names none."""
        name = self._extensions.get(extension)
        return self._queue(self._own_queue(name)).label if name else ""

    def place(self, of: QueueOptions | PhoneLine | None) -> tuple[str, str]:
        """Return service and site of a queue or a line. Never of both: all that concerns a queue is to be in one place."""
        return (of and of.service) or self._config.service, (of and of.site) or self._config.site

    def _own_queue(self, name: str) -> str:
        """Return a queue's own name, which no other has, as it may be remembered: with the label that it has by itself.

        `name@example.org` may be a person's address: `name` is shown if the configuration has it, or if it is an extension.
        """
        if not name or LABEL.fullmatch(name):
            return name
        before, _, domain = name.partition("@")
        label = as_label(before)
        if _DOMAIN.search(domain) and label not in self._shown and not label.isdecimal():
            label = ""
        return f"{label}~{keyed_hash(self._key, 'queue', name)}"

    def _queue(self, own: str) -> QueueOptions:
        """Return a queue by its own name, with the label that events give it."""
        shown, _, hidden = own.partition("~")
        known = self._queues.get(own) or self._everywhere.get(shown) or QueueOptions()
        return known.model_copy(update={"label": known.label or shown or hidden})

    def _agent(self, name: str) -> str:
        """Return the pseudonym of an agent, empty if there is none."""
        name = name.strip()
        return self._key.pseudonym(IdentityKind.AGENT, name) if name else ""
