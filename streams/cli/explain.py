"""`accueil explain`: a figure's numerator, denominator, and the contacts and events that it counts."""

import json as json_
from collections.abc import Collection
from datetime import date, datetime, time, timedelta, tzinfo
from math import inf
from typing import Any, Final, NamedTuple

import click

from connectors.sdk.config_errors import suggest
from models.events import Event
from models.timestamps import milliseconds
from models.topics import Channel
from streams.cli.figure_labels import figure_label
from streams.cli.output_tables import (
    EARLIEST,
    LATEST,
    TimeParam,
    format_time,
    json_option,
    limit_option,
    print_table,
    vocabulary_label,
)
from streams.core.contacts.contact import Contact
from streams.core.figures.figure import Dimensions, Formula
from streams.core.figures.figure_explanation import (
    ABANDONMENT,
    QUEUE_CHANNELS,
    SERVICE_LEVEL,
    CountedFact,
    FigureFormula,
    FigureQuery,
    FormulaTerm,
    counted_facts,
    figure_names,
    formula_of,
)
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, SLA, TRANSFER_CHANNEL
from streams.kafka.state_reader import read_events, scan_contacts
from streams.locale.i18n import say
from streams.runtime.errors import operator_errors
from streams.runtime.instance_lock import kafka_errors, pass_running_settings
from streams.settings.schema import MAX_DAYS, Settings

CHANNELS: Final = [*(channel.value for channel in Channel), SLA]
_OF_QUEUES: Final = frozenset({SERVICE_LEVEL, ABANDONMENT})
_RECEIVED: Final = "received"
"""The count of what is written; the board shows the count `offered` of calls and visits under the same title."""


class Counted(NamedTuple):
    """One fact that a figure counts."""

    contact: str
    fact: CountedFact
    in_numerator: bool
    in_denominator: bool


def _parse_day(ctx: click.Context, param: click.Parameter, value: str | None) -> date | None:
    try:
        day = date.fromisoformat(value) if value else None
    except ValueError:
        day = date.min
    if day is not None and not EARLIEST.date() <= day <= LATEST.date():
        raise click.BadParameter(say("use 2026-11-25", "écrire 2026-11-25"), ctx, param)
    return day


