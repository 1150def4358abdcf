"""State of a connector that reads records: known records, positions, and outcomes that are not yet confirmed.

One SQLite transaction stores the outcomes, the digests of their records, and the position after them. A crash
therefore neither loses nor repeats a record: the stored outcomes are published again, with the same event ids.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import lz4.frame
import msgspec
import structlog

from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.database import Database
from connectors.sdk.errors import ConnectorError, CursorDamagedError
from models.codec import UnusableRecord, decode, encode
from models.locale import _
from models.reasons import Reason

FILE: Final = "records.db"
ASIDE: Final = "before-reread"
"""Folder in the instance's directory; a reread moves the file there."""
_COMPLETE: Final = 1
"""Value of `user_version` once the retracted contacts of a former file were taken."""
_BASE_COMMANDS: Final = (
    "INSERT INTO main.positions SELECT * FROM base.positions",
    "INSERT INTO main.outbox SELECT * FROM base.outbox",
    """CREATE TEMP VIEW known AS SELECT * FROM main.known
    UNION ALL SELECT * FROM base.known WHERE key NOT IN (SELECT key FROM main.known)""",
)
"""Commands that give a new file the contents of the attached file `base`. The large table `known` is not copied."""
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS known (key TEXT PRIMARY KEY, digest BLOB, facts BLOB, state TEXT, version INTEGER, day INTEGER)
    WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS positions (part TEXT PRIMARY KEY, position BLOB)",
    "CREATE TABLE IF NOT EXISTS outbox (batch INTEGER PRIMARY KEY, outcomes BLOB)",
    "CREATE TABLE IF NOT EXISTS listed (key TEXT PRIMARY KEY) WITHOUT ROWID",
    "PRAGMA cache_size = -24576",  # in KiB; a page of rows changes up to 18 MiB
    # Keys are mostly digests, so that each batch changes pages all over the table. A later checkpoint writes a page once for
    # several batches: with 1,000,000 rows, SQLite takes a fifth less processor time. The log grows to about 80 MiB.
    "PRAGMA wal_autocheckpoint = 16384",
)

_COMPRESSED: Final = b"\x04\x22\x4d\x18"
"""First bytes of an LZ4 frame; no list in MessagePack begins with them."""

log = structlog.get_logger(__name__)


class KnownRecord(NamedTuple):
    """What is remembered of a record."""

    digest: bytes
    """Digest of the fields that the mapping reads."""
    facts: bytes | None = b""
    """Checksums of the events that the contact has, four bytes each (`record_mapping.fact_checksum`).

    None if the record was rejected: the contact then has the events of an earlier record, or those of a replay, or none."""
    state: str = ""
    """State of the contact at its last record, for mappings with `state`."""
    version: int = 0
    """Number of retractions of the contact."""


class _StoredReject(msgspec.Struct, array_like=True):
    reason: Reason
    record: bytes
    detail: str
    context: bytes


