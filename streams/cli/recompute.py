"""`accueil recompute`: all figures again from the log of events, and what differs."""

import json
import time
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import click

from models.policies import Policies
from models.topics import CONTACTS, DAY_MS, EVENT_RETENTION_MS, FIGURES, SOURCES
from streams.agents.contacts import GRACE_MS, WorkerTimings
from streams.cli.output_tables import format_time, json_option, limit_option, print_table
from streams.cli.sla import active_sla_file, load_active_policies
from streams.core.figures.figure import Dimensions, local_time
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.core.figures.recompute_diff import FigureDifference, compare
from streams.locale.i18n import say
from streams.recovery.recompute import Recount, recount
from streams.runtime.errors import OperatorError, operator_errors
from streams.runtime.instance_lock import Cluster, find_cluster, kafka_errors, pass_running_settings, wait_for_broker
from streams.runtime.worker import times
from streams.settings.schema import Settings

EXIT_DIFFERENT: Final = 1
SHOWN_EVERY_SECONDS: Final = 3.0
KEPT_DAYS: Final = EVENT_RETENTION_MS // DAY_MS
"""Default of `retention.events_days`."""
MARGIN_SECONDS: Final = 5.0
"""A worker ticks, and writes, so much later than it may."""


class _Found(NamedTuple):
    """What differs."""

    differences: list[FigureDifference]
    left_out: int
    """How many more that hang on promises which the workers judged by others than those in force."""
    added: int
    """How many more that a release has added since what they would count happened."""
    is_of_time: bool
    """Whether all of it is what time alone tells, so that workers that have just begun say it a little later."""


@click.command(
    name="recompute",
    help=say(
        "Count all figures again from the log of events, and report each number that the workers have otherwise. Nothing is "
        "written, nobody has to stop; a million contacts take some minutes, and a partition of them memory as in a worker. What "
        "was judged by other promises than those in force is not compared. The proof reaches back only as far as Kafka holds "
        f"events: for `retention.events_days`, {KEPT_DAYS} days unless set otherwise. Exits 1 if something differs.",
        "Recompte tous les chiffres à partir du journal des événements, et signale chaque nombre qui diffère chez les workers. "
        "Rien n'est écrit, rien n'est à arrêter ; un million de contacts prend quelques minutes, et une partition autant de "
        "mémoire que dans un worker. Ce qui fut jugé selon d'autres promesses que celles en vigueur n'est pas comparé. La preuve "
        "ne remonte pas plus loin que les événements conservés par Kafka, soit `retention.events_days` : "
        f"{KEPT_DAYS} jours sauf réglage contraire. Sort avec 1 s'il y a une différence.",
    ),
)
@json_option
@limit_option
@pass_running_settings
def command(settings: Settings, /, *, limit: int, **options: bool) -> None:
    """Count, compare, print."""
    with operator_errors(), kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        cluster = find_cluster(settings, or_demo=True)
        read_too = (topic.name for topic in (CONTACTS, FIGURES, *SOURCES.values()))
        wait_for_broker(cluster.brokers, client=cluster.client, reads=read_too)
        counted, found = _count_and_compare(settings, cluster, policies)
        if found.differences and found.is_of_time and counted.history_at:
            click.echo(_tell_history(counted, found, settings), err=True)
            found = found._replace(differences=[])
        if found.differences and found.is_of_time:
            seconds = _seconds_until_told(times(settings))
            text = say(
                f"numbers that differ by what time alone tells, as that a call is forgotten: {len(found.differences)}; workers "
                f"that have just begun say it a little later: counted once more in {seconds:.0f} s",
                f"nombres qui diffèrent par ce que le temps seul décide, comme un appel oublié : {len(found.differences)} ; des "
                f"workers qui viennent de démarrer le disent un peu plus tard : nouveau décompte dans {seconds:.0f} s",
            )
            click.echo(text, err=True)
            time.sleep(seconds)
            counted, found = _count_and_compare(settings, cluster, policies)
    (_print_json if options["json"] else _print)(counted, found.differences, limit, settings)
    if found.left_out:
        click.echo(_tell_left_out(counted, found, file, settings), err=options["json"])
    if found.added:
        click.echo(_tell_added(counted, found, settings), err=options["json"])
    click.echo(_say_reach(counted, settings), err=options["json"])
    if found.differences:
        click.get_current_context().exit(EXIT_DIFFERENT)


def _count_and_compare(settings: Settings, cluster: Cluster, policies: Policies) -> tuple[Recount, _Found]:
    kept_ms = settings.retention.events_days * DAY_MS
    counted = recount(*cluster, times(settings), lambda: policies, _Shown(), kept_ms)
    if not counted.as_of:
        raise OperatorError(say("no worker has counted anything yet", "aucun worker n'a encore rien compté"))
    return counted, _find(counted, settings.web.zone)


def _find(counted: Recount, zone: ZoneInfo) -> _Found:
    days = {None}.union(*(one.days for one in counted.judged)) if counted.judged else set()
    found, left_out, lasting, added = [], 0, 0, 0
    never = set(compare(counted.known, counted.again, counted.earlier, counted.without_ticks))
    for one in compare(counted.known, counted.again, counted.earlier):
        if not _is_whole(one.day, counted.first_day):
            continue
        if one.is_of_sla and one.day in days:
            left_out += 1
            continue
        if _is_newer(one, counted, zone):
            added += 1
            continue
        found.append(one)
        lasting += one in never
    return _Found(found, left_out, added, is_of_time=not lasting)


