"""`accueil links`: by what identities belong together, and which of these links do not hold."""

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


MOST: Final = 10_000


@click.group(
    cls=Group,
    name="links",
    help=say(
        "Links between identities: list, revoke, restore.", "Les liens entre identités : lister, révoquer, rétablir."
    ),
)
def group() -> None:
    """List, revoke, restore links."""


def _pair(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("one")(click.argument("other")(command))


@group.command(name="list", help=say("List the links of a pseudonym.", "Lister les liens d'un pseudonyme."))
@click.argument("identity")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=50,
    show_default=True,
    help=say("Lines at most.", "Lignes au plus."),
)
@pass_running_settings
def list_(settings: Settings, identity: str, limit: int) -> None:
    """Print the links, and why they hold or do not."""
    from streams.runtime.timeline_database import find_sector  # noqa: PLC0415

    check_subject(identity)
    with _opened(settings) as timeline:
        known = timeline.read_links(identity, limit)
        more = timeline.count_links(identity) - limit if len(known) == limit else 0
        sector = find_sector(settings, timeline, identity)
    result = Result.SHOWN if known else Result.NOT_FOUND
    record_command(settings, Operation.READ_TIMELINE, identity, Purpose.RIGHTS, sector, result)
    if not known:
        raise OperatorError(say(f"no link of {identity}", f"aucun lien de {identity}"), EXIT_NOT_FOUND)
    rows = [
        (
            one.link.one,
            one.link.other,
            str(one.contacts),
            format_time(one.linked_at, settings.web.zone),
            format_time(one.revoked_at, settings.web.zone) if one.revoked_at else "",
            vocabulary_label("ground", one.reason) if one.reason else "",
        )
        for one in known
    ]
    titles = (
        say("one", "l'une"),
        say("other", "l'autre"),
        say("contacts", "contacts"),
        say("since", "depuis"),
        say("revoked", "révoqué"),
        say("why", "pourquoi"),
    )
    print_table(titles, rows)
    if more > 0:
        click.echo(
            say(
                f"{more} more, which fewer contacts tell, or which were revoked and nobody tells: --limit",
                f"{more} de plus, que moins de contacts donnent, ou révoqués et que plus rien ne donne : --limit",
            ),
            err=True,
        )


@group.command(
    help=say(
        "Take two stories apart: the link holds no more, though it is told again.",
        "Séparer deux fils : le lien ne vaut plus, même s'il est redit.",
    )
)
@_pair
@click.option(
    "--reason",
    type=click.Choice([ground.value for ground in RevocationReason]),
    required=True,
    help=say(
        "Several people use it, it was told wrongly, it is somebody else's by now, or the citizen asked for it.",
        "Plusieurs s'en servent, c'était une erreur, un autre l'a désormais, ou l'usager l'a demandé.",
    ),
)
@pass_running_settings
def revoke(settings: Settings, one: str, other: str, reason: str) -> None:
    """Revoke a link."""

    def change(timeline: "Timeline", link: Link) -> bool:
        return timeline.revoke(link, int(time.time() * 1000), ground)

    ground = RevocationReason(reason)
    done = _change(settings, Operation.REVOKE_LINK, Link(one, other), change, ground)
    _tell(done, say("revoked", "révoqué"), say("no such link holds", "aucun lien pareil ne vaut"))


@group.command(help=say("Have a revoked link hold again.", "Rétablir un lien révoqué."))
@_pair
@pass_running_settings
def restore(settings: Settings, one: str, other: str) -> None:
    """Restore a link."""
    done = _change(settings, Operation.RESTORE_LINK, Link(one, other), lambda timeline, link: timeline.restore(link))
    _tell(done, say("restored", "rétabli"), say("no such link was revoked", "aucun lien pareil n'était révoqué"))


def _change(
    settings: Settings,
    operation: Operation,
    link: Link,
    change: "Callable[[Timeline, Link], bool]",
    ground: RevocationReason | Literal[""] = "",
) -> bool:
    """Change a link, whichever of the two stands first; what is begun, and what came of it, is recorded of both."""
    from streams.runtime.timeline_database import find_sector  # noqa: PLC0415
    from streams.timeline.erasures import find_sectors  # noqa: PLC0415

    for one in link:
        check_subject(one)
    with _opened(settings) as timeline:
        sector = find_sector(settings, timeline, link.one)
        with timeline.read_connection() as connection:
            names = [one if find_sectors(connection, one) else conceal_typed(settings, one) for one in link]
        revokes = operation is Operation.REVOKE_LINK
        with audited_action(
            settings,
            operation,
            *names,
            why=Purpose.RIGHTS,
            sector=sector,
            ground=ground,
            is_done=lambda: timeline.is_revoked(link) is revokes,
        ) as ending:
            done = change(timeline, link)
            if not done:
                ending.result = Result.NOT_FOUND
    return done


def _tell(done: bool, words: str, otherwise: str) -> None:  # noqa: FBT001 - both texts follow
    if not done:
        raise OperatorError(otherwise, EXIT_NOT_FOUND)
    click.echo(words)


@contextmanager
def _opened(settings: Settings) -> "Iterator[Timeline]":
    """Hand out the timelines."""
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
