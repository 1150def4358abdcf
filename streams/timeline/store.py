"""Entries into SQL and out again: SQLite in a file of its own, or PostgreSQL by URL.

A batch is one transaction, and the same batch again changes nothing. What is meant by entries and links is in `streams.core`.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Insert,
    bindparam,
    create_engine,
    delete,
    event,
    make_url,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from models.grounds import Ground
from models.identities import IdentityKind
from streams.core.contact import ERASED
from streams.core.links import Caps, Link, Story, links_of, tell_story
from streams.core.promises import Promise, Promised
from streams.core.rows import milliseconds
from streams.core.summary import put_in_order
from streams.core.timeline import Entry
from streams.timeline import expiring, links, promises
from streams.timeline.expiring import Cursor, Expired
from streams.timeline.links import Known
from streams.timeline.locking import lock
from streams.timeline.migrating import migrate
from streams.timeline.schema import ENTRIES, ERASURES, LINKS, METADATA, PROMISES

LOCK_SECONDS: Final = 30
"""So long SQLite waits for another process that writes."""
BREACHED: Final = "sla.breached"
TOO_LARGE: Final = "54"
"""Class of SQLSTATE: a row is more than PostgreSQL can index."""
LOCKED: Final = "55P03"
"""SQLSTATE: PostgreSQL waited for a lock for as long as it may."""
LOG_PAGES: Final = 131_072
"""SQLite's write-ahead log is carried into the database at this length, 512 MiB: a page that changes often is carried once."""
SPILL_PAGES: Final = 262_143
"""Up to so many that a transaction changes, 1 GiB, SQLite keeps in memory, and writes each once. Of 262,144 the lowest byte is 0:
it would read that as "never"."""
LOG_BYTES_LEFT: Final = 4 << 20
"""So much of its file is left when it is begun anew."""
IN_ONE_QUERY: Final = 500
"""SQLite takes some thousands of parameters, and PostgreSQL plans few of them faster."""


Row = tuple[Any, ...]
"""All columns of a table, in their order."""
_POSITIONAL: Final = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
}
"""Dialects that number what is to be written, and do not name it."""


class Unavailable(Exception):  # noqa: N818 - says what the database is
    """The database cannot be reached, or does not take what is written: to be tried again later, by a new process."""


class Busy(Unavailable):
    """Somebody else writes, or writes the tables anew: to be tried again soon."""


class Refused(Exception):  # noqa: N818 - says what the database did
    """The database cannot hold something that was written: another try would not help."""


class Place(NamedTuple):
    """Where an entry stands in time."""

    happened_at: int
    id: str


