"""Owner of a contact's entries and links between its identities, derived from all its entries, whatever their batches."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from models.identities import identity_rank
from models.sla import SLA_SOURCE
from models.timestamps import milliseconds
from streams.core.citizens.identity_resolution import Link, make_links
from streams.core.timeline.entries import Entry
from streams.timeline.links import carry_over_revocations
from streams.timeline.queries import rows_of, slices
from streams.timeline.schema import ENTRIES, LINKS, Row

Triple = tuple[str, str, str]
"""Stronger identity and other identity of a link, and its sector."""
NamedIdentities = dict[str, set[str]]
"""Sector → identities that a contact named in it; empty sector: none was given."""


class ContactOwner(NamedTuple):
    """Owner, beginning and sectors of a contact, derived from its entries. They do not depend on the order of batches."""

    citizen: str
    """Strongest identity that the contact named; empty if it named none."""
    began: tuple[bool, int]
    """Flag, and time of the earliest entry in milliseconds since 1970.

    The flag is true if only SLA entries exist; otherwise these are ignored."""
    sectors: tuple[str, str]
    """First and last sector by name; both empty without a sector."""

    def unite(self, other: "ContactOwner") -> "ContactOwner":
        """Return the owner that follows from the entries behind this one and `other` together."""
        if self.citizen == other.citizen and self.sectors == other.sectors:  # the usual case
            return self if self.began <= other.began else other
        citizen = min(self.citizen, other.citizen, key=_by_strength)
        sectors = [*filter(None, (*self.sectors, *other.sectors))] or [""]
        return ContactOwner(citizen, min(self.began, other.began), (min(sectors), max(sectors)))


def gather(entries: Iterable[Entry]) -> tuple[dict[str, NamedIdentities], dict[str, ContactOwner]]:
    """Return contact → identities that these entries name, and contact → owner that follows from these entries alone."""
    names: dict[str, NamedIdentities] = {}
    owners: dict[str, ContactOwner] = {}
    for entry in entries:
        sector = entry.sector
        began = (entry.source == SLA_SOURCE, milliseconds(entry.happened_at))
        new = ContactOwner(entry.citizen, began, (sector, sector))
        known = owners.get(entry.contact)
        if known is None:
            owners[entry.contact], names[entry.contact] = new, {sector: set()}
        else:
            owners[entry.contact] = known.unite(new)
        own = names[entry.contact].setdefault(sector, set())
        if entry.citizen:
            own.add(entry.citizen)
        if entry.identities:
            own.update(entry.identities.split())
    return names, owners


def read_contact_owners(connection: Connection, contacts: Iterable[str]) -> dict[str, ContactOwner]:
    """Return contact → owner that follows from its stored entries. Contacts without stored entries are left out."""
    found = {}
    for contact, owner, began_at, first_at, *sectors in rows_of(
        connection, _OWNERS_IN[connection.dialect.name], _OWNER_COLUMNS, contacts
    ):
        began = (True, first_at) if began_at is None else (False, began_at)
        found[contact] = ContactOwner("" if owner == contact else owner, began, (sectors[0] or "", sectors[1]))
    return found


_OWNERS: Final = (
    f"SELECT contact, owner, min(happened_at) FILTER (WHERE source <> '{SLA_SOURCE}') AS began_at, "  # noqa: S608 - no value
    "min(happened_at) AS told_at, min(nullif(sector, '') COLLATE {by_bytes}) AS first, "
    "max(sector COLLATE {by_bytes}) AS last FROM entries WHERE contact IN ({contacts}) GROUP BY contact, owner"
)
_OWNER_COLUMNS: Final = ("contact", "owner", "began_at", "told_at", "first", "last")
_OWNERS_IN: Final = {
    dialect: _OWNERS.replace("{by_bytes}", by_bytes)
    for dialect, by_bytes in (("postgresql", '"C"'), ("sqlite", "BINARY"))
}
_LINKED: Final = "SELECT contact, one, other, sector FROM links WHERE contact IN ({contacts})"


def adopt(connection: Connection, before: Mapping[str, ContactOwner], now: Mapping[str, ContactOwner]) -> int:
    """Move the stored entries of contacts whose owner differs between `before` and `now`; return the number of moved entries."""
    moved = [
        {"contact_": contact, "citizen_": now[contact].citizen}
        for contact, known in before.items()
        if known.citizen != now[contact].citizen
    ]
    if not moved:
        return 0
    change = update(ENTRIES).where(ENTRIES.c.contact == bindparam("contact_")).values(owner=bindparam("citizen_"))
    return connection.execute(change, moved).rowcount


def relink(
    connection: Connection,
    names: Mapping[str, NamedIdentities],
    before: Mapping[str, ContactOwner],
    owners: Mapping[str, ContactOwner],
) -> list[Row]:
    """Delete the links of each contact whose links change, and return the rows of `LINKS` to insert, sorted.

    A contact's links connect all its identities, the new ones in `names` and the stored ones.

    The stored links of a contact that had an owner are read only if the owner changes or a further identity is named.
    Revocations of deleted links are carried over, see `links.carry_over_revocations`.
    """
    earlier = {contact: known for contact, known in before.items() if known.citizen}
    changed = [
        contact
        for contact, known in earlier.items()
        if known != owners[contact] or not _name_only(names[contact], known.citizen)
    ]
    stored: dict[str, set[Triple]] = {contact: set() for contact in changed}
    for contact, one, other, sector in rows_of(connection, _LINKED, ("contact", "one", "other", "sector"), changed):
        stored[contact].add((one, other, sector))
    rows: list[Row] = []
    dropped: list[str] = []
    moved: dict[Link, list[set[Link]]] = {}
    for contact, named in names.items():
        now, known, links = owners[contact], earlier.get(contact), stored.get(contact)
        if known is not None and links is None:
            continue
        if known and links and known[1:] == now[1:] and _are_known(named, links, now.sectors):  # the usual case
            continue
        made = _make_links(named, links or (), known.citizen if known else "", now.sectors)
        if known and links:
            if made == links and known.began == now.began:
                continue
            dropped.append(contact)
            for link, replaced in _find_replaced(links, made):
                moved.setdefault(link, []).append(replaced)
        rows += [(*link, contact, sector, now.began[1]) for *link, sector in made]
    if moved:
        contacts = Counter(row[:2] for row in rows if row[:2] in moved)
        only_moved = {link: replaced for link, replaced in moved.items() if contacts[link] == len(replaced)}
        carry_over_revocations(connection, only_moved)
    for some in slices(dropped):
        connection.execute(delete(LINKS).where(LINKS.c.contact.in_(some)))
    return sorted(rows)


def _name_only(named: NamedIdentities, citizen: str) -> bool:
    return all(identities <= {citizen} for identities in named.values())


def _are_known(named: NamedIdentities, links: Collection[Triple], sectors: tuple[str, str]) -> bool:
    """Return whether a contact of one sector names only identities of its links, all of which are in this sector."""
    first, last = sectors
    if first != last or any(sector != last for *_, sector in links):
        return False
    known = {identity for one, other, _ in links for identity in (one, other)}
    return all(identities <= known for identities in named.values())


def _make_links(
    named: NamedIdentities, links: Collection[Triple], citizen: str, sectors: tuple[str, str]
) -> set[Triple]:
    """Return the links between all identities of a contact: the newly named ones, those in `links`, and its earlier owner.

    Identities of different sectors are not linked: each sector has its own key, and they may belong to different people. An
    identity without a sector counts in each sector of `named` and `links`. Each pair is returned once: a pair that counts in
    several sectors gets the last one by name.

    With several sectors, the earlier owner `citizen` is linked only where it is named or was linked.
    """
    last = sectors[1]
    if len({*sectors, *(sector for *_, sector in links)} - {""}) <= 1:
        names = {citizen, *chain.from_iterable(named.values()), *chain.from_iterable(link[:2] for link in links)}
        return {(*link, last) for link in make_links(names - {""})}
    of_sectors = {sector: {*names} for sector, names in named.items()}
    for one, other, sector in links:
        of_sectors.setdefault(sector, set()).update((one, other))
    everywhere = of_sectors.pop("", set())
    made = {(link, sector) for sector, names in of_sectors.items() for link in make_links(names | everywhere)}
    return {(*link, sector) for link, sector in dict(sorted(made)).items()}


def _find_replaced(links: Iterable[Triple], made: Iterable[Triple]) -> Iterator[tuple[Link, set[Link]]]:
    """Yield each new link of a contact whose weaker identity had other links before, with these earlier links."""
    formerly: dict[str, set[Link]] = {}
    for one, other, _ in links:
        formerly.setdefault(other, set()).add(Link(one, other))
    for one, other, _ in made:
        former = formerly.get(other)
        if former and (link := Link(one, other)) not in former:
            yield link, former


def read_identities(connection: Connection, contacts: Iterable[str]) -> set[str]:
    """Return the stored owners and linked identities of these contacts. The owner of a contact without identities is its id."""
    found = set[str]()
    for some in slices(list(contacts)):
        found |= {*connection.scalars(select(ENTRIES.c.owner).where(ENTRIES.c.contact.in_(some)).distinct())}
        query = select(LINKS.c.one, LINKS.c.other).where(LINKS.c.contact.in_(some)).distinct()
        found.update(*connection.execute(query))
    return found


def _by_strength(identity: str) -> tuple[bool, int, str]:
    """Return a sort key: the strongest identity first, an empty one last."""
    return not identity, *identity_rank(identity)
