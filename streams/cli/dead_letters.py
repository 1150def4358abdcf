"""`accueil dead-letters`: list, show, replay."""

import re
from bisect import insort
from collections import Counter
from collections.abc import Iterator
from json import dumps
from typing import Any

import click

from models.topics import DEAD_LETTERS, SOURCES
from streams.cli.base import Group, confirm, pass_settings
from streams.cli.output_tables import (
    EXIT_NOT_FOUND,
    filtered_by,
    format_time,
    json_option,
    limit_option,
    print_table,
    printable,
    replay_options,
    value_option,
)
from streams.locale.i18n import say
from streams.locale.reason_texts import describe, explain
from streams.recovery import dead_letters
from streams.recovery.dead_letters import DeadLetter, Filter, ReplayResult
from streams.runtime.errors import OperatorError
from streams.runtime.instance_lock import find_cluster, kafka_errors, wait_for_broker
from streams.settings.schema import Settings

filters = filtered_by(
    click.option(
        "--topic",
        type=click.Choice([topic.name for topic in SOURCES.values()]),
        help=say("Where they came from.", "D'où ils venaient."),
    )
)


class Place(click.ParamType):
    """Where a dead letter lies: `3:142`."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value` if it has that form."""
        if not re.fullmatch(r"\d+:\d+", value):
            self.fail(
                say(
                    f"{value!r} is no place: write it as 3:142, as accueil dead-letters list shows it",
                    f"{value!r} n'est pas un endroit : écrire par exemple 3:142, comme le montre accueil dead-letters list",
                ),
                param,
                ctx,
            )
        return str(value)


@click.group(cls=Group, help=say("Records that could not be used.", "Les enregistrements inutilisables."))
def group() -> None:
    """Hold the commands below."""


@group.command(
    "list", help=say("Show the latest, and how many of each reason.", "Montre les derniers, et le compte par raison.")
)
@filters
@limit_option
@json_option
@pass_settings
def list_(
    settings: Settings, reason: str | None, topic: str | None, since: int | None, limit: int, *, json: bool
) -> None:
    """Print one line per dead letter."""
    counts: Counter[str] = Counter()
    latest: list[DeadLetter] = []
    replayed: dict[str, int] = {}
    for found in _read(settings, Filter(reason, topic, since)):
        if isinstance(found, ReplayResult):
            replayed[found.position] = found.at
        else:
            counts[found.reason] += 1
            insort(latest, found, key=lambda letter: letter.dead_at)
            if len(latest) > limit:
                del latest[0]
    if json:
        for letter in latest:
            click.echo(dumps(_facts(letter, replayed.get(letter.position))))
        return
    zone = settings.web.zone
    rows = [
        (
            letter.position,
            format_time(letter.dead_at, zone),
            letter.reason,
            letter.origin,
            format_time(replayed[letter.position], zone) if letter.position in replayed else "-",
            explain(letter.detail) or describe(letter.reason),
        )
        for letter in latest
    ]
    titles = (
        *("place", say("when", "quand"), say("reason", "raison"), say("origin", "origine")),
        *(say("replayed", "rejouée"), say("detail", "détail")),
    )
    print_table(titles, rows)
    total = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    click.echo(
        say(f"{counts.total()} dead letters", f"{counts.total()} lettres mortes")
        + (f"{say(':', ' :')} {total}" if total else "")
    )


@group.command(help=say("Show one: where it came from, and why it is here.", "En montre un : son origine, sa raison."))
@click.argument("position", metavar="PARTITION:OFFSET", type=Place())
@value_option
@json_option
@pass_settings
def show(settings: Settings, position: str, *, value: bool, json: bool) -> None:
    """Print all that is known of one dead letter."""
    letter, replayed_at = None, None
    for found in _read(settings, Filter(positions=frozenset({position}))):
        if isinstance(found, DeadLetter):
            letter = found
        elif found.position == position:
            replayed_at = found.at
    if letter is None:
        raise OperatorError(_none_at([position]), EXIT_NOT_FOUND)
    if json:
        click.echo(dumps(_facts(letter, replayed_at) | (_content(letter) if value else {})))
        return
    zone = settings.web.zone
    size = f"{len(letter.value)} {say('bytes', 'octets')}" if letter.value is not None else "null"
    for name, text in {
        say("reason", "raison"): ", ".join(filter(None, [letter.reason, describe(letter.reason)])),
        say("detail", "détail"): explain(letter.detail),
        say("origin", "origine"): letter.origin,
        say("written at", "écrite le"): format_time(letter.origin_timestamp, zone),
        say("dead since", "morte depuis"): format_time(letter.dead_at, zone),
        say("replayed from", "rejouée depuis"): letter.replayed_from,
        say("replayed at", "rejouée le"): format_time(replayed_at, zone) if replayed_at else "",
        say("value", "valeur"): size,
    }.items():
        if text:
            click.echo(f"{name:<14} {text}")
    if value:
        click.echo(f"\nkey   {printable(letter.key)}")
        for name, content in letter.headers:
            click.echo(f"{name}: {printable(content)}")
        click.echo(f"\n{printable(letter.value)}")