@click.command(
    name="explain",
    help=say(
        "Show what a figure is made of: numerator, denominator, and each contact that it counts. FIGURE is service_level, "
        "abandonment, or what is counted: offered, answered, received, booked, breached, waiting … (--list names all). "
        "Promises are of the channel that they are about. "
        "Contacts that were closed so long ago that they are kept no more are missing.",
        "Montre de quoi un chiffre est fait : numérateur, dénominateur, et chaque contact compté. FIGURE est service_level, "
        "abandonment, ou ce qui est compté : offered, answered, received, booked, breached, waiting … (--list les nomme "
        "tous). Les délais promis sont du canal dont ils parlent. Les contacts clos depuis trop longtemps pour être encore "
        "gardés manquent.",
    ),
)
@click.argument("figure", required=False)
@click.option("--list", "as_list", is_flag=True, help=say("Name all figures.", "Nommer tous les chiffres."))
@click.option(
    "--day", callback=_parse_day, metavar="2026-11-25", help=say("Today if not given.", "Aujourd'hui par défaut.")
)
@click.option(
    "--days",
    type=click.IntRange(1, MAX_DAYS),
    default=1,
    show_default=True,
    help=say("So many days, --day the last of them.", "Sur tant de jours, dont --day est le dernier."),
)
@click.option(
    "--since",
    type=TimeParam(),
    help=say(
        "From 2026-11-25T08:00, or 90m ago; in place of days.", "Dès 2026-11-25T08:00, ou 90m ; au lieu de jours."
    ),
)
@click.option("--until", type=TimeParam(), help=say("Before that time.", "Avant cette heure."))
@click.option(
    "--channel",
    "channels",
    type=click.Choice(CHANNELS),
    multiple=True,
    help=say("Of this channel; may be said several times.", "De ce canal ; peut se répéter."),
)
@click.option("--site", help=say("Of one site.", "D'un site."))
@click.option("--service", help=say("Of one service.", "D'un service."))
@click.option("--queue", help=say("Of one queue.", "D'une file."))
@click.option(
    "--formula",
    type=click.Choice([formula.value for formula in Formula]),
    help=say("Of the service level.", "Du niveau de service."),
)
@click.option(
    "--events", is_flag=True, help=say("With each contact's events.", "Avec les événements de chaque contact.")
)
@json_option
@limit_option
@pass_running_settings
def command(
    settings: Settings, /, *, figure: str | None, as_list: bool, limit: int, events: bool, **chosen: Any
) -> None:
    """Find, count, print."""
    if as_list or figure is None:
        width = max(map(len, figure_names()))
        click.echo("\n".join(say(name, f"{name.ljust(width)}  {figure_label(name)}") for name in figure_names()))
        return
    zone = settings.web.zone
    channels = chosen["channels"] or ((Channel.CALL.value,) if figure in _OF_QUEUES else ())
    made = _make_up(settings, figure, channels, chosen["formula"])
    since, until, span = _choose_time(chosen["day"], chosen["days"], chosen["since"], chosen["until"], zone)
    _check_channels(figure, made, channels)
    asked = FigureQuery(channels, chosen["site"], chosen["service"], chosen["queue"], since, until)
    with operator_errors(), kafka_errors():
        counted, met = _count(settings, made, asked)
        _check_places(settings, asked, met.places)
        shown = counted[:limit]
        told = read_events(settings, {one.contact for one in shown}) if events else {}
    if not counted and not met.in_time:
        kept = settings.worker.keep_closed_days
        click.echo(
            say(
                f"no figures of {span} here: contacts that were closed are kept for {kept} days",
                f"aucun chiffre de {span} ici : les contacts clos sont gardés {kept} jours",
            ),
            err=True,
        )
    if chosen["json"]:
        for one in shown:
            click.echo(json_.dumps(_as_json(one, told.get(one.contact), zone)))
        return
    click.echo(_sum_up(figure, made, counted, asked, span))
    if figure == _RECEIVED and not channels:
        click.echo(_tell_offered())
    _print(shown, told, zone)
    if len(counted) > limit:
        click.echo(
            say(f"… and {len(counted) - limit} more (--limit)", f"… et {len(counted) - limit} de plus (--limit)")
        )


def _choose_time(
    day: date | None, days: int, since: int | None, until: int | None, zone: tzinfo
) -> tuple[int | None, int | None, str]:
    """Return since when and until when, in seconds since 1970, and that in words."""
    now = datetime.now(zone)
    if (day and day > now.date()) or (since or 0) > milliseconds(now):
        raise click.UsageError(say("that time is yet to come", "ce moment est encore à venir"))
    if since is None and until is None:
        last = day or now.date()
        first = last - timedelta(days=days - 1)
        begin, end = (datetime.combine(on, time(), zone) for on in (first, last + timedelta(days=1)))
        return int(begin.timestamp()), int(end.timestamp()), f"{last}" if days == 1 else f"{first} … {last}"
    if day is not None or days != 1:
        raise click.UsageError(
            say("say days, or --since and --until, not both", "dire des jours, ou --since et --until, pas les deux")
        )
    words = [" " if at is None else format_time(at, zone) for at in (since, until)]
    return since and since // 1000, until and until // 1000, " … ".join(words).strip()


def _make_up(settings: Settings, figure: str, channels: Collection[str], formula: str | None) -> FigureFormula:
    web = settings.web
    if figure in _OF_QUEUES and not (len(channels) == 1 and QUEUE_CHANNELS.issuperset(channels)):
        raise click.UsageError(
            say(
                f"{figure} is of one channel, {' or '.join(sorted(QUEUE_CHANNELS))}",
                f"{figure} n'est que d'un canal, {' ou '.join(sorted(QUEUE_CHANNELS))}",
            )
        )
    target = web.desk_target_seconds if Channel.VISIT in channels else web.target_seconds
    try:
        return formula_of(figure, Formula(formula or web.formula), target, web.short_abandon_seconds)
    except KeyError:
        raise click.UsageError(
            say(f"there is no figure {figure}", f"il n'y a pas de chiffre {figure}")
            + (suggest(figure, figure_names()) or say("; --list names all", " ; --list les nomme tous"))
        ) from None


