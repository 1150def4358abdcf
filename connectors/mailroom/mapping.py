"""Mapping of scans and sidecars to events.

The contact id of a letter is computed from its chrono number, so that later steps need only that number. The ids of its first
events are computed from the content of the scan and the reference in the sidecar. The ids of later steps are computed from the
chrono number, the step, its service, its reference, and its stated time or else the hash of the sidecar.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from connectors.mailroom.config import FieldName, MailroomConfig, matches_format
from connectors.mailroom.pages import Pages
from connectors.mailroom.register import Routing
from connectors.mailroom.sidecar import Row
from connectors.sdk.pseudonyms import citizen_identities
from models.codec import UnusableRecord
from models.event_time import check_event_time
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

Choice = TypeVar("Choice", bound=StrEnum)
FRENCH: Final = ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S")
"""French time formats, tried in this order for values with a `/`; other values are ISO 8601."""
MAX_COST_CENTS: Final = 1_000_000
_COST: Final = re.compile(r"0|[1-9]\d{0,6}", re.ASCII)
ALMOST_A_DAY: Final = timedelta(hours=22, minutes=59, seconds=59)
"""Offset from the start of a day to a time near its end, on the same day even if that has only 23 hours."""


class Step(StrEnum):
    """Step of a letter after its registration, reported by a sidecar without a scan; `SENT` also of other outgoing mail."""

    ASSIGNED = "assigned"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    CLOSED = "closed"
    SENT = "sent"


class Scan(NamedTuple):
    """Content hash and pages of a scan, and the time at which its file was written, at the latest that of the claim."""

    sha256: str
    pages: Pages
    written_at: datetime


class Part(NamedTuple):
    """Part of a scan that holds one letter, with its number of pages, sheets not counted."""

    pages: int
    service: str
    """Service of the separator sheet before it; empty without a sheet."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Letter to be registered."""

    key: str
    """Content hash, reference and, if the scan has several letters, part number: identifies the letter."""
    year: int
    """Year of the scan in the configured time zone, for the chrono number."""
    envelope: dict[str, Any]
    """Times, identities, site and service of its first two events, by attribute name."""
    data: LetterArrivedData