class Written(NamedTuple):
    """What a batch changed."""

    entries: int
    links: int
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
        caps: Caps = Caps(),  # noqa: B008 - never changed
        patience: float | None = None,
    ) -> None:
        self._caps: Final = caps
        self._is_to_truncate = False
        self._engine: Final = _open(make_url(url).set(password=password) if password else make_url(url), patience)
        try:
            with clear(), self._engine.begin() as connection:
                migrate(connection)
        except BaseException:
            self.close()
            raise
        dialect = self._engine.dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        self._put_entries: Final = _Put(insert(ENTRIES).on_conflict_do_nothing(), dialect)
        self._put_links: Final = _Put(insert(LINKS).on_conflict_do_nothing(), dialect)
        self._put_erasures: Final = _Put(insert(ERASURES).on_conflict_do_nothing(), dialect)
        self._put_promises: Final = _Put(promises.upsert(dialect), dialect)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    # ----------------------------------------------------------------------------------------------------------- writing
    def write(self, entries: Sequence[Entry], promised: Sequence[Promised] = ()) -> Written:
        """Write a batch in one transaction; what is there already is left as it is, and what is promised as was told last.

        Raises `Unavailable`, and `Refused` if it cannot hold one of them.
        """
        with self.writing() as connection:
            erased, erases = self._erase(connection, entries, promised)
            entries = [entry for entry in entries if entry.contact not in erased]
            owners, adopted = _find_owners(connection, entries)
            rows = [_row(entry, owners[entry.contact]) for entry in _withdraw(connection, entries)]
            rows.sort(key=_primary_key)  # side by side in the index, so that each of its pages is touched once
            put = self._put_entries(connection, rows)
            linked = self._put_links(connection, sorted(_links(entries), key=_primary_key))
            told = promises.rows(one for one in promised if one.contact not in erased)
            written = Written(put, linked, adopted, self._put_promises(connection, told))
        if erases:
            self.truncate_log()
        return written

    def truncate_log(self) -> bool:
        """Have nothing that was deleted lie on in SQLite's write-ahead log, after a crash as well; return whether it is so.

        Who reads for longer than is waited puts it off to the next, or to `carry_log`. Raises `Unavailable`.
        """
        if not self._is_sqlite:
            return True
        with clear(), self._engine.connect() as connection:
            is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        self._is_to_truncate = bool(is_busy)
        return not is_busy

    def carry_log(self) -> None:
        """Have SQLite's write-ahead log carried into the database, but for what somebody reads; truncated, if that was put off.

        Raises `Unavailable`.
        """
        if self._is_to_truncate:
            self.truncate_log()
        elif self._is_sqlite:
            with clear(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hand out a transaction in which nobody else writes. Raises `Unavailable` and `Refused`."""
        with clear(), self._engine.begin() as connection:
            lock(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hand out a connection that sees what is committed. Raises `Unavailable`."""
        with clear(), self._engine.connect() as connection:
            yield connection

    def rewrite(self) -> bool:
        """Have nothing that was deleted lie on in the database's files, and return whether it is so: tables are written anew.

        PostgreSQL overwrites nothing that it deletes. SQLite does (`secure_delete`), but not what it left of rows in pages when
        it moved them to others, before they were deleted. For some millions of entries it takes a minute, in which nobody reads
        PostgreSQL's tables, and nobody writes into SQLite. Write-ahead log and backups of PostgreSQL are its administrator's.
        Of SQLite's, who reads may put off the end, as `truncate_log` says. Raises `Unavailable`.
        """
        tables = [""] if self._is_sqlite else [f"(FULL, ANALYZE) {table.name}" for table in METADATA.sorted_tables]
        with clear(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
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
        self, connection: Connection, entries: Sequence[Entry], promised: Sequence[Promised]
    ) -> tuple[set[str], bool]:
        """Erase whose person is to be erased; return of which contacts nothing may be kept, and whether anybody was."""
        told = {entry.contact: entry for entry in entries if entry.type == ERASED}
        if told:
            self._put_erasures(
                connection, [(contact, milliseconds(entry.happened_at)) for contact, entry in told.items()]
            )
            erased = _read_identities(connection, told)
            for table in (ENTRIES, LINKS, PROMISES):
                gone = delete(table).where(table.c.contact == bindparam("contact_"))
                connection.execute(gone, [{"contact_": contact} for contact in told])
            for some in slices(sorted(erased)):
                links.erase_revoked(connection, some)
        contacts = {one.contact for one in (*entries, *promised)}
        return {*told, *_which(connection, ERASURES.c.contact, contacts)}, bool(told)

    # ----------------------------------------------------------------------------------------------------------- reading
    def find_erased(self, contacts: Iterable[str] | None = None) -> set[str]:
        """Return the contacts known as erased, of these or of all. Raises `Unavailable`."""
        with self.reading() as connection:
            if contacts is None:
                return {*connection.scalars(select(ERASURES.c.contact))}
            return _which(connection, ERASURES.c.contact, contacts)

    def find_owners(self, names: Iterable[str]) -> set[str]:
        """Return under which of these identities there are entries. Raises `Unavailable`."""
        with self.reading() as connection:
            return _which(connection, ENTRIES.c.owner, names)

    def tell_story(self, identity: str, most: int = 0) -> Story:
        """Return which identities are the citizen's who has `identity`; `most` at least are followed. Raises `Unavailable`."""
        caps = self._caps._replace(identities=max(self._caps.identities, most))
        with clear(), self._engine.connect() as connection:
            return tell_story(identity, lambda asked: links.neighbours(connection, asked, caps), caps)

    def read(self, owners: Iterable[str], limit: int, before: Place | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the latest entries of these owners, latest first, from `before` on. Raises `Unavailable`."""
        place = before._asdict() if before is not None else {}
        asked = _PAGE if before is None else _PAGE_BEFORE
        found: list[Any] = []
        with clear(), self._engine.connect() as connection:
            for owner in owners:  # each a walk down its own stretch of the clustered index
                found += connection.execute(asked, {"owner_": owner, "most": limit, **place})
        found.sort(key=lambda row: (row.happened_at, row.id), reverse=True)
        return [dict(row._mapping) for row in found[:limit]]  # noqa: SLF001 - public, SQLAlchemy says

    def read_contact(self, contact: str, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the whole life of one contact, or the latest so many entries of it, in order. Raises `Unavailable`."""
        asked = select(ENTRIES).where(ENTRIES.c.contact == contact)
        if limit is not None:
            asked = asked.order_by(ENTRIES.c.happened_at.desc(), ENTRIES.c.id.desc()).limit(limit)
        with clear(), self._engine.connect() as connection:
            found = connection.execute(asked).mappings().all()
        return put_in_order(map(dict, found))

    def read_promises(self, contacts: Collection[str]) -> Mapping[str, tuple[Promise, ...]]:
        """Return what is promised to these contacts, and still to be kept. Raises `Unavailable`."""
        with self.reading() as connection:
            return promises.read(connection, contacts)

    def expire(self, after: Cursor, until: int, limit: int) -> Expired:
        """Drop contacts closed before `until`, looking at the next `limit` entries. Raises `Unavailable`."""
        with self.writing() as connection:
            expired = expiring.expire(connection, after, until, limit)
        if expired.contacts:
            self.truncate_log()
        return expired

    # ------------------------------------------------------------------------------------------------------------- links
    def read_links(self, identity: str, limit: int) -> Sequence[Known]:
        """Return the links of an identity, revoked ones too; those that most contacts tell first. Raises `Unavailable`."""
        with clear(), self._engine.connect() as connection:
            return links.read(connection, identity, limit)

    def count_links(self, identity: str) -> int:
        """Return how many links of an identity there are, revoked ones too. Raises `Unavailable`."""
        with clear(), self._engine.connect() as connection:
            return links.count(connection, identity)

    def revoke(self, link: Link, at: int, ground: Ground) -> bool:
        """Do what `links.revoke` does, whichever of the two stands first. Raises `Unavailable`: look at `is_revoked`."""
        with self.writing() as connection:
            return True in [links.revoke(connection, one, at, ground) for one in _turn(link)]  # both

    def restore(self, link: Link) -> bool:
        """Have a revoked link hold again; return whether it was revoked. Raises `Unavailable`: look at `is_revoked`."""
        with self.writing() as connection:
            return True in [links.restore(connection, one) for one in _turn(link)]  # both

    def is_revoked(self, link: Link) -> bool:
        """Return whether a link is revoked, once nobody is about to change that. Raises `Unavailable`."""
        with self.writing() as connection:
            return links.is_revoked(connection, link)


def _turn(link: Link) -> tuple[Link, Link]:
    return link, Link(link.other, link.one)


def _open(url: URL, patience: float | None) -> Engine:
    engine = create_engine(url, hide_parameters=True)  # what an error says may be logged

    def prepare(connection: Any, _record: Any) -> None:
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(connection, patience)
        elif patience is not None:
            connection.execute(f"SET lock_timeout = {round(patience * 1000)}")
            connection.commit()

    event.listen(engine, "connect", prepare)
    return engine


def _wait_for(patience: float | None) -> str:
    """Return what has a connection to SQLite wait so long for others."""
    return f"PRAGMA busy_timeout = {round((LOCK_SECONDS if patience is None else patience) * 1000)}"


def _prepare_sqlite(connection: Any, patience: float | None) -> None:
    # WAL: who reads does not wait for who writes. A commit that a power cut takes back is told again by Kafka.
    connection.execute(_wait_for(patience))
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "cache_size = -65536",
        f"cache_spill = {SPILL_PAGES}",
        f"wal_autocheckpoint = {LOG_PAGES}",
        f"journal_size_limit = {LOG_BYTES_LEFT}",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def clear() -> Iterator[None]:
    """Turn errors of the database into `Unavailable` and `Refused`."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or ""
        if isinstance(error, DataError | IntegrityError) or code.startswith(TOO_LARGE):
            raise Refused(_describe(error)) from None  # without a text that may hold values: what is raised is logged
        kind = Busy if _is_busy(error.orig) else Unavailable
        raise kind(_describe(error)) from None
    except sqlite3.Error as error:  # of `queries.Query`
        kind = Busy if _is_busy(error) else Unavailable
        raise kind(_name(error)) from None


def _is_busy(cause: BaseException | None) -> bool:
    name = getattr(cause, "sqlite_errorname", None) or ""
    return name.startswith("SQLITE_BUSY") or getattr(cause, "sqlstate", None) == LOCKED


def _describe(error: DBAPIError) -> str:
    """Return what kind of error it is, by its code. A text may hold values, unless there was no statement yet."""
    cause = error.orig
    text = " ".join(str(cause).split()) if error.statement is None else None
    return f"{_name(cause)}: {text}" if text else _name(cause)


def _name(cause: BaseException | None) -> str:
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return " ".join(filter(None, (type(cause).__name__, code)))


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


def _links(entries: Iterable[Entry]) -> list[Row]:
    return [
        (link.one, link.other, entry.contact, entry.id, entry.sector, milliseconds(entry.happened_at))
        for entry in entries
        for link in links_of(entry.identities)
    ]


_primary_key: Final = itemgetter(0, 1, 2)
"""Of an entry and of a link: of several rows with the same, the first that was told is the one that is put."""


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


def _find_owners(connection: Connection, entries: Iterable[Entry]) -> tuple[dict[str, str], int]:
    """Return under whom all entries of each contact stand: the strongest identity that it told, now or before.

    What stood under another is given to it; returned as well is how many entries that were.
    """
    told: dict[str, str] = {}
    for entry in entries:
        known = told.setdefault(entry.contact, entry.citizen)
        if known != entry.citizen:
            told[entry.contact] = min(known, entry.citizen, key=_by_strength)
    owners = {contact: citizen or contact for contact, citizen in told.items()}
    moved = []
    for contact, owner in _read_owners(connection, owners):
        known = "" if owner == contact else owner
        strongest = min(known, told[contact], key=_by_strength)
        owners[contact] = strongest or contact
        if strongest != known:
            moved.append({"contact_": contact, "citizen_": strongest})
    if not moved:
        return owners, 0
    change = update(ENTRIES).where(ENTRIES.c.contact == bindparam("contact_")).values(owner=bindparam("citizen_"))
    return owners, connection.execute(change, moved).rowcount


def _read_owners(connection: Connection, contacts: Iterable[str]) -> Iterator[Sequence[str]]:
    for some in slices(list(contacts)):
        asked = select(ENTRIES.c.contact, ENTRIES.c.owner).where(ENTRIES.c.contact.in_(some)).distinct()
        yield from connection.execute(asked)


def _read_identities(connection: Connection, contacts: Iterable[str]) -> set[str]:
    """Return which identities these contacts told, as far as they are owners or in links."""
    found = {owner for _, owner in _read_owners(connection, contacts)}
    for some in slices(list(contacts)):
        asked = select(LINKS.c.one, LINKS.c.other).where(LINKS.c.contact.in_(some)).distinct()
        found.update(*connection.execute(asked))
    return found


_KINDS: Final = {kind.value: rank for rank, kind in enumerate(IdentityKind)}


def _by_strength(identity: str) -> tuple[bool, int, str]:
    """Order identities as a contact does; none is the last."""
    return not identity, _KINDS.get(identity.partition(":")[0], len(_KINDS)), identity


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


def slices(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield them some at a time, as many as go into one query."""
    return (values[start : start + IN_ONE_QUERY] for start in range(0, len(values), IN_ONE_QUERY))
