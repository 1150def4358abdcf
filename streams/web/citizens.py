"""Citizen figures with disclosure control: only past periods, and no number about few citizens.

The rules, so that no published number and no difference of two reveals few citizens:

* Figures of the current period are not published: a growing number would reveal who has just made contact.
* Totals since the beginning are not published: those of two days differ by the figures of one day.
* Periods of one kind do not overlap. A longer period is published only if all shorter ones in it may be.
* A number of citizens is withheld if it differs by few from their number of contacts, or from the sum over shorter periods or
  over services. The difference would reveal how many came again, or turned to several services.

A late event does change the figures of a period that is already published.
"""

import logging
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
    CONTACT_CAUSES,
    CONTACT_CHANNELS,
    NO_PREVIOUS_CHANNEL,
    OTHER_CAUSE,
    handled_count_name,
)
from streams.web.topic_view import RawRows, TopicView

log = logging.getLogger(__name__)

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError)


@dataclass(frozen=True, slots=True)
class DisclosedFigures:
    """Published figures of past periods; withheld numbers are missing."""

    recontact_days: int
    starts: Mapping[Period, int]
    """Period → first day of the last completed period of this kind (`date.toordinal`).

    All figures but `handled` are of these periods; those without a period in their key are of the week."""
    handled_start: int
    """First day of the last week whose recontact windows are over (`date.toordinal`)."""
    active: Mapping[tuple[Period, str], int]
    """Period (a week or four weeks), service → citizens who began a contact."""
    active_of_all: Mapping[Period, int]
    """Period → citizens who began a contact with any service; a citizen of several services counts once."""
    contacts_by_cause: Mapping[tuple[str, str, str], int]
    """Service, channel, cause of the contact (`CONTACT_CAUSES`, or `other`) → contacts begun by identified citizens."""
    contacts_by_previous_channel: Mapping[tuple[str, str, str], int]
    """Service, channel, channel of the previous contact (or `none`) → the same contacts."""
    unidentified: Mapping[tuple[str, str], int]
    """Service, channel → contacts begun without a pseudonym of the citizen."""
    handled: Mapping[tuple[str, str, bool, bool], int]
    """Service, channel, whether it was a first contact, whether a recontact followed → contacts handled in the week of
    `handled_start`."""
    pending: Mapping[tuple[str, str], int]
    """Service, channel → contacts handled in the last completed week. Empty while `handled` is of the same week."""
    withheld: Mapping[str, int]
    """Name of a figure, such as `active` or `hops` → how many of its numbers are withheld."""


class CitizensView(TopicView["_Rows"]):
    """Thread-safe view of the topic of citizen figures, which returns only publishable figures."""

    def __init__(self) -> None:
        super().__init__(_Rows(()))

    def disclosed_figures(self) -> DisclosedFigures | None:
        """Return the publishable figures.

        None before the first complete reading, until each partition has recorded a completed day, and while the recontact
        windows of the partitions differ.
        """
        with self._lock:
            return self._current.disclosed_figures()

    def _new_reading(self, partitions: Iterable[int]) -> "_Rows":
        return _Rows(partitions)