def _check_channels(figure: str, made: FigureFormula, channels: Collection[str]) -> None:
    """Raise `click.UsageError` if of none of the channels such a thing is counted: zero would not be true."""
    wanted = {term.name for term in (*made.numerator, *made.denominator)}
    if channels and not any(
        wanted & {*figure_schema.facts, *figure_schema.stocks}
        for figure_schema in map(FIGURE_SCHEMAS.__getitem__, (*channels, SLA, TRANSFER_CHANNEL))
    ):
        having = [name for name in CHANNELS if wanted & {*FIGURE_SCHEMAS[name].facts, *FIGURE_SCHEMAS[name].stocks}]
        raise click.UsageError(
            say(
                f"of {', '.join(channels)} there is no figure {figure}; there is of {', '.join(having)}",
                f"pas de chiffre {figure} pour {', '.join(channels)} ; il y en a pour {', '.join(having)}",
            )
            + (f"\n{_tell_offered()}" if figure == _RECEIVED and QUEUE_CHANNELS.intersection(channels) else "")
        )


def _tell_offered() -> str:
    return say(
        "calls and visits are counted as offered: accueil explain offered",
        "les appels et les visites sont comptés comme offered : accueil explain offered",
    )


def _check_places(settings: Settings, asked: FigureQuery, places: Collection[Dimensions]) -> None:
    """Raise `click.UsageError` for a place that neither contacts nor settings name."""
    web = settings.web
    known = {
        "site": {*(dimensions.site for dimensions in places), *(queue.site for queue in web.queues.values())},
        "service": {
            *(dimensions.service for dimensions in places),
            *(queue.service for queue in web.queues.values()),
            *web.services,
        },
        "queue": {
            *(dimensions.queue for dimensions in places),
            *(queue.queue or name for name, queue in web.queues.items()),
        },
    }
    for option, there in known.items():
        value = getattr(asked, option)
        if value is None or value in there or ":" in value:  # promises' and transfers', which the board names
            continue
        some = sorted(name for name in there if name and ":" not in name)
        listed = ", ".join(some) or say("none", "aucun")
        raise click.UsageError(
            say(
                f"no --{option} {value} is known; there are: {listed}",
                f"--{option} {value} : inconnu ; il y a : {listed}",
            )
            + suggest(value, some)
        )


class _Met(NamedTuple):
    """What was met of all contacts, whatever was asked for."""

    places: set[Dimensions]
    in_time: bool
    """Whether anything is of the time that was asked for."""


def _count(settings: Settings, made: FigureFormula, asked: FigureQuery) -> tuple[list[Counted], _Met]:
    found: dict[str, list[Counted]] = {}
    places, dated = set[Dimensions](), FigureQuery(since=asked.since, until=asked.until)
    in_time = False

    def note(name: str, row: Contact) -> bool:
        nonlocal in_time
        found.pop(name, None)  # an earlier version of the row
        traces = [*counted_facts(row)]
        places.update(fact.dimensions for fact in traces)
        in_time = in_time or any(fact.start is not None and dated.fits(fact) for fact in traces)
        facts = [Counted(name, fact, *made.judge(fact.name, fact.amount)) for fact in traces if asked.fits(fact)]
        if own := [one for one in facts if one.in_numerator or one.in_denominator]:
            found[name] = own
        return False

    scan_contacts(settings, note)
    counted = sorted(
        (one for several in found.values() for one in several),
        key=_order,
    )
    return counted, _Met(places, in_time)


