"""`accueil links`: list, revoke and restore links between identities."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from models.revocation_reasons import RevocationReason
from streams.access.audit import Purpose, Result
from streams.access.permissions import Operation
from streams.cli.audited_commands import audited_action, check_subject, conceal_typed, record_command
from streams.cli.base import Group
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, print_table, vocabulary_label
from streams.core.citizens.identity_resolution import Link
from streams.locale.i18n import say
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import pass_running_settings
from streams.settings.schema import Settings

if TYPE_CHECKING:
    from streams.timeline.store import Timeline


MAX_LINKS: Final = 10_000
"""Largest `--limit`."""


@click.group(
    cls=Group,
    name="links",
    help=say("Manage the links between a citizen's identities.", "Gérer les liens entre les identités d'un usager."),
)
def group() -> None:
    """Manage links."""


def _pair(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("one", metavar="IDENTITY")(click.argument("other", metavar="IDENTITY")(command))


@group.command(name="list", help=say("List the links of a pseudonym.", "Lister les liens d'un pseudonyme."))
@click.argument("identity")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LINKS),
    default=50,
    show_default=True,
    help=say("Maximum number of lines.", "Nombre maximal de lignes."),
)
@pass_running_settings
def list_(settings: Settings, identity: str, limit: int) -> None:
    """Print the links of a pseudonym, with their state."""
    from streams.runtime.timeline_database import find_sector  # noqa: PLC0415

    check_subject(identity)
    with _opened(settings) as timeline:
        known = timeline.read_links(identity, MAX_LINKS)
        more = len(known) - limit
        sector = find_sector(settings, timeline, identity)
    result = Result.SHOWN if known else Result.NOT_FOUND
    record_command(settings, Operation.READ_TIMELINE, identity, Purpose.RIGHTS, sector, result)
    if not known:
        raise OperatorError(say(f"{identity} has no links", f"aucun lien de {identity}"), EXIT_NOT_FOUND)
    rows = [
        (
            record.link.one,
            record.link.other,
            str(record.contacts),
            format_time(record.linked_at, settings.web.zone),
            format_time(record.revoked_at, settings.web.zone) if record.revoked_at else "",
            vocabulary_label("ground", record.reason) if record.reason else "",
        )
        for record in known[:limit]
    ]
    titles = (
        say("identity", "identité"),
        say("linked to", "liée à"),
        say("contacts", "contacts"),
        say("since", "depuis"),
        say("revoked", "révoqué"),
        say("reason", "motif"),
    )
    print_table(titles, rows)
    if more > 0:
        click.echo(
            say(
                f"{more} more, with fewer contacts, or revoked and without contacts (--limit)",
                f"{more} de plus, avec moins de contacts, ou révoqués et sans contacts (--limit)",
            ),
            err=True,
        )


@group.command(
    help=say(
        "Revoke a link: the two timelines stay separate, even if new contacts carry both identities.",
        "Révoquer un lien : les deux fils restent séparés, même si de nouveaux contacts portent les deux identités.",
    )
)
@_pair
@click.option(
    "--reason",
    type=click.Choice([ground.value for ground in RevocationReason]),
    required=True,
    help=say(
        "Used by several people, recorded by mistake, reassigned to another person, or requested by the citizen.",
        "Utilisé par plusieurs, enregistré par erreur, passé à une autre personne, ou demandé par l'usager.",
    ),
)
@pass_running_settings
def revoke(settings: Settings, one: str, other: str, reason: str) -> None:
    """Revoke a link."""

    def change(timeline: "Timeline", link: Link) -> bool:
        return timeline.revoke(link, int(time.time() * 1000), ground)

    ground = RevocationReason(reason)
    done = _change(settings, Operation.REVOKE_LINK, Link(one, other), change, ground)
    _print_outcome(done, say("revoked", "révoqué"), say("no such link", "ce lien n'existe pas"))


@group.command(help=say("Restore a revoked link.", "Rétablir un lien révoqué."))
@_pair
@pass_running_settings
def restore(settings: Settings, one: str, other: str) -> None:
    """Restore a link."""
    done = _change(settings, Operation.RESTORE_LINK, Link(one, other), lambda timeline, link: timeline.restore(link))
    _print_outcome(done, say("restored", "rétabli"), say("this link was not revoked", "ce lien n'était pas révoqué"))


def _change(
    settings: Settings,
    operation: Operation,
    link: Link,
    change: "Callable[[Timeline, Link], bool]",
    ground: RevocationReason | Literal[""] = "",
) -> bool:
    """Change a link, and record the action and its outcome for both identities, whose order does not matter.

    Return False if there was nothing to change.
    """
    from streams.runtime.timeline_database import find_sector  # noqa: PLC0415
    from streams.timeline.erasures import find_sectors  # noqa: PLC0415

    for identity in link:
        check_subject(identity)
    with _opened(settings) as timeline:
        sector = find_sector(settings, timeline, link.one)
        with timeline.read_connection() as connection:
            names = [
                identity if find_sectors(connection, identity) else conceal_typed(settings, identity)
                for identity in link
            ]
        revokes = operation is Operation.REVOKE_LINK
        with audited_action(
            settings,
            operation,
            *names,
            purpose=Purpose.RIGHTS,
            sector=sector,
            ground=ground,
            is_done=lambda: timeline.is_revoked(link) is revokes,
        ) as outcome:
            done = change(timeline, link)
            if not done:
                outcome.result = Result.NOT_FOUND
    return done


def _print_outcome(done: bool, success: str, failure: str) -> None:  # noqa: FBT001 - both texts follow
    if not done:
        raise OperatorError(failure, EXIT_NOT_FOUND)
    click.echo(success)


@contextmanager
def _opened(settings: Settings) -> "Iterator[Timeline]":
    """Open the timelines' database; close it afterwards."""
    from streams.runtime.timeline_database import open_timeline, require_timelines  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    with operator_errors():
        require_timelines(settings)
        try:
            timeline = open_timeline(settings)
            try:
                yield timeline
            finally:
                timeline.close()
        except Unavailable as error:
            raise OperatorError(
                say(f"the timelines' database cannot be used: {error}", f"la base des fils est inutilisable : {error}"),
                EXIT_RESTART,
            ) from None
