"""Requests to erase a citizen in SQL: which contacts are to be erased, how far that is, and what is left.

A request and its contacts are written before anything is told of them: once the first of them is erased, those that followed from
it could not be found again. All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, or_, select, update

from streams.timeline.links import IS_ORPHANED
from streams.timeline.schema import ENTRIES, ERASURE_CONTACTS, ERASURE_REQUESTS, ERASURES, LINKS, PROMISES, REVOCATIONS


class ErasureRequest(NamedTuple):
    """A request to erase, as it was found to be when it was made."""

    id: str
    sector: str
    requested_by: str
    requested_at: int
    told_at: int | None
    """When Kafka had all its events; None: not yet, or not all."""
    contacts: int
    entries: int
    links: int
    proof: str | None
    """JSON, once nothing was left."""


class Remains(NamedTuple):
    """What is there of the contacts of a request."""

    erased: int
    """So many of them are known as erased: nothing told of them is kept."""
    entries: int
    links: int
    promises: int
    """So many of them have a row of what is still to be kept."""
    revocations: int
    """Between identities of which nothing is kept, anybody's."""


def find_contacts(connection: Connection, owners: Iterable[str], sector: str) -> list[str]:
    """Return the contacts in a sector, or of which none was told, whose entries stand under one of `owners`."""
    is_there = or_(func.max(ENTRIES.c.sector) == "", func.count().filter(ENTRIES.c.sector == sector) > 0)
    asked = select(ENTRIES.c.contact).where(ENTRIES.c.owner.in_([*owners])).group_by(ENTRIES.c.contact).having(is_there)
    return sorted(connection.scalars(asked))


def find_sectors(connection: Connection, identity: str) -> list[str]:
    """Return in which sectors a contact or an identity is known: in the empty one only if no other was told."""
    of_entries = select(ENTRIES.c.sector).where(or_(ENTRIES.c.owner == identity, ENTRIES.c.contact == identity))
    of_links = select(LINKS.c.sector).where(or_(LINKS.c.one == identity, LINKS.c.other == identity))
    known = {*connection.scalars(of_entries.union(of_links))}
    return sorted(known - {""} or known)


def begin(connection: Connection, request: ErasureRequest, contacts: Sequence[str]) -> ErasureRequest:
    """Write a request, with how many entries and links its contacts have; return it so."""
    rows = [{"request": request.id, "contact": contact} for contact in contacts]
    connection.execute(insert(ERASURE_CONTACTS), rows)
    there = look(connection, request.id)
    request = request._replace(entries=there.entries, links=there.links)
    connection.execute(insert(ERASURE_REQUESTS).values(request._asdict()))
    return request


def read(connection: Connection, name: str) -> ErasureRequest | None:
    """Return a request, None if there is none of that id."""
    row = connection.execute(select(ERASURE_REQUESTS).where(ERASURE_REQUESTS.c.id == name)).first()
    return None if row is None else ErasureRequest(*row)


def read_unpublished(connection: Connection) -> list[ErasureRequest]:
    """Return the requests of which Kafka has not all events yet, the oldest first."""
    asked = (
        select(ERASURE_REQUESTS).where(ERASURE_REQUESTS.c.told_at.is_(None)).order_by(ERASURE_REQUESTS.c.requested_at)
    )
    return [ErasureRequest(*row) for row in connection.execute(asked)]


def read_unproved(connection: Connection) -> list[str]:
    """Return the ids of the requests of which Kafka has all events, and that are not proved yet."""
    is_open = (ERASURE_REQUESTS.c.told_at.is_not(None), ERASURE_REQUESTS.c.proof.is_(None))
    return [*connection.scalars(select(ERASURE_REQUESTS.c.id).where(*is_open).order_by(ERASURE_REQUESTS.c.id))]


def read_open(connection: Connection, sectors: Iterable[str]) -> list[ErasureRequest]:
    """Return the requests in these sectors that are not proved yet, the oldest first."""
    is_open = (ERASURE_REQUESTS.c.sector.in_([*sectors]), ERASURE_REQUESTS.c.proof.is_(None))
    asked = select(ERASURE_REQUESTS).where(*is_open).order_by(ERASURE_REQUESTS.c.requested_at, ERASURE_REQUESTS.c.id)
    return [ErasureRequest(*row) for row in connection.execute(asked)]


def list_contacts(connection: Connection, name: str) -> list[str]:
    """Return the contacts of a request that is not proved yet."""
    asked = select(ERASURE_CONTACTS.c.contact).where(ERASURE_CONTACTS.c.request == name)
    return sorted(connection.scalars(asked))


def look(connection: Connection, name: str) -> Remains:
    """Return what is there of the contacts of a request."""

    def count(table: Table, where: ColumnElement[bool]) -> int:
        return connection.scalar(select(func.count()).select_from(table).where(where)) or 0

    own = select(ERASURE_CONTACTS.c.contact).where(ERASURE_CONTACTS.c.request == name)
    return Remains(
        count(ERASURES, ERASURES.c.contact.in_(own)),
        count(ENTRIES, ENTRIES.c.contact.in_(own)),
        count(LINKS, LINKS.c.contact.in_(own)),
        count(PROMISES, PROMISES.c.contact.in_(own)),
        count(REVOCATIONS, IS_ORPHANED),
    )


def mark_published(connection: Connection, name: str, at: int) -> None:
    """Note that Kafka has all events of a request."""
    connection.execute(update(ERASURE_REQUESTS).where(ERASURE_REQUESTS.c.id == name).values(told_at=at))


def prove(connection: Connection, name: str, proof: str) -> ErasureRequest:
    """Keep the proof, unless there is one, and whose it was no longer; return the request with what is kept."""
    open_ = (ERASURE_REQUESTS.c.id == name, ERASURE_REQUESTS.c.proof.is_(None))
    connection.execute(update(ERASURE_REQUESTS).where(*open_).values(proof=proof))
    connection.execute(delete(ERASURE_CONTACTS).where(ERASURE_CONTACTS.c.request == name))
    return ErasureRequest(*connection.execute(select(ERASURE_REQUESTS).where(ERASURE_REQUESTS.c.id == name)).one())


def delete_expired(connection: Connection, erased_before: int, proved_before: int) -> int:
    """Drop whom it is not needed to know as erased any more, and proofs of long ago; return how many rows that were."""
    old = delete(ERASURES).where(
        ERASURES.c.erased_at < erased_before, ERASURES.c.contact.not_in(select(ERASURE_CONTACTS.c.contact))
    )
    done = delete(ERASURE_REQUESTS).where(
        ERASURE_REQUESTS.c.proof.is_not(None), ERASURE_REQUESTS.c.requested_at < proved_before
    )
    return sum(connection.execute(one).rowcount for one in (old, done))
