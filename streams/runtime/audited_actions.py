"""Audit records of commands that read or change citizens' data or tokens. A command records first, then acts."""

import os
import pwd
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import click
from msgspec.structs import replace

from models.locale import _
from models.revocation_reasons import RevocationReason
from streams.access.audit import Audit, AuditError
from streams.access.audit_records import Access, Purpose, Result, is_subject
from streams.access.concealment import RESULTS_OF_KNOWN_SUBJECTS, conceal, load_secret, secret_path
from streams.access.permissions import Operation
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings

_ACCOUNT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._@-]{0,63}\$?")


def audit_directory(settings: Settings) -> Path:
    """Return the directory of the audit log."""
    return settings.data / "audit"


def open_audit(settings: Settings) -> Audit:
    """Open the audit log."""
    return Audit(audit_directory(settings), keep_days=settings.audit.keep_days)


def current_operator() -> str:
    """Return the operating system account, as in `user:accueil (sudo: camille)`, with the account that called sudo.

    Anyone with the account can set `SUDO_USER`: a value that is no valid account name becomes `?`.
    """
    try:
        account = pwd.getpwuid(os.geteuid()).pw_name  # not from the environment, which can be forged
    except KeyError:
        account = str(os.geteuid())
    sudo_user = os.environ.get("SUDO_USER", "")
    if not sudo_user:
        return f"user:{account}"
    return f"user:{account} (sudo: {sudo_user if _ACCOUNT.fullmatch(sudo_user) else '?'})"


def check_subject(subject_id: str) -> None:
    """Raise `OperatorError` unless `subject_id` is a contact id or a pseudonym."""
    if not is_subject(subject_id):
        raise OperatorError(_("this is neither a contact id nor a pseudonym"))


def conceal_typed(settings: Settings, subject_id: str) -> str:
    """Return `concealed:` and the keyed hash of a typed id, or the id itself if it has the form of those that Accueil makes.

    Create the secret of the hash if it does not exist.
    """
    return conceal(subject_id, load_secret(secret_path(settings.data)))


def record_command(
    settings: Settings,
    operation: Operation,
    subject_id: str,
    purpose: Purpose,
    sector: str = "",
    result: Result = Result.BEGUN,
    erasure: str = "",
) -> None:
    """Record an access before the command acts. Raise `OperatorError` if that fails: the command must then do nothing.

    Unless `result` implies that the timelines know `subject_id`, `conceal_typed` replaces it in the record.
    """
    if result not in RESULTS_OF_KNOWN_SUBJECTS:
        subject_id = conceal_typed(settings, subject_id)
    _record_first(
        settings,
        Access(
            actor=current_operator(),
            operation=operation,
            sector=sector,
            subject_id=subject_id,
            why=purpose,
            result=result,
            erasure=erasure,
        ),
    )


class ActionResult:
    """Outcome of an action, set within `audited_action`."""

    result: Result | None = Result.DONE
    """None: no outcome is recorded, since it is unknown or is recorded elsewhere."""


@contextmanager
def audited_action(
    settings: Settings,
    operation: Operation,
    *subject_ids: str,
    purpose: Purpose = Purpose.ADMINISTRATION,
    sector: str = "",
    ground: RevocationReason | Literal[""] = "",
    erasure: str = "",
    is_done: Callable[[], bool] = lambda: False,
) -> Iterator[ActionResult]:
    """Record for each subject that an action begins, and afterwards its outcome.

    If the action fails, `failed` is recorded. If `is_done` then returns True or raises, no outcome is recorded: the answer to a
    commit may be lost.
    Raise `OperatorError` if the beginning cannot be recorded: then nothing was done. If the outcome cannot, print a warning.
    """
    outcome, begun = ActionResult(), list[Access]()
    try:
        for subject_id in subject_ids:
            access = Access(
                actor=current_operator(),
                operation=operation,
                sector=sector,
                subject_id=subject_id,
                why=purpose,
                result=Result.BEGUN,
                ground=ground,
                erasure=erasure,
            )
            _record_first(settings, access)
            begun.append(access)
        yield outcome
    except BaseException:
        outcome.result = None
        with suppress(Exception):
            outcome.result = None if is_done() else Result.FAILED
        raise
    finally:
        for access in begun if outcome.result else ():
            try:
                _record(settings, replace(access, result=outcome.result))
            except AuditError as error:
                click.echo(
                    _("the outcome ({result}) could not be recorded: {error}", result=outcome.result, error=error),
                    err=True,
                )


def _record_first(settings: Settings, access: Access) -> None:
    try:
        _record(settings, access)
    except AuditError as error:
        raise OperatorError(
            _("nothing was done, because the audit log cannot be written: {error}", error=error)
        ) from None


def _record(settings: Settings, access: Access) -> None:
    with closing(open_audit(settings)) as audit:
        audit.record(access)
