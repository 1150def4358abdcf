"""What a message means, by the configuration.

Of what a sender writes, events carry only times and numbers within bounds, references that cannot be personal, and words that
the configuration or the vocabulary names.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.sdk.contract import Outcome
from connectors.sdk.decoding import decode_json
from connectors.sdk.identifiers import MAX_SECONDS, REFERENCE, reference_for
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.places import find, need, read_time, read_type, veil, veil_message, veil_revision
from connectors.webhook.config import Kind, WebhookConfig
from connectors.webhook.vocabulary import channel_of, data_of, is_closed, is_label
from models.codec import Unusable, decode
from models.identities import IdentityKind, PseudonymKey, normalise
from models.ids import contact_id, event_id
from models.reasons import Reason


class WebhookMapping:
    """Maps the messages of one sender, each by itself."""

    def __init__(self, source: str, config: WebhookConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key
        self._zone = ZoneInfo(config.timezone) if config.timezone else None

    def map(self, message: Message) -> Outcome:
        """Return the event that `message` is. Raises `Unusable` if it is none."""
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

    def _envelope(self, kind: Kind, body: Any, message: Message) -> dict[str, Any]:
        happened_at = read_time(need(body, kind.time), kind.time, self._zone, message.received_at)
        contact = self._contact(str(need(body, kind.id)), happened_at)
        if kind.revision is None:
            native, revision = veil_message(message.name, self._key), ""
        else:
            native, revision = contact, veil_revision(str(need(body, kind.revision)), self._key)
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
        return day + veil(native, self._key)

    def _label(self, body: Any, place: str | None) -> str:
        """Return the label of what is at `place`, empty if nothing is."""
        name = find(body, place)
        if name is None:
            return ""
        label = self._config.labels.get(str(name))
        if label is None:
            raise Unusable(Reason.UNKNOWN_ENUM, f"{place}: not in `labels`")
        return label

    def _identities(self, kind: Kind, body: Any) -> list[str]:
        found = []
        for identity in IdentityKind:  # the strongest first
            value = find(body, getattr(kind, identity.value, None))
            normalised = "" if value is None else normalise(identity, str(value), self._config.region)
            if normalised and (pseudonym := self._key.pseudonym(identity, normalised)):
                found.append(pseudonym)
        return found

    def _data(self, kind: Kind, body: Any, received_at: datetime) -> dict[str, Any]:
        fields = data_of(kind.event)
        data: dict[str, Any] = {}
        for name, place in kind.data.items():
            value = find(body, place)
            if value is None:
                continue
            if name == "agent":
                data[name] = self._key.pseudonym(IdentityKind.AGENT, str(value).strip())
            elif name.endswith("_at"):
                data[name] = read_time(value, place, self._zone, received_at)
            elif is_label(fields[name]):
                data[name] = self._label(body, place)
            elif is_closed(fields[name]):
                data[name] = self._config.labels.get(str(value), value)
            elif isinstance(value, str):
                data[name] = self._reference(value, place)
            else:
                data[name] = _duration(value, place) if name.endswith("_seconds") else value
        return data

    def _reference(self, text: str, place: str) -> str:
        if not REFERENCE.fullmatch(text):
            raise Unusable(Reason.INVALID_FIELD, f"{place}: does not look like a reference")
        return reference_for(text, self._key)


def _duration(seconds: float, place: str) -> float:
    """Return a duration to the millisecond: further digits could hold anything. Raises `Unusable` if it is too long."""
    if seconds > MAX_SECONDS:
        raise Unusable(Reason.INVALID_FIELD, f"{place}: longer than {MAX_SECONDS} seconds")
    return seconds if isinstance(seconds, bool) else round(seconds, 3)
