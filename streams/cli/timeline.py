"""`accueil timeline`: write citizens' timelines into the database, and show one in the terminal."""

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

PURPOSE: Final = click.Choice([purpose.value for purpose in Purpose])
PAGE: Final = 50
"""Default of `--limit`, and the number of revoked links shown."""
MAX_LINKS: Final = 1000
"""Maximum number of links read to find revoked ones."""
SUMMARY_ENTRIES: Final = 500
"""Minimum number of latest entries read, to find open cases and deadlines."""
STATUS_TEXTS: Final = {
    TargetStatus.AT_RISK: ("at risk", "bientôt"),
    TargetStatus.OVERDUE: ("overdue", "en retard"),
    TargetStatus.PAUSED: ("paused: waiting for the citizen", "suspendu : à l'usager d'agir"),
}


LAZY: Final = {
    "rebuild": (
        "streams.cli.timeline_rebuild:command",
        say("Rebuild the database from Kafka.", "Reconstruire la base à partir de Kafka."),
    ),
    "erase": (
        "streams.cli.privacy:erase",
        say(
            "Erase a citizen's data, with proof (GDPR, article 17).",
            "Effacer un usager, preuve à l'appui (RGPD, art. 17).",
        ),
    ),
    "erasure": (
        "streams.cli.privacy:erasure",
        say("Show the state or the proof of an erasure.", "Afficher l'état ou la preuve d'un effacement."),
    ),
    "export": (
        "streams.cli.privacy:export",
        say(
            "Export all data held about a citizen (GDPR, article 15).",
            "Exporter tout ce qui est conservé sur un usager (RGPD, art. 15).",
        ),
    ),
}


@click.group(
    cls=Group,
    name="timeline",
    lazy=LAZY,
    invoke_without_command=True,
    help=say(
        "Write citizens' timelines into the database until stopped; with a command, run that instead.",
        "Écrire les fils des usagers dans la base jusqu'à l'arrêt ; avec une commande, exécuter celle-ci.",
    ),
)
@click.pass_context
def group(context: click.Context) -> None:
    """Write timelines until SIGTERM or SIGINT, or run a subcommand."""
    if context.invoked_subcommand is None:
        context.invoke(run)


@click.command
@pass_settings
def run(settings: Settings) -> None:
    """Read `citizen.timeline.v1` and write the database."""
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
        "Show a citizen's timeline, latest first. NAME is a contact id or a pseudonym; without it, the command prompts for a "
        "number, address or reference, which must not be on the command line.",
        "Afficher le fil d'un usager, le plus récent d'abord. NAME est un contact ou un pseudonyme ; sans lui, le numéro, "
        "l'adresse ou la référence est demandé, pour n'apparaître dans aucune ligne de commande.",
    )
)
@citizen_options
@click.option(
    "--purpose",
    type=PURPOSE,
    help=say(
        "Purpose of the access, recorded in the audit log; prompted for by default.",
        "Motif de l'accès, enregistré dans le journal d'audit ; demandé à défaut.",
    ),
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=PAGE,
    show_default=True,
    help=say("Maximum number of entries.", "Nombre maximal d'entrées."),
)
@pass_running_settings
def show(settings: Settings, name: str | None, kind: str, sector: str | None, purpose: str | None, limit: int) -> None:
    """Find the entries, record the access, then print: nothing is shown before the access is recorded."""
    from streams.runtime.timeline_database import find_sector, open_timeline, require_timelines  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    with operator_errors():
        check_subject(name or "")
        audited_sector = "" if name else choose_sector(settings, sector)
        require_timelines(settings)
        subject_id = name or prompt_pseudonym(settings, IdentityKind(kind), audited_sector)
        purpose = purpose or prompt(say("purpose", "motif"), type=PURPOSE)
        operation = Operation.READ_TIMELINE if name else Operation.LOOK_UP
        try:
            timeline = open_timeline(settings)
            try:
                audited_sector = audited_sector or find_sector(settings, timeline, subject_id)
                most = max(limit + 1, SUMMARY_ENTRIES)
                entries, cluster, revoked = timeline.read_contact(subject_id, most)[::-1], IdentityCluster({}, {}), []
                if not entries:
                    cluster = timeline.resolve_identities(subject_id)
                    entries = timeline.read(cluster.identities, most)
                    links = timeline.read_links(subject_id, MAX_LINKS)
                    revoked = [link for link in links if link.revoked_at and link.contacts]
                cases = summarise(entries, int(time.time() * 1000), timeline.read_sla_targets)
            finally:
                timeline.close()
        except Unavailable as error:
            record_command(settings, operation, subject_id, Purpose(purpose), audited_sector, Result.FAILED)
            raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None
        is_known = bool(entries or cluster.shared or revoked)
        result = Result.SHOWN if is_known else Result.NOT_FOUND
        record_command(settings, operation, subject_id, Purpose(purpose), audited_sector, result)
    if entries:
        formatter = make_formatter(settings)
        _print_open_cases(cases, formatter)
        _print_entries(sort_entries(entries[:limit])[::-1], formatter)
    if len(entries) > limit:
        click.echo(say("earlier entries not shown (--limit)", "entrées antérieures non affichées (--limit)"), err=True)
    _explain_links(subject_id, cluster)
    _explain_revoked(revoked, settings.web.zone)
    if not entries:
        raise OperatorError(
            say("nothing to show", "rien à montrer")
            if cluster.shared or revoked
            else say("no data about this citizen", "rien n'est connu de cet usager"),
            EXIT_NOT_FOUND,
        )


