"""`accueil audit`: find whether the record of who read what was changed, and show it.

Who may open a command on this machine may read these files; that is not recorded, since it could not be enforced. Whom the
timelines are asked for meanwhile is.
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
    TimeParam,
    format_time,
    json_option,
    limit_option,
    print_table,
    vocabulary_label,
)
from streams.locale.i18n import say
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import pass_running_settings, stopped_demo_hint
from streams.runtime.sector_keys import IDENTITY_KINDS, choose_sector, list_sectors
from streams.settings.schema import Settings

MOST_FINDINGS: Final = 10
FOUND: Final = {
    Damage.CHANGED: ("was changed", "a été modifiée"),
    Damage.MISPLACED: (
        "another record stands where {expected} belongs: lines were removed, moved or put in",
        "un autre enregistrement est à la place du nº {expected} : lignes retirées, déplacées ou ajoutées",
    ),
    Damage.TRUNCATED: ("record {expected} and what followed are gone", "le nº {expected} et la suite ont disparu"),
    Damage.MISSING_BEFORE: (
        "records from {expected} on are missing before it, and nothing says that they were removed for their age",
        "il manque avant elle les enregistrements depuis le nº {expected}, et rien ne dit que leur âge en est la cause",
    ),
    Damage.HEAD_TORN: (
        "not whole: a crash, or a change; the other line holds, and the next record mends it",
        "incomplète : un arrêt brutal ou une modification ; l'autre ligne fait foi, le prochain enregistrement la répare",
    ),
    Damage.HEAD_LOST: (
        "does not say where the audit ends: whether its end is there cannot be found out",
        "ne dit pas où finit l'audit : impossible de savoir si la fin y est",
    ),
    Damage.HEAD_DIFFERS: ("does not fit the end of the audit", "ne correspond pas à la fin de l'audit"),
    Damage.RESUMED: (
        "begun after damage was found before it",
        "commencée après qu'un dommage a été constaté avant elle",
    ),
    Damage.REWRITTEN: (
        "is another than the one that was noted: all may have been written again",
        "n'est pas celle qui avait été notée : tout a pu être réécrit",
    ),
}


class _Noted(click.ParamType):
    name = "N:HASH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ChainPosition:
        """Return the mark that was noted."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", value)
        if not found:
            self.fail(say("use what verify printed", "écrire ce que verify a imprimé"), param, ctx)
        return ChainPosition(int(found[1]), found[2])


@click.group(
    cls=Group, name="audit", help=say("The record of who read what of whom.", "Le registre de qui a lu quoi de qui.")
)
def group() -> None:
    """Hold the commands below."""


@group.command(
    "verify",
    help=say(
        "Check that nothing was changed, removed, put in or moved. Note the line it ends with elsewhere, out of reach of who may "
        "write these files: only with it (--noted) is found that all was written again.",
        "Vérifier que rien n'a été modifié, retiré, ajouté ni déplacé. Noter ailleurs la ligne de la fin, hors de portée de qui "
        "peut écrire ces fichiers : elle seule (--noted) permet de savoir si tout a été réécrit.",
    ),
)
@click.option("--noted", type=_Noted(), help=say("What an earlier check printed.", "Ce qu'un contrôle a imprimé."))
@pass_running_settings
def verify_(settings: Settings, noted: ChainPosition | None) -> None:
    """Say where the first damage is, and what else there is; exit code 1 if there is any."""
    directory = audit_directory(settings)
    try:
        report = verify(directory, noted)
    except AuditError as error:
        raise OperatorError(str(error)) from None
    for finding in report.findings[:MOST_FINDINGS]:
        click.echo(_describe(directory, finding))
    if (more := len(report.findings) - MOST_FINDINGS) > 0:
        click.echo(say(f"and {more} more, which may follow from these", f"et {more} autres, peut-être leurs suites"))
    if report.unfinished_bytes:
        click.echo(
            say(
                f"{report.unfinished_bytes} bytes at the end were left by a crash, or are being written: nobody was answered",
                f"{report.unfinished_bytes} octets à la fin, d'un arrêt brutal ou d'une écriture en cours : rien n'a été répondu",
            ),
            err=True,
        )
    if noted is not None and noted.sequence <= report.begun.sequence and not report.findings:
        click.echo(
            say(
                "what was noted was removed since for its age, and cannot be compared",
                "ce qui avait été noté a été retiré depuis, pour son âge : impossible à comparer",
            ),
            err=True,
        )
    if report.findings:
        raise SystemExit(EXIT_NOT_FOUND)
    if not report.lines:
        click.echo(_tell_none(settings))
        return
    click.echo(
        say(
            f"{report.lines} lines, each as it was written, up to {report.last.sequence}:{report.last.hash}",
            f"{report.lines} lignes, toutes telles qu'écrites, jusqu'à {report.last.sequence}:{report.last.hash}",
        )
    )


