"""What may be published of citizens: periods that are over, and no number that stands for few of them.

Nothing of the present is: from a number that grows while one looks, one could tell who just came. Nor are totals, of which two
days' differ by what one day was. Periods of one kind do not overlap, and a longer one is only told if all in it may be: so no two
numbers differ by what is withheld. How many citizens there were is not told either where it differs by few from how many contacts
they began, or from what its periods or services come to: else one could tell how many came again, or to several services. What
becomes known late does change a period that was told.
"""

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import msgspec

from streams.core.citizens.citizen_figures import (
    DAYS,
    PROGRESS_KEY,
    TOTAL_PERIOD,
    CitizenFigureKey,
    Period,
    Progress,
    decode_progress,
    load_key,
    start_of,
)
from streams.core.figures.disclosure import Cell, disclose, is_below_minimum, reveals_few
from streams.core.figures.figure import Figure, decode_figure, merge, new_figure
from streams.core.figures.figure_schemas import (
    CITIZENS,
    CONTACT_CHANNELS,
    NO_PREVIOUS_CHANNEL,
    OTHER_REASON,
    RECONTACT_REASONS,
    handled_count_name,
)
from streams.web.view import ReaderState

log = logging.getLogger(__name__)

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError)


@dataclass(frozen=True, slots=True)
class DisclosedFigures:
    """What is told, of periods that are over; a number that is withheld is missing."""

    recontact_days: int
    starts: Mapping[Period, int]
    """First day of the last period that is over; all but what is handled is told of it, most of the week alone."""
    handled_start: int
    """First day of the last week of which it is known which recontacts followed."""
    active: Mapping[tuple[Period, str], int]
    """Period, service → citizens who began a contact; weeks and four weeks."""
    active_of_all: Mapping[Period, int]
    """Period → the same of all services: who turned to several is one."""
    contacts_by_reason: Mapping[tuple[str, str, str], int]
    """Service, channel, why it would not have been needed, or `other` → contacts begun."""
    contacts_by_previous_channel: Mapping[tuple[str, str, str], int]
    """Service, channel, channel of the contact before, or `none` → the same contacts."""
    unidentified: Mapping[tuple[str, str], int]
    """Service, channel → contacts begun of which it is not known whose they are."""
    handled: Mapping[tuple[str, str, bool, bool], int]
    """Service, channel, whether at first contact, whether a recontact followed → contacts handled, in the week of
    `handled_start`."""
    pending: Mapping[tuple[str, str], int]
    """Service, channel → contacts handled in the last week, if it is not known yet what followed."""
    withheld: Mapping[str, int]
    """Name of one of these → how many numbers of it are missing."""


