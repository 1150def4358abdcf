"""Links in SQL: whom an identity is linked to, by which contacts, and which links were revoked.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, delete, exists, func, insert, or_, select, union_all

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
        ends = union_all(_ends(LINKS.c.one, LINKS.c.other, one, limit), _ends(LINKS.c.other, LINKS.c.one, one, limit))
        near = sorted(connection.scalars(ends))[:limit]
        found[one] = Near(near, 0 if is_strong(one) else _count_contacts(connection, one, caps.contacts + 1))
    return found


def _count_contacts(connection: Connection, owner: str, limit: int) -> int:
    some = select(ENTRIES.c.contact).where(ENTRIES.c.owner == owner).distinct().limit(limit).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _ends(near: Any, far: Any, one: str, limit: int) -> Select[Any]:
    ends = select(far.label("end")).where(near == one, ~_IS_REVOKED).distinct().order_by(far).limit(limit)
    return select(ends.subquery().c.end)


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
    """Have a link no longer hold, though it is told again; return whether it held."""
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
