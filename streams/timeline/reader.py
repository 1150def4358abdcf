"""Timelines for many who ask at once: a bounded number of connections that can write nothing, and few queries for each answer.

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
from streams.timeline.store import EntryPosition

_LIMITS: Final = {"connect_timeout": 5, "options": "-c statement_timeout=10000"}
"""Of PostgreSQL: who asks is told that it is away, rather than wait for it."""
MOST_OWNERS: Final = 64
"""Read at once: as many as belong to one story."""
MAX_LINKS: Final = 200
"""Of one identity: so many that were revoked are told."""
MAX_COUNTED: Final = 1000
"""Contacts that told a link: so many are looked at, and told as that many at least. More are a switchboard's, or a mistake's."""
MOST_SAMPLED: Final = 10_000
"""Entries that are looked at, from one place on, for the services that there are."""
MOST_WALKED: Final = 20_000
"""Entries of one owner through which those of a few services are looked for: no index has them apart. What is older, of a number
that nobody has for himself, is not shown."""
_REPEATABLE_READ: Final = 3
"""Of PostgreSQL, as psycopg numbers it: one moment for all queries of a transaction."""
_COLUMNS: Final = (
    *("owner", "id", "contact", "happened_at", "sector", "channel", "site"),
    *("service", "type", "state", "outcome", "source", "detail"),
)
_ENTRIES: Final = f"SELECT {', '.join(_COLUMNS)} FROM entries"  # noqa: S608


class Evidence(NamedTuple):
    """What a link rests on."""

    contacts: int
    """So many told it, of the first `MOST_COUNTED`."""
    linked_at: int
    """When the earliest of these began."""


class Citizen(NamedTuple):
    """Under whom a contact's entries stand."""

    owner: str
    """A pseudonym, or the contact itself if it told none."""
    sector: str


