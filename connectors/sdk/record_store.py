"""State of a connector that reads records: known records, positions, and outcomes that are not yet confirmed.

One SQLite transaction stores the outcomes, the digests of their records, and the position after them. A crash
therefore neither loses nor repeats a record: the stored outcomes are published again, with the same event ids.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import lz4.frame
import msgspec
import structlog

from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.database import Database
from connectors.sdk.errors import ConnectorError, CursorDamagedError
from connectors.sdk.mapping.record_mapping import RecordKey
from models.codec import UnusableRecord, decode, encode
from models.locale import _
from models.reasons import Reason

FILE: Final = "records.db"
ASIDE: Final = "before-reread"
"""Folder in the instance's directory; a reread moves the file there."""
_COMPLETE: Final = 2
"""Value of `user_version` once the file has what a former file knew. Version 1 had the table `known`, without prefixes."""
_CONVERTED: Final = 3
"""The same if records of version 1 were taken, which may lack their prefix."""
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS records
    (prefix TEXT, name TEXT, digest BLOB, facts BLOB, state TEXT, version INTEGER, day INTEGER, PRIMARY KEY (prefix, name))
    WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS positions (part TEXT PRIMARY KEY, position BLOB)",
    "CREATE TABLE IF NOT EXISTS outbox (batch INTEGER PRIMARY KEY, outcomes BLOB)",
    "CREATE TABLE IF NOT EXISTS listed (key TEXT PRIMARY KEY) WITHOUT ROWID",
    "PRAGMA cache_size = -24576",  # in KiB; a page of rows changes up to 18 MiB
    # Records without ids in sequence change pages all over the table. A later checkpoint writes a page once for several batches:
    # with 1,000,000 such rows, SQLite takes a fifth less processor time. The log grows to about 80 MiB.
    "PRAGMA wal_autocheckpoint = 16384",
)

_COMPRESSED: Final = b"\x04\x22\x4d\x18"
"""First bytes of an LZ4 frame; no list in MessagePack begins with them."""

log = structlog.get_logger(__name__)


