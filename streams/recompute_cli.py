"""`accueil recompute`: all figures again from the log of events, and what differs."""

import json
from datetime import date
from functools import partial
from typing import Final

import click

from streams.core.differences import Difference, compare
from streams.core.figures import Dimensions
from streams.listing import as_json, limit_option, print_table, when
from streams.recomputing import Counted, count_again
from streams.running import find_brokers, kafka_errors, pass_settings_here, wait_for_broker
from streams.settings import Settings
from streams.sla_cli import file_in_force, load_in_force
from streams.terminal import OperatorError, clear_errors
from streams.words import say
from streams.worker import times

EXIT_DIFFERENT: Final = 1


@click.command(
    name="recompute",
    help=say(
        "Count all figures again from the log of events, and report each number that the workers have otherwise. Nothing is "
        "written, nobody has to stop; a million contacts take some minutes, and a partition of them memory as in a worker. Exits "
        "1 if something differs.",
        "Recompte tous les chiffres à partir du journal des événements, et signale chaque nombre qui diffère chez les workers. "
        "Rien n'est écrit, rien n'est à arrêter ; un million de contacts prend quelques minutes, et une partition autant de "
        "mémoire que dans un worker. Sort avec 1 s'il y a une différence.",
    ),
)
@as_json
@limit_option
@pass_settings_here
def command(settings: Settings, /, *, limit: int, **options: bool) -> None:
    """Count, compare, print."""
    with clear_errors(), kafka_errors():
        policies = load_in_force(settings, file_in_force(settings))
        brokers = find_brokers(settings, or_demo=True)
        wait_for_broker(brokers)
        counted = count_again(
            brokers, settings.kafka.client_options(), times(settings), lambda: policies, partial(_show, [-1])
        )
    if not counted.as_of:
        raise OperatorError(say("no worker has counted anything yet", "aucun worker n'a encore rien compté"))
    found = [
        one for one in compare(counted.known, counted.again, counted.earlier) if _is_whole(one.day, counted.first_day)
    ]
    (_print_json if options["json"] else _print)(counted, found, limit, settings)
    if found:
        click.get_current_context().exit(EXIT_DIFFERENT)


def _is_whole(day: date | None, first_day: date | None) -> bool:
    return first_day is None or (day is not None and day >= first_day)


def _show(shown: list[int], number: int, partitions: int, events: int) -> None:
    if shown[0] != events // 100_000:
        shown[0] = events // 100_000
        text = say(
            f"partition {number + 1} of {partitions}: {events:,} events read",
            f"partition {number + 1} sur {partitions} : {events:,} événements lus",
        )
        click.echo(text.replace(",", " "), err=True)


def _print_json(counted: Counted, found: list[Difference], limit: int, settings: Settings) -> None:
    del counted, settings
    for one in found[:limit]:
        told = {"day": one.day and one.day.isoformat(), **one.place._asdict(), "name": one.name}
        click.echo(json.dumps({**told, "known": one.known, "again": one.again}))


def _print(counted: Counted, found: list[Difference], limit: int, settings: Settings) -> None:
    compared = sum(_is_whole(day, counted.first_day) for day, _ in counted.known.keys() | counted.again.keys())
    click.echo(
        say(
            f"as of {when(counted.as_of, settings.web.zone)}: {counted.events} events give {compared} rows of figures "
            "(totals, and each day)",
            f"au {when(counted.as_of, settings.web.zone)} : {counted.events} événements donnent {compared} lignes de chiffres "
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
        (one.day.isoformat() if one.day else "total", _name(one.place), one.name, str(one.known), str(one.again))
        for one in found[:limit]
    ]
    print_table(tuple(titles), rows)
    click.echo(say(f"numbers that differ: {len(found)}", f"nombres qui diffèrent : {len(found)}"))


def _name(place: Dimensions) -> str:
    return "/".join(part or "-" for part in place)
