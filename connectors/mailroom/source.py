"""Source of the mailroom connector: registers scanned letters and reads sidecars from the hot folder."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO, ClassVar

from connectors.mailroom import sidecar
from connectors.mailroom.config import MailroomConfig
from connectors.mailroom.mapping import MailroomMapping, Scan
from connectors.mailroom.pages import PageCounter
from connectors.mailroom.register import Register, Routing
from connectors.mailroom.sidecar import Row, read_rows, summarise_errors
from connectors.sdk.contract import Context
from connectors.sdk.folder import SIDECAR_BYTES, Claim, ClaimResult, FolderSource, ReadClaim, digest, open_safely
from models.codec import UnusableRecord
from models.events import Event, LetterAssigned
from models.reasons import Reason


class MailroomSource(FolderSource):
    """Source that registers letters from scans, and maps sidecars without a scan to steps of letters."""

    contents: ClassVar = frozenset({".pdf", ".tif", ".tiff"})
    sidecars: ClassVar = sidecar.SUFFIXES

    def __init__(self, config: MailroomConfig, context: Context) -> None:
        self._chrono = config.chrono
        self._separated = bool(config.separators)
        self._limit = config.max_megabytes << 20
        key = context.pseudonym_key(config.sector)
        self._mapping = MailroomMapping(context.source, config, key)
        super().__init__(config, context)
        try:
            self._register = Register(context.directory, context.cursor, key)
        except BaseException:
            super().close()
            raise
        sheets = [f"{start}{name}" for name in config.separators for start in ("", config.separator_prefix)]
        self._counter = PageCounter(config.page_seconds, sheets, config.separator_prefix)

    def read(self, wait_seconds: float) -> Sequence[ReadClaim]:
        """Return the next claims, as `FolderSource.read`; their chrono numbers are then on disk, unless it raises."""
        with self._register.transaction():
            return super().read(wait_seconds)

    def read_claim(self, claim: Claim) -> ClaimResult:
        """Return the events of a claim, labelled with its chrono number, or `first..last`; without a label for steps.

        A scan, with or without a sidecar, registers its letters; a sidecar alone reports steps of registered letters. Raises
        `UnusableRecord` if any part of the claim is unusable; the register then stays unchanged.
        """
        rows, sha256, written_at = _read_sidecar(claim)
        if not claim.contents:
            return self._read_steps(claim, rows, sha256, written_at)
        if len(rows) > 1:
            raise UnusableRecord(Reason.UNREADABLE_LINE, f"sidecar: {len(rows)} rows for one scan")
        scan = self._scan(claim)
        letters = self._mapping.letters(scan, rows[0] if rows else {}, claim.claimed_at)
        events, chronos = list[Event](), list[str]()
        with self._register.all_or_nothing():
            for letter in letters:
                chrono = self._register.number(letter.key, letter.year, self._chrono)
                arrived, registered = self._mapping.arrival(letter, chrono)
                self._register.put(chrono, arrived.time, Routing(arrived.site, arrived.service))
                events += [arrived, registered]
                chronos.append(chrono)
        return ClaimResult(events, chronos[0] if len(chronos) == 1 else f"{chronos[0]}..{chronos[-1]}")

    def close(self) -> None:
        """Close the register and the folder, and end the process that reads pages."""
        self._counter.close()
        self._register.close()
        super().close()

    def _read_steps(self, claim: Claim, rows: list[Row], sha256: str, written_at: datetime) -> ClaimResult:
        events: list[Event] = []
        bad: dict[int, UnusableRecord] = {}
        with self._register.all_or_nothing():
            for number, row in enumerate(rows, start=1):
                try:
                    chrono, step = self._mapping.step(row, sha256, written_at, claim.claimed_at, self._register.routing)
                except UnusableRecord as error:
                    bad[number] = error
                    continue
                if isinstance(step, LetterAssigned):
                    self._register.put(chrono, step.time, Routing(step.site, step.service))
                events.append(step)
            if bad:
                raise summarise_errors(bad)
        return ClaimResult(list({event.id: event for event in events}.values()))  # a sidecar may repeat steps

    def _scan(self, claim: Claim) -> Scan:
        (path,) = claim.contents
        with open_safely(path, self._limit) as file:
            sha256 = digest(file, self._limit)
            pages = self._counter.examine(file, sheets=self._separated and not claim.sidecars)
            return Scan(sha256, pages, _written_at(file, claim))


def _read_sidecar(claim: Claim) -> tuple[list[Row], str, datetime]:
    """Return the rows of the sidecar, its SHA-256 and its time of writing. Raises `UnusableRecord`.

    Without a sidecar, return no rows, no hash and the time of the claim.
    """
    if not claim.sidecars:
        return [], "", claim.claimed_at
    (path,) = claim.sidecars
    with open_safely(path, SIDECAR_BYTES) as file:
        sha256 = digest(file, SIDECAR_BYTES)
        file.seek(0)
        return read_rows(file.read(SIDECAR_BYTES), path.suffix.lower()), sha256, _written_at(file, claim)


def _written_at(file: BinaryIO, claim: Claim) -> datetime:
    """Return the modification time of a file, at most `claimed_at`: the scanner's clock may be fast."""
    written_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    return min(written_at, claim.claimed_at)
