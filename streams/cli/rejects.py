"""`accueil rejects`: list, show, replay what connectors could not map.

It is read where the connectors keep it, below the data directory of this machine, and sent nowhere.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from connectors.sdk.errors import ConnectorError, InstanceInUseError
from connectors.sdk.rejects import NAMES, StoredReject, read
from models.timestamps import milliseconds
from streams.cli.base import Group, config_file, confirm
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
from streams.locale.i18n import say
from streams.locale.reason_texts import describe, explain
from streams.runtime.errors import OperatorError
from streams.runtime.instance_lock import find_connectors, pass_running_settings, stopped_demo_hint
from streams.settings.schema import Settings

if TYPE_CHECKING:
    from connectors.sdk.instance import Instance

MAX_DETAILS: Final = 20
"""How many details are counted each by itself."""


class Filter(NamedTuple):
    """Which records are meant: those that fit all that is given."""

    connector: str | None = None
    """The instance's name."""
    reason: str | None = None
    since: int | None = None
    """Milliseconds since 1970."""
    places: frozenset[str] = frozenset()

    def fits(self, name: str, kept: StoredReject) -> bool:
        """Return whether a record that is kept for the instance `name` is meant."""
        return (
            self.connector in {None, name}
            and self.reason in {None, kept.reject.reason.value}
            and (self.since is None or milliseconds(kept.read_at) >= self.since)
            and (not self.places or _place(name, kept) in self.places)
        )


filters = filtered_by(
    click.option("--connector", help=say("Whose: the name in accueil.toml.", "De qui : le nom dans accueil.toml."))
)


class Listed(NamedTuple):
    """A record, with its latest rejection."""

    name: str
    """The instance's name."""
    kept: StoredReject
    times: int
    """Number of its rejections: one for each time that its source was read."""


@click.group(cls=Group, help=say("What connectors could not map.", "Ce que les connecteurs n'ont pu lire."))
def group() -> None:
    """Hold the commands below."""


@group.command(
    "list", help=say("Show the latest, and how many of each reason.", "Montre les derniers, et le compte par raison.")
)
@filters
@limit_option
@json_option
@pass_running_settings
def list_(
    settings: Settings, reason: str | None, connector: str | None, since: int | None, limit: int, *, json: bool
) -> None:
    """Print one line per record, without its content, and how many there are of each kind."""
    found = _distinct((name, kept) for name, _, kept in _found(settings, Filter(connector, reason, since)))
    latest = found[-limit:] if limit else []
    if json:
        for one in latest:
            click.echo(dumps(_facts(one)))
        return
    if found:
        zone = settings.web.zone
        at, why, detail = say("when", "quand"), say("reason", "raison"), say("detail", "détail")
        print_table(("place", at, why, detail), [_row(one, zone) for one in latest])
        click.echo()
        print_table(
            (say("connector", "connecteur"), why, say("count", "nombre"), say("last", "dernier"), detail),
            _totals(found, zone),
        )
    where = f"{_directory(settings)}{'' if found else stopped_demo_hint(settings.data)}"
    click.echo(say(f"{len(found)} rejected records in {where}", f"{len(found)} enregistrements rejetés dans {where}"))


@group.command(help=say("Show one: when it was read, and why it is here.", "En montre un : sa lecture, sa raison."))
@click.argument("place", metavar="PLACE")
@value_option
@json_option
@pass_running_settings
def show(settings: Settings, place: str, *, value: bool, json: bool) -> None:
    """Print all that is known of one record, or of each, should several be at that place."""
    found = [*_found(settings, Filter(places=frozenset({place})))]
    if not found:
        raise OperatorError(_none_at([place]), EXIT_NOT_FOUND)
    for number, one in enumerate(_distinct((name, kept) for name, _, kept in found)):
        if json:
            content = {"value": one.kept.reject.record.decode(errors="backslashreplace")} if value else {}
            click.echo(dumps(_facts(one) | content))
        else:
            if number:
                click.echo()
            _print(one, settings.web.zone, value=value)
    directories = dict.fromkeys(directory for _, directory, _ in found)
    files = ", ".join(str(home / file) for home in directories for file in NAMES if (home / file).exists())
    click.echo(
        say(
            f"The value may hold personal data: it is kept in {files} (0600) and nowhere else. Do not pass it on.",
            f"La valeur peut contenir des données personnelles : elle n'est que dans {files} (0600). Ne pas la transmettre.",
        ),
        err=True,
    )


