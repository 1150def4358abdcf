"""Links between identities in SQL, the contacts that prove them, and their revocations.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select

from models.revocation_reasons import RevocationReason
from streams.core.citizens.identity_resolution import Link, LinkLimits, Neighbourhood, is_strong
from streams.timeline.queries import Query, slices, width_of
from streams.timeline.schema import ENTRIES, LINKS, REVOCATIONS

_ENDS: Final = (REVOCATIONS.c.one, REVOCATIONS.c.other)
_ARE_GONE: Final = [
    and_(*(~exists().where(column == end) for column in (ENTRIES.c.owner, LINKS.c.one, LINKS.c.other))) for end in _ENDS
]
IS_ORPHANED: Final = and_(*_ARE_GONE)
"""Condition on a revocation: no data about either identity is stored."""
_IS_REVOKED = exists().where(REVOCATIONS.c.one == LINKS.c.one, REVOCATIONS.c.other == LINKS.c.other)


class LinkRecord(NamedTuple):
    """A link, the number of contacts that prove it, and its revocation, if any."""

    link: Link
    contacts: int
    linked_at: int
    """Beginning of the first of these contacts; without any contact, the time of the revocation."""
    revoked_at: int | None
    reason: str | None
    """Value of a `RevocationReason`; None for a valid link."""


def neighbours(connection: Connection, asked: Sequence[str], caps: LinkLimits) -> dict[str, Neighbourhood]:
    """Return identity → its linked identities and, for a weak one, the number of contacts that it owns; with one query.

    At most one linked identity and one contact more than `caps` allows are returned. The number of contacts is 0 for a strong
    identity, and for one with no more entries than `caps.contacts`.
    """
    near: dict[str, list[str]] = {identity: [] for identity in asked}
    contacts = dict.fromkeys(asked, 0)
    limits = {identity: (caps.identities if is_strong(identity) else caps.fan_out) + 1 for identity in asked}
    width = width_of(len(asked))
    values: dict[str, Any] = {"contacts": caps.contacts + 1, "few": caps.contacts}
    for number, identity in enumerate([*asked, *[""] * (width - len(asked))]):
        values[f"identity_{number}"], values[f"most_{number}"] = identity, limits.get(identity, 0)
        values[f"weak_{number}"] = int(identity in limits and not is_strong(identity))
    for identity, other, contact_count in _make_walks(width).rows(connection, values):
        if other is None:
            contacts[identity] = contact_count
        else:
            near[identity].append(other)
    return {
        identity: Neighbourhood(sorted(others)[: limits[identity]], contacts[identity])
        for identity, others in near.items()
    }


@cache
def _make_walks(width: int) -> Query:
    """Return the query for the linked identities, and for the number of contacts that each weak identity owns.

    It jumps to the next identity in the index, however many contacts prove each link. Contacts are counted only for identities
    with more than a few entries.
    """
    walks = (("later", "one", "other"), ("earlier", "other", "one"))
    ends = (f"SELECT near, far, 0 AS contact_count FROM {name} WHERE {_is_found(name, *ends)}" for name, *ends in walks)  # noqa: S608
    made = ", ".join(_make_walk(*walk) for walk in walks)
    names = ", ".join(
        f"(CAST(:identity_{number} AS text), CAST(:most_{number} AS integer), CAST(:weak_{number} AS integer))"
        for number in range(width)
    )
    of_identity = "FROM entries WHERE owner = identity"
    contacts = f"(SELECT count(*) FROM (SELECT DISTINCT contact {of_identity} LIMIT :contacts) AS counted)"  # noqa: S608
    has_more = f"EXISTS (SELECT 1 {of_identity} LIMIT 1 OFFSET :few)"
    counts = f"SELECT identity, NULL, {contacts} FROM asked WHERE weak = 1 AND {has_more}"  # noqa: S608
    asked = f"asked(identity, most, weak) AS (VALUES {names})"
    return Query(
        f"WITH RECURSIVE {asked}, {made} {' UNION ALL '.join((*ends, counts))}", "near", "far", "contact_count"
    )


def _make_walk(name: str, near: str, far: str) -> str:
    """Return the SQL of a walk from each identity to all that it was ever linked to, in order.

    `number` counts the valid links before each. The walk includes revoked links: a search for the next valid one would read all
    contacts that prove a revoked one.
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
    """Return at most `limit` links of an identity, those with most contacts first, revoked ones without any last."""
    contacts = func.count().label("contacts")
    query = (
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
    found = [LinkRecord(Link(one, other), *known) for one, other, *known in connection.execute(query)]
    with_contacts = {record.link for record in found}
    revoked = read_revocations(connection, identity, limit + len(found))
    return [*found, *(record for record in revoked if record.link not in with_contacts)][:limit]


def read_revocations(connection: Connection, identity: str, limit: int) -> list[LinkRecord]:
    """Return at most `limit` revoked links of an identity, with `contacts` 0 and `linked_at` the time of the revocation."""
    query = select(REVOCATIONS).where(or_(*(end == identity for end in _ENDS))).order_by(*_ENDS).limit(limit)
    return [LinkRecord(Link(row.one, row.other), 0, row.revoked_at, *row[2:]) for row in connection.execute(query)]


def revoke(connection: Connection, link: Link, at: int, ground: RevocationReason) -> bool:
    """Revoke a link in its direction, also for future contacts.

    Return False, without effect, if no contact proves it or it is revoked already.

    The revocation lasts while data about either identity exists.
    """
    holds = select(LINKS.c.one).where(LINKS.c.one == link.one, LINKS.c.other == link.other, ~_IS_REVOKED).limit(1)
    if connection.execute(holds).first() is None:
        return False
    connection.execute(insert(REVOCATIONS).values(one=link.one, other=link.other, revoked_at=at, reason=ground.value))
    return True


def restore(connection: Connection, link: Link) -> bool:
    """Delete the revocation of a link in its direction; return False if it was not revoked."""
    revoked = delete(REVOCATIONS).where(REVOCATIONS.c.one == link.one, REVOCATIONS.c.other == link.other)
    return bool(connection.execute(revoked).rowcount)


def carry_over_revocations(connection: Connection, moved: Mapping[Link, Collection[AbstractSet[Link]]]) -> None:
    """Revoke new links that only replace revoked ones, so that a revocation survives a change of the strongest identity.

    `moved` maps each new link to the links that it replaces, for each of its contacts. A link is not revoked if it
    already has contacts, or if one of its contacts had no revoked link.
    """
    known: dict[Link, Any] = {}
    ends = {
        link.one for new, replaced in moved.items() for link in (new, *(one for links in replaced for one in links))
    }
    for some in slices(sorted(ends)):
        found = connection.execute(select(REVOCATIONS).where(REVOCATIONS.c.one.in_(some)))
        known.update((Link(row.one, row.other), row) for row in found)
    for new, replaced in moved.items():
        revoked = [links & known.keys() for links in replaced]
        if new in known or not all(revoked):
            continue
        proved = select(LINKS.c.contact).where(LINKS.c.one == new.one, LINKS.c.other == new.other).limit(1)
        if connection.execute(proved).first() is None:
            earlier = known[min(set().union(*revoked))]
            carried_over = {"revoked_at": earlier.revoked_at, "reason": earlier.reason}
            connection.execute(insert(REVOCATIONS).values(**new._asdict(), **carried_over))


def is_revoked(connection: Connection, link: Link) -> bool:
    """Return whether a link is revoked, in either direction."""
    revoked = select(REVOCATIONS.c.one).where(*(end.in_([*link]) for end in _ENDS)).limit(1)
    return connection.execute(revoked).first() is not None


def delete_orphaned_revocations(connection: Connection) -> None:
    """Delete revocations between identities without any data.

    While data about either identity exists, a new contact could prove the link again and merge two people.
    """
    connection.execute(delete(REVOCATIONS).where(IS_ORPHANED))


def erase_revocations(connection: Connection, erased: Collection[str]) -> None:
    """Delete the revocations that name an identity in `erased` without stored data, whatever their other identity is."""
    named = [and_(end.in_(erased), is_gone) for end, is_gone in zip(_ENDS, _ARE_GONE, strict=True)]
    connection.execute(delete(REVOCATIONS).where(or_(*named)))
