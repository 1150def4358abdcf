"""Whose the entries of a contact are, and what links its identities: all that it told decides, not in what batches that came."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from models.sla import SLA_SOURCE
from models.timestamps import milliseconds
from streams.core.citizens.identity_resolution import Link, identity_rank, make_links
from streams.core.timeline.entries import Entry
from streams.timeline.links import carry_over_revocations
from streams.timeline.queries import Query, slices, width_of
from streams.timeline.schema import ENTRIES, LINKS, Row

Triple = tuple[str, str, str]
"""A link, and its sector."""
Told = dict[str, set[str]]
"""Sector → the identities that a contact told in it; empty: in none."""


class Whose(NamedTuple):
    """What a contact's entries say of it on the whole: the same, whatever they are told in whatever batches."""

    citizen: str
    """The strongest identity that was told, or empty."""
    began: tuple[bool, int]
    """When the earliest entry happened: of what became of promises only where there is nothing else, which is said first."""
    sectors: tuple[str, str]
    """The first and the last by name that was told; empty: none was."""

    def unite(self, other: "Whose") -> "Whose":
        """Return what the entries of both say."""
        if self.citizen == other.citizen and self.sectors == other.sectors:  # as nearly always
            return self if self.began <= other.began else other
        citizen = min(self.citizen, other.citizen, key=_by_strength)
        told = [*filter(None, (*self.sectors, *other.sectors))] or [""]
        return Whose(citizen, min(self.began, other.began), (min(told), max(told)))


def gather(entries: Iterable[Entry]) -> tuple[dict[str, Told], dict[str, Whose]]:
    """Return which identities these entries tell of each contact, and what they say of it on the whole."""
    names: dict[str, Told] = {}
    whose: dict[str, Whose] = {}
    for entry in entries:
        sector = entry.sector
        told = Whose(entry.citizen, (entry.source == SLA_SOURCE, milliseconds(entry.happened_at)), (sector, sector))
        known = whose.get(entry.contact)
        if known is None:
            whose[entry.contact], names[entry.contact] = told, {sector: set()}
        else:
            whose[entry.contact] = known.unite(told)
        own = names[entry.contact].setdefault(sector, set())
        if entry.citizen:
            own.add(entry.citizen)
        if entry.identities:
            own.update(entry.identities.split())
    return names, whose


def read_contact_owners(connection: Connection, contacts: Iterable[str]) -> dict[str, Whose]:
    """Return what the entries that are there say of these contacts on the whole."""
    found = {}
    for contact, owner, began_at, told_at, *sectors in _ask(connection, _WHOSE, contacts):
        began = (True, told_at) if began_at is None else (False, began_at)
        found[contact] = Whose("" if owner == contact else owner, began, (sectors[0] or "", sectors[1]))
    return found


_FIND_WHOSE: Final = (
    "SELECT contact, owner, min(happened_at) FILTER (WHERE source <> '{source}') AS began_at, min(happened_at) AS told_at, "
    "min(nullif(sector, '') COLLATE {by_bytes}) AS first, max(sector COLLATE {by_bytes}) AS last "
    "FROM entries WHERE contact IN ({contacts}) GROUP BY contact, owner"
)
_WHOSE: Final = (_FIND_WHOSE, ("contact", "owner", "began_at", "told_at", "first", "last"))
_LINKED: Final = (
    "SELECT contact, one, other, sector FROM links WHERE contact IN ({contacts})",
    ("contact", "one", "other", "sector"),
)


def _ask(
    connection: Connection, query: tuple[str, tuple[str, ...]], contacts: Iterable[str]
) -> Iterator[Sequence[Any]]:
    """Yield the rows of a query for these contacts, some at a time."""
    for some in slices(list(contacts)):
        width = width_of(len(some))
        padded = [*some, *repeat(some[-1], width - len(some))]
        values = {f"contact_{number}": contact for number, contact in enumerate(padded)}
        yield from _make_query(connection.dialect.name, *query, width).rows(connection, values)


@cache
def _make_query(dialect: str, sql: str, columns: tuple[str, ...], width: int) -> Query:
    by_bytes = '"C"' if dialect == "postgresql" else "BINARY"
    contacts = ", ".join(f":contact_{number}" for number in range(width))
    return Query(sql.format(source=SLA_SOURCE, by_bytes=by_bytes, contacts=contacts), *columns)


def adopt(connection: Connection, before: Mapping[str, Whose], whose: Mapping[str, Whose]) -> int:
    """Have all entries of each contact stand under its strongest identity; return how many stood under another."""
    moved = [
        {"contact_": contact, "citizen_": whose[contact].citizen}
        for contact, known in before.items()
        if known.citizen != whose[contact].citizen
    ]
    if not moved:
        return 0
    change = update(ENTRIES).where(ENTRIES.c.contact == bindparam("contact_")).values(owner=bindparam("citizen_"))
    return connection.execute(change, moved).rowcount


