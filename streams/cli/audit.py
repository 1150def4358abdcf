"""`accueil audit`: show the audit log and verify its hash chain.

Reading the audit log is not recorded: any account that can run this command can also read the files. Lookups of citizens
(`--citizen`) are recorded.
"""

import json as json_codec
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from models.identities import IdentityKind
from models.locale import N_, _
from models.timestamps import milliseconds
from streams.access.audit import AuditError, Line, read, verify
from streams.access.audit_records import Purpose, Result, is_audit_subject
from streams.access.concealment import load_secret, recorded_forms_of, secret_path
from streams.access.hash_chain import ChainPosition, Damage, Finding
from streams.access.permissions import Operation
from streams.cli.base import Group, pass_running_settings
from streams.cli.citizen_arguments import prompt_pseudonym
from streams.cli.output_tables import (
    EXIT_NOT_FOUND,
    format_time,
    json_option,
    limit_option,
    print_table,
    since_option,
    vocabulary_label,
)
from streams.runtime.audited_actions import audit_directory, conceal_typed, record_command
from streams.runtime.sector_keys import IDENTITY_KINDS, choose_sector, list_sectors
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings

MAX_FINDINGS: Final = 10
"""Maximum number of damages that `verify` prints."""
DAMAGE_TEXTS: Final = {
    Damage.CHANGED: N_("was changed"),
    Damage.MISPLACED: N_("has another record than {expected}: lines were removed, moved or inserted"),
    Damage.TRUNCATED: N_("record {expected} and all later ones are missing"),
    Damage.MISSING_BEFORE: N_(
        "records from {expected} on are missing before this line, and were not removed by retention"
    ),
    Damage.HEAD_TORN: N_(
        "incomplete, after a crash or a change; the other line is valid, and the next record repairs this one"
    ),
    Damage.HEAD_LOST: N_("does not give the end of the audit log: missing records at the end cannot be detected"),
    Damage.HEAD_DIFFERS: N_("does not match the end of the audit log"),
    Damage.RESUMED: N_("was started after damage was found in earlier records"),
    Damage.REWRITTEN: N_("differs from the checkpoint: the whole log may have been rewritten"),
}


