"""Erasure requests in SQL: their contacts, progress and remaining data.

A request and its contacts are written before the first event is published. After the first erasure, the other contacts could not
be found again. All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, or_, select, update

from streams.timeline.links import IS_ORPHANED
from streams.timeline.schema import (
    ENTRIES,
    ERASURE_CONTACTS,
    ERASURE_REQUESTS,
    ERASURES,
    LINKS,
    REVOCATIONS,
    SLA_TARGETS,
)


class ErasureRequest(NamedTuple):
    """A request to erase a citizen's data, and the numbers of contacts, entries and links found at its time."""

    id: str
    sector: str
    requested_by: str
    requested_at: int
    told_at: int | None
    """Time at which Kafka had acknowledged all erasure events of the request; None before."""
    contacts: int
    entries: int
    links: int
    proof: str | None
    """JSON of the proof of erasure; None until no data remains."""


class Remains(NamedTuple):
    """Numbers of rows that the database still has about the contacts of an erasure request."""

    erased: int
    """Number of contacts marked as erased. Their later entries are ignored."""
    entries: int
    links: int
    sla_targets: int
    """Number of contacts with a row of open SLA targets."""
    revocations: int
    """Revocations between identities without any data, of all citizens."""


def find_contacts(connection: Connection, owners: Iterable[str], sector: str) -> list[str]:
    """Return the contacts with entries of `owners` that have an entry in `sector`, or no entry in any sector; sorted."""
    in_sector = or_(func.max(ENTRIES.c.sector) == "", func.count().filter(ENTRIES.c.sector == sector) > 0)
    query = (
        select(ENTRIES.c.contact).where(ENTRIES.c.owner.in_([*owners])).group_by(ENTRIES.c.contact).having(in_sector)
    )
    return sorted(connection.scalars(query))


def find_sectors(connection: Connection, identity: str) -> list[str]:
    """Return the sectors of a contact or identity, sorted, with the empty one only if no other is known. Empty without data."""
    of_entries = select(ENTRIES.c.sector).where(or_(ENTRIES.c.owner == identity, ENTRIES.c.contact == identity))
    of_links = select(LINKS.c.sector).where(or_(LINKS.c.one == identity, LINKS.c.other == identity))
    known = {*connection.scalars(of_entries.union(of_links))}
    return sorted(known - {""} or known)


def begin(connection: Connection, request: ErasureRequest, contacts: Sequence[str]) -> ErasureRequest:
    """Write a request and its contacts. Return it with the numbers of the contacts' entries and links found now."""
    rows = [{"request": request.id, "contact": contact} for contact in contacts]
    connection.execute(insert(ERASURE_CONTACTS), rows)
    remains = look(connection, request.id)
    request = request._replace(entries=remains.entries, links=remains.links)
    connection.execute(insert(ERASURE_REQUESTS).values(request._asdict()))
    return request


def read(connection: Connection, name: str) -> ErasureRequest | None:
    """Return the erasure request with the id `name`, or None."""
    return next(iter(_find(connection, ERASURE_REQUESTS.c.id == name)), None)


def read_unpublished(connection: Connection) -> list[ErasureRequest]:
    """Return the requests whose events Kafka does not all have yet, oldest first."""
    return _find(connection, ERASURE_REQUESTS.c.told_at.is_(None))


def read_unproved(connection: Connection) -> list[str]:
    """Return the ids of the requests whose events Kafka has, but that have no proof yet, oldest first."""
    found = _find(connection, ERASURE_REQUESTS.c.told_at.is_not(None), ERASURE_REQUESTS.c.proof.is_(None))
    return [request.id for request in found]


def read_open(connection: Connection, sectors: Iterable[str]) -> list[ErasureRequest]:
    """Return the requests in these sectors that have no proof yet, published or not, oldest first."""
    return _find(connection, ERASURE_REQUESTS.c.sector.in_([*sectors]), ERASURE_REQUESTS.c.proof.is_(None))


def _find(connection: Connection, *where: ColumnElement[bool]) -> list[ErasureRequest]:
    query = select(ERASURE_REQUESTS).where(*where).order_by(ERASURE_REQUESTS.c.requested_at, ERASURE_REQUESTS.c.id)
    return [ErasureRequest(*row) for row in connection.execute(query)]


def list_contacts(connection: Connection, name: str) -> list[str]:
    """Return the contacts of the request with the id `name`, sorted; empty once it has a proof."""
    query = select(ERASURE_CONTACTS.c.contact).where(ERASURE_CONTACTS.c.request == name)
    return sorted(connection.scalars(query))


def look(connection: Connection, name: str) -> Remains:
    """Return the numbers of rows still stored about the contacts of the request with the id `name`. Changes nothing."""

    def count(table: Table, where: ColumnElement[bool]) -> int:
        return connection.scalar(select(func.count()).select_from(table).where(where)) or 0

    own = select(ERASURE_CONTACTS.c.contact).where(ERASURE_CONTACTS.c.request == name)
    return Remains(
        count(ERASURES, ERASURES.c.contact.in_(own)),
        count(ENTRIES, ENTRIES.c.contact.in_(own)),
        count(LINKS, LINKS.c.contact.in_(own)),
        count(SLA_TARGETS, SLA_TARGETS.c.contact.in_(own)),
        count(REVOCATIONS, IS_ORPHANED),
    )


def mark_published(connection: Connection, name: str, at: int) -> None:
    """Record `at` as the time at which Kafka had all events of the request with the id `name`."""
    connection.execute(update(ERASURE_REQUESTS).where(ERASURE_REQUESTS.c.id == name).values(told_at=at))


def prove(connection: Connection, name: str, proof: str) -> ErasureRequest:
    """Store the proof of an existing request unless it has one, delete its contacts, and return the request as stored."""
    open_ = (ERASURE_REQUESTS.c.id == name, ERASURE_REQUESTS.c.proof.is_(None))
    connection.execute(update(ERASURE_REQUESTS).where(*open_).values(proof=proof))
    connection.execute(delete(ERASURE_CONTACTS).where(ERASURE_CONTACTS.c.request == name))
    return _find(connection, ERASURE_REQUESTS.c.id == name)[0]


def delete_expired(connection: Connection, erased_before: int, proved_before: int) -> int:
    """Delete old marks of erased contacts, and old requests with their proofs; return the number of deleted rows.

    A mark is old if the erasure was before `erased_before` and no open request has the contact. A request is old if it has a
    proof and was made before `proved_before`.
    """
    old = delete(ERASURES).where(
        ERASURES.c.erased_at < erased_before, ERASURES.c.contact.not_in(select(ERASURE_CONTACTS.c.contact))
    )
    done = delete(ERASURE_REQUESTS).where(
        ERASURE_REQUESTS.c.proof.is_not(None), ERASURE_REQUESTS.c.requested_at < proved_before
    )
    return sum(connection.execute(statement).rowcount for statement in (old, done))