@group.command(
    help=say(
        "Map them again, once the configuration is mended; the connector must be stopped, but for --dry-run.",
        "Les relit, une fois la configuration corrigée ; le connecteur doit être arrêté, sauf avec --dry-run.",
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
    """Map the chosen records again; what still cannot be used stays. An event that comes twice counts once."""
    if not any((everything, places, reason, connector, since)):
        raise click.UsageError(say("choose which, or --all", "dire lesquels, ou --all"))
    wanted = Filter(connector, reason, since, frozenset(places))
    found = [(name, kept) for name, _, kept in _found(settings, wanted)]
    if missing := sorted(set(places) - {_place(name, kept) for name, kept in found}):
        raise OperatorError(_none_at(missing), EXIT_NOT_FOUND)
    names = Counter(one.name for one in _distinct(found))
    for name, count in names.items():
        click.echo(f"{count} → {name}")
    if not found:
        click.echo(say("no such record", "aucun enregistrement de ce genre"))
        return
    from streams.runtime.process_specs import configure_connectors  # noqa: PLC0415 - brings kafka-python, which list does without

    settings, config = find_connectors(settings, config_file(context))
    instances = configure_connectors(settings, [*names], config)
    if not dry_run:
        for instance in instances:
            with _operator_errors(instance.name), instance.locked(_directory(settings)):
                pass  # before anything is asked: one that runs has to be stopped first
        if not yes and not confirm(say("map them again?", "les relire ?")):
            raise click.Abort
    for instance in instances:
        _replay(settings, instance, wanted, dry_run=dry_run)


def _distinct(found: Iterable[tuple[str, StoredReject]]) -> list[Listed]:
    """Return each record once, those that were rejected last at the end."""
    listed: dict[tuple[str, str], Listed] = {}
    for name, kept in sorted(found, key=lambda one: one[1].read_at):
        known = listed.pop((name, kept.content), None)
        listed[name, kept.content] = Listed(name, kept, known.times + 1 if known else 1)
    return [*listed.values()]


def _print(listed: Listed, zone: tzinfo, *, value: bool) -> None:
    name, kept, times = listed
    record = kept.reject.record
    for title, text in {
        say("reason", "raison"): f"{kept.reject.reason.value}, {describe(kept.reject.reason)}",
        say("detail", "détail"): explain(kept.reject.detail),
        say("connector", "connecteur"): name,
        say("read at", "lu le"): format_time(milliseconds(kept.read_at), zone),
        say("times", "fois"): str(times) if times > 1 else "",
        say("value", "valeur"): f"{len(record)} {say('bytes', 'octets')}",
    }.items():
        if text:
            click.echo(f"{title:<14} {text}")
    if value:
        click.echo(f"\n{printable(record)}")


def _replay(settings: Settings, instance: "Instance", wanted: Filter, *, dry_run: bool) -> None:
    from connectors.sdk.replay import replay as map_rejected  # noqa: PLC0415

    name = instance.name
    with _operator_errors(name):
        result = map_rejected(instance, _directory(settings), lambda kept: wanted.fits(name, kept), dry_run=dry_run)
    click.echo(
        say(
            f"{name}: {result.used} usable now, events: {result.events}",
            f"{name} : {result.used} utilisables désormais, événements : {result.events}",
        )
        + ("" if dry_run or not result.events else say(" (sent when it starts)", " (envoyés à son démarrage)"))
    )
    for reason, count in result.unusable.most_common():
        click.echo(say(f"{name}: {count} stay: {reason}", f"{name} : {count} restent : {reason}"))


@contextmanager
def _operator_errors(name: str) -> Iterator[None]:
    try:
        yield
    except InstanceInUseError as error:
        raise OperatorError(say(f"{name}: {error}: stop it first", f"{name} : {error} : l'arrêter d'abord")) from None
    except ConnectorError as error:
        raise OperatorError(say(f"{name}: {error}", f"{name} : {error}")) from None


def _found(settings: Settings, wanted: Filter) -> Iterator[tuple[str, Path, StoredReject]]:
    """Yield the wanted records, each with the name of its instance and the directory that it is kept in.

    Raises `OperatorError` if any of it cannot be read: it belongs to the user that runs the connectors.
    """
    try:
        for kind in _folders(_directory(settings)):
            for directory in _folders(kind):
                for kept in read(directory):
                    if wanted.fits(directory.name, kept):
                        yield directory.name, directory, kept
    except OSError as error:
        raise OperatorError(
            say(
                f"{error.filename} cannot be read ({os_error_cause(error)}): run this as the user that runs the connectors",
                f"{error.filename} est illisible ({os_error_cause(error)}) : à lancer en tant qu'utilisateur des connecteurs",
            )
        ) from None


def _folders(directory: Path) -> list[Path]:
    """Return the folders in `directory`, which need not be there; raises OSError, which glob would keep to itself."""
    try:
        return sorted(path for path in directory.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def _directory(settings: Settings) -> Path:
    return settings.data / "connectors"


def _place(name: str, kept: StoredReject) -> str:
    return f"{name}:{kept.place}"


def _none_at(places: list[str]) -> str:
    return say("no rejected record at ", "pas d'enregistrement rejeté à ") + ", ".join(places)


def _row(listed: Listed, zone: tzinfo) -> tuple[str, ...]:
    name, kept, times = listed
    often = say(f" (rejected {times} times)", f" (rejeté {times} fois)") if times > 1 else ""
    at = format_time(milliseconds(kept.read_at), zone)
    return _place(name, kept), at, kept.reject.reason.value, f"{_detail(kept)}{often}"


def _totals(found: Sequence[Listed], zone: tzinfo) -> list[tuple[str, ...]]:
    """Return a row per connector, reason and detail, the most frequent first; what is not among those, by reason alone."""
    kinds = [(name, kept.reject.reason.value, _detail(kept)) for name, kept, _ in found]
    frequent = {kind for kind, _ in Counter(kinds).most_common(MAX_DETAILS)}
    counted = [kind if kind in frequent else (*kind[:2], "…") for kind in kinds]
    last = dict(zip(counted, (milliseconds(one.kept.read_at) for one in found), strict=True))
    return [
        (name, reason, str(count), format_time(last[name, reason, detail], zone), detail)
        for (name, reason, detail), count in Counter(counted).most_common()
    ]


def _detail(kept: StoredReject) -> str:
    return explain(kept.reject.detail) or describe(kept.reject.reason)


def _facts(listed: Listed) -> dict[str, Any]:
    """Return what is known of a record but its content, with the codes that machines know; times in ms since 1970."""
    name, kept, times = listed
    return {
        "place": _place(name, kept),
        "connector": name,
        "read_at": milliseconds(kept.read_at),
        "reason": kept.reject.reason.value,
        "detail": kept.reject.detail,
        "times": times,
    }
