"""Links in SQL: whom an identity is linked to, by which contacts, and which links were revoked.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
)

from streams.core.links import Caps, Ground, Link, Near, is_strong
from streams.timeline.schema import ENTRIES, LINKS, REVOCATIONS

_IS_REVOKED = exists().where(REVOCATIONS.c.one == LINKS.c.one, REVOCATIONS.c.other == LINKS.c.other)


class Known(NamedTuple):
    """A link, and what is known of it."""

    link: Link
    contacts: int
    """So many told it."""
    linked_at: int
    """When the first of them did."""
    revoked_at: int | None
    reason: str | None
    """Why it was revoked."""


def neighbours(connection: Connection, asked: Sequence[str], caps: Caps) -> dict[str, Near]:
    """Return what surrounds each identity, as `core.links.Near` promises."""
    found: dict[str, Near] = {}
    for one in asked:
        limit = (caps.identities if is_strong(one) else caps.fan_out) + 1
        near = sorted(connection.scalars(_NEIGHBOURS, {"one": one, "most": limit}))[:limit]
        contacts = {"owner": one, "most": caps.contacts + 1}
        found[one] = Near(near, 0 if is_strong(one) else connection.scalar(_CONTACTS, contacts) or 0)
    return found


def _walk(near: Any, far: Any) -> Select[Any]:
    """Return the query for whom `:one` is linked to: a leap to the next in the index, however many contacts tell of each."""

    def leap(*after: Any) -> Any:
        ends = select(far).where(near == bindparam("one"), ~_IS_REVOKED, *after).order_by(far).limit(1)
        return ends.scalar_subquery()

    walk = select(leap().label("end"), literal(1).label("number")).cte(recursive=True)
    further = select(leap(far > walk.c.end), walk.c.number + 1)
    walk = walk.union_all(further.where(walk.c.end.is_not(None), walk.c.number < bindparam("most")))
    return select(walk.c.end).where(walk.c.end.is_not(None))


_NEIGHBOURS: Final = union_all(_walk(LINKS.c.one, LINKS.c.other), _walk(LINKS.c.other, LINKS.c.one))
_CONTACTS: Final = select(func.count()).select_from(
    select(ENTRIES.c.contact)
    .where(ENTRIES.c.owner == bindparam("owner"))
    .distinct()
    .limit(bindparam("most"))
    .subquery()
)
# Made once: to write such a query takes longer than to answer it.


def read(connection: Connection, identity: str, limit: int) -> list[Known]:
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
    return [Known(Link(one, other), *known) for one, other, *known in connection.execute(asked)]


def revoke(connection: Connection, link: Link, at: int, ground: Ground) -> bool:
    """Have a link no longer hold, though it is told again, until no contact tells it; return whether it held."""
    holds = select(LINKS.c.one).where(LINKS.c.one == link.one, LINKS.c.other == link.other, ~_IS_REVOKED).limit(1)
    if connection.execute(holds).first() is None:
        return False
    connection.execute(insert(REVOCATIONS).values(one=link.one, other=link.other, revoked_at=at, reason=ground.value))
    return True


def restore(connection: Connection, link: Link) -> bool:
    """Have a revoked link hold again; return whether it was revoked."""
    revoked = delete(REVOCATIONS).where(REVOCATIONS.c.one == link.one, REVOCATIONS.c.other == link.other)
    return bool(connection.execute(revoked).rowcount)


def forget_revoked(connection: Connection) -> None:
    """Drop the revocations of links that no contact tells any more."""
    told = exists().where(LINKS.c.one == REVOCATIONS.c.one, LINKS.c.other == REVOCATIONS.c.other)
    connection.execute(delete(REVOCATIONS).where(~told))
