"""`accueil dead-letters`: list, show and replay records that workers rejected."""

from bisect import insort
from collections import Counter
from collections.abc import Iterator
from json import dumps
from typing import Any

import click

from models.locale import _
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
from streams.locale.reason_texts import describe, explain
from streams.recovery import dead_letters
from streams.recovery.dead_letters import DeadLetter, Filter, ReplayResult
from streams.runtime.instance_lock import find_cluster, find_readable_cluster, kafka_errors
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings

filters = filtered_by(
    click.option(
        "--topic",
        type=click.Choice([topic.name for topic in SOURCES.values()]),
        metavar="TOPIC",
        help=_("Only this source topic (contact.call.v1 …)."),
    )
)


@click.group(cls=Group, help=_("Dead letters: records of Kafka that the workers rejected."))
def group() -> None:
    """List, show and replay dead letters."""


@group.command("list", help=_("List the latest dead letters, and count them by reason."))
@filters
@limit_option
@json_option
@pass_settings
def list_(
    settings: Settings, reason: str | None, topic: str | None, since: int | None, limit: int, *, json: bool
) -> None:
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
            click.echo(dumps(_to_json(letter, replayed.get(letter.position))))
        return
    if not counts:
        click.echo(_("no dead letters"))
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
    print_table(("position", _("when"), _("reason"), _("origin"), _("replayed"), _("detail")), rows)
    total = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    click.echo(_("dead letters: {number} ({total})", number=counts.total(), total=total))


@group.command(help=_("Show the origin and the reason of one dead letter."))
@click.argument("position", metavar="PARTITION:OFFSET")
@value_option
@pass_settings
def show(settings: Settings, position: str, *, value: bool) -> None:
    letter, replayed_at = None, None
    for found in _read(settings, Filter(positions=frozenset({position}))):
        if isinstance(found, DeadLetter):
            letter = found
        elif found.position == position:
            replayed_at = found.at
    if letter is None:
        raise OperatorError(_describe_missing([position]), EXIT_NOT_FOUND)
    zone = settings.web.zone
    size = _("{count} bytes", count=len(letter.value)) if letter.value is not None else "null"
    for name, text in {
        _("reason"): ", ".join(filter(None, [letter.reason, describe(letter.reason)])),
        _("detail"): explain(letter.detail),
        _("origin"): letter.origin,
        _("written at"): format_time(letter.origin_timestamp, zone),
        _("dead since"): format_time(letter.dead_at, zone),
        _("replayed from"): letter.replayed_from,
        _("replayed at"): format_time(replayed_at, zone) if replayed_at else "",
        _("value"): size,
    }.items():
        if text:
            click.echo(f"{name:<14} {text}")
    if value:
        click.echo(f"\nkey   {printable(letter.key)}")
        for name, content in letter.headers:
            click.echo(f"{name}: {printable(content)}")
        click.echo(f"\n{printable(letter.value)}")


@group.command(help=_("Publish dead letters to their source topics again."))
@click.argument("positions", metavar="[PARTITION:OFFSET]...", nargs=-1)
@filters
@replay_options
@click.option("--again", is_flag=True, help=_("Include those already replayed."))
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
    if not any((everything, positions, reason, topic, since)):
        raise click.UsageError(_("name positions or filters, or use --all"))
    found = list(_read(settings, Filter(reason, topic, since, frozenset(positions))))
    letters = [letter for letter in found if isinstance(letter, DeadLetter)]
    if missing := sorted(set(positions) - {letter.position for letter in letters}):
        raise OperatorError(_describe_missing(missing), EXIT_NOT_FOUND)
    if not letters:
        click.echo(_("no dead letter matches"))
    replayed = set() if positions or again else {item.position for item in found if isinstance(item, ReplayResult)}
    if skipped := sum(letter.position in replayed for letter in letters):
        letters = [letter for letter in letters if letter.position not in replayed]
        click.echo(_("{skipped} already replayed: skipped (--again includes them)", skipped=skipped))
    if unusable := sum(not letter.replayable for letter in letters):
        click.echo(_("{unusable} without content or origin: skipped", unusable=unusable))
    for name, count in Counter(letter.origin_topic for letter in letters if letter.replayable).items():
        click.echo(_("{name}: dead letters to replay: {count}", name=name, count=count))
    if dry_run or not letters:
        return
    if not yes and not confirm(_("replay them?")):
        raise click.Abort
    with kafka_errors():
        brokers, client = find_cluster(settings, or_demo=True)
        count = dead_letters.replay(brokers, letters, client)
    click.echo(_("{count} replayed", count=count))


def _read(settings: Settings, wanted: Filter) -> Iterator[DeadLetter | ReplayResult]:
    brokers, client = find_readable_cluster(settings, [DEAD_LETTERS])
    with kafka_errors():
        yield from dead_letters.read(brokers, wanted, client)


def _to_json(letter: DeadLetter, replayed_at: int | None) -> dict[str, Any]:
    """Return the metadata of `letter` for JSON, with codes; times in milliseconds since 1970."""
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


def _describe_missing(positions: list[str]) -> str:
    return _("no dead letter at {positions}: accueil dead-letters list shows positions", positions=", ".join(positions))
