"""Links in SQL: whom an identity is linked to, by which contacts, and which links were revoked.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union,
)

from models.revocation_reasons import RevocationReason
from streams.core.citizens.identity_resolution import Link, LinkLimits, Neighbourhood, is_strong
from streams.timeline.queries import Query, slices, width_of
from streams.timeline.schema import ENTRIES, LINKS, REVOCATIONS

_ENDS: Final = (REVOCATIONS.c.one, REVOCATIONS.c.other)
_ARE_GONE: Final = [
    and_(*(~exists().where(column == end) for column in (ENTRIES.c.owner, LINKS.c.one, LINKS.c.other))) for end in _ENDS
]
IS_ORPHANED: Final = and_(*_ARE_GONE)
"""Of a revocation: nothing is kept of either identity."""
_IS_REVOKED = exists().where(REVOCATIONS.c.one == LINKS.c.one, REVOCATIONS.c.other == LINKS.c.other)


class LinkRecord(NamedTuple):
    """A link, and what is known of it."""

    link: Link
    contacts: int
    """So many told it."""
    linked_at: int
    """When the first of them began; if none tells it any more, when it was revoked."""
    revoked_at: int | None
    reason: str | None
    """Why it was revoked."""


def neighbours(connection: Connection, asked: Sequence[str], caps: LinkLimits) -> dict[str, Neighbourhood]:
    """Return what surrounds each identity, as `core.links.Near` promises: one query, however many are asked for."""
    near: dict[str, list[str]] = {one: [] for one in asked}
    contacts = dict.fromkeys(asked, 0)
    limits = {one: (caps.identities if is_strong(one) else caps.fan_out) + 1 for one in asked}
    width = width_of(len(asked))
    values: dict[str, Any] = {"contacts": caps.contacts + 1, "few": caps.contacts}
    for number, one in enumerate([*asked, *[""] * (width - len(asked))]):
        values[f"identity_{number}"], values[f"most_{number}"] = one, limits.get(one, 0)
        values[f"weak_{number}"] = int(one in limits and not is_strong(one))
    for one, other, told in _make_walks(width).rows(connection, values):
        if other is None:
            contacts[one] = told
        else:
            near[one].append(other)
    return {one: Neighbourhood(sorted(others)[: limits[one]], contacts[one]) for one, others in near.items()}


@cache
def _make_walks(width: int) -> Query:
    """Return the query for whom identities are linked to, and how many contacts tell of a weak one and of nothing stronger.

    It leaps to the next in the index, however many contacts tell of each. Contacts are only counted where there are entries for
    more than a few of them.
    """
    walks = (("later", "one", "other"), ("earlier", "other", "one"))
    ends = (f"SELECT near, far, 0 AS told FROM {name} WHERE {_is_found(name, *ends)}" for name, *ends in walks)  # noqa: S608
    made = ", ".join(_make_walk(*walk) for walk in walks)
    names = ", ".join(
        f"(CAST(:identity_{number} AS text), CAST(:most_{number} AS integer), CAST(:weak_{number} AS integer))"
        for number in range(width)
    )
    told = "FROM entries WHERE owner = identity"
    contacts = f"(SELECT count(*) FROM (SELECT DISTINCT contact {told} LIMIT :contacts) AS told)"  # noqa: S608
    counts = (
        f"SELECT identity, NULL, {contacts} FROM asked WHERE weak = 1 AND EXISTS (SELECT 1 {told} LIMIT 1 OFFSET :few)"  # noqa: S608
    )
    asked = f"asked(identity, most, weak) AS (VALUES {names})"
    return Query(f"WITH RECURSIVE {asked}, {made} {' UNION ALL '.join((*ends, counts))}", "near", "far", "told")


def _make_walk(name: str, near: str, far: str) -> str:
    """Return a walk from each identity to all it was ever linked to, in order; `number` counts whose links before it hold.

    What was revoked is walked over too: to look for the next that holds would read all contacts that tell of one that does not.
    """

    def leap(start: str, after: str = "") -> str:
        return f"(SELECT {far} FROM links WHERE {near} = {start}{after} ORDER BY {far} LIMIT 1)"  # noqa: S608

    counted = f"number + CASE WHEN {_holds(name, near, far)} THEN 1 ELSE 0 END"
    return (
        f"{name}(near, far, number, most) AS (SELECT identity, {leap('identity')}, 0, most FROM asked "  # noqa: S608
        f"UNION ALL SELECT near, {leap(f'{name}.near', f' AND {far} > {name}.far')}, {counted}, most FROM {name} "
        f"WHERE far IS NOT NULL AND {counted} < most)"
    )


def _is_found(name: str, near: str, far: str) -> str:
    return f"far IS NOT NULL AND {_holds(name, near, far)}"


def _holds(name: str, near: str, far: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.{near} = {name}.near AND revocations.{far} = {name}.far)"  # noqa: S608


def read(connection: Connection, identity: str, limit: int) -> list[LinkRecord]:
    """Return the links of an identity, revoked ones too; those that most contacts tell go first."""
    contacts = func.count().label("contacts")
    asked = (
        select(
            LINKS.c.one,
            LINKS.c.other,
            contacts,
            func.min(LINKS.c.linked_at),
            func.max(REVOCATIONS.c.revoked_at),
            func.max(REVOCATIONS.c.reason),
        )
        .outerjoin(REVOCATIONS, and_(REVOCATIONS.c.one == LINKS.c.one, REVOCATIONS.c.other == LINKS.c.other))
        .where(or_(LINKS.c.one == identity, LINKS.c.other == identity))
        .group_by(LINKS.c.one, LINKS.c.other)
        .order_by(contacts.desc(), LINKS.c.one, LINKS.c.other)
        .limit(limit)
    )
    found = [LinkRecord(Link(one, other), *known) for one, other, *known in connection.execute(asked)]
    told = exists().where(LINKS.c.one == REVOCATIONS.c.one, LINKS.c.other == REVOCATIONS.c.other)
    untold = select(REVOCATIONS).where(or_(*(end == identity for end in _ENDS)), ~told).order_by(*_ENDS).limit(limit)
    found += [LinkRecord(Link(row.one, row.other), 0, row.revoked_at, *row[2:]) for row in connection.execute(untold)]
    return found[:limit]


def count(connection: Connection, identity: str) -> int:
    """Return how many links of an identity there are, as `read` has them."""
    told, revoked = (
        select(table.c.one, table.c.other).where(or_(table.c.one == identity, table.c.other == identity))
        for table in (LINKS, REVOCATIONS)
    )
    number = connection.scalar(select(func.count()).select_from(union(told, revoked).subquery()))
    assert number is not None
    return number


def read_revocations(connection: Connection, identity: str, limit: int) -> list[LinkRecord]:
    """Return the links of an identity that were revoked, whoever tells them: no contact is counted."""
    asked = select(REVOCATIONS).where(or_(*(end == identity for end in _ENDS))).order_by(*_ENDS).limit(limit)
    return [LinkRecord(Link(row.one, row.other), 0, row.revoked_at, *row[2:]) for row in connection.execute(asked)]


def revoke(connection: Connection, link: Link, at: int, ground: RevocationReason) -> bool:
    """Have a link no longer hold, though it is told again, as long as one of the two is known; return whether it held."""
    holds = select(LINKS.c.one).where(LINKS.c.one == link.one, LINKS.c.other == link.other, ~_IS_REVOKED).limit(1)
    if connection.execute(holds).first() is None:
        return False
    connection.execute(insert(REVOCATIONS).values(one=link.one, other=link.other, revoked_at=at, reason=ground.value))
    return True


def restore(connection: Connection, link: Link) -> bool:
    """Have a revoked link hold again; return whether it was revoked."""
    revoked = delete(REVOCATIONS).where(REVOCATIONS.c.one == link.one, REVOCATIONS.c.other == link.other)
    return bool(connection.execute(revoked).rowcount)


def carry_over_revocations(connection: Connection, moved: Mapping[Link, Collection[AbstractSet[Link]]]) -> None:
    """Have links that are about to be told be revoked if they only continue others that are: nothing is taken back by the way.

    `moved`: link → what each contact that tells it now told in its place until now. One that anybody tells already is left as it
    is, and one that somebody tells who was of no revoked one: whether they hold is decided apart.
    """
    known: dict[Link, Any] = {}
    ends = {link.one for now, some in moved.items() for link in (now, *(one for former in some for one in former))}
    for asked in slices(sorted(ends)):
        found = connection.execute(select(REVOCATIONS).where(REVOCATIONS.c.one.in_(asked)))
        known.update((Link(row.one, row.other), row) for row in found)
    for now, some in moved.items():
        revoked = [former & known.keys() for former in some]
        if now in known or not all(revoked):
            continue
        told = select(LINKS.c.contact).where(LINKS.c.one == now.one, LINKS.c.other == now.other).limit(1)
        if connection.execute(told).first() is None:
            was = known[min(set().union(*revoked))]
            as_it_was = {"revoked_at": was.revoked_at, "reason": was.reason}
            connection.execute(insert(REVOCATIONS).values(**now._asdict(), **as_it_was))


def is_revoked(connection: Connection, link: Link) -> bool:
    """Return whether a link is revoked, in whichever direction."""
    revoked = select(REVOCATIONS.c.one).where(*(end.in_([*link]) for end in _ENDS)).limit(1)
    return connection.execute(revoked).first() is not None


def delete_orphaned_revocations(connection: Connection) -> None:
    """Drop the revocations between identities of which nothing is kept.

    As long as there is anything of one of the two, their link may be told again, and would bring two people together.
    """
    connection.execute(delete(REVOCATIONS).where(IS_ORPHANED))


def erase_revocations(connection: Connection, erased: Collection[str]) -> None:
    """Drop the revocations that name one of `erased` of which nothing is kept, whoever the other is."""
    named = [and_(end.in_(erased), is_gone) for end, is_gone in zip(_ENDS, _ARE_GONE, strict=True)]
    connection.execute(delete(REVOCATIONS).where(or_(*named)))
