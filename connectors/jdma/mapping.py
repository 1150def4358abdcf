"""Mapping of reviews to feedback events with the score that JeDonneMonAvis itself uses.

Its satisfaction score is the mean of good 10, medium 5 and bad 0 (`get-observatoire-stats.ts` of its published code).
"""

from typing import Final

import msgspec

from connectors.jdma.config import JdmaConfig, Routing
from connectors.jdma.reviews import Review, decode
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.identifiers import number_for
from models.events import FeedbackGiven, FeedbackGivenData, FeedbackScale
from models.identities import PseudonymKey
from models.ids import contact_id, event_id
from models.locale import _
from models.reasons import Reason
from models.topics import Channel

SCORES: Final = {"good": 10, "medium": 5, "bad": 0}


class ReviewMapping:
    """Map reviews to events; each review is mapped on its own."""

    def __init__(self, source: str, config: JdmaConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key

    def map(self, raw: bytes) -> Outcome:
        """Return the event of a review, nothing if it answers no question about satisfaction, or its rejection. Never raises."""
        try:
            fact = decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return Reject(Reason.UNREADABLE_LINE, raw, str(error) if isinstance(error, msgspec.DecodeError) else "")
        if fact.form not in self._config.forms:
            return Reject(
                Reason.UNKNOWN_RECORD,
                raw,
                _("the form is not configured"),
            )
        intentions = set(fact.intentions)
        if not intentions:
            return ()  # the form has no question about satisfaction
        if len(intentions) > 1:
            return Reject(Reason.INVALID_FIELD, raw, _("contradictory answers"))
        score = SCORES.get(intentions.pop() or "")
        if score is None:
            return Reject(
                Reason.UNKNOWN_ENUM,
                raw,
                _("neither good nor medium nor bad"),
            )
        return (self._event(fact, score),)

    def _event(self, fact: Review, score: int) -> FeedbackGiven:
        form = self._config.forms[fact.form]
        button = form.buttons.get(fact.button_id, Routing())
        number = number_for(fact.id, self._key)
        return FeedbackGiven(
            id=event_id(self._source, f"review|{number}"),
            source=self._source,
            subject=contact_id(Channel.FEEDBACK, self._source, number),
            time=fact.created_at,
            recordedtime=fact.read_at,
            site=button.site or form.site or self._config.site,
            service=button.service or form.service or self._config.service,
            data=FeedbackGivenData(scale=FeedbackScale.JDMA, score=score),
        )
