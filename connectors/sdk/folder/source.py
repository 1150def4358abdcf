"""The base of connectors that read a hot folder."""

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from errno import EACCES, EBUSY, EPERM, ETXTBSY
from functools import partial
from typing import ClassVar, Final, NamedTuple

import structlog

from connectors.sdk.attempts import REFUSED
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.errors import (
    ConnectorError,
    SourceUnavailableError,
    describe_os_error,
    safe_error_text,
    source_error,
)
from connectors.sdk.folder.archive import Archive, Claim
from connectors.sdk.folder.config import FolderConfig, check_folders
from connectors.sdk.folder.inbox import Group, Inbox, Suffixes
from connectors.sdk.i18n import say
from models.codec import UnusableRecord
from models.events import Event
from models.reasons import Reason

LIST_SECONDS: Final = 0.25
"""How often an inbox without anything ready is listed."""
BATCH_SECONDS: Final = 1.0
"""After this long, what was read is told before more is."""
CLAIMS: Final = 500
"""How many claims are made at once."""
HELD: Final = frozenset({EACCES, EPERM, EBUSY, ETXTBSY})
"""Errors of moving a file that another program holds, or that is another user's."""

log = structlog.get_logger(__name__)


class ClaimResult(NamedTuple):
    """What a claim means."""

    events: Sequence[Event]
    label: str = ""
    """Begins its name in `done/`, for people; no personal data."""


class ReadClaim(NamedTuple):
    """A claim that was read."""

    claim: Claim
    outcome: Outcome
    label: str


@dataclass(slots=True)
class _Settlement:
    taken: ReadClaim
    reject: Reject | None