class MailroomMapping:
    """Maps scans and sidecar rows of one instance to events."""

    def __init__(self, source: str, config: MailroomConfig, key: PseudonymKey) -> None:
        self._source = source
        self._config = config
        self._key = key
        self._zone = ZoneInfo(config.timezone)

    def letters(self, scan: Scan, row: Row, claimed_at: datetime) -> list[Letter]:
        """Return the letters of `scan`, one or several between separator sheets.

        `row` is the sidecar of the scan, empty without one. Raises `UnusableRecord` for an invalid field or time, an unknown
        sheet, or a scan of nothing but sheets.
        """
        parts = split_by_sheets(scan.pages, self._config.separators, self._config.separator_prefix)
        if not parts:
            raise UnusableRecord(Reason.UNREADABLE_LINE, "nothing but separator sheets")
        if len(parts) == 1:
            return [self._letter(scan, parts[0], "", row, claimed_at)]
        return [self._letter(scan, part, f"|{number}", row, claimed_at) for number, part in enumerate(parts, start=1)]

    def _letter(self, scan: Scan, part: Part, suffix: str, row: Row, claimed_at: datetime) -> Letter:
        if self._value(row, "step"):
            raise UnusableRecord(Reason.INVALID_FIELD, "step: not allowed in the sidecar of a scan")
        scanned_at = self._time(row, "scanned_at") or scan.written_at
        check_event_time(scanned_at, claimed_at)
        arrived_at = self._time(row, "arrived_at")
        if arrived_at:
            check_event_time(arrived_at, claimed_at)
        return Letter(
            key=f"{scan.sha256}|{self._value(row, 'reference')}{suffix}",
            year=scanned_at.astimezone(self._zone).year,
            envelope={
                "time": scanned_at,
                "recordedtime": claimed_at,
                "identities": self._identities(row),
                **self._routing(row, self._config.site, part.service or self._config.service),
            },
            data=LetterArrivedData(pages=part.pages, admitted_at=arrived_at),
        )

    def arrival(self, letter: Letter, chrono: str) -> list[Event]:
        """Return the first two events of a letter with the number `chrono`: arrived and registered."""
        arrived, registered = (
            {**self._common(f"{letter.key}|{step}", chrono), **letter.envelope, "sequence": order}
            for order, step in (("1", "arrived"), ("2", "registered"))
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
        routing_at: Callable[[str, datetime], Routing | None],
    ) -> tuple[str, Event]:
        """Return the chrono number and the event of a row without a scan. Raises `UnusableRecord`, also for an unknown letter.

        `routing_at` returns the routing of a letter at a time, or None for an unknown letter. The row's own site and service
        come first. Only a `sent` step whose number has a format of `departures` needs no known letter.

        `written_at` and `sha256` belong to the sidecar, and replace a missing time: `sha256` in the event id. A date without a
        time stands for the end of the day, or for `written_at` if that is on the same day: an answer must not come before its
        letter.
        """
        chrono, step = self._required(row, "chrono"), self._choice(row, "step", Step)
        happened_at = self._time(row, "at") or written_at
        check_event_time(happened_at, claimed_at)
        if 0 < len(self._value(row, "at")) <= len("2026-03-20"):
            happened_at = min(max(happened_at, written_at), happened_at + ALMOST_A_DAY)
        if not (routing := routing_at(chrono, happened_at) or self._departure_routing(step, chrono)):
            raise UnusableRecord(Reason.UNKNOWN_RECORD, "chrono: no letter has this number")
        service = self._routing(row, "", "")["service"]
        data: dict[str, Any] = {}
        if step is Step.ASSIGNED:
            self._required(row, "service")
        if step is Step.CLOSED and self._value(row, "outcome"):
            data = {"data": LetterClosedData(outcome=self._choice(row, "outcome", CloseOutcome))}
        if step is Step.SENT:
            data = {
                "data": LetterSentData(postage=self._choice(row, "postage", PostageClass), cost_cents=self._cost(row))
            }
        stated_at = self._value(row, "at") or sha256
        reference = self._pseudonym(self._value(row, "reference"))
        native = f"{chrono}|{step}|{stated_at}|{service}|{reference}"
        common = self._common(native, chrono) | self._routing(row, *routing) | data
        return chrono, _STEPS[step](**common, time=happened_at, recordedtime=claimed_at, sequence="3")

    def _departure_routing(self, step: Step, chrono: str) -> Routing | None:
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

    def _required(self, row: Row, name: FieldName) -> str:
        if value := self._value(row, name):
            return value
        raise UnusableRecord(Reason.MISSING_FIELD, name)

    def _choice(self, row: Row, name: FieldName, choices: type[Choice]) -> Choice:
        try:
            return choices(self._required(row, name))
        except ValueError:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, name) from None

    def _cost(self, row: Row) -> int:
        value = self._required(row, "cost_cents")
        if not (_COST.fullmatch(value) and int(value) <= MAX_COST_CENTS):
            raise UnusableRecord(Reason.INVALID_FIELD, "cost_cents")
        return int(value)

    def _time(self, row: Row, name: FieldName) -> datetime | None:
        if not (value := self._value(row, name)):
            return None
        try:
            parsed = _parse(value)
            local = parsed if parsed.tzinfo else parsed.replace(tzinfo=self._zone)
            return local.astimezone(UTC)
        except (ValueError, OverflowError):
            raise UnusableRecord(Reason.INVALID_FIELD, name) from None

    def _routing(self, row: Row, site: str, service: str) -> dict[str, str]:
        return {
            "site": self._label(row, "site", self._config.sites, site),
            "service": self._label(row, "service", self._config.services, service),
        }

    def _label(self, row: Row, name: FieldName, labels: dict[str, str], default: str) -> str:
        if not (value := self._value(row, name)):
            return default
        if value not in labels:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, name)
        return labels[value]

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
            return datetime.strptime(value, form)  # noqa: DTZ007 - the caller sets the time zone
        except ValueError:
            continue
    raise ValueError


def split_by_sheets(pages: Pages, services: dict[str, str], prefix: str) -> list[Part]:
    """Return the parts of a scan between its separator sheets, without the sheets and without empty parts.

    The first part needs no sheet before it.

    Raises `UnusableRecord` if the text of a sheet, with or without `prefix`, is missing in `services`.
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
        page_numbers = ", ".join(map(str, unknown))
        raise UnusableRecord(Reason.UNKNOWN_ENUM, f"separators: an unknown sheet, page {page_numbers}")
    starts = {-1: "", **sheets}
    ends = [*sheets, pages.count]
    parts = [Part(end - start - 1, service) for (start, service), end in zip(starts.items(), ends, strict=True)]
    return [part for part in parts if part.pages]