class _Checkpoint(click.ParamType):
    name = "N:HASH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ChainPosition:
        """Return the position in the hash chain from `N:HASH`, as `verify` prints it."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", value)
        if not found:
            self.fail(_("use the number:hash that verify printed"), param, ctx)
        return ChainPosition(int(found[1]), found[2])


@click.group(cls=Group, name="audit", help=_("Show and verify the audit log."))
def group() -> None:
    """Show and verify the audit log."""


@group.command(
    "verify",
    help=_(
        "Check that no record was changed, removed, inserted or moved. Store the checkpoint it "
        "prints on another system: a complete rewrite of the log is only detected with --checkpoint."
    ),
)
@click.option("--checkpoint", type=_Checkpoint(), help=_("Checkpoint that an earlier run printed."))
@pass_running_settings
def verify_(settings: Settings, checkpoint: ChainPosition | None) -> None:
    directory = audit_directory(settings)
    try:
        report = verify(directory, checkpoint)
    except AuditError as error:
        raise OperatorError(str(error)) from None
    for finding in report.findings[:MAX_FINDINGS]:
        click.echo(_describe(directory, finding))
    if (more := len(report.findings) - MAX_FINDINGS) > 0:
        click.echo(_("and {more} more, possibly consequences of these", more=more))
    if report.unfinished_bytes:
        click.echo(
            _(
                "{unfinished_bytes} bytes at the end are an unfinished record (crash, or write in progress): "
                "its request got no answer",
                unfinished_bytes=report.unfinished_bytes,
            ),
            err=True,
        )
    if checkpoint is not None and checkpoint.sequence <= report.begun.sequence and not report.findings:
        click.echo(_("the record of the checkpoint was removed by retention and cannot be compared"), err=True)
    if report.findings:
        raise SystemExit(EXIT_NOT_FOUND)
    if not report.lines:
        click.echo(_describe_empty(settings))
        return
    click.echo(
        _(
            "{lines} lines are intact; checkpoint: {sequence}:{hash}",
            lines=report.lines,
            sequence=report.last.sequence,
            hash=report.last.hash,
        )
    )


@group.command(
    help=_(
        "Show the latest records, newest last; exit code 1 if the log was tampered with. With "
        "--citizen, it prompts for a number, address or reference (never on the command line), and "
        "records the lookup."
    )
)
@since_option
@click.option("--client", help=_("Only accesses by this token or account."))
@click.option("--subject", "subject_id", help=_("Only accesses to this pseudonym or contact."))
@click.option(
    "--citizen",
    is_flag=True,
    help=_("Only accesses to any pseudonym or contact of one citizen: that of --subject, else prompted."),
)
@click.option(
    "--kind",
    type=click.Choice(IDENTITY_KINDS),
    show_default=IdentityKind.PHONE.value,
    help=_("Kind of identity for --citizen."),
)
@click.option("--sector", help=_("Only records of this sector; with --citizen, the sector to search in."))
@limit_option
@json_option
@pass_running_settings
def show(
    settings: Settings,
    since: int | None,
    client: str | None,
    subject_id: str | None,
    kind: str | None,
    sector: str | None,
    limit: int,
    *,
    citizen: bool,
    json: bool,
) -> None:
    """Print records. If `verify` finds damage, warn and exit with code 1. Record the lookup of a citizen."""
    _check_arguments(subject_id, kind, citizen=citizen)
    target = _find_citizen(settings, subject_id, kind or IdentityKind.PHONE, sector) if citizen else None
    wanted = target.names if target else {subject_id} if subject_id else set()
    names = {*recorded_forms_of(wanted, load_secret(secret_path(settings.data)))} if wanted else set()
    erasures = set[str]()

    def matches(record: dict[str, Any]) -> bool:
        return (
            "who" in record
            and (not names or _is_about(record, names, erasures))  # first: it collects erasures of any client
            and (client is None or record["who"] == client or str(record["who"]).startswith(f"{client} (sudo: "))
            and (citizen or sector is None or record.get("sector") == sector)
            and (since is None or _milliseconds(record) >= since)
        )

    directory = audit_directory(settings)
    try:
        shown, left_out, unreadable = _latest(read(directory), matches, limit)
        found = verify(directory)
    except AuditError as error:
        raise OperatorError(str(error)) from None
    if sector is not None and not (shown or left_out) and sector not in list_sectors(settings):
        choose_sector(settings, sector)  # raises for a mistyped name
    if target:
        result = Result.SHOWN if target.is_known or shown or left_out else Result.NOT_FOUND
        subject_id = target.subject_id
        if not target.is_known:
            subject_id = conceal_typed(settings, subject_id)
        record_command(settings, Operation.READ_AUDIT, subject_id, Purpose.RIGHTS, target.sector, result)
        if target.hint:
            click.echo(target.hint, err=True)
    _print_records(shown, settings.web.zone, left_out, json=json)
    if not (found.lines or found.findings):
        click.echo(_describe_empty(settings), err=True)
    if unreadable:
        click.echo(_("{unreadable} lines cannot be read: run accueil audit verify", unreadable=unreadable), err=True)
    if found.findings:
        click.echo(_describe(directory, found.findings[0]), err=True)
        click.echo(_("the audit log is damaged, these records may be false: run accueil audit verify"), err=True)
        raise SystemExit(EXIT_NOT_FOUND)


def _check_arguments(subject_id: str | None, kind: str | None, *, citizen: bool) -> None:
    if subject_id is not None and not is_audit_subject(subject_id):
        raise OperatorError(
            _("--subject: neither a contact id nor a pseudonym; use --citizen for a number, an address or a reference")
        )
    if kind is not None and (subject_id is not None or not citizen):
        raise OperatorError(_("--kind: only with --citizen and without --subject, which contains its kind"))


def _print_records(shown: Sequence[dict[str, Any]], zone: tzinfo, left_out: int, *, json: bool) -> None:
    if json:
        for record in shown:
            click.echo(json_codec.dumps(record, ensure_ascii=False))
    elif shown:
        print_table(
            (_("when"), _("client"), _("operation"), _("sector"), _("subject"), _("purpose"), _("result")),
            [(format_time(_milliseconds(record), zone), *_cells(record)) for record in shown],
        )
    elif not left_out:
        click.echo(_("none"))
    if left_out:
        click.echo(_("{left_out} earlier records not shown (--limit)", left_out=left_out), err=True)


class _Citizen(NamedTuple):
    subject_id: str
    """Contact or pseudonym that was given or typed."""
    sector: str
    """Empty if there are several or none."""
    is_known: bool
    """True if the timelines have the given contact, or a contact of the citizen in the searched sectors."""
    names: set[str]
    """Pseudonyms and contacts of the citizen; for a shared identity, only the given name and the owner of a given contact."""
    hint: str
    """Advice on further searches, or empty."""


def _find_citizen(settings: Settings, subject_id: str | None, kind: str, sector: str | None) -> _Citizen:
    """Look up a citizen in the timelines; for a contact, its owner. The caller must record the lookup before printing."""
    from streams.privacy.citizen_finder import MAX_IDENTITIES  # noqa: PLC0415 - imports the database libraries
    from streams.runtime.timeline_database import opened_timeline, require_timelines  # noqa: PLC0415
    from streams.timeline.erasures import find_contacts, find_sectors  # noqa: PLC0415

    chosen_sector = "" if subject_id and sector is None else choose_sector(settings, sector)
    require_timelines(settings)
    given = subject_id or prompt_pseudonym(settings, IdentityKind(kind), chosen_sector)
    with opened_timeline(settings) as timeline:
        entries = timeline.read_contact(given, 1)
        owner = entries[0]["owner"] if entries else given
        cluster = timeline.resolve_identities(owner, MAX_IDENTITIES)
        with timeline.read_connection() as connection:
            sectors = [chosen_sector] if chosen_sector else find_sectors(connection, given)
            own = {given, *(cluster.identities if cluster.is_own else [owner])}
            contacts = {contact for name in sectors for contact in find_contacts(connection, own, name)}
    hint = ""
    if not cluster.is_own:
        shared = ", ".join(cluster.shared)
        hint = _("{owner} is shared by several people; search for each of them: {shared}", owner=owner, shared=shared)
    elif not cluster.is_whole:
        last = [*cluster.identities][-1]
        hint = _(
            "{owner} has more linked identities than the limit; search again with --subject {last}",
            owner=owner,
            last=last,
        )
    names = {*own, *contacts} if cluster.is_own else {given, owner}
    return _Citizen(given, sectors[0] if len(sectors) == 1 else "", bool(contacts or entries), names, hint)


def _is_about(record: dict[str, Any], names: set[str], erasures: set[str]) -> bool:
    """Return whether a record is about `names` or an erasure of them, which `erasures` collects; records come oldest first."""
    erasure = record.get("erasure", "")
    if record.get("whose") in names:
        erasures |= {erasure} - {""}
        return True
    return erasure in erasures


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    client, operation, sector, subject_id, purpose, result = (
        vocabulary_label(LABELS[key], value) if key in LABELS else value
        for key, value in ((key, str(record.get(key, ""))) for key in COLUMNS)
    )
    if ground := record.get("ground"):
        purpose = _("{}; {}").format(purpose, vocabulary_label("ground", str(ground)))
    if erasure := record.get("erasure"):
        purpose = _("{}; {}").format(purpose, erasure)
    if across := record.get("across"):
        purpose = _("{purpose}; across sectors: {across}", purpose=purpose, across=across)
    return client, operation, sector, subject_id, purpose, result


COLUMNS: Final = ("who", "operation", "sector", "whose", "why", "result")
LABELS: Final = {"operation": "operation", "why": "purpose", "result": "result"}
"""Columns shown with labels: key of the record → name of the vocabulary of its values."""


def _latest(
    lines: Iterator[Line], matches: Callable[[dict[str, Any]], bool], limit: int
) -> tuple[list[dict[str, Any]], int, int]:
    """Return the last `limit` matching records, the number of earlier matches, and the number of unreadable lines."""
    latest: deque[dict[str, Any]] = deque(maxlen=limit)
    matching = unreadable = 0
    for line in lines:
        if line.record is None:
            unreadable += 1
        elif matches(line.record):
            matching += 1
            latest.append(line.record)
    return [*latest], matching - len(latest), unreadable


def _milliseconds(record: dict[str, Any]) -> int:
    try:
        return milliseconds(datetime.fromisoformat(record["at"]))
    except (KeyError, TypeError, ValueError):
        return 0  # a damaged record, which `verify` reports


def _describe(directory: Path, finding: Finding) -> str:
    text = _(DAMAGE_TEXTS[finding.damage]).format(expected=finding.expected)
    path, line = directory / finding.file, finding.line
    return _("{path}, line {line}: {text}", path=path, line=line, text=text)


def _describe_empty(settings: Settings) -> str:
    return _("no records yet in {directory}", directory=audit_directory(settings))