def _is_newer(one: FigureDifference, counted: Recount, zone: ZoneInfo) -> bool:
    """Return whether the number is counted only since a later day."""
    index = FIGURE_SCHEMAS[one.dimensions.channel].index.get(one.name)
    if index is None:
        return False
    since = max((at for first, at in counted.added.get(one.dimensions.channel, ()) if first <= index), default=0)
    return bool(since) and (one.day is None or one.day <= local_time(since // 1000, zone).date())


def _seconds_until_told(waits: WorkerTimings) -> float:
    """Return how long a worker that begins waits at most: until it knows who tells history, and that no news of it comes."""
    return (GRACE_MS + waits.sla_delays.grace) / 1000 + MARGIN_SECONDS


def _tell_left_out(counted: Recount, found: _Found, file: Path | None, settings: Settings) -> str:
    until = format_time(max(one.last_at for one in counted.judged), settings.web.zone)
    contacts, named = len(counted.judged), file.name if file else say("none", "aucune")
    return say(
        f"numbers left out, which differ but hang on promises: {found.left_out}. Workers judged some by other promises than "
        f"those in force ({named}; contacts: {contacts}, the last as of {until}): they were changed. What is over stays as it "
        "was judged, and the log does not tell by which promises that was",
        f"nombres laissés de côté, qui diffèrent mais dépendent des promesses : {found.left_out}. Les workers en ont jugé selon "
        f"d'autres promesses que celles en vigueur ({named} ; contacts : {contacts}, le dernier au {until}) : elles ont changé. "
        "Ce qui est fini reste tel qu'il fut jugé, et le journal ne dit pas selon quelles promesses",
    )


def _tell_history(counted: Recount, found: _Found, settings: Settings) -> str:
    at, number = format_time(counted.history_at, settings.web.zone), len(found.differences)
    return say(
        f"numbers left out, whose difference is only a matter of time: {number}. A source's history is still being read, up to "
        f"{at} so far; workers count them after that",
        f"nombres laissés de côté, dont l'écart ne tient qu'au temps : {number}. L'historique d'une source est encore en cours "
        f"de lecture, qui en est au {at} ; les workers les comptent ensuite",
    )


def _tell_added(counted: Recount, found: _Found, settings: Settings) -> str:
    since = format_time(max(at for numbers in counted.added.values() for _, at in numbers), settings.web.zone)
    return say(
        f"numbers left out, which a release has added and the workers count since then ({since}): {found.added}",
        f"nombres laissés de côté, ajoutés par une version et comptés par les workers depuis ({since}) : {found.added}",
    )


def _say_reach(counted: Recount, settings: Settings) -> str:
    """Return how far back the proof reaches."""
    days = settings.retention.events_days
    if not counted.begins_at:
        return say(
            f"Kafka holds no event any more (retention.events_days = {days}): no earlier figure was checked",
            f"Kafka ne conserve plus aucun événement (retention.events_days = {days}) : aucun chiffre antérieur n'est vérifié",
        )
    at = format_time(counted.begins_at, settings.web.zone)
    return say(
        f"this proof reaches back only as far as Kafka holds events (retention.events_days = {days}): to those published since "
        f"{at}",
        f"cette preuve ne remonte pas plus loin que les événements conservés par Kafka (retention.events_days = {days}) : à ceux "
        f"publiés depuis le {at}",
    )


def _is_whole(day: date | None, first_day: date | None) -> bool:
    return first_day is None or (day is not None and day >= first_day)


class _Shown:
    """Says how far the reading is, at once and then every few seconds."""

    def __init__(self) -> None:
        self._shown_at: float | None = None

    def __call__(self, number: int, partitions: int, events: int) -> None:
        now = time.monotonic()
        if self._shown_at is not None and now - self._shown_at < SHOWN_EVERY_SECONDS:
            return
        self._shown_at = now
        text = say(
            f"partition {number + 1} of {partitions}: {events:,} events read",
            f"partition {number + 1} sur {partitions} : {events:,} événements lus",
        )
        click.echo(text.replace(",", " "), err=True)


def _print_json(counted: Recount, found: list[FigureDifference], limit: int, settings: Settings) -> None:
    del counted, settings
    for one in found[:limit]:
        told = {"day": one.day and one.day.isoformat(), **one.dimensions._asdict(), "name": one.name}
        click.echo(json.dumps({**told, "known": one.known, "again": one.again}))


def _print(counted: Recount, found: list[FigureDifference], limit: int, settings: Settings) -> None:
    compared = sum(_is_whole(day, counted.first_day) for day, _ in counted.known.keys() | counted.again.keys())
    click.echo(
        say(
            f"as of {format_time(counted.as_of, settings.web.zone)}: {counted.events} events give {compared} rows of figures "
            "(totals, and each day)",
            f"au {format_time(counted.as_of, settings.web.zone)} : {counted.events} événements donnent {compared} lignes "
            "de chiffres "
            "(totaux, et chaque jour)",
        )
    )
    if counted.first_day:
        click.echo(
            say(
                f"the log begins within {counted.first_day}'s eve: totals are not compared, and contacts that began before it "
                "may differ",
                f"le journal commence la veille du {counted.first_day} : les totaux ne sont pas comparés, et les contacts "
                "commencés avant peuvent différer",
            )
        )
    if not found:
        click.echo(say("no number differs", "aucun nombre ne diffère"))
        return
    titles = say("day,place,number,workers,again", "jour,lieu,nombre,workers,recompté").split(",")
    rows = [
        (one.day.isoformat() if one.day else "total", _name(one.dimensions), one.name, str(one.known), str(one.again))
        for one in found[:limit]
    ]
    print_table(tuple(titles), rows)
    click.echo(say(f"numbers that differ: {len(found)}", f"nombres qui diffèrent : {len(found)}"))


def _name(dimensions: Dimensions) -> str:
    return "/".join(part or "-" for part in dimensions)