def _order(one: Counted) -> tuple[float, float, str, CountedFact]:
    """Return what puts first what is so now, the longest first, then what was so before, as it happened."""
    since = one.fact.since
    return one.fact.start or 0, inf if since is None else since, one.contact, one.fact


def _sum_up(figure: str, made: FigureFormula, counted: list[Counted], asked: FigureQuery, span: str) -> str:
    channels = [say(channel, vocabulary_label("channel", channel)) for channel in asked.channels]
    where = ", ".join(filter(None, (*channels, asked.site, asked.service, asked.queue)))
    where = where or say("all places", "tous les lieux")
    figure = say(figure, f"{figure} ({figure_label(figure)})")
    above = sum(one.in_numerator for one in counted)
    if not made.denominator:
        return say(f"{figure}, {where}, {span}: {above}", f"{figure}, {where}, {span} : {above}")
    below = sum(one.in_denominator for one in counted)
    share = say(f"{above / below:.1%}", f"{100 * above / below:.1f} %".replace(".", ",")) if below else "-"
    text = say(
        f"{figure}, {where}, {span}: {above} / {below} = {share}",
        f"{figure}, {where}, {span} : {above} / {below} = {share}",
    )
    return f"{text}\n  ({_spell(made.numerator)}) / ({_spell(made.denominator)})"


def _spell(terms: tuple[FormulaTerm, ...]) -> str:
    return " + ".join(
        figure_label(term.name)
        + (f" ≤ {term.at_most / 1000:g} s" if term.at_most is not None else "")
        + (f" > {term.more_than / 1000:g} s" if term.more_than is not None else "")
        for term in terms
    )


def _print(shown: list[Counted], told: dict[str, list[Event]], zone: tzinfo) -> None:
    titles = say(
        "contact,counted as,in 5 min from,time counted,counts in,where",
        "contact,compté comme,5 min dès,durée comptée,compte dans,lieu",
    )
    rows = [
        (
            one.contact,
            figure_label(one.fact.name),
            _at(one.fact, zone),
            f"{one.fact.amount / 1000:g} s" if one.fact.has_duration else "",
            _part(one),
            "/".join(part or "-" for part in one.fact.dimensions),
        )
        for one in shown
    ]
    if not told:
        print_table(tuple(titles.split(",")), rows)
        return
    for row in rows:
        click.echo("  ".join(cell for cell in row if cell))
        for event in told.get(row[0], ()):
            click.echo(
                f"    {event.time.astimezone(zone).isoformat(' ', 'seconds')}  {_tell_type(event.type)}  {event.id}"
            )


def _tell_type(kind: str) -> str:
    return say(kind, vocabulary_label("type", kind))


def _at(fact: CountedFact, zone: tzinfo) -> str:
    if fact.start is not None:
        return format_time(fact.start * 1000, zone)
    if fact.since is None:
        return say("now", "maintenant")
    since = format_time(fact.since, zone)
    return say(f"now, since {since}", f"maintenant, depuis {since}")


def _part(one: Counted) -> str:
    """Name the parts of a share that it counts in; nothing for a number."""
    if one.in_numerator and one.in_denominator:
        return say("both", "les deux")
    if one.in_denominator:
        return say("denominator", "dénominateur")
    return ""


def _as_json(one: Counted, events: list[Event] | None, zone: tzinfo) -> dict[str, Any]:
    fact = one.fact
    told: dict[str, Any] = {
        "contact": one.contact,
        "name": fact.name,
        "from": None if fact.start is None else datetime.fromtimestamp(fact.start, zone).isoformat(),
        "since": None if fact.since is None else datetime.fromtimestamp(fact.since / 1000, zone).isoformat(),
        "milliseconds": fact.amount if fact.has_duration else None,
        "numerator": one.in_numerator,
        "denominator": one.in_denominator,
        **fact.dimensions._asdict(),
    }
    if events is not None:
        told["events"] = [{"id": event.id, "type": event.type, "time": event.time.isoformat()} for event in events]
    return told
