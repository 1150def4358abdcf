"""`accueil dead-letters`: list, show, replay."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from models.reasons import Reason
from models.topics import SOURCES
from streams import deadletters
from streams.deadletters import DeadLetter, Filter
from streams.listing import Since, print_table, printable, when
from streams.running import find_brokers
from streams.settings import Settings
from streams.terminal import pass_settings
from streams.words import say

F = TypeVar("F", bound=Callable[..., Any])


def filters(command: F) -> F:
    """Give `command` the options by which dead letters are chosen."""
    for option in (
        click.option("--since", type=Since(), help=say("90m, 7d, or a time.", "90m, 7d, ou une date.")),
        click.option(
            "--topic",
            type=click.Choice([topic.name for topic in SOURCES.values()]),
            help=say("Where they came from.", "D'où elles venaient."),
        ),
        click.option(
            "--reason", type=click.Choice([reason.value for reason in Reason]), help=say("Why.", "Pour quelle raison.")
        ),
    ):
        command = option(command)
    return command


@click.group(help=say("Records that could not be used.", "Les enregistrements inutilisables."))
def group() -> None:
    """Hold the commands below."""


@group.command(
    "list", help=say("Show the latest, and how many of each reason.", "Montre les derniers, et le compte par raison.")
)
@filters
@click.option("--limit", default=50, show_default=True, help=say("Lines at most.", "Lignes au plus."))
@pass_settings
def list_(settings: Settings, reason: str | None, topic: str | None, since: int | None, limit: int) -> None:
    """Print one line per dead letter."""
    counts: Counter[str] = Counter()
    latest: deque[DeadLetter] = deque(maxlen=limit)
    for letter in _read(settings, Filter(reason, topic, since)):
        counts[letter.reason] += 1
        latest.append(letter)
    rows = [
        (letter.place, when(letter.dead_at), letter.reason, letter.origin, letter.detail)
        for letter in sorted(latest, key=lambda letter: letter.dead_at)
    ]
    titles = ("PLACE", say("WHEN", "QUAND"), say("REASON", "RAISON"), say("ORIGIN", "ORIGINE"), say("DETAIL", "DÉTAIL"))
    print_table(titles, rows)
    total = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    click.echo(
        say(f"{counts.total()} dead letters", f"{counts.total()} lettres mortes") + (f": {total}" if total else "")
    )


@group.command(help=say("Show one: where it came from, and why it is here.", "En montre une : son origine, sa raison."))
@click.argument("place", metavar="PARTITION:OFFSET")
@click.option(
    "--value", is_flag=True, help=say("Its content too: may be personal.", "Son contenu aussi, peut-être personnel.")
)
@pass_settings
def show(settings: Settings, place: str, *, value: bool) -> None:
    """Print all that is known of one dead letter."""
    letter = next(_read(settings, Filter(places=frozenset({place}))), None)
    if letter is None:
        raise click.ClickException(_none_at([place]))
    size = f"{len(letter.value)} {say('bytes', 'octets')}" if letter.value is not None else "null"
    for name, text in {
        say("reason", "raison"): letter.reason,
        say("detail", "détail"): letter.detail,
        say("origin", "origine"): letter.origin,
        say("written at", "écrite le"): when(letter.origin_timestamp),
        say("dead since", "morte depuis"): when(letter.dead_at),
        say("replayed from", "rejouée depuis"): letter.replayed_from,
        say("value", "valeur"): size,
    }.items():
        if text:
            click.echo(f"{name:<14} {text}")
    if value:
        click.echo(f"\nkey   {printable(letter.key)}")
        for name, content in letter.headers:
            click.echo(f"{name}: {printable(content)}")
        click.echo(f"\n{printable(letter.value)}")


@group.command(help=say("Send them back to where they came from.", "Les renvoie d'où elles venaient."))
@click.argument("places", metavar="[PARTITION:OFFSET]...", nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help=say("All that there are.", "Toutes."))
@click.option("--dry-run", is_flag=True, help=say("Only say what would be done.", "Dire seulement ce qui serait fait."))
@click.option("--yes", is_flag=True, help=say("Do not ask.", "Ne pas demander."))
@pass_settings
def replay(
    settings: Settings,
    places: tuple[str, ...],
    reason: str | None,
    topic: str | None,
    since: int | None,
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Publish the chosen records again; an event that comes twice counts once."""
    if everything == any((places, reason, topic, since)):
        raise click.UsageError(say("choose which, or --all", "dire lesquelles, ou --all"))
    letters = list(_read(settings, Filter(reason, topic, since, frozenset(places))))
    if missing := sorted(set(places) - {letter.place for letter in letters}):
        raise click.ClickException(_none_at(missing))
    if useless := sum(not letter.replayable for letter in letters):
        click.echo(
            say(f"{useless} without content or origin: left out", f"{useless} sans contenu ou sans origine : laissées")
        )
    for name, count in Counter(letter.origin_topic for letter in letters if letter.replayable).items():
        click.echo(f"{count} → {name}")
    if dry_run or not letters:
        return
    if not yes:
        click.confirm(say("Replay them?", "Les rejouer ?"), abort=True)
    with _kafka_errors():
        count = deadletters.replay(find_brokers(settings), letters, settings.kafka.client_options())
    click.echo(say(f"{count} replayed", f"{count} rejouées"))


def _read(settings: Settings, wanted: Filter) -> Iterator[DeadLetter]:
    with _kafka_errors():
        yield from deadletters.read(find_brokers(settings), wanted, settings.kafka.client_options())


@contextmanager
def _kafka_errors() -> Iterator[None]:
    try:
        yield
    except deadletters.KafkaError as error:
        raise click.ClickException(f"Kafka: {type(error).__name__}: {error}") from None


def _none_at(places: list[str]) -> str:
    return say("no dead letter at ", "pas de lettre morte à ") + ", ".join(places)
