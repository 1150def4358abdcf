"""Explanation of a figure: its formula, and the facts of the contacts that it counts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from models import policies
from models.events import FeedbackScale
from models.topics import Channel
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import transfer_dimensions
from streams.core.contacts.stay_outcome import stay_result
from streams.core.figures.case_facts import FACTS
from streams.core.figures.facts import (
    case_facts,
    clock_dimensions,
    clock_facts,
    open_since,
    stay_facts,
    transfer_facts,
)
from streams.core.figures.figure import (
    BUCKET_SECONDS,
    Dimensions,
    Fact,
    FigureFormula,
    Formula,
    FormulaTerm,
    service_level_formula,
)
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    CLOSED_COUNTS,
    CONTACT_CHANNELS,
    FIGURE_SCHEMAS,
    LEFT_COUNTS,
    LINE_CHANNEL,
    MENU_CHANNEL,
    POST_CHANNEL,
    QUEUE_SCHEMA,
    REASON_CHANNEL,
    SLA,
    TRANSFER_CHANNEL,
)
from streams.core.figures.satisfaction import score_names

SERVICE_LEVEL: Final = "service_level"
ABANDONMENT: Final = "abandonment"
_SCALE_COUNTS: Final = {f"given_{scale}": tuple(score_names(scale).values()) for scale in FeedbackScale}
SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    "left": LEFT_COUNTS,
    "closed": CLOSED_COUNTS,
    "given": tuple(name for names in _SCALE_COUNTS.values() for name in names),
    **_SCALE_COUNTS,
}
"""Name of a sum → the counts that it adds."""


def figure_names() -> tuple[str, ...]:
    """Return the names of all figures that can be explained, each once: shares, sums, then counts of facts and stocks."""
    found = [SERVICE_LEVEL, ABANDONMENT, *SUMS]
    for figure_schema in FIGURE_SCHEMAS.values():
        found += [*figure_schema.facts, *figure_schema.stocks]
    return tuple(dict.fromkeys(found))


def channel_figures(channel: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the names of the figures that count contacts of `channel`, by the channel of the figure, its own first."""
    return tuple((kind, names) for kind in _figure_channels(channel) if (names := _names(kind)))


def _names(channel: str) -> tuple[str, ...]:
    """Return the names of the figures of a channel, or of the name in its place: shares, sums, counts and stocks."""
    figure_schema = FIGURE_SCHEMAS[channel]
    counted = FACTS[Channel(channel)] if channel in FACTS else figure_schema.facts
    shares = (SERVICE_LEVEL, ABANDONMENT) if channel in QUEUE_CHANNELS else ()
    sums = tuple(name for name, parts in SUMS.items() if not set(parts).isdisjoint(counted))
    return (*shares, *sums, *counted, *figure_schema.stocks)


def formula_of(name: str, formula: Formula, target_seconds: int, short_seconds: int) -> FigureFormula:
    """Return the formula of the figure with this name. Raises `KeyError` for an unknown name.

    `formula`, the target and the limit of short waits are those of `figure.service_level`.
    """
    if name == SERVICE_LEVEL:
        return service_level_formula(formula, target_seconds, short_seconds)
    if name == ABANDONMENT:
        patient = FormulaTerm("abandoned", more_than=short_seconds * 1000)
        return FigureFormula((patient,), (FormulaTerm("answered"), patient))
    if name not in figure_names():
        raise KeyError(name)
    return FigureFormula(tuple(map(FormulaTerm, SUMS.get(name, (name,)))))


class CountedFact(NamedTuple):
    """One fact of a contact, with the name of its count or stock and the dimensions of its figures."""

    dimensions: Dimensions
    start: int | None
    """Start of the fact's five minutes, in seconds since 1970; None for a stock."""
    name: str
    amount: int
    """Duration in milliseconds, or the amount for a count of amounts; 0 without either."""
    has_duration: bool
    since: int | None = None
    """For a stock, its start in milliseconds since 1970: the start of a wait or conversation, the receipt of a case that waits
    for the service, the start of an SLA clock, or the deadline of an overdue one. None for other stocks and for counts."""


class FigureQuery(NamedTuple):
    """Filter of facts by dimensions and time; None matches all."""

    channels: Collection[str] = ()
    """Empty for all channels. Derived figures, such as SLA figures, match their own name and the channel of their contacts."""
    site: str | None = None
    service: str | None = None
    queue: str | None = None
    since: int | None = None
    """Earliest time, in seconds since 1970; matches the five minutes that contain it."""
    until: int | None = None
    """End of the time, exclusive, in seconds since 1970. Stocks have no time and always match."""

    def fits(self, fact: CountedFact) -> bool:
        """Return whether a fact matches all given criteria."""
        channel, *dimensions = fact.dimensions
        return (
            (not self.channels or channel in self.channels or _contact_channel(fact.dimensions) in self.channels)
            and all(wanted is None or wanted == value for wanted, value in zip(self[1:4], dimensions, strict=True))
            and (fact.start is None or self._is_in_time(fact.start))
        )

    def _is_in_time(self, start: int) -> bool:
        return (self.since is None or start + BUCKET_SECONDS > self.since) and (
            self.until is None or start < self.until
        )


_CONTACT_CHANNEL_OF: Final = {
    LINE_CHANNEL: Channel.CALL.value,
    MENU_CHANNEL: Channel.CALL.value,
    CALLBACK_CHANNEL: Channel.CALL.value,
    POST_CHANNEL: Channel.MAIL.value,
}


def _figure_channels(channel: str) -> tuple[str, ...]:
    """Return the channels whose figures may count contacts of `channel`: itself, and those of derived figures."""
    derived = [kind for kind, counted in _CONTACT_CHANNEL_OF.items() if counted == channel]
    if channel in QUEUE_CHANNELS:
        derived.append(TRANSFER_CHANNEL)
    if channel in policies.QUEUE_CHANNELS | policies.WRITTEN_CHANNELS:
        derived.append(SLA)
    if channel in CONTACT_CHANNELS:
        derived.append(REASON_CHANNEL)
    return (channel, *derived)


def _contact_channel(dimensions: Dimensions) -> str:
    """Return the channel of the contacts behind a figure, which is part of `queue` in some derived figures.

    Opinions count as the channel `feedback`.
    """
    if dimensions.channel == SLA:
        return dimensions.queue.rpartition(":")[2]
    if dimensions.channel in {TRANSFER_CHANNEL, REASON_CHANNEL}:
        return dimensions.queue.partition(":")[0]
    return _CONTACT_CHANNEL_OF.get(dimensions.channel, dimensions.channel)


def counted_facts(row: Contact) -> Iterator[CountedFact]:
    """Yield all facts of a contact: of its queue stays, transfers, case, opinions, derived figures and SLA clocks."""
    for stay in row.stays:
        result = stay_result(stay)
        since = result.outcome_at if result.outcome == "waiting" else result.finished_at
        yield from _named_facts(stay.dimensions, stay_facts(stay), since)
        if transfer := transfer_facts(stay):
            yield from _named_facts(transfer_dimensions(stay), transfer)
    for dimensions, facts in case_facts(row).items():
        yield from _named_facts(dimensions, facts, open_since(row))
    for clock in row.clocks:
        clock_since = clock.deadline_at if clock.is_breached else clock.started_at
        yield from _named_facts(clock_dimensions(clock), clock_facts(clock), clock_since)


def _named_facts(dimensions: Dimensions, facts: Sequence[Fact], since: int | None = None) -> Iterator[CountedFact]:
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
"""Channels with a service level."""