@group.command(help=say("Send them back to where they came from.", "Les renvoie d'où ils venaient."))
@click.argument("positions", metavar="[PARTITION:OFFSET]...", nargs=-1, type=Place())
@filters
@replay_options
@click.option(
    "--again", is_flag=True, help=say("Also those that were replayed before.", "Aussi ceux qui ont déjà été rejoués.")
)
@pass_settings
def replay(
    settings: Settings,
    positions: tuple[str, ...],
    reason: str | None,
    topic: str | None,
    since: int | None,
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
    again: bool,
) -> None:
    """Publish the chosen records again, but those that were replayed before only if told so, or where they are named.

    An event that comes twice counts once, as long as its contact is known (`worker.keep_closed_days`).
    """
    if not any((everything, positions, reason, topic, since)):
        raise click.UsageError(say("choose which, or --all", "dire lesquelles, ou --all"))
    found = list(_read(settings, Filter(reason, topic, since, frozenset(positions))))
    letters = [one for one in found if isinstance(one, DeadLetter)]
    if missing := sorted(set(positions) - {letter.position for letter in letters}):
        raise OperatorError(_none_at(missing), EXIT_NOT_FOUND)
    if not letters:
        click.echo(say("no such dead letter", "aucune lettre morte de ce genre"))
    known = set() if positions or again else {one.position for one in found if isinstance(one, ReplayResult)}
    if before := sum(letter.position in known for letter in letters):
        letters = [letter for letter in letters if letter.position not in known]
        click.echo(
            say(
                f"{before} replayed before: left out (--again takes them too)",
                f"{before} déjà rejouées : laissées (--again les prend aussi)",
            )
        )
    if useless := sum(not letter.replayable for letter in letters):
        click.echo(
            say(f"{useless} without content or origin: left out", f"{useless} sans contenu ou sans origine : laissées")
        )
    for name, count in Counter(letter.origin_topic for letter in letters if letter.replayable).items():
        click.echo(f"{count} → {name}")
    if dry_run or not letters:
        return
    if not yes and not confirm(say("replay them?", "les rejouer ?")):
        raise click.Abort
    with kafka_errors():
        brokers, client = find_cluster(settings, or_demo=True)
        count = dead_letters.replay(brokers, letters, client)
    click.echo(say(f"{count} replayed", f"{count} rejouées"))


def _read(settings: Settings, wanted: Filter) -> Iterator[DeadLetter | ReplayResult]:
    brokers, client = find_cluster(settings, or_demo=True)
    wait_for_broker(brokers, client=client, reads=[DEAD_LETTERS.name])
    with kafka_errors():
        yield from dead_letters.read(brokers, wanted, client)


def _facts(letter: DeadLetter, replayed_at: int | None) -> dict[str, Any]:
    """Return what is known of `letter` but its content, with the codes that machines know; times in ms since 1970."""
    return {
        "place": letter.position,
        "dead_at": letter.dead_at,
        "reason": letter.reason,
        "detail": letter.detail,
        "origin_topic": letter.origin_topic,
        "origin_partition": letter.origin_partition,
        "origin_offset": letter.origin_offset,
        "origin_timestamp": letter.origin_timestamp,
        "replayed_from": letter.replayed_from or None,
        "replayed_at": replayed_at,
        "replayable": letter.replayable,
    }


def _content(letter: DeadLetter) -> dict[str, Any]:
    headers = [[name, content.decode(errors="backslashreplace")] for name, content in letter.headers]
    key, value = (
        None if part is None else part.decode(errors="backslashreplace") for part in (letter.key, letter.value)
    )
    return {"key": key, "headers": headers, "value": value}


def _none_at(positions: list[str]) -> str:
    return say("no dead letter at ", "pas de lettre morte à ") + ", ".join(positions)
