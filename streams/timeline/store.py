"""Entries into SQL and out again: SQLite in a file of its own, or PostgreSQL by URL.

A batch is one transaction, and the same batch again changes nothing. What is meant by entries and links is in `streams.core`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Insert, bindparam, delete, make_url, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg

from models.revocation_reasons import RevocationReason
from models.timestamps import milliseconds
from streams.core.citizens.identity_resolution import IdentityCluster, Link, LinkLimits, resolve_identities
from streams.core.contacts.contact import ERASED
from streams.core.sla.open_targets import SlaTarget, SlaTargetsEntry
from streams.core.timeline.case_summary import sort_entries
from streams.core.timeline.entries import Entry
from streams.timeline import expiry, links, owners, positions, sla_targets
from streams.timeline.database import database_errors, open_engine
from streams.timeline.expiry import Cursor, Expired
from streams.timeline.links import LinkRecord
from streams.timeline.queries import slices
from streams.timeline.schema import ENTRIES, ERASURES, LINKS, METADATA, PROMISES, Row
from streams.timeline.schema_upgrade import migrate
from streams.timeline.write_lock import lock

BREACHED: Final = "sla.breached"

_POSITIONAL: Final = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
}
"""Dialects that number what is to be written, and do not name it."""


class EntryPosition(NamedTuple):
    """Where an entry stands in time."""

    happened_at: int
    id: str


class Written(NamedTuple):
    """What a batch changed."""

    entries: int
    links: int
    """Rows: of a contact whose strongest identity becomes known all of its links are others."""
    adopted: int
    """Entries that became somebody's: a contact told for the first time whose it is, or by a stronger identity."""
    promises: int
    """Contacts of which it is known anew what is still to be kept."""


_PAGE: Final = (
    select(ENTRIES)
    .where(ENTRIES.c.owner == bindparam("owner_"))
    .order_by(ENTRIES.c.happened_at.desc(), ENTRIES.c.id.desc())
    .limit(bindparam("most"))
)
_PAGE_BEFORE: Final = _PAGE.where(
    tuple_(ENTRIES.c.happened_at, ENTRIES.c.id) < tuple_(bindparam("happened_at"), bindparam("id"))
)


