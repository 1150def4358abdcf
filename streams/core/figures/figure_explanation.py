"""Which contacts a figure counts: the facts of a row (`facts`), one by one, beside what a figure is made of."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from models.events import FeedbackScale
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import stay_result, transfer_dimensions
from streams.core.figures.facts import (
    Fact,
    case_facts,
    clock_dimensions,
    clock_facts,
    open_since,
    stay_facts,
    transfer_facts,
)
from streams.core.figures.figure import BUCKET_SECONDS, Dimensions, Formula
from streams.core.figures.figure_schemas import (
    CLOSED_COUNTS,
    FIGURE_SCHEMAS,
    LEFT_COUNTS,
    QUEUE_SCHEMA,
    SLA,
    TRANSFER_CHANNEL,
)
from streams.core.figures.satisfaction import score_names


class FormulaTerm(NamedTuple):
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


class FigureFormula(NamedTuple):
    """What a figure is made of: the number of some facts, or a share of others."""

    numerator: tuple[FormulaTerm, ...]
    denominator: tuple[FormulaTerm, ...] = ()
    """Empty for a number."""

    def judge(self, name: str, amount: int) -> tuple[bool, bool]:
        """Return whether a fact is of the numerator, and of the denominator."""
        return any(term.holds(name, amount) for term in self.numerator), any(
            term.holds(name, amount) for term in self.denominator
        )


SERVICE_LEVEL: Final = "service_level"
ABANDONMENT: Final = "abandonment"
_OF_SCALES: Final = {f"given_{scale}": tuple(score_names(scale).values()) for scale in FeedbackScale}
SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    "left": LEFT_COUNTS,
    "closed": CLOSED_COUNTS,
    "given": tuple(name for several in _OF_SCALES.values() for name in several),
    **_OF_SCALES,
}
"""Name of a number → the counts of which it is the sum."""


def figure_names() -> tuple[str, ...]:
    """Return the names of all figures that there are: shares, sums, then what is counted and how many there are now."""
    found = [SERVICE_LEVEL, ABANDONMENT, *SUMS]
    for figure_schema in FIGURE_SCHEMAS.values():
        found += [*figure_schema.facts, *figure_schema.stocks]
    return tuple(dict.fromkeys(found))


def formula_of(name: str, formula: Formula, target_seconds: int, short_seconds: int) -> FigureFormula:
    """Return what the figure of that name is made of. Raises `KeyError` for a name that none has.

    `figures.service_level` says what the formulas are; target and limit of short abandons are theirs.
    """
    in_time = FormulaTerm("answered", at_most=target_seconds * 1000)
    patient = FormulaTerm("abandoned", more_than=short_seconds * 1000)
    if name == ABANDONMENT:
        return FigureFormula((patient,), (FormulaTerm("answered"), patient))
    if name == SERVICE_LEVEL:
        match formula:
            case Formula.ANSWERED_SHARE:
                return FigureFormula((in_time,), (FormulaTerm("answered"),))
            case Formula.REMOVED_SHARE:
                soon = FormulaTerm("abandoned", at_most=target_seconds * 1000)
                return FigureFormula((in_time, soon), (FormulaTerm("answered"), FormulaTerm("abandoned")))
            case Formula.OFFERED_SHARE:
                return FigureFormula(
                    (in_time,), (FormulaTerm("answered"), FormulaTerm("abandoned"), *map(FormulaTerm, LEFT_COUNTS))
                )
            case Formula.NET_OF_SHORT:
                return FigureFormula((in_time,), (FormulaTerm("answered"), patient))
    if name not in figure_names():
        raise KeyError(name)
    return FigureFormula(tuple(map(FormulaTerm, SUMS.get(name, (name,)))))


class CountedFact(NamedTuple):
    """One fact of a contact."""

    dimensions: Dimensions
    start: int | None
    """Of the five minutes when it was so, seconds since 1970; None: it is so now."""
    name: str
    amount: int
    """Its duration in milliseconds, 0 if it has none."""
    has_duration: bool
    since: int | None = None
    """Of what is so now, since when, milliseconds since 1970: a wait or a conversation since it began, a matter since it was
    received, a promise since it was made, and one that is overdue since its deadline; None where that is not known."""


class FigureQuery(NamedTuple):
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

    def fits(self, fact: CountedFact) -> bool:
        """Return whether a fact is one of these."""
        channel, *dimensions = fact.dimensions
        return (
            (not self.channels or channel in self.channels or _about(fact.dimensions) in self.channels)
            and all(asked is None or asked == told for asked, told in zip(self[1:4], dimensions, strict=True))
            and (fact.start is None or self._is_in_time(fact.start))
        )

    def _is_in_time(self, start: int) -> bool:
        return (self.since is None or start + BUCKET_SECONDS > self.since) and (
            self.until is None or start < self.until
        )


def _about(dimensions: Dimensions) -> str:
    """Return the channel that a place is about which stands for another one."""
    first, *_, last = (
        dimensions.queue.split(":") if dimensions.channel in {SLA, TRANSFER_CHANNEL} else (dimensions.channel,) * 2
    )
    return first if dimensions.channel == TRANSFER_CHANNEL else last


def counted_facts(row: Contact) -> Iterator[CountedFact]:
    """Yield everything that a contact contributes to the figures."""
    for visit in row.stays:
        story = stay_result(visit)
        since = story.outcome_at if story.outcome == "waiting" else story.finished_at
        yield from _traces(visit.dimensions, stay_facts(visit), since)
        if transfer := transfer_facts(visit):
            yield from _traces(transfer_dimensions(visit), transfer)
    for dimensions, facts in case_facts(row).items():
        yield from _traces(dimensions, facts, open_since(row))
    for clock in row.clocks:
        so_since = clock.deadline_at if clock.is_breached else clock.started_at
        yield from _traces(clock_dimensions(clock), clock_facts(clock), so_since)


def _traces(dimensions: Dimensions, facts: Sequence[Fact], since: int | None = None) -> Iterator[CountedFact]:
    figure_schema = FIGURE_SCHEMAS[dimensions.channel]
    for start, index, amount in facts:
        name = figure_schema.stocks[index] if start is None else figure_schema.counts[index]
        yield CountedFact(
            dimensions,
            start,
            name,
            amount,
            start is not None and index in figure_schema.with_duration,
            None if start is not None else since,
        )


QUEUE_CHANNELS: Final = frozenset(
    channel for channel, figure_schema in FIGURE_SCHEMAS.items() if figure_schema is QUEUE_SCHEMA
)
"""The channels of which there is a service level."""