def _print_open_cases(contacts: Sequence[Summary], formatter: Formatter) -> None:
    """Print open cases, their open SLA targets, and the results of the other targets."""
    cases = [contact for contact in contacts if contact.is_open]
    if not cases:
        click.echo(say("no open case", "aucune affaire en cours"), err=True)
        return
    titles = (
        say("open case", "affaire en cours"),
        "service",
        say("state", "état"),
        say("since", "depuis"),
        say("due", "échéances"),
        say("SLA results", "délais"),
    )
    rows = [
        (
            case.contact,
            formatter.location_with_codes(case.site, case.service),
            vocabulary_label("state", case.state),
            _format_since(case, formatter.zone),
            ", ".join(_format_target(target, formatter.zone) for target in case.due) or say("none", "aucune"),
            ", ".join(_format_verdict(verdict, formatter.zone) for verdict in case.promises) or say("none", "aucun"),
        )
        for case in cases
    ]
    print_table(titles, rows)
    click.echo()


def _format_since(case: Summary, zone: tzinfo) -> str:
    since = format_time(case.since, zone)
    if case.admitted_at is None:
        return since
    received = format_time(case.admitted_at, zone)
    return say(f"{since} (received {received})", f"{since} (reçu {received})")


def _format_verdict(verdict: Verdict, zone: tzinfo) -> str:
    label = vocabulary_label("type", f"sla.{verdict.state}").lower()
    if verdict.state == ClockChangeKind.BREACHED:  # `at` is the deadline then
        at = format_deadline(verdict.at, zone)
        label += say(f", due {at}", f", échéance {at}")
    return f"{vocabulary_label('clock', verdict.clock)} ({label})"


def _format_target(target: OpenTarget, zone: tzinfo) -> str:
    deadline = "" if target.due_at is None else f" {format_deadline(target.due_at, zone)}"
    status = "" if target.state is TargetStatus.RUNNING else f" ({say(*STATUS_TEXTS[target.state])})"
    return f"{vocabulary_label('clock', target.clock)}{deadline}{status}"


def _print_entries(entries: Sequence[Mapping[str, Any]], formatter: Formatter) -> None:
    print_table(
        (
            say("when", "quand"),
            say("event", "événement"),
            say("service", "service"),
            say("state", "état"),
            say("outcome", "issue"),
            say("contact", "contact"),
        ),
        list(_rows(entries, formatter)),
    )


def _explain_links(subject_id: str, cluster: IdentityCluster) -> None:
    """Print on standard error linked, shared and omitted identities."""
    for identity, link in cluster.identities.items():
        if link is not None:
            click.echo(say(f"{identity}: linked to {link.one}", f"{identity} : lié à {link.one}"), err=True)
    if not cluster.is_own:
        number, others = len(cluster.shared), ", ".join(cluster.shared)
        more = "" if cluster.is_whole else " …"
        click.echo(
            say(
                f"{subject_id}: shared by {number} citizens: {others}{more}",
                f"{subject_id} : appartient à {number} usagers : {others}{more}",
            ),
            err=True,
        )
        return
    for identity in cluster.shared:
        click.echo(
            say(
                f"{identity}: shared with other citizens, not shown",
                f"{identity} : aussi à d'autres usagers, non affiché",
            ),
            err=True,
        )
    if not cluster.is_whole:
        click.echo(
            say(
                "more linked identities exist than are shown", "il y a davantage d'identités liées que celles affichées"
            ),
            err=True,
        )


def _explain_revoked(links: Sequence["LinkRecord"], zone: tzinfo) -> None:
    """Print on standard error the revoked links, whose contacts are not shown, and the command that restores them."""
    for record in links[:PAGE]:
        one, other = record.link
        at, ground = format_time(record.revoked_at or 0, zone), vocabulary_label("ground", record.reason or "")
        click.echo(
            say(
                f"{one}, {other}: linked by {record.contacts} contacts, but revoked {at} ({ground}); "
                f"to undo: accueil links restore {one} {other}",
                f"{one}, {other} : liés par {record.contacts} contacts, mais lien révoqué le {at} ({ground}) ; "
                f"pour annuler : accueil links restore {one} {other}",
            ),
            err=True,
        )
    if (more := len(links) - PAGE) > 0:
        click.echo(
            say(f"and {more} more links: accueil links list", f"et {more} autres liens : accueil links list"), err=True
        )


def _rows(entries: Sequence[Mapping[str, Any]], formatter: Formatter) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        yield (
            format_time(entry["happened_at"], formatter.zone),
            format_entry(entry["type"], entry["detail"], formatter),
            formatter.location_with_codes(entry["site"], entry["service"]),
            *(
                ("", "")
                if entry["source"] == SLA_SOURCE
                else (vocabulary_label("state", entry["state"]), vocabulary_label("outcome", entry["outcome"]))
            ),  # entries of SLA results come after the state of the contact
            entry["contact"],
        )
