"""What a scan and what sidecars say, as events.

A letter's contact is its chrono number, so that whoever knows that can tell what became of it. Ids of its events are made of the
scan's content and the sidecar's reference; ids of later steps of the chrono, the step, and when it is said to have happened.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from connectors.mailroom.chrono_formats import matches_format
from connectors.mailroom.config import FieldName, MailroomConfig
from connectors.mailroom.pages import Pages
from connectors.mailroom.register import Routing
from connectors.mailroom.sidecar import Row
from connectors.sdk.pseudonyms import citizen_identities
from models.codec import UnusableRecord, check_event_time
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
    PostageClass,
)
from models.identities import IdentityKind, PseudonymKey
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

Closed = TypeVar("Closed", bound=StrEnum)
FRENCH: Final = ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S")
MAX_COST_CENTS: Final = 1_000_000
_COST: Final = re.compile(r"0|[1-9]\d{0,6}", re.ASCII)
ALMOST_A_DAY: Final = timedelta(hours=22, minutes=59, seconds=59)
"""Within every day, one on which clocks are put forward too."""


class Step(StrEnum):
    """What can happen to a letter that is in the register."""

    ASSIGNED = "assigned"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    CLOSED = "closed"
    SENT = "sent"


class Scan(NamedTuple):
    """What is known of a scan without its sidecar."""

    sha256: str
    pages: Pages
    written_at: datetime


class Part(NamedTuple):
    """Pages of a scan that are one letter."""

    pages: int
    service: str
    """As its separator sheet says."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that may be registered."""

    key: str
    """The same for the same scan with the same reference."""
    year: int
    envelope: dict[str, Any]
    data: LetterArrivedData


class MailroomMapping:
    """What rows of sidecars mean in one instance."""

    def __init__(self, source: str, config: MailroomConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key
        self._zone = ZoneInfo(config.timezone)

    def letters(self, scan: Scan, row: Row, claimed_at: datetime) -> list[Letter]:
        """Return the letters that `scan` is of, given its sidecar's row (empty: it has none). Raises `Unusable`."""
        parts = split_by_sheets(scan.pages, self._config.separators, self._config.separator_prefix)
        if not parts:
            raise UnusableRecord(Reason.UNREADABLE_LINE, "nothing but separator sheets")
        if len(parts) == 1:
            return [self._letter(scan, parts[0], "", row, claimed_at)]
        return [self._letter(scan, part, f"|{number}", row, claimed_at) for number, part in enumerate(parts, start=1)]

    def _letter(self, scan: Scan, part: Part, which: str, row: Row, claimed_at: datetime) -> Letter:
        if self._value(row, "step"):
            raise UnusableRecord(Reason.INVALID_FIELD, "step: beside a scan")
        scanned_at = self._time(row, "scanned_at") or scan.written_at
        check_event_time(scanned_at, claimed_at)
        arrived_at = self._time(row, "arrived_at")
        if arrived_at:
            check_event_time(arrived_at, claimed_at)
        return Letter(
            key=f"{scan.sha256}|{self._value(row, 'reference')}{which}",
            year=scanned_at.astimezone(self._zone).year,
            envelope={
                "time": scanned_at,
                "recordedtime": claimed_at,
                "identities": self._identities(row),
                **self._places(row, self._config.site, part.service or self._config.service),
            },
            data=LetterArrivedData(pages=part.pages, admitted_at=arrived_at),
        )

    def arrival(self, letter: Letter, chrono: str) -> list[Event]:
        """Return the events of a letter that got its number."""
        arrived, registered = (
            {**self._common(f"{letter.key}|{what}", chrono), **letter.envelope, "sequence": order}
            for order, what in (("1", "arrived"), ("2", "registered"))
        )
        return [
            LetterArrived(**arrived, data=letter.data),
            LetterRegistered(**registered, data=LetterRegisteredData(chrono=chrono)),
        ]

    def step(
        self,
        row: Row,
        sha256: str,
        written_at: datetime,
        claimed_at: datetime,
        place_of: Callable[[str, datetime], Routing | None],
    ) -> tuple[str, Event]:
        """Return which chrono a row without a scan is about, and what it says happened. Raises `Unusable`.

        `place_of` a chrono at a time is whose the letter was, if there is one; it is the step's place if the row names none. A
        letter that is not there may have been only sent, if its number is a departure's.
        `sha256` and `written_at` are of the sidecar: they stand in for the time that the row does not tell. Of a mere date, it is
        the end, or when the sidecar was written if that was on that day: a letter is not answered before it came.
        """
        chrono, step = self._need(row, "chrono"), self._choice(row, "step", Step)
        happened_at = self._time(row, "at") or written_at
        check_event_time(happened_at, claimed_at)
        if _is_date(self._value(row, "at")):
            happened_at = min(max(happened_at, written_at), happened_at + ALMOST_A_DAY)
        if not (routing := place_of(chrono, happened_at) or self._departs_from(step, chrono)):
            raise UnusableRecord(Reason.UNKNOWN_RECORD, "chrono: no letter has it")
        named = self._places(row, "", "")["service"]
        data: dict[str, Any] = {}
        if step is Step.ASSIGNED:
            self._need(row, "service")
        if step is Step.CLOSED and self._value(row, "outcome"):
            data = {"data": LetterClosedData(outcome=self._choice(row, "outcome", CloseOutcome))}
        if step is Step.SENT:
            data = {
                "data": LetterSentData(postage=self._choice(row, "postage", PostageClass), cost_cents=self._cost(row))
            }
        said = self._value(row, "at") or sha256
        reference = self._pseudonym(self._value(row, "reference"))
        native = f"{chrono}|{step}|{said}|{named}|{reference}"
        common = self._common(native, chrono) | self._places(row, *routing) | data
        return chrono, _STEPS[step](**common, time=happened_at, recordedtime=claimed_at, sequence="3")

    def _departs_from(self, step: Step, chrono: str) -> Routing | None:
        if step is Step.SENT and any(matches_format(form, chrono) for form in self._config.departures):
            return Routing(self._config.site, self._config.service)
        return None

    # ------------------------------------------------------------------------------------------------------------ fields
    def _common(self, native: str, chrono: str) -> dict[str, Any]:
        return {
            "id": event_id(self._source, native),
            "source": self._source,
            "subject": contact_id(Channel.MAIL, self._source, chrono),
            "sector": self._config.sector,
        }

    def _value(self, row: Row, name: FieldName) -> str:
        return row.get(self._config.fields.get(name, name), "")

    def _need(self, row: Row, name: FieldName) -> str:
        if value := self._value(row, name):
            return value
        raise UnusableRecord(Reason.MISSING_FIELD, name)

    def _choice(self, row: Row, name: FieldName, choices: type[Closed]) -> Closed:
        try:
            return choices(self._need(row, name))
        except ValueError:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, name) from None

    def _cost(self, row: Row) -> int:
        value = self._need(row, "cost_cents")
        if not (_COST.fullmatch(value) and int(value) <= MAX_COST_CENTS):
            raise UnusableRecord(Reason.INVALID_FIELD, "cost_cents")
        return int(value)

    def _time(self, row: Row, name: FieldName) -> datetime | None:
        if not (value := self._value(row, name)):
            return None
        try:
            read = _parse(value)
            local = read if read.tzinfo else read.replace(tzinfo=self._zone)
            return local.astimezone(UTC)
        except (ValueError, OverflowError):
            raise UnusableRecord(Reason.INVALID_FIELD, name) from None

    def _places(self, row: Row, site: str, service: str) -> dict[str, str]:
        return {
            "site": self._place(row, "site", self._config.sites, site),
            "service": self._place(row, "service", self._config.services, service),
        }

    def _place(self, row: Row, name: FieldName, known: dict[str, str], otherwise: str) -> str:
        if not (value := self._value(row, name)):
            return otherwise
        if value not in known:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, name)
        return known[value]

    def _identities(self, row: Row) -> str:
        case, email, phone = (self._value(row, name) for name in ("case", "email", "phone"))
        return citizen_identities(self._key, case=case, email=email, phone=phone, region=self._config.region)

    def _pseudonym(self, reference: str) -> str:
        return reference and self._key.pseudonym(IdentityKind.CASE, reference)