@group.command(
    help=say(
        "Show the latest records, the newest last; exit code 1 if the audit was changed. Who read a citizen: --citizen asks for "
        "the number, address or reference, so that it stands in no command line; that is recorded.",
        "Montrer les derniers enregistrements, le plus récent en bas ; code 1 si l'audit a été modifié. Qui a lu un usager : "
        "--citizen demande le numéro, l'adresse ou la référence, pour n'apparaître dans aucune commande ; cela est enregistré.",
    )
)
@click.option("--since", type=TimeParam(), help=say("90m, 7d, or a time.", "90m, 7d, ou une date."))
@click.option("--who", "actor", help=say("A token's name.", "Le nom d'un jeton."))
@click.option("--whose", "subject_id", help=say("A pseudonym or a contact.", "Un pseudonyme ou un contact."))
@click.option(
    "--citizen",
    is_flag=True,
    help=say(
        "Of all pseudonyms and contacts of the citizen's; of whom --whose is, else asked for.",
        "De tous les pseudonymes et contacts de l'usager : celui de --whose, sinon demandé.",
    ),
)
@click.option(
    "--kind",
    type=click.Choice(IDENTITY_KINDS),
    show_default=IdentityKind.PHONE.value,
    help=say("What --citizen asks for.", "Ce que --citizen demande."),
)
@click.option(
    "--sector",
    help=say(
        "Records of this sector; with --citizen, the one in which the citizen is meant.",
        "Les enregistrements de ce secteur ; avec --citizen, celui où l'usager est cherché.",
    ),
)
@limit_option
@json_option
@pass_running_settings
def show(
    settings: Settings,
    since: int | None,
    actor: str | None,
    subject_id: str | None,
    kind: str | None,
    sector: str | None,
    limit: int,
    *,
    citizen: bool,
    json: bool,
) -> None:
    """Print them as they stand, and say whether `verify` finds them true."""
    _check_asked(subject_id, kind, citizen=citizen)
    sought = _seek(settings, subject_id, kind or IdentityKind.PHONE, sector) if citizen else None
    asked = sought.names if sought else {subject_id} if subject_id else set()
    names = {*recorded_forms_of(asked, load_secret(secret_path(settings.data)))} if asked else set()
    erasures = set[str]()

    def fits(record: dict[str, Any]) -> bool:
        return (
            "who" in record
            and (not names or _is_of(record, names, erasures))  # first: whoever began it, the proof is of it
            and (actor is None or record["who"] == actor or str(record["who"]).startswith(f"{actor} (sudo: "))
            and (citizen or sector is None or record.get("sector") == sector)
            and (since is None or _milliseconds(record) >= since)
        )

    directory = audit_directory(settings)
    try:
        shown, left_out, unreadable = _latest(read(directory), fits, limit)
        found = verify(directory)
    except AuditError as error:
        raise OperatorError(str(error)) from None
    if sector is not None and not (shown or left_out) and sector not in list_sectors(settings):
        choose_sector(settings, sector)  # a name that is mistyped does not mean that nobody read
    if sought:
        result = Result.SHOWN if sought.is_known or shown or left_out else Result.NOT_FOUND
        subject_id = sought.asked if sought.is_known else conceal_typed(settings, sought.asked)
        record_command(settings, Operation.READ_AUDIT, subject_id, Purpose.RIGHTS, sought.sector, result)
        if sought.others:
            click.echo(sought.others, err=True)
    _print_records(shown, settings.web.zone, left_out, json=json)
    if not (found.lines or found.findings):
        click.echo(_tell_none(settings), err=True)
    if unreadable:
        click.echo(
            say(
                f"{unreadable} lines cannot be read: accueil audit verify",
                f"{unreadable} lignes illisibles : accueil audit verify",
            ),
            err=True,
        )
    if found.findings:
        click.echo(_describe(directory, found.findings[0]), err=True)
        click.echo(
            say(
                "the audit was changed, what is shown may be false: accueil audit verify",
                "l'audit a été modifié, ce qui est montré peut être faux : accueil audit verify",
            ),
            err=True,
        )
        raise SystemExit(EXIT_NOT_FOUND)


def _check_asked(subject_id: str | None, kind: str | None, *, citizen: bool) -> None:
    """Raise `OperatorError` for what would find nothing, or change nothing, whoever read what."""
    if subject_id is not None and not is_audit_subject(subject_id):
        raise OperatorError(
            say(
                "--whose: that is neither a contact id nor a pseudonym; --citizen asks for a number, an address or a reference",
                "--whose : ce n'est ni un contact ni un pseudonyme ; --citizen demande un numéro, une adresse ou une référence",
            )
        )
    if kind is not None and (subject_id is not None or not citizen):
        raise OperatorError(
            say(
                "--kind: only of what --citizen asks for; --whose has its kind in it",
                "--kind : seulement pour ce que --citizen demande ; --whose contient le sien",
            )
        )


def _print_records(shown: Sequence[dict[str, Any]], zone: tzinfo, left_out: int, *, json: bool) -> None:
    """Print records, and how many before them are not."""
    if json:
        for record in shown:
            click.echo(json_codec.dumps(record, ensure_ascii=False))
    elif shown:
        print_table(
            (
                say("when", "quand"),
                say("who", "qui"),
                say("operation", "opération"),
                say("sector", "secteur"),
                say("whose", "de qui"),
                say("why", "pourquoi"),
                say("result", "résultat"),
            ),
            [(format_time(_milliseconds(one), zone), *_cells(one)) for one in shown],
        )
    elif not left_out:
        click.echo(say("none", "aucun"))
    if left_out:
        click.echo(
            say(f"{left_out} more before these: --limit", f"{left_out} de plus avant : --limit"),
            err=True,
        )


