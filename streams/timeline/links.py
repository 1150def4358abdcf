"""Links in SQL: whom an identity is linked to, by which contacts, and which links were revoked.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    TextClause,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
)

from models.grounds import Ground
from streams.core.links import Caps, Link, Near, is_strong
from streams.timeline.schema import ENTRIES, LINKS, REVOCATIONS

_ENDS: Final = (REVOCATIONS.c.one, REVOCATIONS.c.other)
_ARE_GONE: Final = [
    and_(*(~exists().where(column == end) for column in (ENTRIES.c.owner, LINKS.c.one, LINKS.c.other))) for end in _ENDS
]
NOBODYS: Final = and_(*_ARE_GONE)
"""Of a revocation: nothing is kept of either identity."""
_IS_REVOKED = exists().where(REVOCATIONS.c.one == LINKS.c.one, REVOCATIONS.c.other == LINKS.c.other)


class Known(NamedTuple):
    """A link, and what is known of it."""

    link: Link
    contacts: int
    """So many told it."""
    linked_at: int
    """When the first of them did; if none does any more, when it was revoked."""
    revoked_at: int | None
    reason: str | None
    """Why it was revoked."""


def neighbours(connection: Connection, asked: Sequence[str], caps: Caps) -> dict[str, Near]:
    """Return what surrounds each identity, as `core.links.Near` promises: two queries, however many are asked for."""
    near: dict[str, list[str]] = {one: [] for one in asked}
    limits = {one: (caps.identities if is_strong(one) else caps.fan_out) + 1 for one in asked}
    for one, other in connection.execute(_walks(len(asked)), _numbered(limits)):
        near[one].append(other)
    weak = {one: 0 for one in asked if not is_strong(one)}
    counted: dict[str, int] = {}
    if weak:
        found = connection.execute(_counts(len(weak)), _numbered(weak) | {"contacts": caps.contacts + 1})
        counted.update((one, number) for one, number in found)
    return {one: Near(sorted(others)[: limits[one]], counted.get(one, 0)) for one, others in near.items()}


def _numbered(limits: Mapping[str, int]) -> dict[str, Any]:
    """Return the parameters for identities, each with how much is asked of it; few widths, so that each is prepared once."""
    padded = [*limits.items(), *[("", 0)] * (width_of(len(limits)) - len(limits))]
    return {
        f"{name}_{number}": value
        for number, pair in enumerate(padded)
        for name, value in zip(_ASKED, pair, strict=True)
    }


def width_of(number: int) -> int:
    """Return how many a query is made for that asks for so many: the next power of two."""
    return 1 << (number - 1).bit_length()


def _walks(number: int) -> TextClause:
    return _make_walks(width_of(number))


def _counts(number: int) -> TextClause:
    return _make_counts(width_of(number))


_ASKED: Final = ("identity", "most")
# As text, and made once: to write such a query, or only to find out that it was written before, takes longer than to answer it.


@cache
def _make_walks(width: int) -> TextClause:
    """Return the query for whom identities are linked to: leaps to the next in the index, however many contacts tell of each."""
    walks = (("later", "one", "other"), ("earlier", "other", "one"))
    ends = (f"SELECT near, far FROM {name} WHERE far IS NOT NULL AND {_holds(name, *ends)}" for name, *ends in walks)  # noqa: S608
    made = ", ".join(_make_walk(*walk) for walk in walks)
    return text(f"WITH RECURSIVE {_make_asked(width)}, {made} {' UNION ALL '.join(ends)}")


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


def _holds(name: str, near: str, far: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.{near} = {name}.near AND revocations.{far} = {name}.far)"  # noqa: S608


@cache
def _make_counts(width: int) -> TextClause:
    """Return the query for how many contacts tell of each identity and of nothing stronger."""
    contacts = "SELECT DISTINCT contact FROM entries WHERE owner = identity LIMIT :contacts"
    return text(f"WITH {_make_asked(width)} SELECT identity, (SELECT count(*) FROM ({contacts}) AS told) FROM asked")  # noqa: S608


def _make_asked(width: int) -> str:
    rows = ", ".join(f"(CAST(:identity_{number} AS text), CAST(:most_{number} AS integer))" for number in range(width))
    return f"asked(identity, most) AS (VALUES {rows})"


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
    found = [Known(Link(one, other), *known) for one, other, *known in connection.execute(asked)]
    told = exists().where(LINKS.c.one == REVOCATIONS.c.one, LINKS.c.other == REVOCATIONS.c.other)
    untold = select(REVOCATIONS).where(or_(*(end == identity for end in _ENDS)), ~told).order_by(*_ENDS).limit(limit)
    found += [Known(Link(row.one, row.other), 0, row.revoked_at, *row[2:]) for row in connection.execute(untold)]
    return found[:limit]


def read_revoked(connection: Connection, identity: str, limit: int) -> list[Known]:
    """Return the links of an identity that were revoked, whoever tells them: no contact is counted."""
    asked = select(REVOCATIONS).where(or_(*(end == identity for end in _ENDS))).order_by(*_ENDS).limit(limit)
    return [Known(Link(row.one, row.other), 0, row.revoked_at, *row[2:]) for row in connection.execute(asked)]


def revoke(connection: Connection, link: Link, at: int, ground: Ground) -> bool:
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


def forget_revoked(connection: Connection) -> None:
    """Drop the revocations between identities of which nothing is kept.

    As long as there is anything of one of the two, their link may be told again, and would bring two people together.
    """
    connection.execute(delete(REVOCATIONS).where(NOBODYS))


def erase_revoked(connection: Connection, erased: Collection[str]) -> None:
    """Drop the revocations that name one of `erased` of which nothing is kept, whoever the other is."""
    named = [and_(end.in_(erased), is_gone) for end, is_gone in zip(_ENDS, _ARE_GONE, strict=True)]
    connection.execute(delete(REVOCATIONS).where(or_(*named)))
