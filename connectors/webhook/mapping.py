"""Source of one sender's messages, and their mapping to events by configuration.

Events contain only pseudonyms, ids, references, bounded times and numbers, and words from the configuration or the event types.
Ids and references are hashed if they may be personal.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.sdk.contract import Outcome
from connectors.sdk.decoding import decode_json
from connectors.sdk.identifiers import MAX_SECONDS, REFERENCE, reference_for, safe_contact_id
from connectors.sdk.webhook.field_paths import (
    find_value,
    read_time,
    read_type,
    require_value,
    safe_message_id,
    safe_revision,
)
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.source import MappedSource
from connectors.webhook.config import MessageTypeOptions, WebhookConfig, channel_of, data_fields, is_enum, is_label
from models.codec import UnusableRecord, decode
from models.identities import IdentityKind, PseudonymKey, normalise
from models.ids import contact_id, event_id
from models.reasons import Reason


class WebhookMapping:
    """Maps the messages of one sender, each independently."""

    def __init__(self, source: str, config: WebhookConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key
        self._zone = ZoneInfo(config.timezone) if config.timezone else None

    def map(self, message: Message) -> Outcome:
        """Return the event of a message; none for an ignored message type. Raises `UnusableRecord`."""
        body = decode_json(message.body, object)
        kind = read_type(body, self._config.type, self._config.types, self._config.ignored)
        if kind is None:
            return ()
        event = {
            **self._envelope(kind, body, message),
            "identities": " ".join(self._identities(kind, body)),
            "data": self._data(kind, body, message.received_at),
        }
        return (decode(msgspec.json.encode(event)),)

    def _envelope(self, kind: MessageTypeOptions, body: Any, message: Message) -> dict[str, Any]:
        happened_at = read_time(require_value(body, kind.time), kind.time, self._zone, message.received_at)
        contact = self._contact(str(require_value(body, kind.id)), happened_at)
        if kind.revision is None:
            native, revision = safe_message_id(message.name, self._key), ""
        else:
            native, revision = contact, safe_revision(str(require_value(body, kind.revision)), self._key)
        return {
            "type": kind.event,
            "id": event_id(self._source, f"{kind.event}|{native}", revision),
            "source": self._source,
            "subject": contact_id(channel_of(kind.event), self._source, contact),
            "time": happened_at,
            "recordedtime": message.received_at,
            "sector": self._config.sector,
            "site": self._label(body, kind.site) or self._config.site,
            "service": self._label(body, kind.service) or self._config.service,
        }

    def _contact(self, native: str, happened_at: datetime) -> str:
        day = f"{happened_at.astimezone(self._zone or UTC):%Y%m%d}-" if self._config.daily_ids else ""
        return day + safe_contact_id(native, self._key)

    def _label(self, body: Any, path: str | None) -> str:
        """Return the label of the value at `path`; empty without a value. Raises `UnusableRecord` for a value without a label."""
        name = find_value(body, path)
        if name is None:
            return ""
        label = self._config.labels.get(str(name))
        if label is None:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, f"{path}: not in `labels`")
        return label

    def _identities(self, kind: MessageTypeOptions, body: Any) -> list[str]:
        found = []
        for identity in IdentityKind:  # the strongest first
            value = find_value(body, getattr(kind, identity.value, None))
            normalised = "" if value is None else normalise(identity, str(value), self._config.region)
            if normalised and (pseudonym := self._key.pseudonym(identity, normalised)):
                found.append(pseudonym)
        return found

    def _data(self, kind: MessageTypeOptions, body: Any, received_at: datetime) -> dict[str, Any]:
        fields = data_fields(kind.event)
        data: dict[str, Any] = {}
        for name, path in kind.data.items():
            value = find_value(body, path)
            if value is None:
                continue
            if name == "agent":
                data[name] = self._key.pseudonym(IdentityKind.AGENT, str(value).strip())
            elif name.endswith("_at"):
                data[name] = read_time(value, path, self._zone, received_at)
            elif is_label(fields[name]):
                data[name] = self._label(body, path)
            elif is_enum(fields[name]):
                data[name] = self._config.labels.get(str(value), value)
            elif isinstance(value, str):
                data[name] = self._reference(value, path)
            else:
                data[name] = _duration(value, path) if name.endswith("_seconds") else value
        return data

    def _reference(self, text: str, path: str) -> str:
        if not REFERENCE.fullmatch(text):
            raise UnusableRecord(Reason.INVALID_FIELD, f"{path}: does not look like a reference")
        return reference_for(text, self._key)


class WebhookSource(MappedSource):
    """Messages signed with Standard Webhooks, mapped by configuration."""

    mapping = WebhookMapping


def _duration(seconds: float, path: str) -> float:
    """Return a duration rounded to the millisecond, since further digits could encode anything.

    Raises `UnusableRecord` above `MAX_SECONDS`.
    """
    if seconds > MAX_SECONDS:
        raise UnusableRecord(Reason.INVALID_FIELD, f"{path}: longer than {MAX_SECONDS} seconds")
    return seconds if isinstance(seconds, bool) else round(seconds, 3)
