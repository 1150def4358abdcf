"""Which contacts a figure counts: the facts of a row (`facts`), one by one, beside what a figure is made of."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from streams.core.contact import Contact
from streams.core.facts import Fact, facts_of_clock, facts_of_milestones, facts_of_visit, place_of_clock
from streams.core.figures import Dimensions, Formula
from streams.core.layouts import LAYOUTS, LEFT, QUEUES


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


def names() -> tuple[str, ...]:
    """Return the names of all figures that there are: shares, then what is counted and how many there are now."""
    found = [SERVICE_LEVEL, ABANDONMENT]
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
    return Made((Term(name),))


class Trace(NamedTuple):
    """One fact of a contact."""

    place: Dimensions
    start: int | None
    """Of the five minutes when it was so, seconds since 1970; None: it is so now."""
    name: str
    amount: int
    """Its duration in milliseconds, 0 if it has none."""
    has_duration: bool


def trace(row: Contact) -> Iterator[Trace]:
    """Yield everything that a contact contributes to the figures."""
    for visit in row.visits:
        yield from _traces(visit.place, facts_of_visit(visit))
    for place, facts in facts_of_milestones(row).items():
        yield from _traces(place, facts)
    for clock in row.clocks:
        yield from _traces(place_of_clock(clock), facts_of_clock(clock))


def _traces(place: Dimensions, facts: Sequence[Fact]) -> Iterator[Trace]:
    layout = LAYOUTS[place.channel]
    for start, index, amount in facts:
        name = layout.stocks[index] if start is None else layout.counts[index]
        yield Trace(place, start, name, amount, start is not None and index in layout.with_duration)


QUEUED: Final = frozenset(channel for channel, layout in LAYOUTS.items() if layout is QUEUES)
"""The channels of which there is a service level."""
