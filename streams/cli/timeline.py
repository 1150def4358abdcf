"""`accueil timeline`: write citizens' timelines, and show one in the terminal."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final

import click

from models.identities import IdentityKind
from models.sla import SLA_SOURCE
from streams.access.audit import Purpose, Result
from streams.access.permissions import Operation
from streams.cli.audited_commands import check_subject, record_command
from streams.cli.base import Group, pass_settings, prompt, start_logging
from streams.cli.citizen_arguments import citizen_options, database_unavailable_text, prompt_pseudonym
from streams.cli.output_tables import (
    EXIT_NOT_FOUND,
    format_deadline,
    format_time,
    make_formatter,
    print_table,
    vocabulary_label,
)
from streams.core.citizens.identity_resolution import IdentityCluster
from streams.core.sla.clock_changes import ClockChangeKind
from streams.core.sla.open_targets import TargetStatus
from streams.core.timeline.case_summary import OpenTarget, Summary, Verdict, sort_entries, summarise
from streams.locale.i18n import say
from streams.privacy.formatting import Formatter, format_entry
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import pass_running_settings
from streams.runtime.sector_keys import choose_sector
from streams.settings.schema import Settings

if TYPE_CHECKING:
    from streams.timeline.links import LinkRecord

REASON: Final = click.Choice([purpose.value for purpose in Purpose])
PAGE: Final = 50
MAX_LINKS: Final = 1000
"""So many links of what is asked for are looked at, whether they were revoked."""
LOOKED_AT: Final = 500
"""So many of the latest entries tell which matters are open, and what is due."""
STANDINGS: Final = {
    TargetStatus.AT_RISK: ("at risk", "bientôt"),
    TargetStatus.OVERDUE: ("overdue", "en retard"),
    TargetStatus.PAUSED: ("paused: it is for the citizen to act", "suspendu : à l'usager d'agir"),
}


LAZY: Final = {
    "rebuild": (
        "streams.cli.timeline_rebuild:command",
        say("Read the topic again into a new database.", "Relire le topic dans une base neuve."),
    ),
    "erase": (
        "streams.cli.privacy:erase",
        say(
            "Erase a citizen, and prove it (GDPR, article 17).", "Effacer un usager, preuve à l'appui (RGPD, art. 17)."
        ),
    ),
    "erasure": (
        "streams.cli.privacy:erasure",
        say("How far an erasure is, or its proof.", "Où en est un effacement, ou sa preuve."),
    ),
    "export": (
        "streams.cli.privacy:export",
        say(
            "All that is held about a citizen (GDPR, article 15).",
            "Tout ce qui est conservé sur un usager (RGPD, art. 15).",
        ),
    ),
}


@click.group(
    cls=Group,
    name="timeline",
    lazy=LAZY,
    invoke_without_command=True,
    help=say("Write citizens' timelines into the database.", "Écrit les fils des usagers dans la base."),
)
@click.pass_context
def group(context: click.Context) -> None:
    """Write them until a signal comes, unless a command is given."""
    if context.invoked_subcommand is None:
        context.invoke(run)


@click.command
@pass_settings
def run(settings: Settings) -> None:
    """Read `citizen.timeline.v1`, and write."""
    from streams.runtime import timeline_process  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        try:
            sys.exit(timeline_process.run(settings))
        except Unavailable as error:
            raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None


@group.command(
    help=say(
        "Show a citizen's timeline, latest first. NAME is a contact id or a pseudonym; without it, the number, address or "
        "reference is asked for, so that it stands in no command line.",
        "Montrer le fil d'un usager, le plus récent d'abord. NAME est un contact ou un pseudonyme ; sans lui, le numéro, "
        "l'adresse ou la référence est demandé, pour n'apparaître dans aucune ligne de commande.",
    )
)
@citizen_options
@click.option(
    "--why",
    type=REASON,
    help=say(
        "Asked for if not given; recorded with who asks, and for whom.",
        "Demandé à défaut ; enregistré avec qui demande, et pour qui.",
    ),
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=PAGE, show_default=True)
@pass_running_settings
def show(settings: Settings, name: str | None, kind: str, sector: str | None, why: str | None, limit: int) -> None:
    """Find the entries, record who asked for whom and what came of it, then print: nothing is shown before it is recorded."""
    from streams.runtime.timeline_database import find_sector, open_timeline, require_timelines  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    with operator_errors():
        check_subject(name or "")
        where = "" if name else choose_sector(settings, sector)
        require_timelines(settings)
        asked = name or prompt_pseudonym(settings, IdentityKind(kind), where)
        purpose = why or prompt(say("why", "pourquoi"), type=REASON)
        operation = Operation.READ_TIMELINE if name else Operation.LOOK_UP
        try:
            timeline = open_timeline(settings)
            try:
                where = where or find_sector(settings, timeline, asked)
                most = max(limit + 1, LOOKED_AT)
                entries, story, links = timeline.read_contact(asked, most)[::-1], IdentityCluster({}, {}), []
                if not entries:
                    story = timeline.resolve_identities(asked)
                    entries = timeline.read(story.identities, most)
                    links = [one for one in timeline.read_links(asked, MAX_LINKS) if one.revoked_at and one.contacts]
                matters = summarise(entries, int(time.time() * 1000), timeline.read_sla_targets)
            finally:
                timeline.close()
        except Unavailable as error:
            record_command(settings, operation, asked, Purpose(purpose), where, Result.FAILED)
            raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None
        is_known = bool(entries or story.shared or links)
        record_command(
            settings, operation, asked, Purpose(purpose), where, Result.SHOWN if is_known else Result.NOT_FOUND
        )
    if entries:
        words = make_formatter(settings)
        _print_matters(matters, words)
        _print(sort_entries(entries[:limit])[::-1], words)
    if len(entries) > limit:
        click.echo(say("there are more before these: --limit", "il y en a d'autres avant : --limit"), err=True)
    _explain(asked, story)
    _explain_revoked(links, settings.web.zone)
    if not entries:
        raise OperatorError(
            say("nothing to show", "rien à montrer")
            if story.shared or links
            else say("nothing is known of them", "rien n'est connu"),
            EXIT_NOT_FOUND,
        )


def _print_matters(contacts: Sequence[Summary], words: Formatter) -> None:
    """Print the open matters, what is due until when, and what became of what else was promised."""
    matters = [contact for contact in contacts if contact.is_open]
    if not matters:
        click.echo(say("no open matter", "aucune affaire en cours"), err=True)
        return
    titles = (
        say("open matter", "affaire en cours"),
        "service",
        say("state", "état"),
        say("since", "depuis"),
        say("due", "échéances"),
        say("promises", "délais"),
    )
    rows = [
        (
            matter.contact,
            words.location_with_codes(matter.site, matter.service),
            vocabulary_label("state", matter.state),
            _tell_since(matter, words.zone),
            ", ".join(_tell_due(due, words.zone) for due in matter.due) or say("none told", "non dit"),
            ", ".join(_tell_promise(promise, words.zone) for promise in matter.promises) or say("none told", "non dit"),
        )
        for matter in matters
    ]
    print_table(titles, rows)
    click.echo()


def _tell_since(matter: Summary, zone: tzinfo) -> str:
    since = format_time(matter.since, zone)
    if matter.admitted_at is None:
        return since
    received = format_time(matter.admitted_at, zone)
    return say(f"{since} (received {received})", f"{since} (reçu {received})")


def _tell_promise(promise: Verdict, zone: tzinfo) -> str:
    told = vocabulary_label("type", f"sla.{promise.state}").lower()
    if promise.state == ClockChangeKind.BREACHED:  # it was so at the deadline
        at = format_deadline(promise.at, zone)
        told += say(f", due {at}", f", échéance {at}")
    return f"{vocabulary_label('clock', promise.clock)} ({told})"


def _tell_due(due: OpenTarget, zone: tzinfo) -> str:
    deadline = "" if due.due_at is None else f" {format_deadline(due.due_at, zone)}"
    status = "" if due.state is TargetStatus.RUNNING else f" ({say(*STANDINGS[due.state])})"
    return f"{vocabulary_label('clock', due.clock)}{deadline}{status}"


def _print(entries: Sequence[Mapping[str, Any]], words: Formatter) -> None:
    print_table(
        (
            say("when", "quand"),
            say("what", "quoi"),
            say("service", "service"),
            say("state", "état"),
            say("outcome", "issue"),
            say("contact", "contact"),
        ),
        list(_lines(entries, words)),
    )


def _explain(asked: str, story: IdentityCluster) -> None:
    """Say on the standard error what belongs together, what does not, and what was left out."""
    for identity, link in story.identities.items():
        if link is not None:
            click.echo(say(f"{identity}: linked to {link.one}", f"{identity} : lié à {link.one}"), err=True)
    if not story.is_own:
        number, others = len(story.shared), ", ".join(story.shared)
        more = "" if story.is_whole else " …"
        click.echo(
            say(f"{asked}: belongs to {number}: {others}{more}", f"{asked} : appartient à {number} : {others}{more}"),
            err=True,
        )
        return
    for identity in story.shared:
        click.echo(
            say(f"{identity}: others' too, not shown", f"{identity} : aussi à d'autres, non montré"),
            err=True,
        )
    if not story.is_whole:
        click.echo(say("more than is shown belongs here", "il y a davantage que ce qui est montré"), err=True)


def _explain_revoked(links: Sequence["LinkRecord"], zone: tzinfo) -> None:
    """Say on the standard error of which links no contact is shown, since they were revoked, and how that is undone."""
    for known in links[:PAGE]:
        one, other = known.link
        at, ground = format_time(known.revoked_at or 0, zone), vocabulary_label("ground", known.reason or "")
        click.echo(
            say(
                f"{one}, {other}: told together by {known.contacts} contacts, but revoked {at} ({ground}); "
                f"accueil links restore {one} {other}",
                f"{one}, {other} : donnés ensemble par {known.contacts} contacts, mais lien révoqué le {at} ({ground}) ; "
                f"accueil links restore {one} {other}",
            ),
            err=True,
        )
    if (more := len(links) - PAGE) > 0:
        click.echo(
            say(f"and {more} more links: accueil links list", f"et {more} autres liens : accueil links list"), err=True
        )


def _lines(entries: Sequence[Mapping[str, Any]], words: Formatter) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        yield (
            format_time(entry["happened_at"], words.zone),
            format_entry(entry["type"], entry["detail"], words),
            words.location_with_codes(entry["site"], entry["service"]),
            *(
                ("", "")
                if entry["source"] == SLA_SOURCE
                else (vocabulary_label("state", entry["state"]), vocabulary_label("outcome", entry["outcome"]))
            ),  # a promise is judged later
            entry["contact"],
        )