def relink(
    connection: Connection, names: Mapping[str, Told], before: Mapping[str, Whose], whose: Mapping[str, Whose]
) -> list[Row]:
    """Return the links that are to be put, of all identities of a contact: those told now, `names`, and those before.

    Of a contact that was somebody's the links that are there are looked up if one more is told than whose it is, or if another
    is; where they are not what they are to be, they are dropped. What was revoked of them stays revoked, as `carry_revoked` says.
    """
    was = {contact: known for contact, known in before.items() if known.citizen}
    asked = [one for one, known in was.items() if known != whose[one] or not _tell_only(names[one], known.citizen)]
    there: dict[str, set[Triple]] = {contact: set() for contact in asked}
    for contact, one, other, sector in _ask(connection, _LINKED, asked):
        there[contact].add((one, other, sector))
    rows: list[Row] = []
    dropped: list[str] = []
    moved: dict[Link, list[set[Link]]] = {}
    for contact, told in names.items():
        now, known, links = whose[contact], was.get(contact), there.get(contact)
        if known is not None and links is None:
            continue
        if known and links and known[1:] == now[1:] and _are_known(told, links, now.sectors):  # as nearly always
            continue
        made = _make_links(told, links or (), known.citizen if known else "", now.sectors)
        if known and links:
            if made == links and known.began == now.began:
                continue
            dropped.append(contact)
            for link, former in _follow(links, made):
                moved.setdefault(link, []).append(former)
        rows += [(*link, contact, sector, now.began[1]) for *link, sector in made]
    if moved:
        tellers = Counter(row[:2] for row in rows if row[:2] in moved)
        carry_over_revocations(connection, {link: some for link, some in moved.items() if tellers[link] == len(some)})
    for some in slices(dropped):
        connection.execute(delete(LINKS).where(LINKS.c.contact.in_(some)))
    return sorted(rows)


def _tell_only(told: Told, citizen: str) -> bool:
    return all(names <= {citizen} for names in told.values())


def _are_known(told: Told, links: Collection[Triple], sectors: tuple[str, str]) -> bool:
    """Return whether a contact of one sector tells identities that its links have, and links of no other sector are there."""
    first, last = sectors
    if first != last or any(sector != last for *_, sector in links):
        return False
    known = {name for one, other, _ in links for name in (one, other)}
    return all(names <= known for names in told.values())


def _make_links(told: Told, links: Collection[Triple], citizen: str, sectors: tuple[str, str]) -> set[Triple]:
    """Return the links of all that a contact told: now, by the `links` that it has, and whose it was.

    Identities that it told in different sectors are strangers: one key each, and perhaps another person. What was told in none
    is known in each. If it told several, whose it was is linked in that in which it is told again or was linked.
    """
    last = sectors[1]
    if len({*sectors, *(sector for *_, sector in links)} - {""}) <= 1:
        names = {citizen, *chain.from_iterable(told.values()), *chain.from_iterable(link[:2] for link in links)}
        return {(*link, last) for link in make_links(names - {""})}
    of_sectors = {sector: {*names} for sector, names in told.items()}
    for one, other, sector in links:
        of_sectors.setdefault(sector, set()).update((one, other))
    everywhere = of_sectors.pop("", set())
    made = {(link, sector) for sector, names in of_sectors.items() for link in make_links(names | everywhere)}
    return {(*link, sector) for link, sector in dict(sorted(made)).items()}


def _follow(links: Iterable[Triple], made: Iterable[Triple]) -> Iterator[tuple[Link, set[Link]]]:
    """Yield each link that is new to a contact, and those that linked its weaker identity until now, if any did."""
    formerly: dict[str, set[Link]] = {}
    for one, other, _ in links:
        formerly.setdefault(other, set()).add(Link(one, other))
    for one, other, _ in made:
        former = formerly.get(other)
        if former and (link := Link(one, other)) not in former:
            yield link, former


def _read_owners(connection: Connection, contacts: Iterable[str]) -> Iterator[Sequence[str]]:
    for some in slices(list(contacts)):
        asked = select(ENTRIES.c.contact, ENTRIES.c.owner).where(ENTRIES.c.contact.in_(some)).distinct()
        yield from connection.execute(asked)


def read_identities(connection: Connection, contacts: Iterable[str]) -> set[str]:
    """Return which identities these contacts told, as far as they are owners or in links."""
    found = {owner for _, owner in _read_owners(connection, contacts)}
    for some in slices(list(contacts)):
        asked = select(LINKS.c.one, LINKS.c.other).where(LINKS.c.contact.in_(some)).distinct()
        found.update(*connection.execute(asked))
    return found


def _by_strength(identity: str) -> tuple[bool, int, str]:
    """Order identities as a contact does; none is the last."""
    return not identity, *identity_rank(identity)
