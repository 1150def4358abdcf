"""What a message of a survey tool means, by the configuration.

Of what somebody answered only the score is looked at: what was written stays where it is.
"""

from typing import Any
from zoneinfo import ZoneInfo

from connectors.sdk.contract import Outcome
from connectors.sdk.decoding import decode_json
from connectors.sdk.webhook.field_paths import Value, find_value, read_time, read_type, require_value, safe_contact_id
from connectors.sdk.webhook.intake import Message
from connectors.survey.config import MessageTypeOptions, SurveyConfig
from connectors.survey.reference import ContactReferences, ForgedReferenceError
from models.codec import UnusableRecord
from models.events import FeedbackGiven, FeedbackGivenData, FeedbackInvited, FeedbackScale
from models.identities import PseudonymKey
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel


class SurveyMapping:
    """Maps the messages of one tool, each by itself."""

    def __init__(self, source: str, config: SurveyConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key
        self._references = ContactReferences(config.reference_secrets)
        self._zone = ZoneInfo(config.timezone) if config.timezone else None

    def map(self, message: Message) -> Outcome:
        """Return what a message tells, nothing if it is of an ignored type. Raises `Unusable`."""
        body = decode_json(message.body, object)
        kind = read_type(body, self._config.type, self._config.types, self._config.ignored)
        if kind is None:
            return ()
        native = safe_contact_id(str(require_value(body, kind.id)), self._key)
        happened_at = read_time(require_value(body, kind.time), kind.time, self._zone, message.received_at)
        reference = find_value(body, kind.reference)
        about: dict[str, Any] = {
            "source": self._source,
            "subject": self._subject(kind, reference, native),
            "time": happened_at,
            "recordedtime": message.received_at,
            "sector": self._config.sector if reference is None else "",  # a contact keeps the sector of its own source
            "site": self._config.site,
            "service": self._config.service,
        }
        # The time is part of the id: who answers anew is counted as answering last.
        fact, at = f"{kind.event}|{native}", happened_at.isoformat(timespec="milliseconds")
        if not kind.scores:
            return (FeedbackInvited(**about, id=event_id(self._source, fact, at)),)
        return tuple(
            FeedbackGiven(
                **about,
                id=event_id(self._source, f"{fact}|{scale}", at),
                data=FeedbackGivenData(scale=scale, score=score),
            )
            for scale, score in _read_scores(kind, body)
        )

    def _subject(self, kind: MessageTypeOptions, reference: Value | None, native: str) -> str:
        if reference is None:
            return contact_id(Channel.FEEDBACK, self._source, native)
        try:
            return self._references.read(str(reference))
        except ForgedReferenceError:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{kind.reference}: not a reference of ours") from None


def _read_scores(kind: MessageTypeOptions, body: Any) -> list[tuple[FeedbackScale, int]]:
    """Return the scores that were given, at least one. Raises `Unusable`."""
    found = [(scale, path, find_value(body, path)) for scale, path in kind.scores.items()]
    scores = [(scale, _read_score(value, path, scale)) for scale, path, value in found if value is not None]
    if not scores:
        raise UnusableRecord(Reason.MISSING_FIELD, ", ".join(kind.scores.values()))
    return scores


def _read_score(value: Value, path: str, scale: FeedbackScale) -> int:
    try:
        score = float(value)
    except (ValueError, OverflowError):
        score = float("nan")
    if isinstance(value, bool) or score not in scale.scores:
        raise UnusableRecord(Reason.INVALID_FIELD, f"{path}: not a score on {scale}")
    return int(score)
