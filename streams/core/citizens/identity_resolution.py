"""Resolution of a citizen's identities, along the links that contacts make between them.

A strong identity belongs to one person: a case, a dossier, a user of the appointment system. A weak identity may be shared: a
family's landline, a social worker's address, a switchboard's number. Strong identities are merged along their links. A weak
identity belongs to a person only if it leads to that person alone. Without any strong identity, one e-mail address and one
telephone number may form a person.

Clusters are computed for each query and never stored, so a revoked link has an immediate effect.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from models.identities import MAX_IDENTITIES, IdentityKind, identity_rank

STRONG: Final = frozenset({IdentityKind.CASE.value, IdentityKind.DOSSIER.value, IdentityKind.RDV_USER.value})


class Link(NamedTuple):
    """Two identities of one contact. `make_links` puts its strongest first, a cluster the one nearer to the queried identity."""

    one: str
    other: str


class LinkLimits(NamedTuple):
    """Limits of the resolution."""

    fan_out: int = 8
    """Maximum number of links of a weak identity; with more it is shared."""
    contacts: int = 200
    """Maximum number of contacts of a weak identity that have no stronger identity; with more it is shared."""
    identities: int = 64
    """Maximum number of identities in a cluster; those nearest to the queried identity are included."""
    blocked: frozenset[str] = frozenset()
    """Weak identities that always count as shared."""


class IdentityCluster(NamedTuple):
    """Identities of one citizen, with the links that connect them."""

    identities: Mapping[str, Link | None]
    """Identity → the link that connects it; None for the queried identity, which comes first.

    Strong identities come before weak ones, each nearest first."""
    shared: Mapping[str, Link]
    """Identity → link, of weak identities linked to this citizen that also lead to others or exceed a limit. They do not belong
    to the cluster. If `is_own` is false: of the identities linked to the queried one, at most `LinkLimits.fan_out`."""
    is_whole: bool = True
    """False if `LinkLimits` left identities out."""
    is_own: bool = True
    """False if the queried identity leads to several persons or exceeds a limit, so that the cluster is this identity alone."""


class Neighbourhood(NamedTuple):
    """Linked identities and number of contacts of one identity."""

    identities: Sequence[str] = ()
    """Linked identities, sorted, without revoked links. At most `LinkLimits.fan_out` + 1 for a weak identity, and at most
    `LinkLimits.identities` + 1 for a strong one."""
    contacts: int = 0
    """For a weak identity: number of its contacts that name no stronger identity.

    It need not be exact: a number up to `LinkLimits.contacts` may be 0, a larger one may be any number above that limit.
    """


FindNeighbours = Callable[[Sequence[str]], Mapping[str, Neighbourhood]]
"""Function from identities to their neighbourhoods. Unknown identities may be left out."""
_NO_NEIGHBOURS: Final = Neighbourhood()


def is_strong(identity: str) -> bool:
    """Return whether an identity is of a kind in `STRONG`, which always belongs to one person."""
    return kind_of(identity) in STRONG


def make_links(identities: Iterable[str]) -> tuple[Link, ...]:
    """Return the links of a contact, given all its identities in any order: the strongest one is linked to each other one.

    Returns no links for fewer than two identities. Only the strongest `MAX_IDENTITIES` count, as in the contact's row.
    """
    strongest, *others = sorted({*identities}, key=identity_rank)[:MAX_IDENTITIES] or [""]
    return tuple(Link(strongest, other) for other in others)


def resolve_identities(identity: str, neighbours: FindNeighbours, limits: LinkLimits = LinkLimits()) -> IdentityCluster:  # noqa: B008 - never changed
    """Return the identities of the citizen who has `identity`, with a bounded number of calls of `neighbours`.

    A weak identity that leads to several persons, or exceeds a limit, forms a cluster of its own, with `is_own` false.
    """
    neighbours = _once(neighbours)
    if is_strong(identity):
        return _resolve_person(identity, neighbours, limits)
    near = neighbours([identity])[identity]
    links = {other: Link(identity, other) for other in near.identities[: limits.fan_out]}
    of_several = IdentityCluster({identity: None}, links, len(links) == len(near.identities), is_own=False)
    if _is_busy(identity, near, limits):
        return of_several
    person = next(filter(is_strong, links), None)
    if person is not None:
        cluster = _resolve_person(person, neighbours, limits)
        if identity not in cluster.identities:
            return of_several
        others = {other: link for other, link in cluster.identities.items() if other not in {identity, person}}
        return IdentityCluster({identity: None, person: links[person], **others}, cluster.shared, cluster.is_whole)
    if not _is_exclusive(identity, near, (), limits, max_strangers=1):
        return of_several
    own, shared = _split_shared(links, {identity}, neighbours, limits, max_strangers=0)
    return IdentityCluster({identity: None, **own}, shared)


def _once(neighbours: FindNeighbours) -> FindNeighbours:
    """Return `neighbours` with a cache, so that each identity is looked up once. An unknown identity has no neighbours."""
    known: dict[str, Neighbourhood] = {}

    def ask(identities: Sequence[str]) -> Mapping[str, Neighbourhood]:
        if unknown := [identity for identity in identities if identity not in known]:
            known.update(dict.fromkeys(unknown, _NO_NEIGHBOURS) | dict(neighbours(unknown)))
        return {identity: known[identity] for identity in identities}

    return ask


def _resolve_person(strong: str, neighbours: FindNeighbours, limits: LinkLimits) -> IdentityCluster:
    own: dict[str, Link | None] = {strong: None}
    weak: dict[str, Link] = {}
    frontier, is_whole = [strong], True
    while frontier:
        near, further = neighbours(frontier), []
        for identity in frontier:
            for other in near[identity].identities:
                if other in own or other in weak:
                    continue
                if len(own) + len(weak) >= limits.identities:
                    is_whole = False
                elif is_strong(other):
                    own[other] = Link(identity, other)
                    further.append(other)
                else:
                    weak[other] = Link(identity, other)
        frontier = further
    exclusive, shared = _split_shared(weak, own.keys(), neighbours, limits, max_strangers=1)
    return IdentityCluster({**own, **exclusive}, shared, is_whole)


def _split_shared(
    weak: Mapping[str, Link], own: Collection[str], neighbours: FindNeighbours, limits: LinkLimits, max_strangers: int
) -> tuple[dict[str, Link], dict[str, Link]]:
    """Split `weak` into identities that lead only to the person of `own` and shared ones; return both, each as identity → link.

    The person's identities are `own` and all of `weak`. `_is_exclusive` describes `max_strangers`. An identity that exceeds
    `limits` is shared.
    """
    near = neighbours(list(weak))
    around = {*own, *weak}
    exclusive: dict[str, Link] = {}
    shared: dict[str, Link] = {}
    for identity, link in weak.items():
        is_exclusive = _is_exclusive(identity, near[identity], around, limits, max_strangers)
        (exclusive if is_exclusive else shared)[identity] = link
    return exclusive, shared


def _is_exclusive(
    identity: str, near: Neighbourhood, around: Collection[str], limits: LinkLimits, max_strangers: int
) -> bool:
    """Return whether a weak identity leads only to the person with the identities `around`; False if it exceeds `limits`.

    At most `max_strangers` further weak identities may belong to the same person. They must be of another kind: a second
    identity of the same kind belongs to another person. `near` is the neighbourhood of `identity`.
    """
    others = [other for other in near.identities if other not in around]
    return (
        not _is_busy(identity, near, limits)
        and len(others) <= max_strangers
        and not any(is_strong(other) or kind_of(other) == kind_of(identity) for other in others)
    )


def _is_busy(identity: str, near: Neighbourhood, limits: LinkLimits) -> bool:
    return identity in limits.blocked or len(near.identities) > limits.fan_out or near.contacts > limits.contacts


def kind_of(identity: str) -> str:
    """Return the text before the first colon: the kind of an identity, or the channel of a contact id.

    Returns the whole text if it has no colon.
    """
    return identity.partition(":")[0]
