"""Division of messages into records, and mapping of each to its events."""

from typing import Any, Final

import jmespath
import msgspec

from connectors.sdk.decoding import decode_json
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.webhook.intake import Message
from connectors.webhook.config import WebhookConfig
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

WHOLE: Final = "@"
"""JMESPath of the message itself."""


class WebhookMapping:
    """Maps the records of one sender's messages, each independently of the others."""

    def __init__(self, source: str, config: WebhookConfig, key: PseudonymKey) -> None:
        self._expression = config.records
        self._mapping = RecordMapping(source, config, key)

    def divide(self, message: Message) -> list[Message]:
        """Return the records of a message with a list, each with its `place`. Return any other message as it is.

        Such a message has one record or none, or `map` raises the reason why it cannot be divided.
        """
        if self._expression == WHOLE and not message.body.lstrip().startswith(b"["):
            return [message]
        try:
            found = find_records(decode_json(message.body, object), self._expression)
            bodies = list(map(msgspec.json.encode, found)) if isinstance(found, list) else []
        except (UnusableRecord, ValueError, TypeError, OverflowError, RecursionError):
            return [message]
        records = [message._replace(body=body, place=f"record {number}") for number, body in enumerate(bodies, 1)]
        return records or [message]

    def map(self, record: Message) -> tuple[Event, ...]:
        """Return the events of a message that `divide` has returned. Raises `UnusableRecord`."""
        content = decode_json(record.body, object)
        if not record.place:
            content = find_records(content, self._expression)
            if content == []:
                return ()
        if not isinstance(content, dict):
            raise UnusableRecord(Reason.INVALID_FIELD, "not a JSON object")
        return self._mapping.map(self._mapping.prepare(content), record.received_at)


def find_records(content: Any, expression: str) -> Any:
    """Return what a JMESPath expression finds in a message: its record, or the list of its records.

    Raises `UnusableRecord` if it finds nothing, or cannot be evaluated.
    """
    try:
        found = jmespath.search(expression, content)
    except Exception:  # noqa: BLE001 - besides its own errors, those of Python for types that it does not expect
        raise UnusableRecord(Reason.INVALID_FIELD, f"{expression}: cannot be evaluated") from None
    if found is None:
        raise UnusableRecord(Reason.MISSING_FIELD, "" if expression == WHOLE else expression)
    return found
