"""Mapping of facts about letters to events.

Event ids are computed from the letter's number, the fact and its time. The chrono is not used, because it may occur again in
another year or installation.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from pydantic import ValidationError

from connectors.maarch.config import STATUSES, Entity, MaarchConfig, Meaning, Routing, is_closed
from connectors.maarch.letter_facts import LetterFact, decode
from connectors.maarch.local_time import read_local, to_utc
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.identifiers import may_be_phone_number, number_for, reference_for
from connectors.sdk.pseudonyms import citizen_identities
from models.codec import UnusableRecord
from models.events import (
    CloseOutcome,
    Event,
    LetterAcknowledged,
    LetterAnswered,
    LetterArrived,
    LetterArrivedData,
    LetterAssigned,
    LetterClosed,
    LetterClosedData,
    LetterRegistered,
    LetterRegisteredData,
    LetterSent,
    LetterSentData,
)
from models.identities import PseudonymKey
from models.ids import contact_id, event_id
from models.locale import _
from models.reasons import Reason
from models.topics import Channel

MAX_COST_CENTS: Final = 1_000_000
PLAIN: Final = re.compile(r"[A-Z0-9_]{1,10}")
"""Format of Maarch's own status codes; the only value of a letter that may appear in an error text."""
_NO_ROUTING: Final = Entity()