class FolderSource(Source[ReadClaim, int]):
    """A hot folder: a subclass says which suffixes there are, and what a claim means. No file is held in memory."""

    contents: ClassVar[frozenset[str]]
    """Suffixes, in lower case, of what is dropped."""
    sidecars: ClassVar[frozenset[str]]
    """Suffixes of what is said of it."""

    def __init__(self, config: FolderConfig, context: Context) -> None:
        """Go on with what is in `work/`.

        Raises `ConfigError`, `InstanceInUseError` if another instance has the same archive, and `SourceUnavailableError`.
        """
        self._config = config
        self._listed_at = float("-inf")
        self._read = self._settled = 0
        self._unsettled: deque[_Settlement] = deque()
        self._attempts = context.attempts
        check_folders(config, context)
        suffixes = Suffixes(self.contents, self.sidecars)
        self._inbox = Inbox(config, suffixes)
        try:
            self._archive = Archive(config, suffixes)
        except OSError as error:
            raise self._stopped_by(error) from None
        self._claims = deque(self._archive.found)

    @abstractmethod
    def read_claim(self, claim: Claim) -> ClaimResult:
        """Read `claim` and return what it means: whenever it is read, the same event ids.

        Raises `Unusable` if it means nothing. An `OSError` or a `ConnectorError` is no fault of the claim's: it is read again.
        Any other error is taken for a defect, and rejects it.
        """

    def read(self, wait_seconds: float) -> Sequence[ReadClaim]:
        """Return the next claims, read."""
        try:
            if not self._claims and time.monotonic() - self._listed_at >= LIST_SECONDS and self._inbox.look():
                self._claim_what_is_ready()
            taken = self._take_some()
        except OSError as error:
            raise source_error(error, self._config.inbox) from None
        if not taken and self._inbox.held:
            raise SourceUnavailableError(self._explain_held())
        if not taken:
            time.sleep(wait_seconds)
        return taken

    def map(self, raw: ReadClaim) -> Outcome:
        """Return what was read of a claim."""
        self._read += 1
        self._unsettled.append(_Settlement(raw, raw.outcome if isinstance(raw.outcome, Reject) else None))
        return raw.outcome

    def reject(self, raw: ReadClaim, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of a claim, which says under which name it is kept."""
        reject = _reject(raw.claim, reason, detail)
        self._unsettled[-1].reject = reject
        return reject

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:  # noqa: ARG002 - the contract's
        """Return `reject`: to be taken again, the files are moved back to the inbox."""
        return reject

    def position(self) -> int:
        """Return how many claims were read."""
        return self._read

    def acknowledge(self, position: int) -> None:
        """Move the files that are safe out of `work/`."""
        while self._settled < position:
            one = self._unsettled.popleft()
            try:
                self._archive.archive_claim(one.taken.claim, one.taken.label, one.reject)
            except OSError as error:
                raise self._stopped_by(error) from None
            self._settled += 1

    def close(self) -> None:
        """Let go of the archive."""
        self._inbox.close()
        self._archive.close()

    def _claim_what_is_ready(self) -> None:
        """Claim what can be moved; what cannot is tried again later, and holds up nothing else."""
        ready = self._inbox.ready(self._archive.begun)[:CLAIMS]
        until = time.monotonic() + BATCH_SECONDS
        for group in ready:
            self._claim(group)
            if time.monotonic() > until:
                break
        if not ready:
            self._listed_at = time.monotonic()

    def _claim(self, group: Group) -> None:
        try:
            claim = self._archive.claim(group)
        except OSError as error:
            if error.errno not in HELD:
                raise self._stopped_by(error) from None
            self._inbox.hold(group.stem)
        else:
            self._claims.extend([claim] if claim else [])

    def _take_some(self) -> list[ReadClaim]:
        taken: list[ReadClaim] = []
        until = time.monotonic() + BATCH_SECONDS
        while self._claims and time.monotonic() < until:
            claim = self._claims[0]
            try:
                taken.append(
                    self._attempts.attempt(
                        claim.directory.name.encode(), partial(self._take, claim), partial(_give_up, claim)
                    )
                )
            except (OSError, ConnectorError):
                if not taken:
                    raise
                break  # it is raised the next time; these come first
            self._claims.popleft()
        return taken

    def _take(self, claim: Claim) -> ReadClaim:
        try:
            _check_parts(claim)
            told = self.read_claim(claim)
        except UnusableRecord as error:
            return ReadClaim(claim, _reject(claim, error.reason, error.detail), "")
        except PermissionError:
            return ReadClaim(claim, _reject(claim, Reason.UNREADABLE_LINE, "this user may not read it"), "")
        except (OSError, ConnectorError):
            raise
        except Exception as error:  # noqa: BLE001 - a defect must not stop the source for ever
            log.error("taking_failed", error=safe_error_text(error))  # noqa: TRY400 - a traceback's text may hold values
            return ReadClaim(claim, _reject(claim, Reason.INTERNAL_ERROR, ""), "")
        return ReadClaim(claim, told.events, told.label)

    def _explain_held(self) -> str:
        count, inbox = self._inbox.held, self._config.inbox
        return say(
            f"{count} of the files in {inbox} may not be moved: another program holds them, or they are another user's",
            f"{count} des fichiers de {inbox} ne peuvent être déplacés : un autre programme les tient, ou ils sont à un autre",
        )

    def _stopped_by(self, error: OSError) -> ConnectorError:
        """Return why to begin anew from what is in `work/`; not in the error's words: a file's name may be a person's."""
        return ConnectorError(
            describe_os_error(error, say(f"a file of {self._config.inbox}", f"un fichier de {self._config.inbox}"))
        )


def _check_parts(claim: Claim) -> None:
    if claim.others or len(claim.contents) > 1 or len(claim.sidecars) > 1:
        raise UnusableRecord(Reason.UNKNOWN_RECORD, "files that are neither a scan, nor a sidecar, nor one of each")


def _give_up(claim: Claim) -> ReadClaim:
    return ReadClaim(claim, _reject(claim, Reason.INTERNAL_ERROR, REFUSED), "")


def _reject(claim: Claim, reason: Reason, detail: str) -> Reject:
    return Reject(reason, f"rejected/{reason.value}/{claim.directory.name}".encode(), detail)
