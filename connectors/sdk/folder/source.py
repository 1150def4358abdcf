"""Base class of connectors that read a hot folder."""

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
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
from models.codec import UnusableRecord
from models.events import Event
from models.locale import _
from models.reasons import Reason

LIST_SECONDS: Final = 0.25
"""Pause after a listing in which no group of files was ready."""
BATCH_SECONDS: Final = 1.0
"""Time in one call of `read` after which no further group is claimed, and again after which no further claim is read."""
CLAIMS: Final = 500
"""Most groups of files claimed in one call of `read`."""
HELD: Final = frozenset({EACCES, EPERM, EBUSY, ETXTBSY})
"""Errors of moving a file that another program holds or that belongs to another user."""

log = structlog.get_logger(__name__)


class ClaimResult(NamedTuple):
    """Result of reading a claim."""

    events: Sequence[Event]
    label: str = ""
    """First part of the directory's name in `done/`, for people; contains no personal data."""


class ReadClaim(NamedTuple):
    """A claim that was read, with its outcome."""

    claim: Claim
    outcome: Outcome
    label: str


class FolderSource(Source[ReadClaim, int]):
    """A hot folder. A subclass defines the suffixes and reads a claim. File contents are not kept in memory."""

    contents: ClassVar[frozenset[str]]
    """Suffixes of the main files, in lower case with the dot."""
    sidecars: ClassVar[frozenset[str]]
    """Suffixes of files with metadata, in lower case with the dot."""

    def __init__(self, config: FolderConfig, context: Context) -> None:
        """Open the folder and resume the claims in `work/`.

        Raises `ConfigError`, `InstanceInUseError` if another instance has the same archive, `SourceUnavailableError` if the inbox
        cannot be used, and `ConnectorError` if the archive cannot.
        """
        self._config = config
        self._listed_at = float("-inf")
        self._read = self._settled = 0
        self._unsettled: deque[ReadClaim] = deque()
        self._attempts = context.attempts
        check_folders(config, context)
        suffixes = Suffixes(self.contents, self.sidecars)
        self._inbox = Inbox(config, suffixes)
        try:
            self._archive = Archive(config, suffixes)
        except OSError as error:
            raise self._hide_name(error) from None
        self._claims = deque(self._archive.found)

    @abstractmethod
    def read_claim(self, claim: Claim) -> ClaimResult:
        """Read `claim` and return its events. Their ids must not depend on the time of reading.

        Raises `UnusableRecord` if it gives no events. After a `ConnectorError`, or an `OSError` other than `PermissionError`, the
        claim is read again. After any other error it is rejected.
        """

    def read(self, wait_seconds: float) -> Sequence[ReadClaim]:
        """Claim groups of the inbox if no claim is left, and read claims for about `BATCH_SECONDS`.

        Return none after `wait_seconds` without claims. Raises `SourceUnavailableError` if the folder or the first claim cannot
        be read, or if files cannot be moved and no claim was read. Raises `ConnectorError` if claiming fails for another reason,
        and those of `read_claim` for the first claim.
        """
        try:
            if not self._claims and time.monotonic() - self._listed_at >= LIST_SECONDS and self._inbox.update():
                self._claim_ready_groups()
            claims = self._read_claims()
        except OSError as error:
            raise source_error(error, self._config.inbox) from None
        if not claims and self._inbox.held:
            raise SourceUnavailableError(self._explain_held())
        if not claims:
            time.sleep(wait_seconds)
        return claims

    def map(self, raw: ReadClaim) -> Outcome:
        """Return the outcome of a claim that `read` has found, and remember it for `acknowledge`."""
        self._read += 1
        self._unsettled.append(raw)
        return raw.outcome

    def reject(self, raw: ReadClaim, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the claim last given to `map`, whose files `acknowledge` then moves to `rejected/`.

        Its record is the path that the claim then has in the archive: `rejected/<reason>/<claim>`.
        """
        reject = _reject(raw.claim, reason, detail)
        self._unsettled[-1] = raw._replace(outcome=reject)
        return reject

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:  # noqa: ARG002 - the contract's
        """Return `reject` unchanged. To process rejected files again, move them back to the inbox."""
        return reject

    def position(self) -> int:
        """Return the number of claims mapped since the source was opened."""
        return self._read

    def acknowledge(self, position: int) -> None:
        """Archive or delete the files of the first `position` claims since the source was opened. Raises `ConnectorError`."""
        while self._settled < position:
            claim, outcome, label = self._unsettled.popleft()
            try:
                self._archive.archive_claim(claim, label, outcome if isinstance(outcome, Reject) else None)
            except OSError as error:
                raise self._hide_name(error) from None
            self._settled += 1

    def close(self) -> None:
        """Close the inbox and the archive."""
        self._inbox.close()
        self._archive.close()

    def _claim_ready_groups(self) -> None:
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
                raise self._hide_name(error) from None
            self._inbox.hold(group.stem)
        else:
            self._claims.extend([claim] if claim else [])

    def _read_claims(self) -> list[ReadClaim]:
        claims: list[ReadClaim] = []
        until = time.monotonic() + BATCH_SECONDS
        while self._claims and time.monotonic() < until:
            claim = self._claims[0]
            try:
                claims.append(
                    self._attempts.attempt(
                        claim.directory.name.encode(), partial(self._read_one, claim), partial(_give_up, claim)
                    )
                )
            except (OSError, ConnectorError):
                if not claims:
                    raise
                break  # the next call raises it; the claims before it come first
            self._claims.popleft()
        return claims

    def _read_one(self, claim: Claim) -> ReadClaim:
        try:
            _check_parts(claim)
            result = self.read_claim(claim)
        except UnusableRecord as error:
            return ReadClaim(claim, _reject(claim, error.reason, error.detail), "")
        except PermissionError:
            return ReadClaim(claim, _reject(claim, Reason.UNREADABLE_LINE, "this user may not read it"), "")
        except (OSError, ConnectorError):
            raise
        except Exception as error:  # noqa: BLE001 - a defect must not stop the source
            log.error("taking_failed", error=safe_error_text(error))  # noqa: TRY400 - a traceback may contain values
            return ReadClaim(claim, _reject(claim, Reason.INTERNAL_ERROR, ""), "")
        return ReadClaim(claim, result.events, result.label)

    def _explain_held(self) -> str:
        count, inbox = self._inbox.held, self._config.inbox
        return _(
            "{count} of the files in {inbox} may not be moved: another program holds them, or they "
            "belong to another user",
            count=count,
            inbox=inbox,
        )

    def _hide_name(self, error: OSError) -> ConnectorError:
        """Return the error to raise in place of `error`, whose file name may be a person's name."""
        return ConnectorError(describe_os_error(error, _("a file of {inbox}", inbox=self._config.inbox)))


def _check_parts(claim: Claim) -> None:
    if claim.others or len(claim.contents) > 1 or len(claim.sidecars) > 1:
        raise UnusableRecord(Reason.UNKNOWN_RECORD, "files that are neither a scan, nor a sidecar, nor one of each")


def _give_up(claim: Claim) -> ReadClaim:
    return ReadClaim(claim, _reject(claim, Reason.INTERNAL_ERROR, REFUSED), "")


def _reject(claim: Claim, reason: Reason, detail: str) -> Reject:
    return Reject(reason, f"rejected/{reason.value}/{claim.directory.name}".encode(), detail)
