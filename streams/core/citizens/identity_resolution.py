"""Which identities are one citizen's: links between them, made by contacts, and the story they add up to.

A strong identity is one person's by its nature: a case, a dossier, a user of the appointment system. A weak one is not: a family
shares a landline, a social worker's address stands on fifty files, a switchboard's number on thousands of calls. So strong
identities merge along their links, while a weak one belongs to a story only as long as it leads to that one person alone. Where
nobody's case is known, the one person is one other weak identity, of another kind: an address and a telephone.
Nothing is rewritten: what belongs together is found when somebody asks, and is apart again once a link is revoked.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from models.identities import MAX_IDENTITIES, IdentityKind

STRONG: Final = frozenset({IdentityKind.CASE.value, IdentityKind.DOSSIER.value, IdentityKind.RDV_USER.value})
_STRENGTH: Final = {kind.value: strength for strength, kind in enumerate(IdentityKind)}


class Link(NamedTuple):
    """Two identities of one contact, its strongest first."""

    one: str
    other: str


class LinkLimits(NamedTuple):
    """How far a story may go."""

    fan_out: int = 8
    """A weak identity with more links than this is nobody's own."""
    contacts: int = 200
    """Nor is one that more contacts tell, of whom nothing stronger is known."""
    identities: int = 64
    """So many belong to one story at most; those nearest to what was asked for go first."""
    blocked: frozenset[str] = frozenset()
    """Weak identities that are nobody's own, whatever they lead to."""


class IdentityCluster(NamedTuple):
    """What belongs to the citizen of one identity, and why."""

    identities: Mapping[str, Link | None]
    """Each identity, nearest first → the link by which it belongs here; None for what was asked for."""
    shared: Mapping[str, Link]
    """Weak identities that are linked to this citizen, but others' too: they do not belong here. If what was asked for is such a
    one: all that it is linked to."""
    is_whole: bool = True
    """Whether nothing was left out for being too much."""
    is_own: bool = True
    """Whether what was asked for leads to one person at most."""


class Neighbourhood(NamedTuple):
    """What surrounds an identity."""

    identities: Sequence[str] = ()
    """What it is linked to, in order, revoked links left out; of a weak one at most `Caps.fan_out` + 1, of a strong one at most
    `Caps.identities` + 1."""
    contacts: int = 0
    """Of a weak one: how many contacts tell nothing stronger, if they are more than `Caps.contacts`; counted no further."""


FindNeighbours = Callable[[Sequence[str]], Mapping[str, Neighbourhood]]
"""Returns what surrounds each of these identities; one that nothing is known of may be left out."""
_NOTHING: Final = Neighbourhood()


def is_strong(identity: str) -> bool:
    """Return whether an identity is one person's by its nature."""
    return kind_of(identity) in STRONG


def make_links(told: Iterable[str]) -> tuple[Link, ...]:
    """Return the links that a contact's identities make, all that it ever told, in whatever order: each to the strongest.

    Of more than `MAX_IDENTITIES` the strongest count, as in the contact's row.
    """
    strongest, *others = sorted({*told}, key=identity_rank)[:MAX_IDENTITIES] or [""]
    return tuple(Link(strongest, other) for other in others)


def identity_rank(identity: str) -> tuple[int, str]:
    """Order identities as a contact does, strongest first."""
    return _STRENGTH.get(kind_of(identity), len(_STRENGTH)), identity


def resolve_identities(asked: str, neighbours: FindNeighbours, caps: LinkLimits = LinkLimits()) -> IdentityCluster:  # noqa: B008 - never changed
    """Return the story of the citizen with the identity `asked`; `neighbours` is asked a bounded number of times.

    A weak identity that leads to several persons, or to too many for one, is a story of its own.
    """
    neighbours = _once(neighbours)
    if is_strong(asked):
        return _tell_person(asked, neighbours, caps)
    near = neighbours([asked])[asked]
    links = {other: Link(asked, other) for other in near.identities[: caps.fan_out]}
    of_several = IdentityCluster({asked: None}, links, len(links) == len(near.identities), is_own=False)
    if _is_busy(asked, near, caps):
        return of_several
    person = next(filter(is_strong, links), None)
    if person is not None:
        story = _tell_person(person, neighbours, caps)
        if asked not in story.identities:
            return of_several
        others = {other: link for other, link in story.identities.items() if other not in {asked, person}}
        return IdentityCluster({asked: None, person: links[person], **others}, story.shared, story.is_whole)
    if not _is_alone(asked, near, (), caps, strangers=1):
        return of_several
    own, shared = _judge(links, {asked}, neighbours, caps, strangers=0)
    return IdentityCluster({asked: None, **own}, shared)


def _once(neighbours: FindNeighbours) -> FindNeighbours:
    """Return what asks `neighbours` about each identity once, however often a story comes by it."""
    known: dict[str, Neighbourhood] = {}

    def ask(asked: Sequence[str]) -> Mapping[str, Neighbourhood]:
        if unknown := [one for one in asked if one not in known]:
            known.update(dict.fromkeys(unknown, _NOTHING) | dict(neighbours(unknown)))
        return {one: known[one] for one in asked}

    return ask


def _tell_person(strong: str, neighbours: FindNeighbours, caps: LinkLimits) -> IdentityCluster:
    own: dict[str, Link | None] = {strong: None}
    weak: dict[str, Link] = {}
    frontier, is_whole = [strong], True
    while frontier:
        near, further = neighbours(frontier), []
        for one in frontier:
            for other in near[one].identities:
                if other in own or other in weak:
                    continue
                if len(own) + len(weak) >= caps.identities:
                    is_whole = False
                elif is_strong(other):
                    own[other] = Link(one, other)
                    further.append(other)
                else:
                    weak[other] = Link(one, other)
        frontier = further
    alone, shared = _judge(weak, own.keys(), neighbours, caps, strangers=1)
    return IdentityCluster({**own, **alone}, shared, is_whole)


def _judge(
    weak: Mapping[str, Link], own: Collection[str], neighbours: FindNeighbours, caps: LinkLimits, strangers: int
) -> tuple[dict[str, Link], dict[str, Link]]:
    """Return of the weak identities those that lead nowhere but to `own`, and those that are others' too."""
    near = neighbours(list(weak))
    around = {*own, *weak}
    alone: dict[str, Link] = {}
    shared: dict[str, Link] = {}
    for one, link in weak.items():
        (alone if _is_alone(one, near[one], around, caps, strangers) else shared)[one] = link
    return alone, shared


def _is_alone(one: str, near: Neighbourhood, around: Collection[str], caps: LinkLimits, strangers: int) -> bool:
    """Return whether a weak identity leads to nobody but whom `around` is of.

    So many weak identities of which nothing else is known may be the same person's: none of its own kind, which is another's.
    """
    others = [other for other in near.identities if other not in around]
    return (
        not _is_busy(one, near, caps)
        and len(others) <= strangers
        and not any(is_strong(other) or kind_of(other) == kind_of(one) for other in others)
    )


def _is_busy(one: str, near: Neighbourhood, caps: LinkLimits) -> bool:
    return one in caps.blocked or len(near.identities) > caps.fan_out or near.contacts > caps.contacts


def kind_of(identity: str) -> str:
    """Return the kind of an identity; of a contact id, its channel."""
    return identity.partition(":")[0]