class _Sought(NamedTuple):
    """A citizen who was asked for."""

    asked: str
    sector: str
    is_known: bool
    """Whether the timelines have anything of him."""
    names: set[str]
    """By which he stands in records: pseudonyms and contacts that the timelines have."""
    others: str
    """Who else is to be asked for, in words; empty: nobody."""


def _seek(settings: Settings, subject_id: str | None, kind: str, sector: str | None) -> _Sought:
    """Return what the timelines have of a citizen, of a contact that is whose it is; whoever tells of it records that first."""
    from streams.privacy.citizen_finder import MAX_IDENTITIES  # noqa: PLC0415 - brings the database's libraries
    from streams.runtime.timeline_database import open_timeline, require_timelines  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415
    from streams.timeline.erasures import find_contacts, find_sectors  # noqa: PLC0415

    with operator_errors():
        where = "" if subject_id and sector is None else choose_sector(settings, sector)
        require_timelines(settings)
        asked = subject_id or prompt_pseudonym(settings, IdentityKind(kind), where)
        try:
            with closing(open_timeline(settings)) as timeline:
                entries = timeline.read_contact(asked, 1)
                owner = entries[0]["owner"] if entries else asked
                story = timeline.resolve_identities(owner, MAX_IDENTITIES)
                with timeline.read_connection() as connection:
                    sectors = [where] if where else find_sectors(connection, asked)
                    own = {asked, *(story.identities if story.is_own else [owner])}
                    contacts = {one for name in sectors for one in find_contacts(connection, own, name)}
        except Unavailable as error:
            raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None
    others = ""
    if not story.is_own:
        shared = ", ".join(story.shared)
        others = say(
            f"{owner} is several people's: who read {shared} is asked for by those",
            f"{owner} est à plusieurs : qui a lu {shared} se demande par ceux-là",
        )
    elif not story.is_whole:
        *_, last = story.identities
        others = say(
            f"more is linked to {owner} than is followed: who read the rest is asked for by {last}",
            f"davantage est lié à {owner} que ce qui est suivi : qui a lu le reste se demande par {last}",
        )
    names = {*own, *contacts} if story.is_own else {asked, owner}
    return _Sought(asked, sectors[0] if len(sectors) == 1 else "", bool(contacts or entries), names, others)


def _is_of(record: dict[str, Any], names: set[str], erasures: set[str]) -> bool:
    """Return whether it is by one of `names` or of an erasure that was begun by one, which is noted in `erasures`."""
    erasure = record.get("erasure", "")
    if record.get("whose") in names:
        erasures |= {erasure} - {""}
        return True
    return erasure in erasures


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    actor, operation, sector, subject_id, why, result = (
        vocabulary_label(WORDED[key], value) if key in WORDED else value
        for key, value in ((key, str(record.get(key, ""))) for key in COLUMNS)
    )
    if ground := record.get("ground"):
        why = say("{}; {}", "{} ; {}").format(why, vocabulary_label("ground", str(ground)))
    if erasure := record.get("erasure"):
        why = say("{}; {}", "{} ; {}").format(why, erasure)
    if across := record.get("across"):
        why = say(f"{why}; across sectors: {across}", f"{why} ; entre secteurs : {across}")
    return actor, operation, sector, subject_id, why, result


COLUMNS: Final = ("who", "operation", "sector", "whose", "why", "result")
WORDED: Final = {"operation": "operation", "why": "purpose", "result": "result"}
"""Which of them are told in words, and of which set of the vocabulary."""


def _latest(
    lines: Iterator[Line], fits: Callable[[dict[str, Any]], bool], limit: int
) -> tuple[list[dict[str, Any]], int, int]:
    """Return the last records that fit, how many fit before them, and how many lines cannot be read."""
    kept: deque[dict[str, Any]] = deque(maxlen=limit)
    fitting = unreadable = 0
    for line in lines:
        if line.record is None:
            unreadable += 1
        elif fits(line.record):
            fitting += 1
            kept.append(line.record)
    return [*kept], fitting - len(kept), unreadable


def _milliseconds(record: dict[str, Any]) -> int:
    try:
        return milliseconds(datetime.fromisoformat(record["at"]))
    except (KeyError, TypeError, ValueError):
        return 0  # it was changed; `verify` says so


def _describe(directory: Path, finding: Finding) -> str:
    text = say(*FOUND[finding.damage]).format(expected=finding.expected)
    path, line = directory / finding.file, finding.line
    return say(f"{path}, line {line}: {text}", f"{path}, ligne {line} : {text}")


def _tell_none(settings: Settings) -> str:
    where, demo = audit_directory(settings), stopped_demo_hint(settings.data)
    return say(f"nothing is recorded yet in {where}{demo}", f"rien n'est encore enregistré dans {where}{demo}")