class _Rows:
    def __init__(self, partitions: Iterable[int]) -> None:
        self._partitions = tuple(partitions)
        self._progress: dict[int, Progress] = {}
        self._rows: dict[CitizenFigureKey, dict[int, Figure]] = {}
        self._names: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        """Period, first day (`date.toordinal`) → services that have rows."""

    def put_all(self, partition: int, rows: RawRows, written_at: int) -> None:  # noqa: ARG002 - part of the protocol
        for key, value in rows:
            try:
                self._put(partition, key or b"", value)
            except _UNREADABLE as error:
                log.warning("ignored an unreadable row of citizens' figures: %s", type(error).__name__)

    def _put(self, partition: int, key: bytes, value: bytes | None) -> None:
        parsed = load_key(key)
        if parsed is None:
            assert key == PROGRESS_KEY
            self._progress[partition] = decode_progress(value or b"")
        elif parsed.period != TOTAL_PERIOD:
            rows = self._rows.setdefault(parsed, {})
            if value is not None:
                rows[partition] = decode_figure(value, CITIZENS)
                if parsed.service is not None:
                    self._names[parsed.period, parsed.start].add(parsed.service)
            elif rows.pop(partition, None) and not rows:
                del self._rows[parsed]
                if parsed.service is not None:
                    self._names[parsed.period, parsed.start].discard(parsed.service)

    def disclosed_figures(self) -> DisclosedFigures | None:
        progress = [self._progress.get(number) for number in self._partitions]
        windows = {part.recontact_days for part in progress if part}
        if None in progress or len(windows) != 1:
            return None
        (recontact_days,), completed = windows, min(part.day for part in progress if part)
        starts = {period: start_of(period, completed) - DAYS[period] for period in Period}
        handled_start = start_of(Period.WEEK, completed - recontact_days) - DAYS[Period.WEEK]
        week, earlier = (self._services(Period.WEEK, start) for start in (starts[Period.WEEK], handled_start))
        withheld: Counter[str] = Counter()

        def count_withheld(name: str, disclosed: dict[Any, int], cells: Mapping[Any, Cell]) -> dict[Any, int]:
            if not any(cell.value for cell in cells.values()):
                return {}  # nothing to publish or to withhold
            withheld[name] += len(cells) - len(disclosed)
            return disclosed

        active: dict[tuple[Period, str], int] = {}
        for period in (Period.WEEK, Period.FOUR_WEEKS):
            services = self._services(period, starts[period])
            citizens = {service: _count_citizens(figure) for service, figure in services.items()}
            disclosed = {
                (period, service): number
                for service, number in disclose(citizens).items()
                if not self._reveals_few_citizens(period, starts[period], service, Period.WEEK)
            }
            active |= count_withheld("active", disclosed, citizens)
        all_cells = {
            period: _count_citizens(self._merged(CitizenFigureKey(period, start, None)))
            for period, start in starts.items()
        }
        # A period without citizens is earlier than the first known contact.
        all_cells = {period: cell for period, cell in all_cells.items() if cell.value}
        all_disclosed = {
            period: cell.value
            for period, cell in all_cells.items()
            if not self._reveals_few_citizens(period, starts[period], None, Period.DAY)
        }
        active_of_all = count_withheld("active_of_all", all_disclosed, all_cells)
        contacts_by_cause: dict[tuple[str, str, str], int] = {}
        contacts_by_previous_channel: dict[tuple[str, str, str], int] = {}
        unidentified: dict[tuple[str, str], int] = {}
        handled: dict[tuple[str, str, bool, bool], int] = {}
        pending: dict[tuple[str, str], int] = {}
        for service, channel in product(week, CONTACT_CHANNELS):
            cell, place = _cell_reader(week[service]), (service, channel.value)
            contacts = cell(f"unidentified_{channel}").value
            unknown = Cell(contacts, contacts)  # each contact may be of another citizen
            unidentified |= count_withheld(
                "unidentified", {} if unknown.is_small else {place: unknown.value}, {place: unknown}
            )
            causes = {
                (*place, cause): cell(f"began_{channel}_{cause}")
                for cause in (*CONTACT_CAUSES.get(channel, ()), OTHER_CAUSE)
            }
            contacts_by_cause |= count_withheld("began", disclose(causes, hides_sum=unknown.is_small), causes)
            previous = {
                (*place, str(before)): cell(f"hop_{before}_{channel}")
                for before in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL)
            }
            contacts_by_previous_channel |= count_withheld(
                "hops", disclose(previous, hides_sum=unknown.is_small), previous
            )
            if starts[Period.WEEK] > handled_start:
                outcomes = [
                    cell(handled_count_name(channel, is_first=is_first, is_followed=is_followed))
                    for is_first, is_followed in product(_EITHER, _EITHER)
                ]
                total = Cell(sum(part.value for part in outcomes), max(part.citizens for part in outcomes))
                pending |= count_withheld("pending", {} if total.is_small else {place: total.value}, {place: total})
        for service, channel in product(earlier, CONTACT_CHANNELS):
            cell = _cell_reader(earlier[service])
            by_outcome = {
                (service, channel.value, is_first, is_followed): cell(
                    handled_count_name(channel, is_first=is_first, is_followed=is_followed)
                )
                for is_first, is_followed in product(_EITHER, _EITHER)
            }
            handled |= count_withheld("handled", disclose(by_outcome), by_outcome)
        return DisclosedFigures(
            recontact_days,
            starts,
            handled_start,
            active,
            active_of_all,
            contacts_by_cause,
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

    def _reveals_few_citizens(self, period: Period, start: int, service: str | None, shortest: Period) -> bool:
        """Return whether the number of citizens of a period, or of a published period in it, reveals few citizens.

        `start` is its first day (`date.toordinal`). `service` is None for all services together. Periods shorter than `shortest`
        are not published.
        """
        whole = self._active(period, start, service)
        inner = [
            [(kind, first) for first in range(start, start + DAYS[period], DAYS[kind])]
            for kind in Period
            if DAYS[shortest] <= DAYS[kind] < DAYS[period]
        ]
        splits = [[self._active(*part, service) for part in parts] for parts in inner]
        if service is None and period is not Period.DAY:  # days are not published by service
            names = self._names.get((period, start), set())
            splits.append([self._active(period, start, name) for name in names])
            if any(self._few_came_again(period, start, name) for name in names):
                return True
        return (
            is_below_minimum(whole)
            or self._few_came_again(period, start, service)
            or any(reveals_few(whole, parts) for parts in splits)
            or any(self._reveals_few_citizens(*part, service, shortest) for parts in inner for part in parts)
        )

    def _few_came_again(self, period: Period, start: int, service: str | None) -> bool:
        """Return whether some citizens came again, but so few times that these contacts are of few citizens."""
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


def _cell_reader(figure: Figure) -> Callable[[str], Cell]:
    """Return a function that reads a number of `figure`, and the number of citizens behind it, by the name of its count."""
    index, counts = CITIZENS.index, figure.counts
    return lambda name: Cell(counts[index[name]], counts[index[f"{name}_citizens"]])


def _count_citizens(figure: Figure) -> Cell:
    number = _cell_reader(figure)("active").citizens
    return Cell(number, number)
