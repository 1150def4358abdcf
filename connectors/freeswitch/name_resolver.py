"""Conversion of names in FreeSWITCH to names in events: configured labels, or pseudonyms and hashes."""

import re
from typing import Final

from connectors.freeswitch.config import FreeswitchConfig
from connectors.sdk.telephony import LABEL, PhoneNames, QueueOptions, as_label
from models.identities import PseudonymKey

UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""Default id of a channel or a member."""
_DOMAIN: Final = re.compile(r"\.[^\W\d]")
"""A dot before a letter: found in domain names, but not in IPv4 addresses."""


class NameResolver(PhoneNames):
    """Converts the names of one FreeSWITCH."""

    def __init__(self, config: FreeswitchConfig, key: PseudonymKey) -> None:
        super().__init__(config.queues, config.dids, config.region, (config.service, config.site), key)
        self._shown = {as_label(name.partition("@")[0]) for name in config.queues}
        self._queues = {self._queue_key(name): queue for name, queue in config.queues.items()}
        self._everywhere = {as_label(name): queue for name, queue in config.queues.items() if "@" not in name}

    def call(self, uuid: str) -> str:
        """Return the id of a call or a member: a UUID or empty text unchanged, anything else as a keyed hash."""
        return uuid if not uuid or UUID.fullmatch(uuid) else self.keyed_hash("call", uuid)

    def _queue_key(self, name: str) -> str:
        """Return a unique key of a queue, which begins with its default label if that can be shown; empty if `name` is.

        `name@example.org` may be a person's address. `name` is then shown only if it is configured or an extension.
        """
        if not name or LABEL.fullmatch(name):
            return name
        local_part, _, domain = name.partition("@")
        label = as_label(local_part)
        if _DOMAIN.search(domain) and label not in self._shown and not label.isdecimal():
            label = ""
        return f"{label}~{self.keyed_hash('queue', name)}"

    def _configured_queue(self, key: str) -> QueueOptions | None:
        return self._queues.get(key) or self._everywhere.get(key.partition("~")[0])
