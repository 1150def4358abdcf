"""`accueil audit`: find whether the record of who read what was changed, and show it.

Who may open a command on this machine may read these files; that is not recorded, since it could not be enforced.
"""

import json as json_codec
import re
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from getpass import getuser
from pathlib import Path
from typing import Any, Final

import click

from streams.access.audit import Access, Audit, AuditError, Line, Purpose, Result, read, verify
from streams.access.chain import Damage, Finding, Mark
from streams.access.permissions import Operation
from streams.listing import EXIT_NOT_FOUND, Since, as_json, limit_option, print_table, when
from streams.running import pass_settings_here
from streams.settings import Settings
from streams.terminal import Group, OperatorError
from streams.words import say

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


def open_audit(settings: Settings) -> Audit:
    """Return the audit of this installation."""
    return Audit(_directory(settings), keep_days=settings.audit.keep_days)


def record_act(
    settings: Settings,
    operation: Operation,
    whose: str,
    why: Purpose = Purpose.ADMINISTRATION,
    sector: str = "",
    result: Result = Result.BEGUN,
) -> None:
    """Record what is about to be done by a command, by the system's name of who gives it. Raises `OperatorError`."""
    try:
        access = Access(
            who=f"user:{getuser()}", operation=operation, sector=sector, whose=whose, why=why, result=result
        )
    except ValueError:
        raise OperatorError(
            say("that is neither a contact id nor a pseudonym", "ce n'est ni un contact ni un pseudonyme")
        ) from None
    audit = open_audit(settings)
    try:
        audit.record(access)
    except AuditError as error:
        raise OperatorError(
            say(
                f"nothing was done, since it could not be recorded: {error}",
                f"rien n'a été fait, faute de pouvoir l'enregistrer : {error}",
            )
        ) from None
    finally:
        audit.close()


class _Noted(click.ParamType):
    name = "N:HASH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Mark:
        """Return the mark that was noted."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", value)
        if not found:
            self.fail(say("use what verify printed", "écrire ce que verify a imprimé"), param, ctx)
        return Mark(int(found[1]), found[2])


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
@pass_settings_here
def verify_(settings: Settings, noted: Mark | None) -> None:
    """Say where the first damage is, and what else there is; exit code 1 if there is any."""
    directory = _directory(settings)
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
        click.echo(say("nothing is recorded yet", "rien n'est encore enregistré"))
        return
    click.echo(
        say(
            f"{report.lines} lines, each as it was written, up to {report.last.sequence}:{report.last.hash}",
            f"{report.lines} lignes, toutes telles qu'écrites, jusqu'à {report.last.sequence}:{report.last.hash}",
        )
    )


@group.command(help=say("Show the latest records, the newest last.", "Montrer les derniers, le plus récent en bas."))
@click.option("--since", type=Since(), help=say("90m, 7d, or a time.", "90m, 7d, ou une date."))
@click.option("--who", help=say("A token's name.", "Le nom d'un jeton."))
@click.option("--whose", help=say("A pseudonym or a contact.", "Un pseudonyme ou un contact."))
@limit_option
@as_json
@pass_settings_here
def show(settings: Settings, since: int | None, who: str | None, whose: str | None, limit: int, *, json: bool) -> None:
    """Print them as they stand; `verify` says whether they are true."""

    def fits(record: dict[str, Any]) -> bool:
        return (
            "who" in record
            and who in {None, record["who"]}
            and whose in {None, record.get("whose")}
            and (since is None or _milliseconds(record) >= since)
        )

    try:
        shown, unreadable = _latest(read(_directory(settings)), fits, limit)
    except AuditError as error:
        raise OperatorError(str(error)) from None
    if json:
        for record in shown:
            click.echo(json_codec.dumps(record, ensure_ascii=False))
    elif shown:
        print_table(
            (
                say("when", "quand"),
                say("who", "qui"),
                say("operation", "opération"),
                say("whose", "de qui"),
                say("why", "pourquoi"),
                say("result", "résultat"),
            ),
            [(when(_milliseconds(one), settings.web.zone), *_cells(one)) for one in shown],
        )
    else:
        click.echo(say("none", "aucun"))
    if unreadable:
        click.echo(
            say(
                f"{unreadable} lines cannot be read: accueil audit verify",
                f"{unreadable} lignes illisibles : accueil audit verify",
            ),
            err=True,
        )


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    who, operation, whose, why, result = (str(record.get(key, "")) for key in COLUMNS)
    if across := record.get("across"):
        why = say(f"{why}; across sectors: {across}", f"{why} ; entre secteurs : {across}")
    return who, operation, whose, why, result


COLUMNS: Final = ("who", "operation", "whose", "why", "result")


def _latest(
    lines: Iterator[Line], fits: Callable[[dict[str, Any]], bool], limit: int
) -> tuple[list[dict[str, Any]], int]:

    kept: deque[dict[str, Any]] = deque(maxlen=limit)
    unreadable = 0
    for line in lines:
        if line.record is None:
            unreadable += 1
        elif fits(line.record):
            kept.append(line.record)
    return [*kept], unreadable


def _milliseconds(record: dict[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(record["at"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        return 0  # it was changed; `verify` says so


def _describe(directory: Path, finding: Finding) -> str:
    text = say(*FOUND[finding.damage]).format(expected=finding.expected)
    path, line = directory / finding.file, finding.line
    return say(f"{path}, line {line}: {text}", f"{path}, ligne {line} : {text}")


def _directory(settings: Settings) -> Path:
    return settings.data / "audit"