_STEPS: Final[dict[Step, Callable[..., Event]]] = {
    Step.ASSIGNED: LetterAssigned,
    Step.ACKNOWLEDGED: LetterAcknowledged,
    Step.ANSWERED: LetterAnswered,
    Step.CLOSED: LetterClosed,
    Step.SENT: LetterSent,
}


def _parse(value: str) -> datetime:
    if "/" not in value:
        return datetime.fromisoformat(value)
    for form in FRENCH:
        try:
            return datetime.strptime(value, form)  # noqa: DTZ007 - whose zone it is, the caller knows
        except ValueError:
            continue
    raise ValueError


def _is_date(value: str) -> bool:
    return 0 < len(value) <= 10


def split_by_sheets(pages: Pages, services: dict[str, str], prefix: str) -> list[Part]:
    """Return the letters between the separator sheets, which are no letters themselves; the first may have none before it.

    Raises `Unusable` if a sheet is none of the `services`, whose names in codes `prefix` may precede.
    """
    sheets: dict[int, str] = {}
    unknown: list[int] = []
    for page, text in pages.sheets:
        known = next((name for name in (text, text.removeprefix(prefix)) if name in services), None)
        if known is None:
            unknown.append(page + 1)
        else:
            sheets[page] = services[known]
    if unknown:
        where = ", ".join(map(str, unknown))
        raise UnusableRecord(Reason.UNKNOWN_ENUM, f"separators: an unknown sheet, page {where}")
    starts = {-1: "", **sheets}
    ends = [*sheets, pages.count]
    parts = [Part(end - start - 1, service) for (start, service), end in zip(starts.items(), ends, strict=True)]
    return [part for part in parts if part.pages]


def sheet_texts(services: Iterable[str], prefix: str) -> list[str]:
    """Return what the separator sheets of `services` may say."""
    return [f"{before}{name}" for name in services for before in ("", prefix)]


def once_each(events: Sequence[Event]) -> list[Event]:
    """Return `events` without those that a sidecar tells twice."""
    return list({event.id: event for event in events}.values())
