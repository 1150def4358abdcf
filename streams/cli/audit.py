"""`accueil audit`: show the audit log and verify its hash chain.

Reading the audit log is not recorded: any account that can run this command can also read the files. Lookups of citizens
(`--citizen`) are recorded.
"""

import json as json_codec
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from models.identities import IdentityKind
from models.timestamps import milliseconds
from streams.access.audit import AuditError, Line, Purpose, Result, is_audit_subject, read, verify
from streams.access.concealment import load_secret, recorded_forms_of, secret_path
from streams.access.hash_chain import ChainPosition, Damage, Finding
from streams.access.permissions import Operation
from streams.cli.audited_commands import audit_directory, conceal_typed, record_command
from streams.cli.base import Group
from streams.cli.citizen_arguments import database_unavailable_text, prompt_pseudonym
from streams.cli.output_tables import (
    EXIT_NOT_FOUND,
    format_time,
    json_option,
    limit_option,
    print_table,
    since_option,
    vocabulary_label,
)
from streams.locale.i18n import say
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import pass_running_settings
from streams.runtime.sector_keys import IDENTITY_KINDS, choose_sector, list_sectors
from streams.settings.schema import Settings

MAX_FINDINGS: Final = 10
"""Maximum number of damages that `verify` prints."""
DAMAGE_TEXTS: Final = {
    Damage.CHANGED: ("was changed", "a été modifiée"),
    Damage.MISPLACED: (
        "has another record than {expected}: lines were removed, moved or inserted",
        "un autre enregistrement est à la place du nº {expected} : lignes retirées, déplacées ou ajoutées",
    ),
    Damage.TRUNCATED: ("record {expected} and all later ones are missing", "le nº {expected} et la suite ont disparu"),
    Damage.MISSING_BEFORE: (
        "records from {expected} on are missing before this line, and were not removed by retention",
        "il manque avant elle les enregistrements depuis le nº {expected}, et rien ne dit que leur âge en est la cause",
    ),
    Damage.HEAD_TORN: (
        "incomplete, after a crash or a change; the other line is valid, and the next record repairs this one",
        "incomplète : un arrêt brutal ou une modification ; l'autre ligne fait foi, le prochain enregistrement la répare",
    ),
    Damage.HEAD_LOST: (
        "does not give the end of the audit log: missing records at the end cannot be detected",
        "ne dit pas où finit l'audit : impossible de savoir si la fin y est",
    ),
    Damage.HEAD_DIFFERS: ("does not match the end of the audit log", "ne correspond pas à la fin de l'audit"),
    Damage.RESUMED: (
        "was started after damage was found in earlier records",
        "commencée après qu'un dommage a été constaté avant elle",
    ),
    Damage.REWRITTEN: (
        "differs from the checkpoint: the whole log may have been rewritten",
        "n'est pas celle qui avait été notée : tout a pu être réécrit",
    ),
}