class CitizensView:
    """Rows of figures of citizens in, what may be published out; any thread may call either.

    As `FiguresView`, it shows a reading of the topic when that is complete, and what it showed before until then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._source = ReaderState.NO_BROKER
        self._shown: _Rows | None = None
        self._filled: _Rows | None = None

    @property
    def reader_state(self) -> ReaderState:
        """What the reader is doing."""
        return self._source

    def set_state(self, reader_state: ReaderState) -> None:
        """Take note of what the reader is doing now; when it follows, what it read since `begin` is what is shown."""
        with self._lock:
            self._source = reader_state
            if reader_state is ReaderState.FOLLOWING and self._filled is not None:
                self._shown, self._filled = self._filled, None

    def begin(self, partitions: Iterable[int]) -> None:
        """Read anew, from the beginning of a topic of these partitions."""
        with self._lock:
            self._filled = _Rows(partitions)

    def apply_all(
        self,
        partition: int,
        rows: Iterable[tuple[bytes | None, bytes | None]],
        written_at: int = 0,  # noqa: ARG002 - others ask
    ) -> None:
        """Take in rows of one partition; None removes one. What cannot be read is left out."""
        with self._lock:
            into = self._filled or self._shown
            assert into is not None, "a reading has begun"
            for key, value in rows:
                try:
                    into.put(partition, key or b"", value)
                except _UNREADABLE as error:
                    log.warning("a row of citizens' figures cannot be read: %s", type(error).__name__)

    def disclosed_figures(self) -> DisclosedFigures | None:
        """Return what may be told now; None until a day is over of which every partition tells."""
        with self._lock:
            return self._shown.disclosed_figures() if self._shown else None


class _Rows:
    def __init__(self, partitions: Iterable[int]) -> None:
        self._partitions = tuple(partitions)
        self._progress: dict[int, Progress] = {}
        self._rows: dict[CitizenFigureKey, dict[int, Figure]] = {}
        self._names: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        """Period, first day → the services of which there are rows."""

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        place = load_key(key)
        if place is None:
            assert key == PROGRESS_KEY
            self._progress[partition] = decode_progress(value or b"")
        elif place.period != TOTAL_PERIOD:
            rows = self._rows.setdefault(place, {})
            if value is not None:
                rows[partition] = decode_figure(value, CITIZENS)
                if place.service is not None:
                    self._names[place.period, place.start].add(place.service)
            elif rows.pop(partition, None) and not rows:
                del self._rows[place]
                if place.service is not None:
                    self._names[place.period, place.start].discard(place.service)

    def disclosed_figures(self) -> DisclosedFigures | None:
        told = [self._progress.get(number) for number in self._partitions]
        days = {one.recontact_days for one in told if one}
        if None in told or len(days) != 1:
            return None
        (within,), over = days, min(one.day for one in told if one)
        starts = {period: start_of(period, over) - DAYS[period] for period in Period}
        handled_start = start_of(Period.WEEK, over - within) - DAYS[Period.WEEK]
        week, earlier = (self._services(Period.WEEK, start) for start in (starts[Period.WEEK], handled_start))
        withheld: Counter[str] = Counter()

        def tell(name: str, told: dict[Any, int], of: Mapping[Any, Cell]) -> dict[Any, int]:
            if not any(cell.value for cell in of.values()):
                return {}  # there is nothing of the kind
            withheld[name] += len(of) - len(told)
            return told

        active: dict[tuple[Period, str], int] = {}
        for period in (Period.WEEK, Period.FOUR_WEEKS):
            services = self._services(period, starts[period])
            people = {service: _people(figure) for service, figure in services.items()}
            may_be = {
                (period, service): number
                for service, number in disclose(people).items()
                if not self._gives_away(period, starts[period], service, Period.WEEK)
            }
            active |= tell("active", may_be, people)
        all_of = {
            period: _people(self._merged(CitizenFigureKey(period, start, None))) for period, start in starts.items()
        }
        all_of = {period: cell for period, cell in all_of.items() if cell.value}  # of nobody: before all that is known
        may_be_of_all = {
            period: cell.value
            for period, cell in all_of.items()
            if not self._gives_away(period, starts[period], None, Period.DAY)
        }
        of_all = tell("active_of_all", may_be_of_all, all_of)
        contacts_by_reason: dict[tuple[str, str, str], int] = {}
        contacts_by_previous_channel: dict[tuple[str, str, str], int] = {}
        unidentified: dict[tuple[str, str], int] = {}
        handled: dict[tuple[str, str, bool, bool], int] = {}
        pending: dict[tuple[str, str], int] = {}
        for service, channel in product(week, CONTACT_CHANNELS):
            cell, place = _reader(week[service]), (service, channel.value)
            nobody = cell(f"unidentified_{channel}")
            nobody = Cell(nobody.value, nobody.value)  # as far as is known
            unidentified |= tell("unidentified", {} if nobody.is_small else {place: nobody.value}, {place: nobody})
            reasons = {
                (*place, why): cell(f"began_{channel}_{why}")
                for why in (*RECONTACT_REASONS.get(channel, ()), OTHER_REASON)
            }
            contacts_by_reason |= tell("began", disclose(reasons, hides_sum=nobody.is_small), reasons)
            formers = {
                (*place, str(former)): cell(f"hop_{former}_{channel}")
                for former in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL)
            }
            contacts_by_previous_channel |= tell("hops", disclose(formers, hides_sum=nobody.is_small), formers)
            if starts[Period.WEEK] > handled_start:
                all_ = [
                    cell(handled_count_name(channel, is_first=one, is_followed=two))
                    for one, two in product(_EITHER, _EITHER)
                ]
                total = Cell(sum(one.value for one in all_), max(one.citizens for one in all_))
                pending |= tell("pending", {} if total.is_small else {place: total.value}, {place: total})
        for service, channel in product(earlier, CONTACT_CHANNELS):
            cell = _reader(earlier[service])
            ends = {
                (service, channel.value, one, two): cell(handled_count_name(channel, is_first=one, is_followed=two))
                for one, two in product(_EITHER, _EITHER)
            }
            handled |= tell("handled", disclose(ends), ends)
        return DisclosedFigures(
            within,
            starts,
            handled_start,
            active,
            of_all,
            contacts_by_reason,
            contacts_by_previous_channel,
            unidentified,
            handled,
            pending,
            withheld,
        )

    def _merged(self, key: CitizenFigureKey) -> Figure:
        merged = new_figure(CITIZENS)
        for figure in self._rows.get(key, {}).values():
            merge(merged, figure)
        return merged

    def _services(self, period: Period, start: int) -> dict[str, Figure]:
        names = self._names.get((period, start), set())
        return {name: self._merged(CitizenFigureKey(period, start, name)) for name in sorted(names)}

    def _gives_away(self, period: Period, start: int, service: str | None, shortest: Period) -> bool:
        """Return whether the citizens of a period, or of one in it of which is told too, are few, or tell of few."""
        whole = self._active(period, start, service)
        inner = [
            [(one, at) for at in range(start, start + DAYS[period], DAYS[one])]
            for one in Period
            if DAYS[shortest] <= DAYS[one] < DAYS[period]
        ]
        splits = [[self._active(*part, service) for part in parts] for parts in inner]
        if service is None and period is not Period.DAY:  # of days nothing is told by service
            names = self._names.get((period, start), set())
            splits.append([self._active(period, start, name) for name in names])
            if any(self._come_again(period, start, name) for name in names):
                return True
        return (
            is_below_minimum(whole)
            or self._come_again(period, start, service)
            or any(reveals_few(whole, parts) for parts in splits)
            or any(self._gives_away(*part, service, shortest) for parts in inner for part in parts)
        )

    def _come_again(self, period: Period, start: int, service: str | None) -> bool:
        """Return whether few citizens at the most began more than one contact, but somebody did."""
        names = self._names.get((period, start), set()) if service is None else {service}
        contacts = sum(self._count(period, start, name, _BEGAN) for name in names)
        return is_below_minimum(contacts - self._active(period, start, service))

    def _active(self, period: Period, start: int, service: str | None) -> int:
        return self._count(period, start, service, _ACTIVE)

    def _count(self, period: Period, start: int, service: str | None, indexes: Iterable[int]) -> int:
        figures = self._rows.get(CitizenFigureKey(period, start, service), {}).values()
        return sum(figure.counts[index] for figure in figures for index in indexes)


_ACTIVE: Final = (CITIZENS.index["active_citizens"],)
_BEGAN: Final = tuple(CITIZENS.index[name] for name in CITIZENS.facts if name.startswith("began_"))
_EITHER: Final = (True, False)


def _reader(figure: Figure) -> Callable[[str], Cell]:
    """Return what reads one number of a period."""
    index, counts = CITIZENS.index, figure.counts
    return lambda name: Cell(counts[index[name]], counts[index[f"{name}_citizens"]])


def _people(figure: Figure) -> Cell:
    number = _reader(figure)("active").citizens
    return Cell(number, number)