class TimelineSnapshot:
    """The timelines as of one moment. For one thread, within `Reader.look`."""

    def __init__(self, connection: Connection, caps: LinkLimits) -> None:
        self._connection = connection
        self._caps = caps

    def find_sectors(self, name: str) -> Sequence[str]:
        """Return the sectors that were told of a contact; of a pseudonym, whose key is of one, where it is met first."""
        return sorted(self._connection.scalars(_SECTORS, {"name": name}))

    def find_citizen(self, contact: str) -> Citizen | None:
        """Return under whom a contact's entries stand; None if there are none."""
        found = self._connection.execute(_CITIZEN, {"contact": contact}).first()
        return Citizen(*found) if found else None

    def find_linked(self, kind: IdentityKind, limit: int) -> Sequence[str]:
        """Return the weak identities of a kind that most contacts tell together with a stronger one. Reads all links."""
        return self._connection.scalars(_LINKED, {"like": f"{kind}:%", "most": limit}).all()

    def find_services(self, sectors: Collection[str], starts: Iterable[str]) -> Sequence[str]:
        """Return of which services there are entries in these sectors, in order.

        There is no index of services: they are those of the entries whose owners follow on each of `starts`. Pseudonyms are in no
        order of anything, so that some thousands have them all.
        """
        given = {"sectors": list(sectors), "most": MOST_SAMPLED}
        return sorted(
            {one for start in starts for one in self._connection.scalars(_SERVICES, {"start": start, **given})}
        )

    def resolve_identities(self, identity: str) -> IdentityCluster:
        """Return which identities are the citizen's who has `identity`."""
        caps = self._caps
        return resolve_identities(identity, lambda asked: links.neighbours(self._connection, asked, caps), caps)

    def find_evidence(self, held: Collection[Link], services: Collection[str] = ()) -> Mapping[Link, Evidence]:
        """Return what these links rest on, whichever of the two stands first in them; of some services: on their contacts."""
        if not held:
            return {}
        pairs = [pair for link in held for pair in (tuple(link), (link.other, link.one))]
        width = width_of(len(pairs))
        padded = enumerate([*pairs, *[("", "")] * (width - len(pairs))])
        values: dict[str, Any] = {
            f"{name}_{n}": end for n, pair in padded for name, end in zip(("one", "other"), pair, strict=True)
        }
        found = _evidence(width, len(services)).rows(self._connection, values | _numbered("service", services))
        told = {(one, other): Evidence(*map(int, known.split())) for one, other, known in found if known}
        return {link: known for link in held if (known := _add(told.get(link), told.get(link[::-1])))}

    def find_revoked_links(self, identity: str, services: Collection[str] = ()) -> Sequence[LinkRecord]:
        """Return the links of an identity that were revoked, of those that contacts tell; of some services: that theirs do."""
        revoked = links.read_revocations(self._connection, identity, MAX_LINKS)
        evidence = self.find_evidence([one.link for one in revoked], services)
        return [one._replace(**evidence[one.link]._asdict()) for one in revoked if one.link in evidence]

    def find_bound(self, owners: Collection[str]) -> int | None:
        """Return since when the entries of these owners may be walked through for a few of them; None if that is all of them."""
        last = {"last": MOST_WALKED - 1}
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
        """Return the latest entries of these owners, latest first, from `before` on; of all services if none is given.

        None from before `since`, if that is given, nor of other sectors than `sectors`, if any are: all entries of a contact
        stand under one owner, also if it was told in two.
        """
        found = list[Mapping[str, Any]]()
        given: dict[str, Any] = {"most": limit, **(before._asdict() if before else {})}
        given |= {} if since is None else {"since": since}
        given |= _numbered("service", services) | _numbered("sector", sectors)
        asked = {"is_later": before is not None, "is_bound": since is not None}
        for width, values in _widths([*owners]):
            page = _page(width, len(services), len(sectors), **asked)
            found += page.mappings(self._connection, values | given)
        if len(owners) > MOST_OWNERS:
            found.sort(key=lambda row: (row["happened_at"], row["id"]), reverse=True)
        return found[:limit]

    def read_contact(self, contact: str, limit: int, services: Collection[str] = ()) -> Sequence[Mapping[str, Any]]:
        """Return the latest entries of one contact, latest first; of all services if none is given."""
        given = {"contact": contact, "most": limit} | _numbered("service", services)
        return _life(len(services)).mappings(self._connection, given)

    def find_services_now(self, contacts: Collection[str], sectors: Collection[str]) -> Mapping[str, str]:
        """Return which service each of these contacts is with, by the last that was told in these sectors of one."""
        told = list[Mapping[str, Any]]()
        for some in slices([*contacts]):
            asked = {"contacts": some, "sectors": ["", *sectors], "sla": SLA_SOURCE}
            told.extend(map(dict, self._connection.execute(_NOW, asked).mappings()))
        return {row["contact"]: row["service"] for row in sorted(told, key=entry_order)}

    def find_sla_targets(
        self, contacts: Collection[str], sectors: Collection[str] = ()
    ) -> Mapping[str, tuple[SlaTarget, ...]]:
        """Return what is promised to these contacts, and still to be kept: in these sectors, or in all if none is given."""
        return sla_targets.read(self._connection, contacts, sectors)


class Reader:
    """The database at `url`, as `store.Timeline` has it, for as many threads at once as `connections`.

    Its tables must be of this release. Nothing is opened before it is needed.
    """

    def __init__(self, url: str, password: str = "", caps: LinkLimits = LinkLimits(), *, connections: int) -> None:  # noqa: B008
        self._caps: Final = caps
        place = make_url(url)
        self._engine: Final = create_engine(
            place.set(password=password) if password else place,
            hide_parameters=True,  # what an error says may be logged
            pool_size=connections,
            max_overflow=0,
            pool_use_lifo=True,  # the one that was used last has its queries prepared, and its pages at hand
            connect_args=_LIMITS if place.get_backend_name() == "postgresql" else {},
        )
        prepare = _prepare_sqlite if self._engine.dialect.name == "sqlite" else _prepare_postgresql
        event.listen(self._engine, "connect", prepare)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def read_snapshot(self) -> Iterator[TimelineSnapshot]:
        """Yield the timelines as they are now, whatever is written meanwhile. Raises `database.Unavailable`."""
        with database_errors(), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # else each query would see another moment
            yield TimelineSnapshot(connection, self._caps)