class LetterMapping:
    """Map facts to events; each fact is mapped on its own."""

    def __init__(self, source: str, config: MaarchConfig, pseudonym_key: Callable[[str], PseudonymKey]) -> None:
        self._source = source
        self._config = config
        self._zone = ZoneInfo(config.timezone)
        self._statuses: dict[str, Meaning] = {**STATUSES, **config.statuses}
        sectors = {config.sector, *(entity.sector for entity in config.entities.values() if entity.sector)}
        self._keys = {sector: pseudonym_key(sector) for sector in sectors}
        self._key = self._keys[config.sector]
        self._mappers: dict[str, Callable[[LetterFact], Sequence[Event]]] = {
            "arrived": self._arrived,
            "registered": self._registered,
            "assigned": self._assigned,
            "acknowledged": self._acknowledged,
            "status": self._changed_status,
            "sent": self._sent,
        }

    def map(self, raw: bytes) -> Outcome:
        """Return the events of a fact, perhaps none, or its rejection; never raises."""
        try:
            fact = decode(raw)
            map_fact = self._mappers.get(fact.kind)
            return map_fact(fact) if map_fact else Reject(Reason.UNKNOWN_RECORD, raw, "kind")
        except msgspec.DecodeError as error:
            return Reject(Reason.UNREADABLE_LINE, raw, str(error))
        except (UnicodeDecodeError, RecursionError):
            return Reject(Reason.UNREADABLE_LINE, raw)
        except UnusableRecord as error:
            return Reject(error.reason, raw, error.detail)
        except ValidationError as error:
            return Reject(Reason.INVALID_FIELD, raw, ".".join(map(str, error.errors()[0]["loc"])))

    # ------------------------------------------------------------------------------------------------------------- facts
    def _arrived(self, fact: LetterFact) -> Sequence[Event]:
        letter = fact.letter
        registered_at = self._time("creation_date", letter.creation_date)
        admitted_at = self._time("admission_date", letter.admission_date) if letter.admission_date else None
        arrived_at = min(admitted_at or registered_at, registered_at)  # a letter arrives before it is registered
        attributes = self._attributes(fact, "arrived", arrived_at)
        return (LetterArrived(**attributes, data=LetterArrivedData(admitted_at=admitted_at and arrived_at)),)

    def _registered(self, fact: LetterFact) -> Sequence[Event]:
        chrono = reference_for(fact.letter.alt_identifier or "", self._key)
        attributes = self._attributes(
            fact, f"registered|{chrono}", self._time("creation_date", fact.letter.creation_date)
        )
        return (LetterRegistered(**attributes, data=LetterRegisteredData(chrono=chrono)),)

    def _assigned(self, fact: LetterFact) -> Sequence[Event]:
        at = self._time("modification_date", fact.at)
        if is_closed(self._statuses.get(fact.letter.status or "", "open")):
            closed_at = self._time("closing_date", fact.letter.closing_date or fact.since)
            at = min(at, closed_at)  # an assignment after the closing would reopen the letter
        return (LetterAssigned(**self._attributes(fact, f"assigned|{fact.letter.destination}", at)),)

    def _acknowledged(self, fact: LetterFact) -> Sequence[Event]:
        return (LetterAcknowledged(**self._attributes(fact, "acknowledged", self._time("sendDate", fact.at))),)

    def _changed_status(self, fact: LetterFact) -> Sequence[Event]:
        status = fact.letter.status or ""
        meaning = self._statuses.get(status)
        if not status or (meaning == "open" and not self._was_closed(fact)):
            return ()
        if meaning is None:
            raise _unknown_status(status)
        at = self._time("modification_date", fact.at)
        if meaning == "open":
            return (LetterAssigned(**self._attributes(fact, f"reopened|{status}", at)),)
        if meaning == "answered":
            return (LetterAnswered(**self._attributes(fact, "answered", at)),)
        if meaning == "archived" and self._was_closed(fact):
            return ()
        outcome = CloseOutcome.RESOLVED if meaning == "archived" else CloseOutcome(meaning)
        return self._closed(fact, outcome, self._closed_at(fact, at))

    def _closed(self, fact: LetterFact, outcome: CloseOutcome, at: datetime) -> Sequence[Event]:
        closed = LetterClosed(**self._attributes(fact, f"closed|{outcome}", at), data=LetterClosedData(outcome=outcome))
        answered_before = self._statuses.get(fact.was) == "answered"
        if outcome is not CloseOutcome.RESOLVED or not self._config.answered_when_resolved or answered_before:
            return (closed,)
        return (LetterAnswered(**self._attributes(fact, "answered", at)), closed)

    def _sent(self, fact: LetterFact) -> Sequence[Event]:
        letter, postage = fact.letter, self._config.postage
        if postage is None:
            return ()
        if (postage_class := postage.classes.get(letter.postage or "")) is None:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, "postage")
        attributes = self._attributes(fact, "sent", self._time("departure_date", letter.departure_date or ""))
        return (
            LetterSent(**attributes, data=LetterSentData(postage=postage_class, cost_cents=_cents(letter.cost or ""))),
        )

    # ------------------------------------------------------------------------------------------------------------- parts
    def _was_closed(self, fact: LetterFact) -> bool:
        return is_closed(self._statuses.get(fact.was, "open"))

    def _closed_at(self, fact: LetterFact, found_at: datetime) -> datetime:
        """Return the time of closing: the closing date; `found_at` if it is missing or belongs to an earlier closing."""
        if not fact.letter.closing_date:
            return found_at
        closed_at = self._time("closing_date", fact.letter.closing_date)
        if self._was_closed(fact):  # same closing with another status, such as END after STDBY
            return closed_at
        reopened = fact.since and closed_at < self._time("modification_date", fact.since)
        return found_at if reopened else closed_at

    def _attributes(self, fact: LetterFact, name: str, at: datetime) -> dict[str, Any]:
        number = number_for(fact.letter.res_id, self._key)
        entity, routing = self._routing(fact)
        sector = entity.sector or self._config.sector
        return {
            "id": event_id(self._source, f"{number}|{name}", at.isoformat()),
            "source": self._source,
            "subject": contact_id(Channel.MAIL, self._source, number),
            "time": at,
            "recordedtime": fact.read_at,
            "sector": sector,
            "site": entity.site or routing.site or self._config.site,
            "service": entity.service or routing.service or self._config.service,
            "identities": self._identities(fact, self._keys[sector]),
        }

    def _routing(self, fact: LetterFact) -> tuple[Entity, Routing]:
        entity = self._config.entities.get(fact.letter.destination or "", _NO_ROUTING)
        return entity, self._config.doctypes.get(fact.letter.type_id or 0, _NO_ROUTING)

    def _identities(self, fact: LetterFact, key: PseudonymKey) -> str:
        """Return the pseudonyms of the case and, if exactly one sender has contact details, of that sender."""
        email, phone = "", ""
        if len(fact.senders) == 1:
            email, phone = fact.senders[0].email or "", fact.senders[0].phone or ""
        return citizen_identities(
            key, case=fact.letter.case or "", email=email, phone=phone, region=self._config.region
        )

    def _time(self, field: str, text: str) -> datetime:
        try:
            return to_utc(read_local(text), self._zone)
        except (ValueError, OverflowError):
            raise UnusableRecord(Reason.INVALID_FIELD, field) from None


def _unknown_status(status: str) -> UnusableRecord:
    word = status if PLAIN.fullmatch(status) and not may_be_phone_number(status) else "?"
    return UnusableRecord(
        Reason.UNKNOWN_RECORD,
        _("unknown status: {word}", word=word),
    )


def _cents(euros: str) -> int:
    try:
        cents = Decimal(euros.replace(",", ".").removesuffix("€").strip()) * 100
        if 0 <= cents <= MAX_COST_CENTS and cents == int(cents):
            return int(cents)
    except (ArithmeticError, ValueError):
        pass
    raise UnusableRecord(Reason.INVALID_FIELD, "cost")
