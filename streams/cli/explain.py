"""`accueil explain`: numerator and denominator of a figure, with the contacts and events it counts."""

import time
from collections.abc import Collection
from datetime import datetime, timedelta, tzinfo
from json import dumps
from math import inf
from typing import Any, Final, NamedTuple

import click

from connectors.sdk.config_errors import suggest
from models.events import Event, LetterRegistered
from models.locale import _
from models.timestamps import milliseconds
from models.topics import CONTACTS, SOURCES, Channel
from streams.cli.base import pass_running_settings
from streams.cli.figure_labels import describe_figure, figure_label, figures_title
from streams.cli.output_tables import check_known, code_or_label, format_time, json_option, limit_option, print_table
from streams.cli.time_options import DayParam, TimeParam
from streams.core.contacts.contact import Contact
from streams.core.figures.figure import Dimensions, FigureFormula, Formula, FormulaTerm
from streams.core.figures.figure_explanation import (
    ABANDONMENT,
    QUEUE_CHANNELS,
    SERVICE_LEVEL,
    CountedFact,
    FigureQuery,
    channel_figures,
    counted_facts,
    figure_names,
    formula_of,
)
from streams.core.figures.figure_schemas import SLA
from streams.kafka.state_reader import read_events, scan_contacts
from streams.runtime.instance_lock import find_readable_cluster, kafka_errors
from streams.settings.schema import Settings

CHANNELS: Final = [*(channel.value for channel in Channel), SLA]
LISTED_FIGURES: Final = 20
"""Most figures of a channel that an error message lists."""
_QUEUE_RATIOS: Final = frozenset({SERVICE_LEVEL, ABANDONMENT})
_RECEIVED: Final = "received"
"""Figure of written channels. The board shows `offered` of calls and visits under the same title."""


class Counted(NamedTuple):
    """A fact that a figure counts."""

    contact: str
    fact: CountedFact
    in_numerator: bool
    in_denominator: bool


@click.command(
    name="explain",
    help=_(
        "Show the numerator and denominator of a figure, and each contact that it counts. FIGURE is "
        "service_level, abandonment or a count: offered, answered, received, booked, breached, "
        "waiting … Without FIGURE, it lists all, or those of --channel. SLA figures belong to the channel of their contacts. "
        "Contacts closed longer than worker.keep_closed_days are missing."
    ),
)
@click.argument("figure", required=False)
@click.option("--day", type=DayParam(), metavar="2026-11-25", help=_("Day to explain, by default today."))
@click.option(
    "--since", type=TimeParam(), help=_("From a time (2026-11-25T08:00), or a duration ago (90m); instead of --day.")
)
@click.option("--until", type=TimeParam(), help=_("Before a time."))
@click.option(
    "--channel", "channels", type=click.Choice(CHANNELS), multiple=True, help=_("Only this channel; may be repeated.")
)
@click.option("--site", help=_("Only this site."))
@click.option("--service", help=_("Only this service."))
@click.option("--queue", help=_("Only this queue."))
@click.option(
    "--formula", type=click.Choice([formula.value for formula in Formula]), help=_("Formula of the service level.")
)
@click.option("--events", is_flag=True, help=_("Show the events of each contact."))
@json_option
@limit_option
@pass_running_settings
def command(settings: Settings, /, *, figure: str | None, limit: int, events: bool, **options: Any) -> None:
    if figure is None:
        _print_figures(options["channels"])
        return
    zone = settings.web.zone
    channels = options["channels"] or ((Channel.CALL.value,) if figure in _QUEUE_RATIOS else ())
    formula = _find_formula(settings, figure, channels, options["formula"])
    since, until, span = _choose_time(options["day"], options["since"], options["until"], zone)
    _check_channels(figure, channels)
    query = FigureQuery(channels, options["site"], options["service"], options["queue"], since, until)
    with kafka_errors():
        counted, dimensions = _count(settings, formula, query)
        _check_dimensions(settings, query, dimensions)
        shown = counted[:limit]
        events_by_contact = {}
        if events:
            cluster = find_readable_cluster(settings, SOURCES.values())
            events_by_contact = read_events(*cluster, {fact.contact for fact in shown})
    days = settings.worker.keep_closed_days
    if not counted and until is not None and until < time.time() - days * 86_400:
        click.echo(
            _(
                "no facts for {span}: closed contacts are kept for {days} days (worker.keep_closed_days)",
                span=span,
                days=days,
            ),
            err=True,
        )
    if options["json"]:
        for fact in shown:
            click.echo(dumps(_to_json(fact, events_by_contact.get(fact.contact), zone)))
        return
    click.echo(_summarise(figure, formula, counted, query, span))
    if figure == _RECEIVED and not channels:
        click.echo(_offered_hint())
    _print_facts(shown, events_by_contact, zone)
    if len(counted) > limit:
        click.echo(_("… and {count} more (--limit)", count=len(counted) - limit))