class KnownRecord(NamedTuple):
    """Entry of a record in the store."""

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
        if self._version("main") not in {_COMPLETE, _CONVERTED}:
            self._complete(directory / ASIDE / FILE)
        self._records = ["SELECT * FROM main.records"]
        """Queries of the known records. A later one has the newer contents of a record."""
        if base is not None:
            self._attach_base(base)
        versions = {self._version(schema) for schema in (("main",) if base is None else ("main", "base"))}
        self._has_prefix = "prefix = value ->> 0" if versions == {_COMPLETE} else "prefix IN (value ->> 0, '')"
        """Condition that a record has the prefix of a key."""
        ((newest,),) = self._database.execute("SELECT max(batch) FROM outbox")
        self._batch: int = newest or 0
        self._confirmed = 0
        """Last batch that is confirmed and not yet removed; 0 if there is none."""
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

    def find(self, keys: Iterable[RecordKey]) -> dict[RecordKey, KnownRecord]:
        """Return the entries of the records with these keys. Unknown records are left out.

        Records that a former version stored without a prefix get theirs.
        """
        wanted = msgspec.json.encode(list(keys))
        found: dict[RecordKey, KnownRecord] = {}
        without_prefix: list[RecordKey] = []
        for records in self._records:
            rows = self._database.execute(
                "SELECT prefix, value ->> 0, name, digest, facts, state, version"  # noqa: S608 - a query of this module
                f" FROM json_each(?) CROSS JOIN ({records}) ON {self._has_prefix} AND name = value ->> 1",
                wanted,
            )
            for stored_prefix, prefix, name, *record in rows:
                key = RecordKey(prefix, name)
                found[key] = KnownRecord(*record)
                if stored_prefix != prefix:
                    without_prefix.append(key)
        if without_prefix:
            with self._database.transaction():
                self._database.execute_all(
                    "UPDATE main.records SET prefix = ? WHERE prefix = '' AND name = ?", without_prefix
                )
        return found

    def note_listed(self, keys: Iterable[RecordKey], *, is_first: bool) -> None:
        """Note that a complete list of all records has these keys. `is_first` begins a new list."""
        with self._database.transaction():
            if is_first:
                self._database.execute("DELETE FROM listed")
            self._database.execute_all("INSERT OR IGNORE INTO listed VALUES (?)", [(key.name,) for key in keys])

    def find_unlisted(self, limit: int) -> dict[RecordKey, KnownRecord]:
        """Return at most `limit` known records that are not in the noted list and whose contacts have, or may have, events.

        Names that begin with `#` are left out: they identify a record, not its contact.
        """
        rows = self._database.execute(
            "SELECT prefix, name, digest, facts, state, version FROM records WHERE (facts IS NULL OR length(facts) > 0)"
            " AND substr(name, 1, 1) <> '#' AND name NOT IN (SELECT key FROM listed) LIMIT ?",
            limit,
        )
        return {RecordKey(prefix, name): KnownRecord(*found) for prefix, name, *found in rows}

    def commit(
        self,
        outcomes: Sequence[Outcome],
        known: Mapping[RecordKey, KnownRecord],
        positions: Mapping[str, bytes | None],
    ) -> None:
        """Store the outcomes of a batch, the entries of its records, and changed positions; None removes a position."""
        with self._database.transaction():
            self.tidy()
            if outcomes:
                self._batch += 1
                self._database.execute("INSERT INTO outbox VALUES (?, ?)", self._batch, _pack(outcomes))
            self._database.execute_all(
                "INSERT OR REPLACE INTO main.records VALUES (?, ?, ?, ?, ?, ?, ?)",
                sorted((*key, *record, self._today) for key, record in known.items()),
            )
            for part, position in positions.items():
                if position is None:
                    self._database.execute("DELETE FROM positions WHERE part = ?", part)
                else:
                    self._database.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", part, position)

    def confirm(self, batch: int) -> None:
        """Note that the events of all batches up to `batch` are safe: the next `commit`, `tidy` or `close` removes them.

        Each transaction waits for the disk. After a crash before the removal, the same events are published again.
        """
        self._confirmed = batch

    def tidy(self) -> None:
        """Remove the confirmed outcomes."""
        if self._confirmed:
            self._database.execute("DELETE FROM outbox WHERE batch <= ?", self._confirmed)
            self._confirmed = 0

    def close(self) -> None:
        """Remove the confirmed outcomes, if the disk permits, and close the file."""
        with suppress(ConnectorError):
            self.tidy()
        self._database.close()

    def _complete(self, former: Path) -> None:
        """Take the records of a former version's table, and the retracted contacts of the file that a reread has moved aside.

        The ids of retracted contacts must not be used again. A reread may have been necessary because that file is damaged.
        """
        version = _COMPLETE
        if former.exists():
            try:
                self._database.execute("ATTACH ? AS former", str(former))
                if self._version("former") != _COMPLETE:
                    version = _CONVERTED
                if records := self._select_records("former"):
                    self._database.execute(
                        "INSERT OR IGNORE INTO records"  # noqa: S608
                        f" SELECT prefix, name, x'', x'', '', version, day FROM ({records}) WHERE version > 0"
                    )
                self._database.execute("DETACH former")
            except CursorDamagedError:
                log.warning("retracted_contacts_unknown", file=str(former))
        with self._database.transaction():
            if self._has_table("main", "known"):
                version = _CONVERTED
                self._database.execute(f"INSERT OR REPLACE INTO records {self._select_records('main')}")
                self._database.execute("DROP TABLE known")
            self._database.execute(f"PRAGMA main.user_version = {version}")

    def _attach_base(self, base: Path) -> None:
        """Give this new file the contents of the file in `base`. The large table `records` is not copied."""
        self._database.execute("ATTACH ? AS base", f"{(base / FILE).absolute().as_uri()}?immutable=1")
        for table in ("positions", "outbox", "listed"):
            if self._has_table("base", table):  # a former version had no `listed`
                self._database.execute(f"INSERT INTO main.{table} SELECT * FROM base.{table}")  # noqa: S608
        if records := self._select_records("base"):
            self._records.insert(0, records)
            self._database.execute(
                f"CREATE TEMP VIEW records AS SELECT * FROM main.records UNION ALL SELECT * FROM ({records}) AS former"  # noqa: S608
                " WHERE NOT EXISTS"
                " (SELECT 1 FROM main.records AS own WHERE own.prefix = former.prefix AND own.name = former.name)"
            )

    def _select_records(self, schema: str) -> str:
        """Return a query of the known records in a database file; empty if it has none.

        A former version had the table `known` without prefixes.
        """
        if self._has_table(schema, "known"):
            return f"SELECT '' AS prefix, key AS name, digest, facts, state, version, day FROM {schema}.known"  # noqa: S608
        if self._has_table(schema, "records"):
            return f"SELECT * FROM {schema}.records"  # noqa: S608 - a schema of this module
        return ""

    def _version(self, schema: str) -> int:
        version: int = self._database.find(f"PRAGMA {schema}.user_version")[0]
        return version

    def _has_table(self, schema: str, name: str) -> bool:
        return self._database.find(f"SELECT 1 FROM {schema}.sqlite_master WHERE name = ?", name) is not None  # noqa: S608


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
