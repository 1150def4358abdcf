"""Concurrent read access to timelines: a bounded pool of read-only connections, and few queries per answer.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, TextClause, bindparam, create_engine, event, make_url, text

from models.identities import IdentityKind
from models.sla import SLA_SOURCE
from streams.core.citizens.identity_resolution import IdentityCluster, Link, LinkLimits, resolve_identities
from streams.core.sla.open_targets import SlaTarget
from streams.core.timeline.case_summary import entry_order
from streams.timeline import links, sla_targets
from streams.timeline.database import LOCK_SECONDS, database_errors
from streams.timeline.links import LinkRecord
from streams.timeline.queries import Query, slices, width_of

_LIMITS: Final = {"connect_timeout": 5, "options": "-c statement_timeout=10000"}
"""PostgreSQL's timeouts: an answer reports an unavailable database instead of waiting for it."""
MAX_OWNERS_PER_QUERY: Final = 64
"""Maximum of owners in one query, enough for one citizen."""
MAX_LINKS: Final = 200
"""Maximum of revoked links returned for one identity."""
MAX_COUNTED: Final = 1000
"""Maximum of contacts counted for each direction of a link. A larger number is a switchboard's, or an error."""
MAX_WALKED: Final = 20_000
"""Number of an owner's entries searched for those of a few services, which have no index. Older entries are not shown; only
shared numbers have more."""
_REPEATABLE_READ: Final = 3
"""psycopg's constant for REPEATABLE READ: all queries of a transaction see the same snapshot."""
_COLUMNS: Final = (
    *("owner", "id", "contact", "happened_at", "sector", "channel", "site"),
    *("service", "type", "state", "outcome", "source", "detail"),
)
_ENTRIES: Final = f"SELECT {', '.join(_COLUMNS)} FROM entries"  # noqa: S608


class EntryPosition(NamedTuple):
    """Position of an entry in the order of time: its time, and its id among simultaneous entries."""

    happened_at: int
    id: str


class Evidence(NamedTuple):
    """Number of contacts that prove a link, among at most `MAX_COUNTED` in each direction; beginning of the earliest of them."""

    contacts: int
    linked_at: int


class Citizen(NamedTuple):
    """Owner of a contact's entries: a pseudonym, or the contact id if it named no identity.

    The sector is the contact's last one by name; empty without one.
    """

    owner: str
    sector: str


