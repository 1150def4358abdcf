"""Which contacts a figure counts: the facts of a row (`facts`), one by one, beside what a figure is made of."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from models.events import FeedbackScale
from streams.core.contact import Contact
from streams.core.facts import (
    Fact,
    facts_of_clock,
    facts_of_milestones,
    facts_of_transfer,
    facts_of_visit,
    open_since,
    place_of_clock,
)
from streams.core.figures import BUCKET_SECONDS, Dimensions, Formula
from streams.core.layouts import CLOSED, LAYOUTS, LEFT, QUEUES, SLA, TRANSFER
from streams.core.satisfaction import names_of
from streams.core.visit import place_of_transfer, tell


class Term(NamedTuple):
    """A count or a stock of a layout, or that of it whose duration is within bounds, in milliseconds."""

    name: str
    at_most: int | None = None
    more_than: int | None = None

    def holds(self, name: str, amount: int) -> bool:
        """Return whether a fact of that name and duration is one of these."""
        return (
            name == self.name
            and (self.at_most is None or amount <= self.at_most)
            and (self.more_than is None or amount > self.more_than)
        )


class Made(NamedTuple):
    """What a figure is made of: the number of some facts, or a share of others."""

    numerator: tuple[Term, ...]
    denominator: tuple[Term, ...] = ()
    """Empty for a number."""

    def judge(self, name: str, amount: int) -> tuple[bool, bool]:
        """Return whether a fact is of the numerator, and of the denominator."""
        return any(term.holds(name, amount) for term in self.numerator), any(
            term.holds(name, amount) for term in self.denominator
        )


SERVICE_LEVEL: Final = "service_level"
ABANDONMENT: Final = "abandonment"
_OF_SCALES: Final = {f"given_{scale}": tuple(names_of(scale).values()) for scale in FeedbackScale}
SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    "left": LEFT,
    "closed": CLOSED,
    "given": tuple(name for several in _OF_SCALES.values() for name in several),
    **_OF_SCALES,
}
"""Name of a number → the counts of which it is the sum."""


def names() -> tuple[str, ...]:
    """Return the names of all figures that there are: shares, sums, then what is counted and how many there are now."""
    found = [SERVICE_LEVEL, ABANDONMENT, *SUMS]
    for layout in LAYOUTS.values():
        found += [*layout.facts, *layout.stocks]
    return tuple(dict.fromkeys(found))


def make_up(name: str, formula: Formula, target_seconds: int, short_seconds: int) -> Made:
    """Return what the figure of that name is made of. Raises `KeyError` for a name that none has.

    `figures.service_level` says what the formulas are; target and limit of short abandons are theirs.
    """
    in_time = Term("answered", at_most=target_seconds * 1000)
    patient = Term("abandoned", more_than=short_seconds * 1000)
    if name == ABANDONMENT:
        return Made((patient,), (Term("answered"), patient))
    if name == SERVICE_LEVEL:
        match formula:
            case Formula.ANSWERED_SHARE:
                return Made((in_time,), (Term("answered"),))
            case Formula.REMOVED_SHARE:
                soon = Term("abandoned", at_most=target_seconds * 1000)
                return Made((in_time, soon), (Term("answered"), Term("abandoned")))
            case Formula.OFFERED_SHARE:
                return Made((in_time,), (Term("answered"), Term("abandoned"), *map(Term, LEFT)))
            case Formula.NET_OF_SHORT:
                return Made((in_time,), (Term("answered"), patient))
    if name not in names():
        raise KeyError(name)
    return Made(tuple(map(Term, SUMS.get(name, (name,)))))


class Trace(NamedTuple):
    """One fact of a contact."""

    place: Dimensions
    start: int | None
    """Of the five minutes when it was so, seconds since 1970; None: it is so now."""
    name: str
    amount: int
    """Its duration in milliseconds, 0 if it has none."""
    has_duration: bool
    since: int | None = None
    """Of what is so now, since when, milliseconds since 1970: a wait or a conversation since it began, a matter since it was
    received, a promise since it was made, and one that is overdue since its deadline; None where that is not known."""


class Asked(NamedTuple):
    """Of which facts it is asked: of those at all the places and in the time that are named."""

    channels: Collection[str] = ()
    """Any if there is none. What stands for another channel, as promises do (`layouts.SLA`), is of both."""
    site: str | None = None
    service: str | None = None
    queue: str | None = None
    since: int | None = None
    """Seconds since 1970; the start of five minutes, or what is in them."""
    until: int | None = None
    """What began by then, seconds since 1970, is no more asked for. What is so now has no time, and is."""

    def fits(self, fact: Trace) -> bool:
        """Return whether a fact is one of these."""
        channel, *place = fact.place
        return (
            (not self.channels or channel in self.channels or _about(fact.place) in self.channels)
            and all(asked is None or asked == told for asked, told in zip(self[1:4], place, strict=True))
            and (fact.start is None or self._is_in_time(fact.start))
        )

    def _is_in_time(self, start: int) -> bool:
        return (self.since is None or start + BUCKET_SECONDS > self.since) and (
            self.until is None or start < self.until
        )


def _about(place: Dimensions) -> str:
    """Return the channel that a place is about which stands for another one."""
    first, *_, last = place.queue.split(":") if place.channel in {SLA, TRANSFER} else (place.channel,) * 2
    return first if place.channel == TRANSFER else last


def trace(row: Contact) -> Iterator[Trace]:
    """Yield everything that a contact contributes to the figures."""
    for visit in row.visits:
        story = tell(visit)
        since = story.outcome_at if story.outcome == "waiting" else story.finished_at
        yield from _traces(visit.place, facts_of_visit(visit), since)
        if transfer := facts_of_transfer(visit):
            yield from _traces(place_of_transfer(visit), transfer)
    for place, facts in facts_of_milestones(row).items():
        yield from _traces(place, facts, open_since(row))
    for clock in row.clocks:
        so_since = clock.deadline_at if clock.is_breached else clock.started_at
        yield from _traces(place_of_clock(clock), facts_of_clock(clock), so_since)


def _traces(place: Dimensions, facts: Sequence[Fact], since: int | None = None) -> Iterator[Trace]:
    layout = LAYOUTS[place.channel]
    for start, index, amount in facts:
        name = layout.stocks[index] if start is None else layout.counts[index]
        yield Trace(
            place,
            start,
            name,
            amount,
            start is not None and index in layout.with_duration,
            None if start is not None else since,
        )


QUEUED: Final = frozenset(channel for channel, layout in LAYOUTS.items() if layout is QUEUES)
"""The channels of which there is a service level."""
