"""`accueil links`: list, revoke and restore links between identities."""

import time
from collections.abc import Callable
from typing import Any, Final, Literal

import click

from models.identities import IdentityKind
from models.locale import _
from models.revocation_reasons import RevocationReason
from streams.access.audit_records import Purpose, Result
from streams.access.permissions import Operation
from streams.cli.base import Group, pass_running_settings
from streams.cli.citizen_arguments import citizen_options, prompt_pseudonym
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, print_table, vocabulary_label
from streams.core.citizens.identity_resolution import Link
from streams.runtime.audited_actions import audited_action, check_subject, conceal_typed, record_command
from streams.runtime.sector_keys import choose_sector
from streams.runtime.timeline_database import find_sector, opened_timeline, require_timelines
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings
from streams.timeline.erasures import find_sectors
from streams.timeline.store import Timeline

MAX_LINKS: Final = 10_000
"""Largest `--limit`, and highest number of links that are counted exactly."""


@click.group(cls=Group, name="links", help=_("Manage the links between a citizen's identities."))
def group() -> None:
    """Manage links."""


def _pair(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("one", metavar="IDENTITY")(click.argument("other", metavar="IDENTITY")(command))


@group.command(
    name="list",
    help=_("List the links of a pseudonym, or of a citizen. Without NAME, you are asked for the citizen's identity."),
)
@citizen_options
@click.option(
    "--limit", type=click.IntRange(1, MAX_LINKS), default=50, show_default=True, help=_("Maximum number of lines.")
)
@pass_running_settings
def list_(settings: Settings, name: str | None, kind: str, sector: str | None, limit: int) -> None:
    if name:
        check_subject(name)
    own_sector = "" if name else choose_sector(settings, sector)
    require_timelines(settings)
    identity = name or prompt_pseudonym(settings, IdentityKind(kind), own_sector)
    with opened_timeline(settings) as timeline:
        known = timeline.read_links(identity, MAX_LINKS + 1)
        more = len(known) - limit
        own_sector = own_sector or find_sector(settings, timeline, identity)
    result = Result.SHOWN if known else Result.NOT_FOUND
    record_command(settings, Operation.READ_TIMELINE, identity, Purpose.RIGHTS, own_sector, result)
    if not known:
        raise OperatorError(_("{identity} has no links", identity=identity), EXIT_NOT_FOUND)
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
    titles = (_("identity"), _("linked to"), _("contacts"), _("since"), _("revoked"), _("reason"))
    print_table(titles, rows)
    if more > 0:
        click.echo(
            _("at least {more} more, with fewer contacts, or revoked and without contacts (--limit)", more=more)
            if len(known) > MAX_LINKS
            else _("{more} more, with fewer contacts, or revoked and without contacts (--limit)", more=more),
            err=True,
        )


@group.command(help=_("Revoke a link: the two timelines stay separate, even if new contacts carry both identities."))
@_pair
@click.option(
    "--reason",
    type=click.Choice([ground.value for ground in RevocationReason]),
    required=True,
    help=_("Used by several people, recorded by mistake, reassigned to another person, or requested by the citizen."),
)
@pass_running_settings
def revoke(settings: Settings, one: str, other: str, reason: str) -> None:
    ground = RevocationReason(reason)

    def change(timeline: Timeline, link: Link) -> bool:
        return timeline.revoke(link, int(time.time() * 1000), ground)

    if not _change(settings, Operation.REVOKE_LINK, Link(one, other), change, ground):
        raise OperatorError(_("no such link"), EXIT_NOT_FOUND)
    click.echo(_("revoked"))


@group.command(help=_("Restore a revoked link."))
@_pair
@pass_running_settings
def restore(settings: Settings, one: str, other: str) -> None:
    if not _change(settings, Operation.RESTORE_LINK, Link(one, other), Timeline.restore):
        raise OperatorError(_("this link was not revoked"), EXIT_NOT_FOUND)
    click.echo(_("restored"))


def _change(
    settings: Settings,
    operation: Operation,
    link: Link,
    change: Callable[[Timeline, Link], bool],
    ground: RevocationReason | Literal[""] = "",
) -> bool:
    """Change a link, and audit that for both identities. Return False if there was nothing to change."""
    for identity in link:
        check_subject(identity)
    require_timelines(settings)
    with opened_timeline(settings) as timeline:
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