def _choose_time(
    day: datetime | None, since: int | None, until: int | None, zone: tzinfo
) -> tuple[int | None, int | None, str]:
    """Return the start and end of the period in seconds since 1970, None for an open end, and its text; by default today.

    `since` and `until` are milliseconds since 1970. Raise `click.UsageError` if they come with `day`, or if the period
    starts in the future.
    """
    now = datetime.now(zone)
    begin = (day or now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=zone)
    if begin > now or (since or 0) > milliseconds(now):
        raise click.UsageError(_("this time is in the future"))
    if since is None and until is None:
        end = begin + timedelta(days=1)  # a civil day, also if the clocks change
        return int(begin.timestamp()), int(end.timestamp()), str(begin.date())
    if day is not None:
        raise click.UsageError(_("use either --day, or --since and --until"))
    texts = [" " if at is None else format_time(at, zone) for at in (since, until)]
    return since and since // 1000, until and until // 1000, " … ".join(texts).strip()


def _find_formula(settings: Settings, figure: str, channels: Collection[str], formula: str | None) -> FigureFormula:
    web = settings.web
    if figure in _QUEUE_RATIOS and not (len(channels) == 1 and QUEUE_CHANNELS.issuperset(channels)):
        raise click.UsageError(
            _(
                "{figure} needs exactly one --channel, {channels}",
                figure=figure,
                channels=_(" or ").join(sorted(QUEUE_CHANNELS)),
            )
        )
    target = web.desk_target_seconds if Channel.VISIT in channels else web.target_seconds
    try:
        return formula_of(figure, Formula(formula or web.formula), target, web.short_abandon_seconds)
    except KeyError:
        raise click.UsageError(
            _("unknown figure {figure}", figure=figure)
            + (suggest(figure, figure_names()) or _("; accueil explain lists all"))
        ) from None


def _print_figures(channels: Collection[str]) -> None:
    """Print the names of all figures, or of those that count contacts of `channels`, with what they count."""
    groups = dict(group for channel in channels for group in channel_figures(channel)) or {"": figure_names()}
    width = max(len(name) for names in groups.values() for name in names)
    for number, (kind, names) in enumerate(groups.items()):
        if kind:
            click.echo(("\n" if number else "") + figures_title(kind))
        for name in names:
            click.echo(f"{name:<{width}}  {describe_figure(name)}".rstrip())


def _check_channels(figure: str, channels: Collection[str]) -> None:
    """Raise `click.UsageError` if no figures of the channels' contacts have this one: a zero would be wrong."""
    names_by_channel = {
        channel: [name for _kind, names in channel_figures(channel) for name in names] for channel in CHANNELS
    }
    if not channels or any(figure in names_by_channel[channel] for channel in channels):
        return
    having = [channel for channel, names in names_by_channel.items() if figure in names]
    lines = [
        _(
            "{channels} has no figure {figure}; channels with it: {having}",
            channels=", ".join(channels),
            figure=figure,
            having=", ".join(having),
        )
    ]
    for channel in channels:
        names = names_by_channel[channel]
        near = [name for name in names if name.startswith(f"{figure}_")] or names[:LISTED_FIGURES]
        if near:
            lines.append(_("figures of {channel}: {names}", channel=channel, names=", ".join(near)))
        lines.append(_("accueil explain --channel {channel} lists all", channel=channel))
    if figure == _RECEIVED and QUEUE_CHANNELS.intersection(channels):
        lines.append(_offered_hint())
    raise click.UsageError("\n".join(lines))


def _offered_hint() -> str:
    return _("calls and visits are counted as offered: accueil explain offered")


def _check_dimensions(settings: Settings, query: FigureQuery, found: Collection[Dimensions]) -> None:
    """Raise `click.UsageError` for a site, service or queue that neither contacts nor settings name."""
    web = settings.web
    known = {
        "site": {queue.site for queue in web.queues.values()},
        "service": {queue.service for queue in web.queues.values()}.union(web.services),
        "queue": {queue.queue or name for name, queue in web.queues.items()},
    }
    for option, names in known.items():
        value = getattr(query, option)
        if value is not None and ":" not in value:  # dimensions of SLA and transfer figures contain a colon
            names |= {name for dimensions in found if ":" not in (name := getattr(dimensions, option))}
            check_known(option, value, names)


def _count(settings: Settings, formula: FigureFormula, query: FigureQuery) -> tuple[list[Counted], set[Dimensions]]:
    """Return the counted facts, sorted as by `_sort_key`, and the dimensions of all facts."""
    counted: dict[str, list[Counted]] = {}
    dimensions = set[Dimensions]()

    def add(contact: str, row: Contact) -> bool:
        counted.pop(contact, None)  # an earlier version of the row
        facts = [*counted_facts(row)]
        dimensions.update(fact.dimensions for fact in facts)
        judged = [Counted(contact, fact, *formula.judge(fact.name, fact.amount)) for fact in facts if query.fits(fact)]
        if own := [fact for fact in judged if fact.in_numerator or fact.in_denominator]:
            counted[contact] = own
        return False

    scan_contacts(*find_readable_cluster(settings, [CONTACTS]), add)
    return sorted((fact for facts in counted.values() for fact in facts), key=_sort_key), dimensions