class TimelineSnapshot:
    """The timelines at one point in time. For one thread, within `Reader.read_snapshot`."""

    def __init__(self, connection: Connection, caps: LinkLimits) -> None:
        self._connection = connection
        self._caps = caps

    def find_sectors(self, name: str) -> Sequence[str]:
        """Return the sectors of a contact, or the sector of a pseudonym, sorted; empty if it is unknown or has no sector."""
        return sorted(self._connection.scalars(_SECTORS, {"name": name}))

    def find_citizen(self, contact: str) -> Citizen | None:
        """Return the owner of a contact's entries; None if it has no entries."""
        found = self._connection.execute(_CITIZEN, {"contact": contact}).first()
        return Citizen(*found) if found else None

    def find_linked(self, kind: IdentityKind, limit: int) -> Sequence[str]:
        """Return at most `limit` identities of `kind` that are the weaker one of a link, most contacts first. Reads all links."""
        return self._connection.scalars(_LINKED, {"like": f"{kind}:%", "most": limit}).all()

    def resolve_identities(self, identity: str) -> IdentityCluster:
        """Return the identities of the citizen with `identity`, or the identity alone if it leads to several citizens."""
        caps = self._caps
        return resolve_identities(identity, lambda asked: links.neighbours(self._connection, asked, caps), caps)

    def find_evidence(self, held: Collection[Link], services: Collection[str] = ()) -> Mapping[Link, Evidence]:
        """Return link → evidence, in either direction, from contacts of `services` (none: of all), without unproved links."""
        if not held:
            return {}
        pairs = [pair for link in held for pair in (tuple(link), (link.other, link.one))]
        width = width_of(len(pairs))
        padded = enumerate([*pairs, *[("", "")] * (width - len(pairs))])
        values: dict[str, Any] = {
            f"{name}_{n}": end for n, pair in padded for name, end in zip(("one", "other"), pair, strict=True)
        }
        found = _evidence(width, len(services)).rows(self._connection, values | _numbered("service", services))
        evidence = {(one, other): Evidence(*map(int, packed.split())) for one, other, packed in found if packed}
        return {link: total for link in held if (total := _add(evidence.get(link), evidence.get(link[::-1])))}

    def find_revoked_links(self, identity: str, services: Collection[str] = ()) -> Sequence[LinkRecord]:
        """Return the revoked links of an identity that contacts of `services` prove (none: any contacts), at most `MAX_LINKS`.

        Their numbers and times are those of these contacts.
        """
        revoked = links.read_revocations(self._connection, identity, MAX_LINKS)
        evidence = self.find_evidence([record.link for record in revoked], services)
        return [record._replace(**evidence[record.link]._asdict()) for record in revoked if record.link in evidence]

    def find_bound(self, owners: Collection[str]) -> int | None:
        """Return the one `since` of `read` that leaves each owner at most `MAX_WALKED` entries; None if all have fewer."""
        last = {"last": MAX_WALKED - 1}
        found = [self._connection.scalar(_bound(width), values | last) for width, values in _widths([*owners])]
        return max((at for at in found if at is not None), default=None)

    def read(
        self,
        owners: Collection[str],
        limit: int,
        before: EntryPosition | None = None,
        services: Collection[str] = (),
        since: int | None = None,
        sectors: Sequence[str] = (),
    ) -> Sequence[Mapping[str, Any]]:
        """Return the latest `limit` entries of these owners before the position `before`, latest first.

        Entries before `since` and of other services and sectors are left out, if these are given; entries without a sector stay.
        A contact known in two sectors has all its entries under one owner.
        """
        found = list[Mapping[str, Any]]()
        parameters: dict[str, Any] = {"most": limit, **(before._asdict() if before else {})}
        parameters |= {} if since is None else {"since": since}
        parameters |= _numbered("service", services) | _numbered("sector", sectors)
        variant = {"is_later": before is not None, "is_bound": since is not None}
        for width, values in _widths([*owners]):
            page = _page(width, len(services), len(sectors), **variant)
            found += page.mappings(self._connection, values | parameters)
        if len(owners) > MAX_OWNERS_PER_QUERY:
            found.sort(key=lambda row: (row["happened_at"], row["id"]), reverse=True)
        return found[:limit]

    def read_contact(self, contact: str, limit: int, services: Collection[str] = ()) -> Sequence[Mapping[str, Any]]:
        """Return the latest `limit` entries of one contact, latest first; of all services if none is given."""
        parameters = {"contact": contact, "most": limit} | _numbered("service", services)
        return _contact_entries(len(services)).mappings(self._connection, parameters)

    def find_services_now(self, contacts: Collection[str], sectors: Collection[str]) -> Mapping[str, str]:
        """Return contact → its current service, from its last entry that names one, in these sectors or without a sector.

        SLA entries and opinions do not count. Contacts without such an entry are left out.
        """
        found = list[Mapping[str, Any]]()
        for some in slices([*contacts]):
            parameters = {"contacts": some, "sectors": ["", *sectors], "sla": SLA_SOURCE}
            found.extend(map(dict, self._connection.execute(_NOW, parameters).mappings()))
        return {row["contact"]: row["service"] for row in sorted(found, key=entry_order)}

    def find_sla_targets(
        self, contacts: Collection[str], sectors: Collection[str] = ()
    ) -> Mapping[str, tuple[SlaTarget, ...]]:
        """Return contact → open SLA targets, of these contacts in these sectors or without one; if none is given, in all."""
        return sla_targets.read(self._connection, contacts, sectors)


class Reader:
    """The timelines' database at `url`, with tables of this release, for concurrent reads by `connections` threads."""

    def __init__(self, url: str, password: str = "", caps: LinkLimits = LinkLimits(), *, connections: int) -> None:  # noqa: B008
        self._caps: Final = caps
        place = make_url(url)
        self._engine: Final = create_engine(
            place.set(password=password) if password else place,
            hide_parameters=True,  # errors may be logged
            pool_size=connections,
            max_overflow=0,
            pool_use_lifo=True,  # the connection used last has prepared queries and cached pages
            connect_args=_LIMITS if place.get_backend_name() == "postgresql" else {},
        )
        prepare = _prepare_sqlite if self._engine.dialect.name == "sqlite" else _prepare_postgresql
        event.listen(self._engine, "connect", prepare)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read_snapshot(self) -> Iterator[TimelineSnapshot]:
        """Yield a snapshot of the timelines, independent of later writes. Raises `database.Unavailable`."""
        with database_errors(), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # otherwise each query would see another state
            yield TimelineSnapshot(connection, self._caps)


def _add(one: Evidence | None, other: Evidence | None) -> Evidence | None:
    if one and other:
        return Evidence(one.contacts + other.contacts, min(one.linked_at, other.linked_at))
    return one or other


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    connection.execute("PRAGMA query_only = ON")
    # Shared memory: each connection needs little of its own.
    connection.execute("PRAGMA mmap_size = 1073741824")


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.read_only = True
    connection.isolation_level = _REPEATABLE_READ


