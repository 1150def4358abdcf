"""`accueil rejects`: list, show and replay source records that connectors rejected.

They are in the data directory of the connectors' machine, and are sent nowhere.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from connectors.sdk.rejects import StoredReject, read
from models.locale import _
from models.timestamps import milliseconds
from streams.cli.base import ConnectorGroup, config_file, confirm, pass_running_settings
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
from streams.locale.error_messages import os_error_cause
from streams.locale.reason_texts import describe, describe_place, explain
from streams.runtime.instance_lock import find_connectors
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings

if TYPE_CHECKING:
    from connectors.sdk.instance import Instance

MAX_DETAILS: Final = 20
"""Maximum number of combinations of connector, reason and detail with a row of their own in the totals."""


class Filter(NamedTuple):
    """Filter of records: all given criteria must match."""

    connector: str | None = None
    """Name of the connector instance."""
    reason: str | None = None
    since: int | None = None
    """Earliest time at which the record was read, in milliseconds since 1970."""
    places: frozenset[str] = frozenset()
    """Names of records, `<instance>:<StoredReject.place>`; empty for all."""

    def matches(self, name: str, stored: StoredReject) -> bool:
        """Return whether a record of the instance `name` matches."""
        return (
            self.connector in {None, name}
            and self.reason in {None, stored.reject.reason.value}
            and (self.since is None or milliseconds(stored.read_at) >= self.since)
            and (not self.places or _place(name, stored) in self.places)
        )


filters = filtered_by(click.option("--connector", help=_("Only this instance, as in accueil.toml.")))


class Listed(NamedTuple):
    """A record that was rejected for one reason and detail, with its latest such rejection.

    A record that was also rejected for another reason or detail is listed again.
    """

    name: str
    """Name of the connector instance."""
    stored: StoredReject
    times: int
    """Number of rejections for this reason and detail: one each time its source was read."""


@click.group(cls=ConnectorGroup, help=_("Source records that connectors rejected."))
def group() -> None:
    """List, show and replay rejected records."""


@group.command("list", help=_("List the latest rejected records, and count them by reason."))
@filters
@limit_option
@json_option
@pass_running_settings
def list_(
    settings: Settings, reason: str | None, connector: str | None, since: int | None, limit: int, *, json: bool
) -> None:
    found = _distinct(_read(settings, Filter(connector, reason, since)))
    latest = found[-limit:] if limit else []
    if json:
        for listed in latest:
            click.echo(dumps(_to_json(listed)))
        return
    directory = _directory(settings)
    if not found:
        click.echo(_("no rejected records in {directory}", directory=directory))
        return
    zone = settings.web.zone
    cause, detail = _("reason"), _("detail")
    print_table(("place", _("when"), cause, detail), [_row(listed, zone) for listed in latest])
    click.echo()
    print_table((_("connector"), cause, _("count"), _("last"), detail), _totals(found, zone))
    click.echo(_("rejected records in {directory}: {count}", count=len(found), directory=directory))


@group.command(help=_("Show when and why one record was rejected."))
@click.argument("place", metavar="PLACE")
@value_option
@pass_running_settings
def show(settings: Settings, place: str, *, value: bool) -> None:
    found = [*_read(settings, Filter(places=frozenset({place})))]
    if not found:
        raise OperatorError(_describe_missing([place]), EXIT_NOT_FOUND)
    for number, listed in enumerate(_distinct(found)):
        if number:
            click.echo()
        _print(listed, settings.web.zone, value=value)
    text = _(
        "The value may contain personal data. It exists only in {directory} (mode 0600). Do not share it.",
        directory=_directory(settings),
    )
    click.echo(text, err=True)


@group.command(
    help=_(
        "Map rejected records again after a fix of the configuration. Stop the connector first, except for --dry-run."
    )
)
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@filters
@replay_options
@pass_running_settings
@click.pass_context
def replay(
    context: click.Context,
    settings: Settings,
    places: tuple[str, ...],
    reason: str | None,
    connector: str | None,
    since: int | None,
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    if not any((everything, places, reason, connector, since)):
        raise click.UsageError(_("name places or filters, or use --all"))
    wanted = Filter(connector, reason, since, frozenset(places))
    found = [*_read(settings, wanted)]
    if missing := sorted(set(places) - {_place(name, stored) for name, stored in found}):
        raise OperatorError(_describe_missing(missing), EXIT_NOT_FOUND)
    names = Counter(listed.name for listed in _distinct(found))
    for name, count in names.items():
        click.echo(_("{name}: rejected records to map again: {count}", name=name, count=count))
    if not found:
        click.echo(_("no rejected record matches"))
        return
    from streams.runtime.process_specs import configure_connectors  # noqa: PLC0415 - imports kafka-python

    settings, config = find_connectors(settings, config_file(context))
    instances = configure_connectors(settings, [*names], config)
    if not dry_run:
        for instance in instances:
            with instance.locked(_directory(settings)):
                pass  # fail before the question if the connector is running
        if not yes and not confirm(_("map them again?")):
            raise click.Abort
    for instance in instances:
        _replay(settings, instance, wanted, dry_run=dry_run)


def _distinct(found: Iterable[tuple[str, StoredReject]]) -> list[Listed]:
    """Return each record once per instance, reason and detail, in the order of its latest rejection."""
    listed: dict[tuple[str, str], Listed] = {}
    for name, stored in sorted(found, key=lambda pair: pair[1].read_at):
        known = listed.pop((name, stored.content), None)
        listed[name, stored.content] = Listed(name, stored, known.times + 1 if known else 1)
    return [*listed.values()]


def _print(listed: Listed, zone: tzinfo, *, value: bool) -> None:
    name, stored, times = listed
    record = stored.reject.record
    for title, text in {
        _("reason"): f"{stored.reject.reason.value}, {describe(stored.reject.reason)}",
        _("detail"): explain(stored.reject.detail),
        _("in the source"): _source_place(stored),
        _("connector"): name,
        _("read at"): format_time(milliseconds(stored.read_at), zone),
        _("times"): str(times) if times > 1 else "",
        _("value"): _("{count} bytes", count=len(record)),
    }.items():
        if text:
            click.echo(f"{title:<14} {text}")
    if value:
        click.echo(f"\n{printable(record)}")


def _replay(settings: Settings, instance: "Instance", wanted: Filter, *, dry_run: bool) -> None:
    from connectors.sdk.replay import replay as map_rejected  # noqa: PLC0415

    name = instance.name
    result = map_rejected(instance, _directory(settings), lambda stored: wanted.matches(name, stored), dry_run=dry_run)
    click.echo(
        _("{name}: {used} records accepted now, events: {events}", name=name, used=result.used, events=result.events)
        + ("" if dry_run or not result.events else _(" (published at its next start)"))
    )
    for reason, count in result.unusable.most_common():
        click.echo(_("{name}: {count} still rejected: {reason}", name=name, count=count, reason=reason))


def _read(settings: Settings, wanted: Filter) -> Iterator[tuple[str, StoredReject]]:
    """Yield matching records, each with the name of its instance. Raise `OperatorError` if a file is not readable."""
    try:
        for kind in _folders(_directory(settings)):
            for directory in _folders(kind):
                for stored in read(directory):
                    if wanted.matches(directory.name, stored):
                        yield directory.name, stored
    except OSError as error:
        raise OperatorError(
            _(
                "{filename} cannot be read ({os_error_cause}): run this as the account of the connectors",
                filename=error.filename,
                os_error_cause=os_error_cause(error),
            )
        ) from None


def _folders(directory: Path) -> list[Path]:
    """Return the folders in `directory`, none if it does not exist. Unlike glob, raise other `OSError`s."""
    try:
        return sorted(path for path in directory.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def _directory(settings: Settings) -> Path:
    return settings.data / "connectors"


def _place(name: str, stored: StoredReject) -> str:
    return f"{name}:{stored.place}"


def _describe_missing(places: list[str]) -> str:
    return _("no rejected record at {places}: accueil rejects list shows places", places=", ".join(places))


def _row(listed: Listed, zone: tzinfo) -> tuple[str, ...]:
    name, stored, times = listed
    repeats = _(" (rejected {times} times)", times=times) if times > 1 else ""
    time = format_time(milliseconds(stored.read_at), zone)
    where = _source_place(stored)
    detail = f"{where}{_(':')} {_detail(stored)}" if where else _detail(stored)
    return _place(name, stored), time, stored.reject.reason.value, f"{detail}{repeats}"


def _totals(found: Sequence[Listed], zone: tzinfo) -> list[tuple[str, ...]]:
    """Return a row per connector, reason and detail, the most frequent first: with count, time of the last, and detail.

    Rare details of one connector and reason are counted together as `…`.
    """
    kinds = [(name, stored.reject.reason.value, _detail(stored)) for name, stored, _ in found]
    frequent = {kind for kind, _ in Counter(kinds).most_common(MAX_DETAILS)}
    counted = [kind if kind in frequent else (*kind[:2], "…") for kind in kinds]
    last = dict(zip(counted, (milliseconds(listed.stored.read_at) for listed in found), strict=True))
    return [
        (name, reason, str(count), format_time(last[name, reason, detail], zone), detail)
        for (name, reason, detail), count in Counter(counted).most_common()
    ]


def _detail(stored: StoredReject) -> str:
    return explain(stored.reject.detail) or describe(stored.reject.reason)


def _source_place(stored: StoredReject) -> str:
    """Return where the record was read, such as a line of a file; empty if the connector does not store that."""
    return describe_place(stored.reject.context.decode("utf-8", "replace"))


def _to_json(listed: Listed) -> dict[str, Any]:
    """Return the metadata of a record for JSON, with codes; times in milliseconds since 1970."""
    name, stored, times = listed
    return {
        "place": _place(name, stored),
        "connector": name,
        "source_place": stored.reject.context.decode("utf-8", "replace") if _source_place(stored) else "",
        "read_at": milliseconds(stored.read_at),
        "reason": stored.reject.reason.value,
        "detail": stored.reject.detail,
        "times": times,
    }
