"""What commands do to citizens, or show of them, is in the audit first: who gave it, whom it is about, and what came of it."""

import os
import pwd
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import click
from msgspec.structs import replace

from models.revocation_reasons import RevocationReason
from streams.access.audit import Access, Audit, AuditError, Purpose, Result, is_audit_subject
from streams.access.concealment import RESULTS_OF_KNOWN_SUBJECTS, conceal, load_secret, secret_path
from streams.access.permissions import Operation
from streams.locale.i18n import say
from streams.runtime.errors import OperatorError
from streams.settings.schema import Settings

_ACCOUNT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._@-]{0,63}\$?")


def audit_directory(settings: Settings) -> Path:
    """Return where the audit of this installation lies."""
    return settings.data / "audit"


def open_audit(settings: Settings) -> Audit:
    """Return the audit of this installation."""
    return Audit(audit_directory(settings), keep_days=settings.audit.keep_days)


def current_operator() -> str:
    """Return who gives this command, by the system's name, and by whose sudo, as that says: an account may be several people's.

    `SUDO_USER` is a variable that whoever has the account can set: what is no name of an account is told as `?`.
    """
    try:
        account = pwd.getpwuid(os.geteuid()).pw_name  # not by variables, which can be set
    except KeyError:
        account = str(os.geteuid())
    by = os.environ.get("SUDO_USER", "")
    return f"user:{account} (sudo: {by if _ACCOUNT.fullmatch(by) else '?'})" if by else f"user:{account}"


def check_subject(subject_id: str) -> None:
    """Raise `OperatorError` if that is nobody whom a record may name: nothing is looked for then."""
    if not is_audit_subject(subject_id):
        raise OperatorError(
            say("that is neither a contact id nor a pseudonym", "ce n'est ni un contact ni un pseudonyme")
        )


def conceal_typed(settings: Settings, subject_id: str) -> str:
    """Return the keyed hash of a typed name that the timelines do not know."""
    return conceal(subject_id, load_secret(secret_path(settings.data)))


def record_command(
    settings: Settings,
    operation: Operation,
    subject_id: str,
    why: Purpose,
    sector: str = "",
    result: Result = Result.BEGUN,
    erasure: str = "",
) -> None:
    """Record what is about to be done or shown by a command, and who gives it. Raises `OperatorError`: then do nothing.

    If the timelines do not know `whose`, by `result`, it is concealed.
    """
    check_subject(subject_id)
    if result not in RESULTS_OF_KNOWN_SUBJECTS:
        subject_id = conceal_typed(settings, subject_id)
    _record_first(
        settings,
        Access(
            actor=current_operator(),
            operation=operation,
            sector=sector,
            subject_id=subject_id,
            why=why,
            result=result,
            erasure=erasure,
        ),
    )


class ActionResult:
    """What is said within `acting` to have come of it."""

    result: Result | None = Result.DONE
    """None: that is not known yet, and recorded by whoever finds out."""


@contextmanager
def audited_action(
    settings: Settings,
    operation: Operation,
    *subject_id: str,
    why: Purpose = Purpose.ADMINISTRATION,
    sector: str = "",
    ground: RevocationReason | Literal[""] = "",
    erasure: str = "",
    is_done: Callable[[], bool] = lambda: False,
) -> Iterator[ActionResult]:
    """Record of each of `whose` that something is begun, then what came of it: what was said, or that it failed.

    It stays `begun` if it failed, but `is_done`, or that cannot be found out: the answer to a commit may be lost. Raises
    `OperatorError` if the beginning cannot be recorded: then nothing was done. If the end cannot, that is told.
    """
    ending, begun = ActionResult(), list[Access]()
    try:
        for one in subject_id:
            check_subject(one)
            access = Access(
                actor=current_operator(),
                operation=operation,
                sector=sector,
                subject_id=one,
                why=why,
                result=Result.BEGUN,
                ground=ground,
                erasure=erasure,
            )
            _record_first(settings, access)
            begun.append(access)
        yield ending
    except BaseException:
        ending.result = None
        with suppress(Exception):
            ending.result = None if is_done() else Result.FAILED
        raise
    finally:
        for access in begun if ending.result else ():
            try:
                _record(settings, replace(access, result=ending.result))
            except AuditError as error:
                click.echo(
                    say(
                        f"how it ended could not be recorded ({ending.result}): {error}",
                        f"la fin n'a pu être enregistrée ({ending.result}) : {error}",
                    ),
                    err=True,
                )


def _record_first(settings: Settings, access: Access) -> None:
    try:
        _record(settings, access)
    except AuditError as error:
        raise OperatorError(
            say(
                f"nothing was done, since it could not be recorded: {error}",
                f"rien n'a été fait, faute de pouvoir l'enregistrer : {error}",
            )
        ) from None


def _record(settings: Settings, access: Access) -> None:
    with closing(open_audit(settings)) as audit:
        audit.record(access)