def _numbered(name: str, values: Iterable[str]) -> dict[str, Any]:
    return {f"{name}_{number}": value for number, value in enumerate(values)}


def _placeholders(name: str, count: int) -> str:
    return f"({', '.join(f':{name}_{number}' for number in range(count))})"


def _widths(owners: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the parameters of queries for slices of owners, each with its width. Few widths keep the prepared queries few."""
    for start in range(0, len(owners), MAX_OWNERS_PER_QUERY):
        some = owners[start : start + MAX_OWNERS_PER_QUERY]
        width = width_of(len(some))
        yield width, _numbered("owner", [*some, *[""] * (width - len(some))])


@cache
def _page(width: int, services: int, sectors: int, *, is_later: bool, is_bound: bool) -> Query:
    """Return the query for a page of `width` owners. Each owner's range of the index is read separately, then merged."""
    further = " AND (happened_at, id) < (:happened_at, :id)" if is_later else ""
    further += " AND happened_at >= :since" if is_bound else ""
    further += f" AND service IN {_placeholders('service', services)}" if services else ""
    further += f" AND (sector = '' OR sector IN {_placeholders('sector', sectors)})" if sectors else ""
    walks = (f"{_ENTRIES} WHERE owner = :owner_{number}{further}" for number in range(width))
    return Query(" UNION ALL ".join(walks) + " ORDER BY happened_at DESC, id DESC LIMIT :most", *_COLUMNS)


@cache
def _bound(width: int) -> TextClause:
    """Return the query for the time of each owner's `MAX_WALKED`-th latest entry; its result is the latest of these times."""
    walks = (
        f"SELECT * FROM (SELECT happened_at FROM entries WHERE owner = :owner_{number} "  # noqa: S608 - no value
        f"ORDER BY happened_at DESC, id DESC LIMIT 1 OFFSET :last) AS walk_{number}"
        for number in range(width)
    )
    return text(f"SELECT max(happened_at) FROM ({' UNION ALL '.join(walks)}) AS walks")  # noqa: S608


_SECTORS: Final = text(
    " UNION ".join(
        f"SELECT * FROM (SELECT sector FROM {table} WHERE {column} = :name AND sector <> ''{limit}) AS {table}_{column}"  # noqa: S608
        for table, column, limit in (
            ("entries", "owner", " LIMIT 1"),
            ("entries", "contact", ""),
            ("links", "one", " LIMIT 1"),
            ("links", "other", " LIMIT 1"),
        )
    )
)
_LINKED: Final = text(
    "SELECT other FROM links WHERE other LIKE :like GROUP BY other ORDER BY count(*) DESC, other LIMIT :most"
)
_CITIZEN: Final = text("SELECT owner, max(sector) FROM entries WHERE contact = :contact GROUP BY owner")
_NOW: Final = text(
    "SELECT contact, service, type, happened_at, id FROM (SELECT contact, service, type, happened_at, id,"
    " rank() OVER (PARTITION BY contact ORDER BY happened_at DESC) AS age FROM entries WHERE contact IN :contacts"
    " AND service <> '' AND sector IN :sectors AND channel <> 'feedback' AND source <> :sla) AS told WHERE age = 1"
).bindparams(bindparam("contacts", expanding=True), bindparam("sectors", expanding=True))


@cache
def _contact_entries(services: int) -> Query:
    of_some = f" AND service IN {_placeholders('service', services)}" if services else ""
    return Query(
        f"{_ENTRIES} WHERE contact = :contact{of_some} ORDER BY happened_at DESC, id DESC LIMIT :most", *_COLUMNS
    )


@cache
def _evidence(width: int, services: int) -> Query:
    rows = ", ".join(f"(CAST(:one_{number} AS text), CAST(:other_{number} AS text))" for number in range(width))
    some = "SELECT contact, linked_at FROM links WHERE links.one = asked.one AND links.other = asked.other"
    counted = f"FROM ({some} ORDER BY one, other, contact LIMIT {MAX_COUNTED}) AS looked_at"
    if services:
        of_some = f"entries.contact = looked_at.contact AND service IN {_placeholders('service', services)}"
        counted += f" WHERE EXISTS (SELECT 1 FROM entries WHERE {of_some})"  # noqa: S608
    known = f"(SELECT count(*) || ' ' || min(linked_at) {counted}) AS known"  # both in one scan; a join might read all links
    query = f"WITH asked(one, other) AS (VALUES {rows}) SELECT one, other, {known} FROM asked"  # noqa: S608
    return Query(query, "one", "other", "known")