class _Checkpoint(click.ParamType):
    name = "N:HASH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ChainPosition:
        """Return the position in the hash chain that `verify` printed."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", value)
        if not found:
            self.fail(
                say("use the number:hash that verify printed", "donner le numéro:empreinte affiché par verify"),
                param,
                ctx,
            )
        return ChainPosition(int(found[1]), found[2])


@click.group(
    cls=Group, name="audit", help=say("Show and verify the audit log.", "Afficher et vérifier le journal d'audit.")
)
def group() -> None:
    """Show and verify the audit log."""


@group.command(
    "verify",
    help=say(
        "Check that no record was changed, removed, inserted or moved. Store the checkpoint it prints on another system: a "
        "complete rewrite of the log is only detected with --checkpoint.",
        "Vérifier qu'aucun enregistrement n'a été modifié, retiré, ajouté ni déplacé. Conserver sur un autre système le point de "
        "contrôle affiché : lui seul (--checkpoint) permet de détecter une réécriture complète.",
    ),
)
@click.option(
    "--checkpoint",
    type=_Checkpoint(),
    help=say("Checkpoint that an earlier run printed.", "Point de contrôle affiché par une exécution antérieure."),
)
@pass_running_settings
def verify_(settings: Settings, checkpoint: ChainPosition | None) -> None:
    """Print the damages, the first one first; exit with code 1 if any was found."""
    directory = audit_directory(settings)
    try:
        report = verify(directory, checkpoint)
    except AuditError as error:
        raise OperatorError(str(error)) from None
    for finding in report.findings[:MAX_FINDINGS]:
        click.echo(_describe(directory, finding))
    if (more := len(report.findings) - MAX_FINDINGS) > 0:
        click.echo(say(f"and {more} more, possibly consequences of these", f"et {more} autres, peut-être leurs suites"))
    if report.unfinished_bytes:
        click.echo(
            say(
                f"{report.unfinished_bytes} bytes at the end are an unfinished record (crash, or write in progress): its request "
                "got no answer",
                f"{report.unfinished_bytes} octets à la fin, d'un arrêt brutal ou d'une écriture en cours : rien n'a été répondu",
            ),
            err=True,
        )
    if checkpoint is not None and checkpoint.sequence <= report.begun.sequence and not report.findings:
        click.echo(
            say(
                "the record of the checkpoint was removed by retention and cannot be compared",
                "l'enregistrement du point de contrôle a été retiré, conservation échue : impossible à comparer",
            ),
            err=True,
        )
    if report.findings:
        raise SystemExit(EXIT_NOT_FOUND)
    if not report.lines:
        click.echo(_describe_empty(settings))
        return
    click.echo(
        say(
            f"{report.lines} lines are intact; checkpoint: {report.last.sequence}:{report.last.hash}",
            f"{report.lines} lignes intactes ; point de contrôle : {report.last.sequence}:{report.last.hash}",
        )
    )


@group.command(
    help=say(
        "Show the latest records, newest last; exit code 1 if the log was tampered with. With --citizen, it prompts for a "
        "number, address or reference (never on the command line), and records the lookup.",
        "Afficher les derniers enregistrements, le plus récent en bas ; code 1 si le journal a été altéré. Avec --citizen, il "
        "demande un numéro, une adresse ou une référence (jamais sur la ligne de commande), et enregistre la recherche.",
    )
)
@since_option
@click.option(
    "--client",
    help=say("Only accesses by this token or account.", "Seulement les accès de ce jeton ou de ce compte."),
)
@click.option(
    "--subject",
    "subject_id",
    help=say("Only accesses to this pseudonym or contact.", "Seulement les accès à ce pseudonyme ou ce contact."),
)
@click.option(
    "--citizen",
    is_flag=True,
    help=say(
        "Only accesses to any pseudonym or contact of one citizen: that of --subject, else prompted.",
        "Seulement les accès à tout pseudonyme ou contact d'un usager : celui de --subject, sinon demandé.",
    ),
)
@click.option(
    "--kind",
    type=click.Choice(IDENTITY_KINDS),
    show_default=IdentityKind.PHONE.value,
    help=say("Kind of identity for --citizen.", "Type d'identité pour --citizen."),
)
@click.option(
    "--sector",
    help=say(
        "Only records of this sector; with --citizen, the sector to search in.",
        "Seulement les enregistrements de ce secteur ; avec --citizen, le secteur où chercher.",
    ),
)
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
        click.echo(
            say(
                f"{unreadable} lines cannot be read: run accueil audit verify",
                f"{unreadable} lignes illisibles : lancer accueil audit verify",
            ),
            err=True,
        )
    if found.findings:
        click.echo(_describe(directory, found.findings[0]), err=True)
        click.echo(
            say(
                "the audit log is damaged, these records may be false: run accueil audit verify",
                "le journal d'audit est altéré, ces enregistrements peuvent être faux : lancer accueil audit verify",
            ),
            err=True,
        )
        raise SystemExit(EXIT_NOT_FOUND)


def _check_arguments(subject_id: str | None, kind: str | None, *, citizen: bool) -> None:
    """Raise `OperatorError` for arguments that cannot match a record, or have no effect."""
    if subject_id is not None and not is_audit_subject(subject_id):
        raise OperatorError(
            say(
                "--subject: neither a contact id nor a pseudonym; use --citizen for a number, an address or a reference",
                "--subject : ni contact ni pseudonyme ; utiliser --citizen pour un numéro, une adresse ou une référence",
            )
        )
    if kind is not None and (subject_id is not None or not citizen):
        raise OperatorError(
            say(
                "--kind: only with --citizen and without --subject, which contains its kind",
                "--kind : seulement avec --citizen et sans --subject, qui contient son type",
            )
        )


def _print_records(shown: Sequence[dict[str, Any]], zone: tzinfo, left_out: int, *, json: bool) -> None:
    """Print records, and the number of earlier ones left out."""
    if json:
        for record in shown:
            click.echo(json_codec.dumps(record, ensure_ascii=False))
    elif shown:
        print_table(
            (
                say("when", "quand"),
                say("client", "client"),
                say("operation", "opération"),
                say("sector", "secteur"),
                say("subject", "usager ou contact"),
                say("purpose", "motif"),
                say("result", "résultat"),
            ),
            [(format_time(_milliseconds(record), zone), *_cells(record)) for record in shown],
        )
    elif not left_out:
        click.echo(say("none", "aucun"))
    if left_out:
        click.echo(
            say(f"{left_out} earlier records not shown (--limit)", f"{left_out} plus anciens non affichés (--limit)"),
            err=True,
        )


class _Citizen(NamedTuple):
    """A citizen whose accesses are searched."""

    subject_id: str
    """Contact or pseudonym that was given or typed."""
    sector: str
    is_known: bool
    """True if the timelines know the citizen."""
    names: set[str]
    """Pseudonyms and contacts of the citizen."""
    hint: str
    """Advice on further searches, or empty."""


def _find_citizen(settings: Settings, subject_id: str | None, kind: str, sector: str | None) -> _Citizen:
    """Look up a citizen in the timelines; for a contact, its owner. The caller must record the lookup before printing."""
    from streams.privacy.citizen_finder import MAX_IDENTITIES  # noqa: PLC0415 - imports the database libraries
    from streams.runtime.timeline_database import open_timeline, require_timelines  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415
    from streams.timeline.erasures import find_contacts, find_sectors  # noqa: PLC0415

    with operator_errors():
        chosen_sector = "" if subject_id and sector is None else choose_sector(settings, sector)
        require_timelines(settings)
        given = subject_id or prompt_pseudonym(settings, IdentityKind(kind), chosen_sector)
        try:
            with closing(open_timeline(settings)) as timeline:
                entries = timeline.read_contact(given, 1)
                owner = entries[0]["owner"] if entries else given
                cluster = timeline.resolve_identities(owner, MAX_IDENTITIES)
                with timeline.read_connection() as connection:
                    sectors = [chosen_sector] if chosen_sector else find_sectors(connection, given)
                    own = {given, *(cluster.identities if cluster.is_own else [owner])}
                    contacts = {contact for name in sectors for contact in find_contacts(connection, own, name)}
        except Unavailable as error:
            raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None
    hint = ""
    if not cluster.is_own:
        shared = ", ".join(cluster.shared)
        hint = say(
            f"{owner} is shared by several people; search for each of them: {shared}",
            f"{owner} est à plusieurs personnes ; chercher chacune : {shared}",
        )
    elif not cluster.is_whole:
        *_, last = cluster.identities
        hint = say(
            f"{owner} has more linked identities than the limit; search again with --subject {last}",
            f"{owner} a plus d'identités liées que la limite ; chercher aussi avec --subject {last}",
        )
    names = {*own, *contacts} if cluster.is_own else {given, owner}
    return _Citizen(given, sectors[0] if len(sectors) == 1 else "", bool(contacts or entries), names, hint)


def _is_about(record: dict[str, Any], names: set[str], erasures: set[str]) -> bool:
    """Return whether a record is about one of `names`, or belongs to an erasure of one; collect those in `erasures`."""
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
        purpose = say("{}; {}", "{} ; {}").format(purpose, vocabulary_label("ground", str(ground)))
    if erasure := record.get("erasure"):
        purpose = say("{}; {}", "{} ; {}").format(purpose, erasure)
    if across := record.get("across"):
        purpose = say(f"{purpose}; across sectors: {across}", f"{purpose} ; entre secteurs : {across}")
    return client, operation, sector, subject_id, purpose, result


COLUMNS: Final = ("who", "operation", "sector", "whose", "why", "result")
LABELS: Final = {"operation": "operation", "why": "purpose", "result": "result"}
"""Columns shown with labels: column → set of the vocabulary."""


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
    text = say(*DAMAGE_TEXTS[finding.damage]).format(expected=finding.expected)
    path, line = directory / finding.file, finding.line
    return say(f"{path}, line {line}: {text}", f"{path}, ligne {line} : {text}")


def _describe_empty(settings: Settings) -> str:
    directory = audit_directory(settings)
    return say(f"no records yet in {directory}", f"rien n'est encore enregistré dans {directory}")