class Timeline:
    """The database at `url`, as SQLAlchemy writes it, with its password apart; brought to this release's tables at once.

    Who is in the way is waited for: for `patience` seconds, then it is `Busy`; None: for `LOCK_SECONDS` in SQLite, and as long
    as it takes in PostgreSQL. For one thread at a time. Raises `Unavailable`, and `TooNew` if a newer release has changed the
    tables.
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
        told_again = [ENTRIES.c.contact, ENTRIES.c.id]  # what else has the key of an entry is another
        self._put_entries: Final = _Put(insert(ENTRIES).on_conflict_do_nothing(index_elements=told_again), dialect)
        self._put_links: Final = _Put(insert(LINKS).on_conflict_do_nothing(), dialect)
        self._put_erasures: Final = _Put(insert(ERASURES).on_conflict_do_nothing(), dialect)
        self._put_promises: Final = _Put(sla_targets.upsert(dialect), dialect)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    # ----------------------------------------------------------------------------------------------------------- writing
    def write(
        self, entries: Sequence[Entry], promised: Sequence[SlaTargetsEntry] = (), place: tuple[int, int] | None = None
    ) -> Written:
        """Write a batch in one transaction; what is there already is left as it is, and what is promised as was told last.

        `place` is the partition that the batch is of, and the offset that follows it.
        Raises `Unavailable`, `SameId`, and `Refused` if it cannot hold one of them.
        """
        with self.write_transaction() as connection:
            erased, erases = self._erase(connection, entries, promised)
            entries = [entry for entry in entries if entry.contact not in erased]
            names, told_of = owners.gather(entries)
            before = owners.read_contact_owners(connection, told_of)
            whose = {one: told.unite(before[one]) if one in before else told for one, told in told_of.items()}
            adopted = owners.adopt(connection, before, whose)
            linked = self._put_links(connection, owners.relink(connection, names, before, whose))
            rows = [_row(one, whose[one.contact].citizen or one.contact) for one in _withdraw(connection, entries)]
            rows.sort(key=_primary_key)  # side by side in the index, so that each of its pages is touched once
            put = self._put_entries(connection, rows)
            told = sla_targets.rows(one for one in promised if one.contact not in erased)
            written = Written(put, linked, adopted, self._put_promises(connection, told))
            if place is not None:
                positions.write(connection, *place)
        if erases:
            self.truncate_log()
        return written

    def truncate_log(self) -> bool:
        """Have nothing that was deleted lie on in SQLite's write-ahead log, after a crash as well; return whether it is so.

        Who reads for longer than is waited puts it off to the next, or to `carry_log`. Raises `Unavailable`.
        """
        if not self._is_sqlite:
            return True
        with database_errors(), self._engine.connect() as connection:
            is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        self._is_to_truncate = bool(is_busy)
        return not is_busy

    def checkpoint_log(self) -> None:
        """Have SQLite's write-ahead log carried into the database, but for what somebody reads; truncated, if that was put off.

        Raises `Unavailable`.
        """
        if self._is_to_truncate:
            self.truncate_log()
        elif self._is_sqlite:
            with database_errors(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def write_transaction(self) -> Iterator[Connection]:
        """Hand out a transaction in which nobody else writes. Raises `Unavailable` and `Refused`."""
        with database_errors(), self._engine.begin() as connection:
            lock(connection)
            yield connection

    @contextmanager
    def read_connection(self) -> Iterator[Connection]:
        """Hand out a connection that sees what is committed. Raises `Unavailable`."""
        with database_errors(), self._engine.connect() as connection:
            yield connection

    def vacuum(self) -> bool:
        """Have nothing that was deleted lie on in the database's files, and return whether it is so: tables are written anew.

        PostgreSQL overwrites nothing that it deletes. SQLite does (`secure_delete`), but not what it left of rows in pages when
        it moved them to others, before they were deleted. For some millions of entries it takes a minute, in which nobody reads
        PostgreSQL's tables, and nobody writes into SQLite. Write-ahead log and backups of PostgreSQL are its administrator's.
        Of SQLite's, who reads may put off the end, as `truncate_log` says. Raises `Unavailable`.
        """
        tables = [""] if self._is_sqlite else [f"(FULL, ANALYZE) {table.name}" for table in METADATA.sorted_tables]
        with database_errors(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("PRAGMA cache_spill = 1")  # not all of them in memory
                connection.detach()
            for table in tables:
                connection.exec_driver_sql(f"VACUUM {table}")
        return self.truncate_log()

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _erase(
        self, connection: Connection, entries: Sequence[Entry], promised: Sequence[SlaTargetsEntry]
    ) -> tuple[set[str], bool]:
        """Erase whose person is to be erased; return of which contacts nothing may be kept, and whether anybody was."""
        told = {entry.contact: entry for entry in reversed(entries) if entry.type == ERASED}  # the first stands
        if told:
            self._put_erasures(
                connection, [(contact, milliseconds(entry.happened_at)) for contact, entry in told.items()]
            )
            erased = owners.read_identities(connection, told)
            for table in (ENTRIES, LINKS, PROMISES):
                gone = delete(table).where(table.c.contact == bindparam("contact_"))
                connection.execute(gone, [{"contact_": contact} for contact in told])
            for some in slices(sorted(erased)):
                links.erase_revocations(connection, some)
        contacts = {one.contact for one in (*entries, *promised)}
        return {*told, *_which(connection, ERASURES.c.contact, contacts)}, bool(told)

    # ----------------------------------------------------------------------------------------------------------- reading
    def read_positions(self) -> dict[int, int]:
        """Return what `positions.read` does. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return positions.read(connection)

    def find_erased(self, contacts: Iterable[str] | None = None) -> dict[str, int]:
        """Return the contacts known as erased, of these or of all, and when they were. Raises `Unavailable`."""
        asked = select(ERASURES.c.contact, ERASURES.c.erased_at)
        some = [asked] if contacts is None else [asked.where(ERASURES.c.contact.in_(s)) for s in slices(list(contacts))]
        with self.read_connection() as connection:
            return {contact: at for one in some for contact, at in connection.execute(one)}

    def find_owners(self, names: Iterable[str]) -> set[str]:
        """Return under which of these identities there are entries. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return _which(connection, ENTRIES.c.owner, names)

    def resolve_identities(self, identity: str, most: int = 0) -> IdentityCluster:
        """Return which identities are the citizen's who has `identity`; `most` at least are followed. Raises `Unavailable`."""
        caps = self._caps._replace(identities=max(self._caps.identities, most))
        with database_errors(), self._engine.connect() as connection:
            return resolve_identities(identity, lambda asked: links.neighbours(connection, asked, caps), caps)

    def read(
        self, owners: Iterable[str], limit: int, before: EntryPosition | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return the latest entries of these owners, latest first, from `before` on. Raises `Unavailable`."""
        place = before._asdict() if before is not None else {}
        asked = _PAGE if before is None else _PAGE_BEFORE
        found: list[Any] = []
        with database_errors(), self._engine.connect() as connection:
            for owner in owners:  # each a walk down its own stretch of the clustered index
                found += connection.execute(asked, {"owner_": owner, "most": limit, **place})
        found.sort(key=lambda row: (row.happened_at, row.id), reverse=True)
        return [dict(row._mapping) for row in found[:limit]]  # noqa: SLF001 - public, SQLAlchemy says

    def read_contact(self, contact: str, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the whole life of one contact, or the latest so many entries of it, in order. Raises `Unavailable`."""
        asked = select(ENTRIES).where(ENTRIES.c.contact == contact)
        if limit is not None:
            asked = asked.order_by(ENTRIES.c.happened_at.desc(), ENTRIES.c.id.desc()).limit(limit)
        with database_errors(), self._engine.connect() as connection:
            found = connection.execute(asked).mappings().all()
        return sort_entries(map(dict, found))

    def read_sla_targets(self, contacts: Collection[str]) -> Mapping[str, tuple[SlaTarget, ...]]:
        """Return what is promised to these contacts, and still to be kept. Raises `Unavailable`."""
        with self.read_connection() as connection:
            return sla_targets.read(connection, contacts)

    def expire(self, after: Cursor, until: int, limit: int) -> Expired:
        """Drop contacts closed before `until`, looking at the next `limit` entries. Raises `Unavailable`."""
        with self.write_transaction() as connection:
            expired = expiry.expire(connection, after, until, limit)
        if expired.contacts:
            self.truncate_log()
        return expired

    # ------------------------------------------------------------------------------------------------------------- links
    def read_links(self, identity: str, limit: int) -> Sequence[LinkRecord]:
        """Return the links of an identity, revoked ones too; those that most contacts tell first. Raises `Unavailable`."""
        with database_errors(), self._engine.connect() as connection:
            return links.read(connection, identity, limit)

    def count_links(self, identity: str) -> int:
        """Return how many links of an identity there are, revoked ones too. Raises `Unavailable`."""
        with database_errors(), self._engine.connect() as connection:
            return links.count(connection, identity)

    def revoke(self, link: Link, at: int, ground: RevocationReason) -> bool:
        """Do what `links.revoke` does, whichever of the two stands first. Raises `Unavailable`: look at `is_revoked`."""
        with self.write_transaction() as connection:
            return True in [links.revoke(connection, one, at, ground) for one in _turn(link)]  # both

    def restore(self, link: Link) -> bool:
        """Have a revoked link hold again; return whether it was revoked. Raises `Unavailable`: look at `is_revoked`."""
        with self.write_transaction() as connection:
            return True in [links.restore(connection, one) for one in _turn(link)]  # both

    def is_revoked(self, link: Link) -> bool:
        """Return whether a link is revoked, once nobody is about to change that. Raises `Unavailable`."""
        with self.write_transaction() as connection:
            return links.is_revoked(connection, link)


def _turn(link: Link) -> tuple[Link, Link]:
    return link, Link(link.other, link.one)


def _row(entry: Entry, owner: str) -> Row:
    return (
        owner,
        milliseconds(entry.happened_at),
        entry.id,
        entry.contact,
        entry.sector,
        entry.channel.value,
        entry.site,
        entry.service,
        entry.type,
        entry.state.value,
        entry.outcome,
        entry.source,
        entry.detail,
        entry.withdraws,
    )


_primary_key: Final = itemgetter(0, 1, 2)
"""Of an entry: of several rows with the same, the first that was told is the one that is put."""


class _Put:
    """A statement that inserts rows of all the columns of a table, in their order: made once, and not anew for each row."""

    def __init__(self, statement: Insert, dialect: str) -> None:
        compiled = statement.compile(dialect=_POSITIONAL[dialect])
        assert compiled.positiontup == statement.table.columns.keys()
        self._sql: Final = str(compiled)

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Insert, and return how many rows were not there."""
        if not rows:
            return 0
        done = connection.exec_driver_sql(self._sql, [*rows], execution_options={"preserve_rowcount": True})
        return done.rowcount


def _withdraw(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """Remove what entries withdraw, and return those that are not withdrawn, by one of them or one told before."""
    withdrawn = {(entry.contact, entry.withdraws) for entry in entries if entry.withdraws}
    if withdrawn:
        gone = delete(ENTRIES).where(ENTRIES.c.contact == bindparam("contact_"), ENTRIES.c.id == bindparam("id_"))
        connection.execute(gone, [{"contact_": contact, "id_": name} for contact, name in withdrawn])
    breached = {entry.contact for entry in entries if entry.type == BREACHED}
    for some in slices(list(breached)):
        asked = select(ENTRIES.c.contact, ENTRIES.c.withdraws).where(
            ENTRIES.c.contact.in_(some), ENTRIES.c.withdraws != ""
        )
        withdrawn |= {(contact, name) for contact, name in connection.execute(asked)}
    return [entry for entry in entries if (entry.contact, entry.id) not in withdrawn]


def _which(connection: Connection, column: Any, values: Iterable[str]) -> set[str]:
    """Return which of these values the column has."""
    asked = (select(column).where(column.in_(some)).distinct() for some in slices(list(values)))
    return {value for some in asked for value in connection.scalars(some)}