def _sort_key(counted: Counted) -> tuple[float, float, str, CountedFact]:
    """Return a sort key: current states first, the longest one first, then past facts by time."""
    since = counted.fact.since
    return counted.fact.start or 0, inf if since is None else since, counted.contact, counted.fact


def _summarise(figure: str, formula: FigureFormula, counted: list[Counted], query: FigureQuery, span: str) -> str:
    channels = [code_or_label("channel", channel) for channel in query.channels]
    where = ", ".join(filter(None, (*channels, query.site, query.service, query.queue)))
    where = where or _("all sites")
    label = figure_label(figure)
    figure = figure if label == figure else f"{figure} ({label})"
    numerator = sum(fact.in_numerator for fact in counted)
    if not formula.denominator:
        return _("{figure}, {where}, {span}: {numerator}", figure=figure, where=where, span=span, numerator=numerator)
    denominator = sum(fact.in_denominator for fact in counted)
    share = "-"
    if denominator:
        decimal_point = _(".")
        percent = f"{100 * numerator / denominator:.1f}".replace(".", decimal_point)
        share = _("{percent}%", percent=percent)
    text = _(
        "{figure}, {where}, {span}: {numerator} / {denominator} = {share}",
        figure=figure,
        where=where,
        span=span,
        numerator=numerator,
        denominator=denominator,
        share=share,
    )
    return f"{text}\n  ({_format_terms(formula.numerator)}) / ({_format_terms(formula.denominator)})"


def _format_terms(terms: tuple[FormulaTerm, ...]) -> str:
    return " + ".join(
        (figure_label(term.name))
        + (f" ≤ {term.at_most / 1000:g} s" if term.at_most is not None else "")
        + (f" > {term.more_than / 1000:g} s" if term.more_than is not None else "")
        for term in terms
    )


def _print_facts(shown: list[Counted], events: dict[str, list[Event]], zone: tzinfo) -> None:
    titles = _("contact,counted as,5-minute slot,duration,counts in,channel/site/service/queue")
    rows = [
        (
            counted.contact,
            figure_label(counted.fact.name),
            _format_start(counted.fact, zone),
            f"{counted.fact.amount / 1000:g} s" if counted.fact.has_duration else "",
            _parts_of_share(counted),
            "/".join(part or "-" for part in counted.fact.dimensions),
        )
        for counted in shown
    ]
    details = [[_describe_event(event, zone) for event in events.get(counted.contact, ())] for counted in shown]
    print_table(tuple(titles.split(",")), rows, details)


def _describe_event(event: Event, zone: tzinfo) -> str:
    time = event.time.astimezone(zone).isoformat(" ", "seconds")
    reference = _find_reference(event)
    number = "  " + _("register number {reference}", reference=reference) if reference else ""
    return f"{time}  {code_or_label('type', event.type)}{number}  {event.id}"


def _find_reference(event: Event) -> str:
    """Return the number of a letter in the mail register; empty for other events."""
    return event.data.chrono if isinstance(event, LetterRegistered) else ""


def _format_start(fact: CountedFact, zone: tzinfo) -> str:
    if fact.start is not None:
        return format_time(fact.start * 1000, zone)
    if fact.since is None:
        return _("now")
    since = format_time(fact.since, zone)
    return _("now, since {since}", since=since)


def _parts_of_share(counted: Counted) -> str:
    """Return in words the parts of a ratio in which a fact counts; empty for a figure that is a count."""
    if counted.in_numerator and counted.in_denominator:
        return _("both")
    if counted.in_denominator:
        return _("denominator")
    return ""


def _to_json(counted: Counted, events: list[Event] | None, zone: tzinfo) -> dict[str, Any]:
    fact = counted.fact
    fields: dict[str, Any] = {
        "contact": counted.contact,
        "name": fact.name,
        "from": None if fact.start is None else datetime.fromtimestamp(fact.start, zone).isoformat(),
        "since": None if fact.since is None else datetime.fromtimestamp(fact.since / 1000, zone).isoformat(),
        "milliseconds": fact.amount if fact.has_duration else None,
        "numerator": counted.in_numerator,
        "denominator": counted.in_denominator,
        **fact.dimensions._asdict(),
    }
    if events is not None:
        fields["events"] = [
            {"id": event.id, "type": event.type, "time": event.time.isoformat(), "reference": _find_reference(event)}
            for event in events
        ]
    return fields
