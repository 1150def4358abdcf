"""Which identities are one citizen's: links between them, made by events, and the story they add up to.

A strong identity is one person's by its nature: a case, a dossier, a user of the appointment system. A weak one is not: a family
shares a landline, a social worker's address stands on fifty files, a switchboard's number on thousands of calls. So strong
identities merge along their links, while a weak one belongs to a story only as long as it leads to that one person alone.
Nothing is rewritten: what belongs together is found when somebody asks, and is apart again once a link is revoked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from models.identities import IdentityKind

STRONG: Final = frozenset({IdentityKind.CASE.value, IdentityKind.DOSSIER.value, IdentityKind.RDV_USER.value})


class Link(NamedTuple):
    """Two identities that one event told of one contact; the stronger, then the lesser, stands first."""

    one: str
    other: str


class Caps(NamedTuple):
    """How far a story may go."""

    fan_out: int = 8
    """A weak identity with more links than this is nobody's own."""
    identities: int = 64
    """So many belong to one story at most; those nearest to what was asked for go first."""


class Story(NamedTuple):
    """What belongs to the citizen of one identity, and why."""

    identities: Mapping[str, Link | None]
    """Each identity, nearest first → the link by which it belongs here; None for what was asked for."""
    shared: Mapping[str, Link]
    """Weak identities that are linked to this citizen, but others' too: they do not belong here."""
    is_whole: bool = True
    """Whether nothing was left out for being too much."""


Neighbours = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]
"""Returns of each identity those that it is linked to, in order, revoked links left out; of a weak one at most `fan_out` + 1, of
a strong one at most `identities` + 1."""


def is_strong(identity: str) -> bool:
    """Return whether an identity is one person's by its nature."""
    return identity.partition(":")[0] in STRONG


def links_of(identities: str) -> tuple[Link, ...]:
    """Return the links that a contact's identities make, given strongest first and separated by spaces: each to the strongest."""
    strongest, *others = identities.split() or [""]
    return tuple(Link(strongest, other) for other in others if other != strongest)


def tell_story(asked: str, neighbours: Neighbours, caps: Caps = Caps()) -> Story:  # noqa: B008 - never changed
    """Return the story of the citizen with the identity `asked`; `neighbours` is asked a bounded number of times.

    A weak identity that leads to several persons, or to more than `caps.fan_out` others, is a story of its own.
    """
    if is_strong(asked):
        return _tell_person(asked, neighbours, caps)
    near = neighbours([asked]).get(asked, ())
    if len(near) > caps.fan_out:
        return Story({asked: None}, {}, is_whole=False)
    links = {other: Link(asked, other) for other in near}
    person = next(filter(is_strong, near), None)
    if person is None:
        own, shared = _judge(links, {asked}, neighbours, caps)
        return Story({asked: None, **own}, shared)
    story = _tell_person(person, neighbours, caps)
    if asked not in story.identities:
        return Story({asked: None}, links)
    others = {other: link for other, link in story.identities.items() if other not in {asked, person}}
    return Story({asked: None, person: links[person], **others}, story.shared, story.is_whole)


def _tell_person(strong: str, neighbours: Neighbours, caps: Caps) -> Story:
    own: dict[str, Link | None] = {strong: None}
    weak: dict[str, Link] = {}
    frontier, is_whole = [strong], True
    while frontier:
        near, further = neighbours(frontier), []
        for one in frontier:
            for other in near.get(one, ()):
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
    alone, shared = _judge(weak, own.keys(), neighbours, caps)
    return Story({**own, **alone}, shared, is_whole)


def _judge(
    weak: Mapping[str, Link], own: Collection[str], neighbours: Neighbours, caps: Caps
) -> tuple[dict[str, Link], dict[str, Link]]:
    """Return of the weak identities those that lead nowhere but to `own`, and those that are others' too."""
    near = neighbours(list(weak)) if weak else {}
    alone: dict[str, Link] = {}
    shared: dict[str, Link] = {}
    for one, link in weak.items():
        others = near.get(one, ())
        is_own = len(others) <= caps.fan_out and all(other in own for other in others if is_strong(other))
        (alone if is_own else shared)[one] = link
    return alone, shared
