"""Whose the entries of a contact are, and what links its identities: all that it told decides, in whatever batches it came."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from models.instants import milliseconds
from models.sla import SOURCE
from streams.core.links import by_strength, links_of
from streams.core.timeline import Entry
from streams.timeline.queries import Query, slices, width_of
from streams.timeline.schema import ENTRIES, LINKS, Row


class Whose(NamedTuple):
    """What a contact's entries say of it on the whole: the same, whatever they are told in whatever batches."""

    citizen: str
    """The strongest identity that was told, or empty."""
    began: tuple[bool, int]
    """When the earliest entry happened: of what became of promises only where there is nothing else, which is said first."""
    sector: str
    """Of several the last by name, of none empty."""

    def unite(self, other: "Whose") -> "Whose":
        """Return what the entries of both say."""
        if self.citizen == other.citizen and self.sector == other.sector:  # as nearly always
            return self if self.began <= other.began else other
        citizen = min(self.citizen, other.citizen, key=_by_strength)
        return Whose(citizen, min(self.began, other.began), max(self.sector, other.sector))


def gather(entries: Iterable[Entry]) -> tuple[dict[str, set[str]], dict[str, Whose]]:
    """Return which identities these entries tell of each contact, and what they say of it on the whole."""
    names: dict[str, set[str]] = {}
    whose: dict[str, Whose] = {}
    for entry in entries:
        told = Whose(entry.citizen, (entry.source == SOURCE, milliseconds(entry.happened_at)), entry.sector)
        known = whose.get(entry.contact)
        if known is None:
            whose[entry.contact] = told
            names[entry.contact] = {entry.citizen} if entry.citizen else set()
        else:
            whose[entry.contact] = known.unite(told)
            if entry.citizen:
                names[entry.contact].add(entry.citizen)
        if entry.identities:
            names[entry.contact].update(entry.identities.split())
    return names, whose


def read_whose(connection: Connection, contacts: Iterable[str]) -> dict[str, Whose]:
    """Return what the entries that are there say of these contacts on the whole."""
    found = {}
    for contact, owner, began_at, told_at, sector in _ask(connection, _WHOSE, contacts):
        began = (True, told_at) if began_at is None else (False, began_at)
        found[contact] = Whose("" if owner == contact else owner, began, sector)
    return found


_FIND_WHOSE: Final = (
    "SELECT contact, owner, min(happened_at) FILTER (WHERE source <> '{source}') AS began_at, min(happened_at) AS told_at, "
    "max(sector COLLATE {by_bytes}) AS sector FROM entries WHERE contact IN ({contacts}) GROUP BY contact, owner"
)
_WHOSE: Final = (_FIND_WHOSE, ("contact", "owner", "began_at", "told_at", "sector"))
_LINKED: Final = ("SELECT contact, other FROM links WHERE contact IN ({contacts})", ("contact", "other"))


def _ask(
    connection: Connection, query: tuple[str, tuple[str, ...]], contacts: Iterable[str]
) -> Iterator[Sequence[Any]]:
    """Yield the rows of a query for these contacts, some at a time."""
    for some in slices(list(contacts)):
        width = width_of(len(some))
        values = {f"contact_{number}": contact for number, contact in enumerate([*some, *[""] * (width - len(some))])}
        yield from _make_query(connection.dialect.name, *query, width).rows(connection, values)


@cache
def _make_query(dialect: str, sql: str, columns: tuple[str, ...], width: int) -> Query:
    by_bytes = '"C"' if dialect == "postgresql" else "BINARY"
    contacts = ", ".join(f":contact_{number}" for number in range(width))
    return Query(sql.format(source=SOURCE, by_bytes=by_bytes, contacts=contacts), *columns)


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
    connection: Connection,
    names: Mapping[str, AbstractSet[str]],
    before: Mapping[str, Whose],
    whose: Mapping[str, Whose],
) -> list[Row]:
    """Return the links that are to be put, of all identities of a contact: those told now, `names`, and those before.

    Of a contact that was somebody's the links that are there are looked up if one more is told than whose it is, or if another
    is; where they are not what they are to be, they are dropped.
    """
    was = {contact: known for contact, known in before.items() if known.citizen}
    asked = [one for one, known in was.items() if known != whose[one] or not names[one] <= {known.citizen}]
    held = {contact: {was[contact].citizen} for contact in asked}
    for contact, other in _ask(connection, _LINKED, asked):
        held[contact].add(other)
    made = {contact: links_of(told) for contact, told in names.items() if len(told) > 1 and contact not in was}
    for contact, there in held.items():
        if whose[contact] != was[contact] or not names[contact] <= there:
            made[contact] = links_of(there | names[contact])
    for some in slices([contact for contact, there in held.items() if contact in made and len(there) > 1]):
        connection.execute(delete(LINKS).where(LINKS.c.contact.in_(some)))
    return sorted(
        (*link, contact, whose[contact].sector, whose[contact].began[1])
        for contact, links in made.items()
        for link in links
    )


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
    return not identity, *by_strength(identity)
