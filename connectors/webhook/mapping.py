"""Division of messages into records, and mapping of each to its events."""

import re
from collections.abc import Sequence
from typing import Any, Final

import jmespath
import msgspec

from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.decoding import decode_json
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.samples import PlacedRecord, split_records
from connectors.sdk.webhook.intake import Message
from connectors.webhook.config import WebhookConfig
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

WHOLE: Final = "@"
"""JMESPath of the message itself."""
_LIST: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
"""Beginning of a list in JSON, perhaps after a byte order mark."""


class WebhookMapping:
    """Maps the records of one sender's messages, each independently of the others."""

    def __init__(
        self, source: str, config: WebhookConfig, key: PseudonymKey, contact_reasons: ContactReasons = NO_REASONS
    ) -> None:
        self._expression = config.records
        self._each = config.each
        self._mapping = RecordMapping(source, config, key, contact_reasons)

    def divide(self, message: Message) -> list[Message]:
        """Return the records of a message with a list, each with its `place`. Return any other message as it is.

        Such a message is a record or has none, or `map` raises the reason why it cannot be divided.
        """
        if self._expression == WHOLE and not self._each and not _LIST.match(message.body):
            return [message]
        try:
            records = self._read(message)
            bodies = [msgspec.json.encode(record.fields) for record in records]
        except (UnusableRecord, ValueError, TypeError, OverflowError, RecursionError):
            return [message]
        if not records or not records[0].place:
            return [message]
        return [message._replace(body=body, place=record.place) for body, record in zip(bodies, records, strict=True)]

    def map(self, message: Message) -> tuple[Event, ...]:
        """Return the events of a message that `divide` has returned. Raises `UnusableRecord`."""
        records = self._read(message)
        if not records:
            return ()
        if len(records) > 1:
            raise UnusableRecord(Reason.INVALID_FIELD, "cannot be divided into its records")
        if records[0].problem:
            raise UnusableRecord(Reason.UNREADABLE_LINE, records[0].problem)
        return self._mapping.map(self._mapping.prepare(records[0].fields), message.received_at)

    def _read(self, message: Message) -> Sequence[PlacedRecord]:
        """Return the records of a message, or of a part of one. Raises `UnusableRecord` if it has none.

        A record that is a whole message has no place. A place is `record 3`, or `record 3, history 1` with the option `each`.
        """
        content = decode_json(message.body, object)
        if ", " in message.place:
            return [_place(content, message.place)]
        if message.place:
            records = [_place(content, message.place)]
        elif isinstance(found := find_records(content, self._expression), list):
            records = [_place(item, f"record {number}") for number, item in enumerate(found, 1)]
        else:
            records = [_place(found, "record 1" if self._each else "")]
        return split_records(records, self._each)


def find_records(content: Any, expression: str) -> Any:
    """Return what a JMESPath expression finds in a message: its record, or the list of its records.

    Raises `UnusableRecord` if it finds nothing, or cannot be evaluated.
    """
    try:
        found = jmespath.search(expression, content)
    except Exception:  # noqa: BLE001 - besides its own errors, those of Python for types that it does not expect
        raise UnusableRecord(Reason.INVALID_FIELD, f"{expression}: cannot be evaluated") from None
    if found is None and expression != WHOLE:
        raise UnusableRecord(Reason.MISSING_FIELD, expression)
    return found


def _place(content: Any, place: str) -> PlacedRecord:
    return PlacedRecord(content, place, "" if isinstance(content, dict) else "not a JSON object")
