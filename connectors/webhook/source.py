"""Source of one sender's messages, and samples of them."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from connectors.sdk.contract import Context, Outcome, Reject
from connectors.sdk.samples import PlacedRecord, read_json_sample
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.source import PushSource
from connectors.webhook.config import WebhookConfig
from connectors.webhook.mapping import WebhookMapping
from connectors.webhook.signatures import TrustedProxies, make_verifier
from models.reasons import Reason

MOST_RECORDS: Final = 4000
"""Records of one read after which no further message is divided."""


class WebhookSource(PushSource):
    """Messages of one sender, mapped by configuration."""

    def __init__(self, config: WebhookConfig, context: Context) -> None:
        super().__init__(config, context)
        self._verifier = make_verifier(config)
        self._mapping = WebhookMapping(context.source, config, self.key, context.contact_reasons)
        self._undivided: deque[Message] = deque()
        self._divided = 0

    def admits(self, peer: str) -> bool:
        """Return whether to read requests from an address: all, or those of the trusted proxies."""
        return not isinstance(self._verifier, TrustedProxies) or self._verifier.admits(peer)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return an empty id: a repeated message is recognised by its body. Raises `SignatureError`."""
        self._verifier.verify(headers, body, now)
        return ""

    def read(self, wait_seconds: float) -> Sequence[Message]:
        """Return the records of received messages in order, as `PushSource.read` returns messages."""
        self._undivided += super().read(0.0 if self._undivided else wait_seconds)
        records: list[Message] = []
        while self._undivided and len(records) < MOST_RECORDS:
            records += self._divide(self._undivided.popleft())
            self._divided += 1
        return records

    def map(self, raw: Message) -> Outcome:
        """Return the events of a record; none if it concerns no contact. Raises `UnusableRecord`."""
        return self._mapping.map(raw)

    def reject(self, raw: Message, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a record, with its place in its message as the context."""
        return Reject(reason, raw.body, detail, raw.place.encode())

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Map a rejected record again, or all records of a message that was rejected as a whole. Raises `UnusableRecord`."""
        records = self._mapping.divide(Message("", reject.record, read_at, reject.context.decode()))
        return [event for record in records for event in self._mapping.map(record)]

    def position(self) -> int:
        """Return the number of messages divided since the source was opened."""
        return self._divided

    def _divide(self, message: Message) -> Sequence[Message]:
        return self.context.attempts.attempt(message.body, lambda: self._mapping.divide(message), lambda: [message])


def read_sample(config: WebhookConfig, path: Path) -> Sequence[PlacedRecord]:
    """Return the records of the sample messages in a JSON file, or in a file with one message per line. Raises `ConfigError`."""
    return read_json_sample(path, config.records)