def _add(one: Evidence | None, other: Evidence | None) -> Evidence | None:
    if one and other:
        return Evidence(one.contacts + other.contacts, min(one.linked_at, other.linked_at))
    return one or other


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    connection.execute("PRAGMA query_only = ON")
    connection.execute(
        "PRAGMA mmap_size = 1073741824"
    )  # shared by all connections, so that each needs little of its own


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.read_only = True
    connection.isolation_level = _REPEATABLE_READ


def _numbered(name: str, values: Iterable[str]) -> dict[str, Any]:
    return {f"{name}_{number}": value for number, value in enumerate(values)}


def _one_of(name: str, number: int) -> str:
    return f"({', '.join(f':{name}_{which}' for which in range(number))})"


def _widths(owners: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the parameters of queries for owners, each with its width: few different ones, so that each is prepared once."""
    for start in range(0, len(owners), MOST_OWNERS):
        some = owners[start : start + MOST_OWNERS]
        width = width_of(len(some))
        yield width, _numbered("owner", [*some, *[""] * (width - len(some))])


@cache
def _page(width: int, services: int, sectors: int, *, is_later: bool, is_bound: bool) -> Query:
    """Return the query for a page of so many owners: each walks down its own stretch of the index, and they are merged."""
    further = " AND (happened_at, id) < (:happened_at, :id)" if is_later else ""
    further += " AND happened_at >= :since" if is_bound else ""
    further += f" AND service IN {_one_of('service', services)}" if services else ""
    further += f" AND (sector = '' OR sector IN {_one_of('sector', sectors)})" if sectors else ""
    walks = (f"{_ENTRIES} WHERE owner = :owner_{number}{further}" for number in range(width))
    return Query(" UNION ALL ".join(walks) + " ORDER BY happened_at DESC, id DESC LIMIT :most", *_COLUMNS)


@cache
def _bound(width: int) -> TextClause:
    """Return the query for when the entry happened that is the last to be walked through, of the owner who has most of late."""
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
_SERVICES: Final = text(
    "SELECT DISTINCT service FROM "
    "(SELECT service, sector FROM entries WHERE owner >= :start ORDER BY owner LIMIT :most) AS looked_at "
    "WHERE sector IN :sectors AND service <> ''"
).bindparams(bindparam("sectors", expanding=True))
_CITIZEN: Final = text("SELECT owner, max(sector) FROM entries WHERE contact = :contact GROUP BY owner")
_NOW: Final = text(
    "SELECT contact, service, type, happened_at, id FROM (SELECT contact, service, type, happened_at, id,"
    " rank() OVER (PARTITION BY contact ORDER BY happened_at DESC) AS age FROM entries WHERE contact IN :contacts"
    " AND service <> '' AND sector IN :sectors AND channel <> 'feedback' AND source <> :sla) AS told WHERE age = 1"
).bindparams(bindparam("contacts", expanding=True), bindparam("sectors", expanding=True))


@cache
def _life(services: int) -> Query:
    """Return the query for the latest entries of one contact."""
    of_some = f" AND service IN {_one_of('service', services)}" if services else ""
    return Query(
        f"{_ENTRIES} WHERE contact = :contact{of_some} ORDER BY happened_at DESC, id DESC LIMIT :most", *_COLUMNS
    )


@cache
def _evidence(width: int, services: int) -> Query:
    """Return the query for what so many links rest on."""
    rows = ", ".join(f"(CAST(:one_{number} AS text), CAST(:other_{number} AS text))" for number in range(width))
    some = "SELECT contact, linked_at FROM links WHERE links.one = asked.one AND links.other = asked.other"
    told = f"FROM ({some} ORDER BY one, other, contact LIMIT {MAX_COUNTED}) AS looked_at"
    if services:
        of_some = f"entries.contact = looked_at.contact AND service IN {_one_of('service', services)}"
        told += f" WHERE EXISTS (SELECT 1 FROM entries WHERE {of_some})"  # noqa: S608
    known = (
        f"(SELECT count(*) || ' ' || min(linked_at) {told}) AS known"  # both of one walk; a join might read all links
    )
    asked = f"WITH asked(one, other) AS (VALUES {rows}) SELECT one, other, {known} FROM asked"  # noqa: S608
    return Query(asked, "one", "other", "known")
