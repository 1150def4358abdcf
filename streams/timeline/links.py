"""Links in SQL: whom an identity is linked to, by which contacts, and which links were revoked.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, delete, exists, func, insert, or_, select, union_all

from streams.core.links import Caps, Link, is_strong
from streams.timeline.schema import LINKS, REVOCATIONS

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


def neighbours(connection: Connection, asked: Sequence[str], caps: Caps) -> dict[str, list[str]]:
    """Return what each identity is linked to, as `core.links.Neighbours` promises."""
    found: dict[str, list[str]] = {}
    for one in asked:
        limit = (caps.identities if is_strong(one) else caps.fan_out) + 1
        ends = union_all(_ends(LINKS.c.one, LINKS.c.other, one, limit), _ends(LINKS.c.other, LINKS.c.one, one, limit))
        found[one] = sorted(connection.scalars(ends))[:limit]
    return found


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


def revoke(connection: Connection, link: Link, at: int, reason: str) -> bool:
    """Have a link no longer hold, whatever tells it again; return whether it held."""
    holds = select(LINKS.c.one).where(LINKS.c.one == link.one, LINKS.c.other == link.other, ~_IS_REVOKED).limit(1)
    if connection.execute(holds).first() is None:
        return False
    connection.execute(insert(REVOCATIONS).values(one=link.one, other=link.other, revoked_at=at, reason=reason))
    return True


def restore(connection: Connection, link: Link) -> bool:
    """Have a revoked link hold again; return whether it was revoked."""
    revoked = delete(REVOCATIONS).where(REVOCATIONS.c.one == link.one, REVOCATIONS.c.other == link.other)
    return bool(connection.execute(revoked).rowcount)