class RecordStore:
    """The file `records.db` in `directory`. For one thread.

    In a probe, `base` is the directory with the instance's file, and `directory` has no file yet. The methods then find the
    contents of the file in `base` too, and leave that file unchanged.

    Raises `CursorDamagedError` if the file is damaged, and `ConnectorError` if it cannot be used now.
    """

    def __init__(self, directory: Path, base: Path | None = None) -> None:
        self._database = Database(
            directory / FILE, *_TABLES, lost=CursorDamagedError, advice=_("run accueil connectors reread")
        )
        if self._database.find("PRAGMA user_version") != (_COMPLETE,):
            self._copy_versions(directory / ASIDE / FILE)
        if base is not None:
            self._database.execute("ATTACH ? AS base", f"{(base / FILE).absolute().as_uri()}?immutable=1")
            for command in _BASE_COMMANDS:
                self._database.execute(command)
            if self._database.find(
                "SELECT 1 FROM base.sqlite_master WHERE name = 'listed'"
            ):  # not in a former version's file
                self._database.execute("INSERT INTO main.listed SELECT * FROM base.listed")
        ((newest,),) = self._database.execute("SELECT max(batch) FROM outbox")
        self._batch: int = newest or 0
        self._today = date.today().toordinal()  # noqa: DTZ011 - a day more or less does not matter

    @property
    def batch(self) -> int:
        """Number of the last batch."""
        return self._batch

    def positions(self) -> dict[str, bytes]:
        """Return the saved position of each part of the source, such as a file."""
        return dict(self._database.execute("SELECT part, position FROM positions"))

    def unconfirmed(self) -> list[Outcome]:
        """Return the outcomes that an earlier process stored and did not see confirmed, in order."""
        rows = self._database.execute("SELECT outcomes FROM outbox ORDER BY batch")
        try:
            return [outcome for (stored,) in rows for outcome in _unpack(stored)]
        except (msgspec.DecodeError, UnusableRecord, RuntimeError, ValueError, TypeError, IndexError):
            raise self._database.damaged() from None

    def damaged(self) -> ConnectorError:
        """Return the error to raise if a position is damaged."""
        return self._database.damaged()

    def find(self, keys: Iterable[str]) -> dict[str, KnownRecord]:
        """Return what is known of the records with these keys, without the unknown ones."""
        rows = self._database.execute(
            "SELECT key, digest, facts, state, version FROM known WHERE key IN (SELECT value FROM json_each(?))",
            msgspec.json.encode(list(keys)),
        )
        return {key: KnownRecord(*found) for key, *found in rows}

    def note_listed(self, keys: Iterable[str], *, is_first: bool) -> None:
        """Note that a complete list of all records has these keys. `is_first` begins a new list."""
        with self._database.transaction():
            if is_first:
                self._database.execute("DELETE FROM listed")
            self._database.execute_all("INSERT OR IGNORE INTO listed VALUES (?)", [(key,) for key in keys])

    def find_unlisted(self, limit: int) -> dict[str, KnownRecord]:
        """Return at most `limit` known records that are not in the noted list and whose contacts have events.

        Keys that begin with `#` are left out: they identify a record, not its contact.
        """
        rows = self._database.execute(
            "SELECT key, digest, facts, state, version FROM known WHERE length(facts) > 0"
            " AND substr(key, 1, 1) <> '#' AND key NOT IN (SELECT key FROM listed) LIMIT ?",
            limit,
        )
        return {key: KnownRecord(*found) for key, *found in rows}

    def commit(
        self,
        outcomes: Sequence[Outcome],
        known: Mapping[str, KnownRecord],
        positions: Mapping[str, bytes | None],
    ) -> None:
        """Store the outcomes of a batch, what is now known of its records, and changed positions; None removes a position."""
        with self._database.transaction():
            if outcomes:
                self._batch += 1
                self._database.execute("INSERT INTO outbox VALUES (?, ?)", self._batch, _pack(outcomes))
            self._database.execute_all(
                "INSERT OR REPLACE INTO main.known VALUES (?, ?, ?, ?, ?, ?)",
                [(key, *record, self._today) for key, record in known.items()],
            )
            for part, position in positions.items():
                if position is None:
                    self._database.execute("DELETE FROM positions WHERE part = ?", part)
                else:
                    self._database.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", part, position)

    def confirm(self, batch: int) -> None:
        """Forget the outcomes of all batches up to `batch`: their events are safe."""
        self._database.execute("DELETE FROM outbox WHERE batch <= ?", batch)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _copy_versions(self, former: Path) -> None:
        """Take the retracted contacts from the file that a reread has moved aside: their ids must not be used again.

        A reread may have been necessary because that file is damaged.
        """
        if former.exists():
            try:
                self._database.execute("ATTACH ? AS former", str(former))
                if self._database.find("SELECT 1 FROM former.sqlite_master WHERE name = 'known'"):
                    self._database.execute(
                        "INSERT OR IGNORE INTO known"
                        " SELECT key, x'', x'', '', version, day FROM former.known WHERE version > 0"
                    )
                self._database.execute("DETACH former")
            except CursorDamagedError:
                log.warning("retracted_contacts_unknown", file=str(former))
        self._database.execute(f"PRAGMA main.user_version = {_COMPLETE}")


def _pack(outcomes: Sequence[Outcome]) -> bytes:
    """Return the encoded outcomes: a list of encoded events, or a stored reject, for each."""
    packed = msgspec.msgpack.encode(
        [
            _StoredReject(outcome.reason, outcome.record, outcome.detail, outcome.context)
            if isinstance(outcome, Reject)
            else [encode(event) for event in outcome]
            for outcome in outcomes
        ]
    )
    compressed: bytes = lz4.frame.compress(packed)  # in a tenth of SQLite's time for the saved bytes
    return compressed


def _unpack(stored: bytes) -> list[Outcome]:
    """Return the outcomes that `_pack` encoded, or that a former version encoded without compression."""
    packed = lz4.frame.decompress(stored) if stored.startswith(_COMPRESSED) else stored
    # A list of encoded events has only bytes; a stored reject begins with a text.
    return [
        Reject(Reason(entry[0]), entry[1], entry[2], entry[3])
        if entry and isinstance(entry[0], str)
        else tuple(map(decode, entry))
        for entry in msgspec.msgpack.decode(packed)
    ]
