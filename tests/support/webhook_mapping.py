"""Mapping of webhook messages, for tests of its parts."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.sdk.config import parse
from connectors.sdk.webhook.intake import Message
from connectors.webhook.config import WebhookConfig
from connectors.webhook.mapping import WebhookMapping
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.webhooks import OPTIONS

NOW = datetime(2026, 7, 4, 9, tzinfo=UTC)
ZONE = "Europe/Paris"
SOURCE = "webhook/essai"
KEY = PseudonymKey("social", b"k" * 32)
OTHER_KEY = PseudonymKey("social", b"o" * 32)


def configure(**options: Any) -> WebhookConfig:
    config = parse(WebhookConfig, "essai", OPTIONS | options)
    assert isinstance(config, WebhookConfig)
    return config


def map_message(body: bytes, name: str = "msg_1", key: PseudonymKey = KEY, **options: Any) -> list[Event]:
    """Return the events of all records of a message. Raises `UnusableRecord` for the first record without events."""
    mapping = WebhookMapping(SOURCE, configure(**options), key)
    return [event for record in mapping.divide(Message(name, body, NOW)) for event in mapping.map(record)]


def map_one(body: bytes, name: str = "msg_1", key: PseudonymKey = KEY, **options: Any) -> Event:
    (event,) = map_message(body, name, key, **options)
    return event


def rejection(body: bytes, **options: Any) -> tuple[Reason, str]:
    with pytest.raises(UnusableRecord) as refusal:
        map_message(body, **options)
    return refusal.value.reason, refusal.value.detail


def mapped_to(event: str, **fields: Any) -> dict[str, Any]:
    """Return options that map messages from `body` to `event`."""
    values = {
        name: {"PMI": "pmi"}
        for name in ("site", "service", "queue", "to_queue", "line", "option", "procedure", "contact_reason")
    }
    return {
        "id": "id",
        "ignored": {},
        "values": values,
        "events": [{"event": event, "time": "at", "when": {"type": "x"}, **fields}],
    }


def body(**values: Any) -> bytes:
    return json.dumps({"type": "x", "id": 7, "at": "2026-03-16T09:00:00+01:00", **values}).encode()
