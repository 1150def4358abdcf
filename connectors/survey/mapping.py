"""Source of a survey tool's messages, and their mapping to events by configuration.

Only the scores of an answer are read; its texts stay in the survey tool.
"""

from typing import Any
from zoneinfo import ZoneInfo

from connectors.sdk.contract import Outcome
from connectors.sdk.decoding import decode_json
from connectors.sdk.identifiers import safe_contact_id
from connectors.sdk.webhook.field_paths import Value, find_value, read_time, read_type, require_value
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.source import MappedSource
from connectors.survey.config import MessageTypeOptions, SurveyConfig
from connectors.survey.reference import ContactReferences
from models.codec import UnusableRecord
from models.events import FeedbackGiven, FeedbackGivenData, FeedbackInvited, FeedbackScale
from models.identities import PseudonymKey
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel


class SurveyMapping:
    """Maps the messages of one tool, each independently."""

    def __init__(self, source: str, config: SurveyConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key
        secrets = (config.reference_secret, config.previous_reference_secret)
        self._references = ContactReferences([secret for secret in secrets if secret is not None])
        self._zone = ZoneInfo(config.timezone) if config.timezone else None

    def map(self, message: Message) -> Outcome:
        """Return one event for an invitation, one per score for an answer, and none for an ignored message type.

        Raises `UnusableRecord`.
        """
        body = decode_json(message.body, object)
        kind = read_type(body, self._config.type, self._config.types, self._config.ignored)
        if kind is None:
            return ()
        native = safe_contact_id(str(require_value(body, kind.id)), self._key)
        happened_at = read_time(require_value(body, kind.time), kind.time, self._zone, message.received_at)
        reference = find_value(body, kind.reference)
        common: dict[str, Any] = {
            "source": self._source,
            "subject": self._subject(kind, reference, native),
            "time": happened_at,
            "recordedtime": message.received_at,
            "sector": self._config.sector if reference is None else "",  # a contact keeps the sector of its own source
            "site": self._config.site,
            "service": self._config.service,
        }
        # The time is part of the id: of two answers with the same native id, the later one counts.
        fact, at = f"{kind.event}|{native}", happened_at.isoformat(timespec="milliseconds")
        if not kind.scores:
            return (FeedbackInvited(**common, id=event_id(self._source, fact, at)),)
        return tuple(
            FeedbackGiven(
                **common,
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
        except ValueError:
            raise UnusableRecord(Reason.INVALID_FIELD, f"{kind.reference}: not a valid reference") from None


class SurveySource(MappedSource):
    """Messages signed with Standard Webhooks, mapped by configuration."""

    mapping = SurveyMapping


def _read_scores(kind: MessageTypeOptions, body: Any) -> list[tuple[FeedbackScale, int]]:
    """Return the scores of an answer, at least one. Raises `UnusableRecord`."""
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
