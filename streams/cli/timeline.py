"""`accueil timeline`: write citizens' timelines into the database, and show one in the terminal."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import click

from models.identities import IdentityKind
from models.locale import C_, N_, _
from models.sla import SLA_SOURCE
from streams.access.audit_records import Purpose, Result
from streams.access.permissions import Operation
from streams.cli.base import Group, pass_running_settings, pass_settings, prompt, start_logging
from streams.cli.citizen_arguments import citizen_options, prompt_pseudonym
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
from streams.privacy.formatting import Formatter, format_entry
from streams.runtime.audited_actions import check_subject, record_command
from streams.runtime.sector_keys import choose_sector
from streams.runtime.timeline_database import database_errors, find_sector, opened_timeline, require_timelines
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings
from streams.timeline.links import LinkRecord

PURPOSE: Final = click.Choice([purpose.value for purpose in Purpose])
PAGE: Final = 50
"""Default of `--limit`, and the number of revoked links shown."""
MAX_LINKS: Final = 1000
"""Maximum number of links of the subject read to find revoked ones."""
SUMMARY_ENTRIES: Final = 500
"""Minimum number of latest entries read, to find open cases and deadlines."""
STATUS_TEXTS: Final = {
    TargetStatus.AT_RISK: C_("timeline", "at risk"),
    TargetStatus.OVERDUE: N_("overdue"),
    TargetStatus.PAUSED: C_("timeline", "paused: waiting for the citizen"),
}


LAZY: Final = {
    "rebuild": ("streams.cli.timeline_rebuild:command", _("Rebuild the database from Kafka.")),
    "erase": ("streams.cli.privacy:erase", _("Erase a citizen's data, with proof (GDPR, article 17).")),
    "erasure": ("streams.cli.privacy:erasure", _("Show the state or the proof of an erasure.")),
    "export": ("streams.cli.privacy:export", _("Export all data held about a citizen (GDPR, article 15).")),
}


@click.group(
    cls=Group,
    name="timeline",
    lazy=LAZY,
    invoke_without_command=True,
    help=_("Write citizens' timelines into the database until stopped; with a command, run that instead."),
)
@click.pass_context
def group(context: click.Context) -> None:
    """Write timelines until SIGTERM or SIGINT, or run a subcommand."""
    if context.invoked_subcommand is None:
        _run()


@pass_settings
def _run(settings: Settings) -> None:
    from streams.runtime import timeline_process  # noqa: PLC0415 - imports Faust

    start_logging(settings)
    with database_errors():
        sys.exit(timeline_process.run(settings))


def _prompt_purpose() -> str:
    """Print the purposes with their labels, and return the one that is typed."""
    width = max(map(len, Purpose))
    for purpose in Purpose:
        click.echo(f"  {purpose.value:{width}}  {vocabulary_label('purpose', purpose.value)}", err=True)
    chosen: str = prompt(_("purpose"), type=PURPOSE, show_choices=False)
    return chosen


@group.command(
    help=_(
        "Show a citizen's timeline, latest first. NAME is a contact id or a pseudonym; without it, "
        "the command prompts for a number, address or reference, which must not be on the command "
        "line."
    )
)
@citizen_options
@click.option(
    "--purpose", type=PURPOSE, help=_("Purpose of the access, recorded in the audit log; prompted for by default.")
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=PAGE, show_default=True, help=_("Maximum number of entries.")
)
@pass_running_settings
def show(settings: Settings, name: str | None, kind: str, sector: str | None, purpose: str | None, limit: int) -> None:
    """Find the entries, record the access, then print: nothing is shown before the access is recorded."""
    if name:
        check_subject(name)
    audited_sector = "" if name else choose_sector(settings, sector)
    require_timelines(settings)
    subject_id = name or prompt_pseudonym(settings, IdentityKind(kind), audited_sector)
    purpose = purpose or _prompt_purpose()
    operation = Operation.READ_TIMELINE if name else Operation.LOOK_UP
    try:
        with opened_timeline(settings) as timeline:
            audited_sector = audited_sector or find_sector(settings, timeline, subject_id)
            most = max(limit + 1, SUMMARY_ENTRIES)
            entries, cluster, revoked = timeline.read_contact(subject_id, most)[::-1], IdentityCluster({}, {}), []
            if not entries:
                cluster = timeline.resolve_identities(subject_id)
                entries = timeline.read(cluster.identities, most)
                links = timeline.read_links(subject_id, MAX_LINKS)
                revoked = [link for link in links if link.revoked_at and link.contacts]
            cases = summarise(entries, int(time.time() * 1000), timeline.read_sla_targets)
    except OperatorError:
        record_command(settings, operation, subject_id, Purpose(purpose), audited_sector, Result.FAILED)
        raise
    is_known = bool(entries or cluster.shared or revoked)
    result = Result.SHOWN if is_known else Result.NOT_FOUND
    record_command(settings, operation, subject_id, Purpose(purpose), audited_sector, result)
    if entries:
        formatter = make_formatter(settings)
        _print_open_cases(cases, formatter)
        _print_entries(sort_entries(entries[:limit])[::-1], formatter)
    if len(entries) > limit:
        click.echo(_("earlier entries not shown (--limit)"), err=True)
    _explain_links(subject_id, cluster)
    _explain_revoked(revoked, settings.web.zone)
    if not entries:
        raise OperatorError(
            _("nothing to show") if cluster.shared or revoked else _("no data about this citizen"), EXIT_NOT_FOUND
        )


def _print_open_cases(contacts: Sequence[Summary], formatter: Formatter) -> None:
    cases = [contact for contact in contacts if contact.is_open]
    if not cases:
        click.echo(_("no open case"), err=True)
        return
    titles = (_("open case"), "service", _("state"), _("since"), _("due"), _("SLA results"))
    rows = [
        (
            case.contact,
            formatter.location_with_codes(case.site, case.service),
            vocabulary_label("state", case.state),
            _format_since(case, formatter.zone),
            ", ".join(_format_target(target, formatter.zone) for target in case.due) or _("no deadline"),
            ", ".join(_format_verdict(verdict, formatter.zone) for verdict in case.verdicts) or _("none"),
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
    return _("{since} (received {received})", since=since, received=received)


def _format_verdict(verdict: Verdict, zone: tzinfo) -> str:
    label = vocabulary_label("type", f"sla.{verdict.state}").lower()
    if verdict.state == ClockChangeKind.BREACHED:  # `at` is the deadline then
        at = format_deadline(verdict.at, zone)
        label += _(", due {at}", at=at)
    return f"{vocabulary_label('clock', verdict.clock)} ({label})"


def _format_target(target: OpenTarget, zone: tzinfo) -> str:
    deadline = "" if target.due_at is None else f" {format_deadline(target.due_at, zone)}"
    status = "" if target.state is TargetStatus.RUNNING else f" ({_(STATUS_TEXTS[target.state])})"
    return f"{vocabulary_label('clock', target.clock)}{deadline}{status}"


def _print_entries(entries: Sequence[Mapping[str, Any]], formatter: Formatter) -> None:
    print_table(
        (_("when"), _("event"), _("service"), _("state"), _("outcome"), _("contact")), list(_rows(entries, formatter))
    )


def _explain_links(subject_id: str, cluster: IdentityCluster) -> None:
    for identity, link in cluster.identities.items():
        if link is not None:
            click.echo(_("{identity}: linked to {one}", identity=identity, one=link.one), err=True)
    if not cluster.is_own:
        number, others = len(cluster.shared), ", ".join(cluster.shared)
        more = "" if cluster.is_whole else " …"
        click.echo(
            _(
                "{subject_id}: shared by {number} citizens: {others}{more}",
                subject_id=subject_id,
                number=number,
                others=others,
                more=more,
            ),
            err=True,
        )
        return
    for identity in cluster.shared:
        click.echo(_("{identity}: shared with other citizens, not shown", identity=identity), err=True)
    if not cluster.is_whole:
        click.echo(_("more linked identities exist than are shown"), err=True)


def _explain_revoked(links: Sequence[LinkRecord], zone: tzinfo) -> None:
    """Print on standard error the revoked links, whose contacts are not shown, and the command that restores them."""
    for record in links[:PAGE]:
        one, other = record.link
        at, ground = format_time(record.revoked_at or 0, zone), vocabulary_label("ground", record.reason or "")
        click.echo(
            _(
                "{one}, {other}: linked by {contacts} contacts, but revoked {at} ({ground}); to undo: "
                "accueil links restore {one} {other}",
                one=one,
                other=other,
                contacts=record.contacts,
                at=at,
                ground=ground,
            ),
            err=True,
        )
    if (more := len(links) - PAGE) > 0:
        click.echo(_("and {more} more links: accueil links list", more=more), err=True)


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
