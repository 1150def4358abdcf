"""Links between identities: whose story an identity belongs to, in any order, and never two people's."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.links import Caps, Link, Neighbours, Story, is_strong, links_of, tell_story

LANDLINE, MOBILE, MAIL = "phone:a-landline", "phone:a-mobile", "email:a-mail"
ANNA, BERT = "case:a-anna", "case:a-bert"


def known(*told: str) -> Neighbours:
    """Return what the identities of these contacts make known."""
    near: defaultdict[str, list[str]] = defaultdict(list)
    for identities in told:
        for one, other in links_of(identities):
            near[one] = sorted({*near[one], other})
            near[other] = sorted({*near[other], one})
    return lambda asked: {one: near[one] for one in asked if one in near}


def names(story: Story) -> set[str]:
    return set(story.identities)


def test_identities_of_one_contact_are_linked_to_the_strongest() -> None:
    assert links_of(f"{ANNA} {MAIL} {MOBILE}") == (Link(ANNA, MAIL), Link(ANNA, MOBILE))
    assert links_of(MOBILE) == links_of("") == ()


@pytest.mark.parametrize("asked", [ANNA, MAIL, MOBILE])
def test_a_story_is_the_same_from_whatever_is_her_own(asked: str) -> None:
    story = tell_story(asked, known(f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}"))
    assert names(story) == {ANNA, MAIL, MOBILE}
    assert story.identities[asked] is None
    assert not story.shared


def test_a_family_landline_merges_nobody() -> None:
    neighbours = known(f"{ANNA} {LANDLINE} {MOBILE}", f"{BERT} {LANDLINE}")
    anna = tell_story(ANNA, neighbours)
    assert names(anna) == {ANNA, MOBILE}
    assert set(anna.shared) == {LANDLINE}
    assert names(tell_story(LANDLINE, neighbours)) == {LANDLINE}
    assert names(tell_story(MOBILE, neighbours)) == {ANNA, MOBILE}


def test_a_number_that_is_on_thousands_of_contacts_is_a_story_of_its_own() -> None:
    neighbours = known(*(f"email:a-{number} {LANDLINE}" for number in range(10_000)))
    assert names(tell_story(LANDLINE, neighbours)) == {LANDLINE}
    assert names(tell_story("email:a-7", neighbours)) == {"email:a-7"}


def test_strong_identities_merge_along_their_links() -> None:
    chain = [f"case:a-{number} dossier:a-{number}" for number in range(5)]
    chain += [f"case:a-{number + 1} dossier:a-{number}" for number in range(4)]
    assert len(names(tell_story("case:a-0", known(*chain)))) == 10


def test_a_story_too_long_to_tell_says_so() -> None:
    story = tell_story(ANNA, known(*(f"{ANNA} dossier:a-{number}" for number in range(100))), Caps(identities=10))
    assert len(story.identities) == 10
    assert not story.is_whole


def test_without_a_person_weak_identities_go_one_step() -> None:
    neighbours = known(f"{MAIL} {MOBILE}", f"{MAIL} {LANDLINE}")
    assert names(tell_story(MAIL, neighbours)) == {MAIL, MOBILE, LANDLINE}
    assert names(tell_story(MOBILE, neighbours)) == {MOBILE, MAIL}


IDENTITIES = [
    *(f"case:a-{n}" for n in range(3)),
    *(f"dossier:a-{n}" for n in range(3)),
    *(f"phone:a-{n}" for n in range(4)),
]
CONTACTS = st.lists(
    st.lists(st.sampled_from(IDENTITIES), min_size=1, max_size=3, unique=True).map(lambda some: " ".join(sorted(some))),
    max_size=12,
)


def person_of(strong: str, told: Sequence[str]) -> frozenset[str]:
    """A plain second reading: the strong identities that hang together."""
    found = {strong}
    links: list[tuple[str, str]] = [
        link for identities in told for link in links_of(identities) if all(map(is_strong, link))
    ]
    while more := {end for link in links if found & set(link) for end in link} - found:
        found |= more
    return frozenset(found)


@given(CONTACTS, st.sampled_from(IDENTITIES))
def test_no_story_is_of_two_people_and_order_does_not_matter(told: list[str], asked: str) -> None:
    story = tell_story(asked, known(*told))
    people: Mapping[str, frozenset[str]] = {one: person_of(one, told) for one in story.identities if is_strong(one)}
    assert len(set(people.values())) <= 1
    assert asked in story.identities
    assert not set(story.identities) & set(story.shared)
    assert tell_story(asked, known(*reversed(told))) == story


@given(CONTACTS)
def test_what_belongs_to_a_person_belongs_to_no_other(told: list[str]) -> None:
    owners: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
    for strong in filter(is_strong, IDENTITIES):
        for one in tell_story(strong, known(*told)).identities:
            owners[one].add(person_of(strong, told))
    assert all(len(found) == 1 for found in owners.values())
