"""Timelines in SQL: in a SQLite file or in PostgreSQL.

A batch is one transaction, and a duplicate batch changes nothing. Entries and links are defined in `streams.core`. All times are
milliseconds since 1970 UTC.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Insert, bindparam, delete, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg

from models.revocation_reasons import RevocationReason
from models.timestamps import milliseconds
from streams.core.citizens.identity_resolution import IdentityCluster, Link, LinkLimits
from streams.core.contacts.contact import ERASED, REMOVALS
from streams.core.sla.open_targets import SlaTarget, SlaTargetsEntry
from streams.core.timeline.case_summary import sort_entries
from streams.core.timeline.entries import Entry
from streams.timeline import expiry, links, owners, positions, sla_targets
from streams.timeline.database import database_errors, lock, open_engine
from streams.timeline.expiry import Cursor, Expired
from streams.timeline.links import LinkRecord
from streams.timeline.queries import slices
from streams.timeline.reader import TimelineSnapshot
from streams.timeline.schema import ENTRIES, ERASURES, LINKS, METADATA, SLA_TARGETS, Row
from streams.timeline.schema_upgrade import migrate

BREACHED: Final = "sla.breached"

_POSITIONAL: Final = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
}
"""Name of a dialect → the dialect with positional parameters."""


class Written(NamedTuple):
    """Numbers of rows that a batch inserted; for `sla_targets`, also replaced; for `adopted`, moved to another owner."""

    entries: int
    links: int
    adopted: int
    sla_targets: int


class Timeline:
    """The timelines' database at the SQLAlchemy URL `url`, whose password is separate. Its tables are migrated immediately.

    `lock_timeout_seconds` is the wait for locks, after which `Busy` is raised. None means `LOCK_SECONDS` in SQLite and no limit
    in PostgreSQL. For one thread at a time. Raises `Unavailable`, and `TooNew` if a newer release has changed the tables.
    """

    def __init__(
        self,
        url: str,
        password: str = "",
        caps: LinkLimits = LinkLimits(),  # noqa: B008 - never changed
        lock_timeout_seconds: float | None = None,
    ) -> None:
        self._caps: Final = caps
        self._is_to_truncate = False
        self._engine: Final = open_engine(
            make_url(url).set(password=password) if password else make_url(url), lock_timeout_seconds
        )
        try:
            with database_errors(), self._engine.begin() as connection:
                migrate(connection)
        except BaseException:
            self.close()
            raise
        dialect = self._engine.dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        duplicate = [ENTRIES.c.contact, ENTRIES.c.id]  # another conflict is an error: two contacts with one id
        self._put_entries: Final = _Put(insert(ENTRIES).on_conflict_do_nothing(index_elements=duplicate), dialect)
        self._put_links: Final = _Put(insert(LINKS).on_conflict_do_nothing(), dialect)
        self._put_erasures: Final = _Put(insert(ERASURES).on_conflict_do_nothing(), dialect)
        self._put_sla_targets: Final = _Put(sla_targets.upsert(dialect), dialect)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    # ----------------------------------------------------------------------------------------------------------- writing
    def write(
        self,
        entries: Sequence[Entry],
        sla_entries: Sequence[SlaTargetsEntry] = (),
        place: tuple[int, int] | None = None,
    ) -> Written:
        """Write a batch in one transaction. Stored entries stay, unless the batch withdraws or erases them.

        Entries of erased contacts are ignored. Later SLA targets replace earlier ones. `place` is the partition of the batch
        and the offset after it. Raises `Unavailable`, `Refused` and its `SameId`.
        """
        with self.write_transaction() as connection:
            erased, erases = self._erase(connection, entries, sla_entries)
            entries = [entry for entry in entries if entry.contact not in erased]
            names, new_owners = owners.gather(entries)
            before = owners.read_contact_owners(connection, new_owners)
            now = {name: new.unite(before[name]) if name in before else new for name, new in new_owners.items()}
            adopted = owners.adopt(connection, before, now)
            linked = self._put_links(connection, owners.relink(connection, names, before, now))
            entries = _withdraw(connection, entries)
            rows = [_row(entry, now[entry.contact].citizen or entry.contact) for entry in entries]
            rows.sort(key=_primary_key)  # adjacent in the index, so that each page is touched once
            put = self._put_entries(connection, rows)
            targets = sla_targets.rows(entry for entry in sla_entries if entry.contact not in erased)
            written = Written(put, linked, adopted, self._put_sla_targets(connection, targets))
            if place is not None:
                positions.write(connection, *place)
        if erases:
            self.truncate_log()
        return written

    def truncate_log(self) -> bool:
        """Truncate SQLite's write-ahead log, so that it holds no deleted data, even after a crash. Return whether it succeeded.

        Does nothing in PostgreSQL, and returns True.

        A reader that holds a snapshot longer than the lock timeout postpones it to the next call or to `checkpoint_log`.
        Raises `Unavailable`.
        """
        if not self._is_sqlite:
            return True
        with database_errors(), self._engine.connect() as connection:
            is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        self._is_to_truncate = bool(is_busy)
        return not is_busy

    def checkpoint_log(self) -> None:
        """Checkpoint SQLite's write-ahead log, except pages that readers need; truncate it if that was postponed."""
        if self._is_to_truncate:
            self.truncate_log()
        elif self._is_sqlite:
            with database_errors(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def write_transaction(self) -> Iterator[Connection]:
        """Yield a transaction that excludes other writers. Raises `Unavailable` and `Refused`."""
        with database_errors(), self._engine.begin() as connection:
            lock(connection)
            yield connection

    @contextmanager
    def read_connection(self) -> Iterator[Connection]:
        """Yield a connection that reads committed data. Raises `Unavailable`."""
        with database_errors(), self._engine.connect() as connection:
            yield connection

    def vacuum(self) -> bool:
        """Rewrite the tables, so that the database's files hold no deleted data; return False if SQLite's log still does.

        PostgreSQL does not overwrite deleted data. SQLite does (`secure_delete`), except copies left in pages from which rows
        were moved before their deletion. Some millions of entries take a minute, during which PostgreSQL's tables cannot be
        read and SQLite cannot be written. PostgreSQL's write-ahead log and backups are its administrator's responsibility. In
        SQLite, a reader may postpone the end, see `truncate_log`. Raises `Unavailable`.
        """
        tables = [""] if self._is_sqlite else [f"(FULL, ANALYZE) {table.name}" for table in METADATA.sorted_tables]
        with database_errors(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("PRAGMA cache_spill = 1")  # do not keep all changed pages in memory
                connection.detach()
            for table in tables:
                connection.exec_driver_sql(f"VACUUM {table}")
        return self.truncate_log()

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _erase(
        self, connection: Connection, entries: Sequence[Entry], sla_entries: Sequence[SlaTargetsEntry]
    ) -> tuple[set[str], bool]:
        """Delete the contacts that the batch erases or retracts; return all deleted ones, and whether it has such an event."""
        # The first event of a contact counts.
        removals = [entry for entry in reversed(entries) if entry.type in REMOVALS]
        requested = {entry.contact: milliseconds(entry.happened_at) for entry in removals}
        if requested:
            self._put_erasures(connection, [*requested.items()])
            # The revocations of links stay for a retracted contact, whose identities usually have a corrected one.
            erased = owners.read_identities(connection, {entry.contact for entry in removals if entry.type == ERASED})
            for table in (ENTRIES, LINKS, SLA_TARGETS):
                gone = delete(table).where(table.c.contact == bindparam("contact_"))
                connection.execute(gone, [{"contact_": contact} for contact in requested])
            for some in slices(sorted(erased)):
                links.erase_revocations(connection, some)
        contacts = {entry.contact for entry in (*entries, *sla_entries)}
        return {*requested, *_find_existing(connection, ERASURES.c.contact, contacts)}, bool(requested)

    # ----------------------------------------------------------------------------------------------------------- reading
    def read_positions(self) -> dict[int, int]:
        """Return the positions in the timelines' topic, see `positions.read`. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return positions.read(connection)

    def find_erased(self, contacts: Iterable[str] | None = None) -> dict[str, int]:
        """Return erased contact → time of its erasure, among these contacts or, with None, of all. Raises `Unavailable`."""
        query = select(ERASURES.c.contact, ERASURES.c.erased_at)
        queries = (
            [query] if contacts is None else [query.where(ERASURES.c.contact.in_(s)) for s in slices(list(contacts))]
        )
        with self.read_connection() as connection:
            return {contact: at for query in queries for contact, at in connection.execute(query)}

    def find_owners(self, names: Iterable[str]) -> set[str]:
        """Return those of `names` (identities, or ids of contacts without one) that own entries. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return _find_existing(connection, ENTRIES.c.owner, names)

    def resolve_identities(self, identity: str, most: int = 0) -> IdentityCluster:
        """Return the identities of the citizen who has `identity`. `most` raises the limit of `caps`. Raises `Unavailable`."""
        caps = self._caps._replace(identities=max(self._caps.identities, most))
        with self.read_connection() as connection:
            return TimelineSnapshot(connection, caps).resolve_identities(identity)

    def read(self, owners: Iterable[str], limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the latest `limit` entries of these owners, latest first. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return TimelineSnapshot(connection, self._caps).read([*owners], limit)

    def read_contact(self, contact: str, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the entries of a contact, or its latest `limit` ones, earliest first. Raises `Unavailable`."""
        query = select(ENTRIES).where(ENTRIES.c.contact == contact)
        if limit is not None:
            query = query.order_by(ENTRIES.c.happened_at.desc(), ENTRIES.c.id.desc()).limit(limit)
        with self.read_connection() as connection:
            found = connection.execute(query).mappings().all()
        return sort_entries(map(dict, found))

    def read_sla_targets(self, contacts: Collection[str]) -> Mapping[str, tuple[SlaTarget, ...]]:
        """Return contact → open SLA targets; contacts without a stored row are left out. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return sla_targets.read(connection, contacts)

    def expire(self, after: Cursor, until: int, limit: int) -> Expired:
        """Delete contacts closed before `until`, see `expiry.expire`, and if any, truncate the log. Raises `Unavailable`."""
        with self.write_transaction() as connection:
            expired = expiry.expire(connection, after, until, limit)
        if expired.contacts:
            self.truncate_log()
        return expired

    # ------------------------------------------------------------------------------------------------------------- links
    def read_links(self, identity: str, limit: int) -> Sequence[LinkRecord]:
        """Return at most `limit` links of an identity, also revoked, those with most contacts first. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return links.read(connection, identity, limit)

    def revoke(self, link: Link, at: int, ground: RevocationReason) -> bool:
        """Revoke a link in both directions; return whether it was valid in either.

        After `Unavailable`, `is_revoked` shows the outcome.
        """
        with self.write_transaction() as connection:
            return True in [links.revoke(connection, directed, at, ground) for directed in _both_directions(link)]

    def restore(self, link: Link) -> bool:
        """Restore a revoked link in both directions; return whether it was revoked in either. Raises `Unavailable`."""
        with self.write_transaction() as connection:
            return True in [links.restore(connection, directed) for directed in _both_directions(link)]

    def is_revoked(self, link: Link) -> bool:
        """Return whether a link is revoked in either direction, after waiting for running writes. Raises `Unavailable`."""
        with self.write_transaction() as connection:
            return links.is_revoked(connection, link)


def _both_directions(link: Link) -> tuple[Link, Link]:
    return link, Link(link.other, link.one)


def _row(entry: Entry, owner: str) -> Row:
    return (
        *(owner, milliseconds(entry.happened_at), entry.id, entry.contact, entry.sector, entry.channel.value),
        *(entry.site, entry.service, entry.type, entry.state.value, entry.outcome, entry.source, entry.detail),
        entry.withdraws,
    )


_primary_key: Final = itemgetter(0, 1, 2)
"""Primary key of an entry's row. Rows of one contact with the same key keep their order, and the first one is inserted."""


class _Put:
    """Statement that inserts complete rows, compiled once instead of for each row."""

    def __init__(self, statement: Insert, dialect: str) -> None:
        compiled = statement.compile(dialect=_POSITIONAL[dialect])
        assert compiled.positiontup == statement.table.columns.keys()
        self._sql: Final = str(compiled)

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Execute the statement for `rows`; return the number of rows that it inserted or changed."""
        if not rows:
            return 0
        done = connection.exec_driver_sql(self._sql, [*rows], execution_options={"preserve_rowcount": True})
        return done.rowcount


def _withdraw(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """Delete the stored entries that `entries` withdraw, and return `entries` without withdrawn ones.

    Stored entries that withdraw others apply to breaches among `entries` only.
    """
    withdrawn = {(entry.contact, entry.withdraws) for entry in entries if entry.withdraws}
    if withdrawn:
        gone = delete(ENTRIES).where(ENTRIES.c.contact == bindparam("contact_"), ENTRIES.c.id == bindparam("id_"))
        connection.execute(gone, [{"contact_": contact, "id_": name} for contact, name in withdrawn])
    breached = {entry.contact for entry in entries if entry.type == BREACHED}
    for some in slices(list(breached)):
        query = select(ENTRIES.c.contact, ENTRIES.c.withdraws).where(
            ENTRIES.c.contact.in_(some), ENTRIES.c.withdraws != ""
        )
        withdrawn |= {(contact, name) for contact, name in connection.execute(query)}
    return [entry for entry in entries if (entry.contact, entry.id) not in withdrawn]


def _find_existing(connection: Connection, column: Any, values: Iterable[str]) -> set[str]:
    queries = (select(column).where(column.in_(some)).distinct() for some in slices(list(values)))
    return {value for query in queries for value in connection.scalars(query)}
