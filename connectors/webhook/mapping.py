"""What a message means, by the configuration.

Nothing that a sender writes becomes part of an event as it is, but numbers, times, and words that the configuration or the
vocabulary names.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from datetime import MAXYEAR, UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.sdk.contract import Outcome
from connectors.sdk.webhook.intake import Message
from connectors.webhook.config import Kind, WebhookConfig
from connectors.webhook.vocabulary import channel_of, data_of, is_closed, is_label
from models.codec import Unusable, decode
from models.identities import IdentityKind, PseudonymKey, normalise_email, normalise_phone
from models.ids import contact_id, event_id
from models.reasons import Reason

MILLISECONDS: Final = 1e11
"""From here on a number is a time in milliseconds: as seconds it would be the year 5138."""
PLAIN_ID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Z]{0,3}-?[0-9]{1,6}", re.ASCII
)
"""Ids that say nothing about a person: UUIDs, and numbers of tickets. All others are replaced by a keyed hash."""
REFERENCE: Final = re.compile(r"(?=.*\d)[A-Z0-9./_-]{1,100}", re.ASCII)
"""What a reference looks like: capitals and digits, at least one digit. No e-mail address does, nor a name in small letters."""
Value = str | int | float | bool


class WebhookMapping:
    """Maps the messages of one sender, each by itself."""

    def __init__(self, source: str, config: WebhookConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key
        self._zone = ZoneInfo(config.timezone) if config.timezone else None

    def map(self, message: Message) -> Outcome:
        """Return the event that `message` is. Raises `Unusable` if it is none."""
        try:
            body = msgspec.json.decode(message.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unusable(Reason.INVALID_JSON, type(error).__name__) from None
        name = str(_need(body, self._config.type))
        if name in self._config.ignored:
            return ()
        kind = self._config.types.get(name)
        if kind is None:
            raise Unusable(Reason.UNKNOWN_RECORD, "its type is not in `types`")
        event = {
            **self._envelope(kind, body, message),
            "identities": " ".join(self._identities(kind, body)),
            "data": self._data(kind, body),
        }
        return (decode(msgspec.json.encode(event)),)

    def _envelope(self, kind: Kind, body: Any, message: Message) -> dict[str, Any]:
        happened_at = self._time(_need(body, kind.time), kind.time)
        contact = self._contact(str(_need(body, kind.id)), happened_at)
        if kind.revision is None:
            native, revision = message.name, ""
        else:
            native, revision = contact, str(_need(body, kind.revision))
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
        if PLAIN_ID.fullmatch(native):
            return day + native
        # With the sector's key, like a pseudonym: a plain hash of a phone number can be guessed.
        digest = hmac.digest(self._key.secret, f"contact\0{native}".encode(), "sha256")[:15]
        return f"{day}contact-{urlsafe_b64encode(digest).decode()}"

    def _time(self, value: Value, place: str) -> datetime:
        try:
            if isinstance(value, str):
                at = datetime.fromisoformat(value)
                if at.tzinfo is None and self._zone is not None:
                    at = at.replace(tzinfo=self._zone)
            else:
                at = datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS else value, UTC)
            if at.tzinfo is not None and at.year < MAXYEAR:  # so that it is a time in every zone
                return at.astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            pass
        raise Unusable(Reason.INVALID_FIELD, f"{place}: not a time with a zone")

    def _label(self, body: Any, place: str | None) -> str:
        """Return the label of what is at `place`, empty if nothing is."""
        name = _find(body, place)
        if name is None:
            return ""
        label = self._config.labels.get(str(name))
        if label is None:
            raise Unusable(Reason.UNKNOWN_ENUM, f"{place}: not in `labels`")
        return label

    def _identities(self, kind: Kind, body: Any) -> list[str]:
        found = []
        for identity in IdentityKind:  # the strongest first
            value = _find(body, getattr(kind, identity.value, None))
            normalised = "" if value is None else self._normalise(identity, str(value))
            if normalised:
                found.append(self._key.pseudonym(identity, normalised))
        return found

    def _normalise(self, identity: IdentityKind, value: str) -> str | None:
        match identity:
            case IdentityKind.PHONE:
                return normalise_phone(value, self._config.region)
            case IdentityKind.EMAIL:
                return normalise_email(value)
            case _:
                return value.strip()

    def _data(self, kind: Kind, body: Any) -> dict[str, Any]:
        fields = data_of(kind.event)
        data: dict[str, Any] = {}
        for name, place in kind.data.items():
            value = _find(body, place)
            if value is None:
                continue
            if name == "agent":
                data[name] = self._key.pseudonym(IdentityKind.AGENT, str(value).strip())
            elif name.endswith("_at"):
                data[name] = self._time(value, place)
            elif is_label(fields[name]):
                data[name] = self._label(body, place)
            elif is_closed(fields[name]):
                data[name] = self._config.labels.get(str(value), value)
            elif isinstance(value, str) and not REFERENCE.fullmatch(value):
                raise Unusable(Reason.INVALID_FIELD, f"{place}: does not look like a reference")
            else:
                data[name] = value
        return data


def _find(body: Any, place: str | None) -> Value | None:
    """Return what is at `place` in `body`; None if nothing is, or null, or an empty text."""
    if place is None:
        return None
    for name in place.split("."):
        match body:
            case dict():
                body = body.get(name)
            case list() if name.isdecimal() and int(name) < len(body):
                body = body[int(name)]
            case _:
                return None
    if isinstance(body, dict | list):
        raise Unusable(Reason.INVALID_FIELD, f"{place}: not a single value")
    return None if body == "" else body


def _need(body: Any, place: str) -> Value:
    value = _find(body, place)
    if value is None:
        raise Unusable(Reason.MISSING_FIELD, place)
    return value
