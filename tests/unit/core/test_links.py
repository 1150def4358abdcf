"""Links between identities: whose story an identity belongs to, in any order, and never two people's."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.identities import MAX_IDENTITIES
from streams.core.citizens.identity_resolution import (
    FindNeighbours,
    IdentityCluster,
    Link,
    LinkLimits,
    Neighbourhood,
    is_strong,
    make_links,
    resolve_identities,
)

LANDLINE, MOBILE, MAIL = "phone:a-landline", "phone:a-mobile", "email:a-mail"
ANNA, BERT = "case:a-anna", "case:a-bert"


def known(*told: str) -> FindNeighbours:
    """Return what the identities of these contacts make known."""
    near: defaultdict[str, set[str]] = defaultdict(set)
    contacts = Counter(identities.partition(" ")[0] for identities in told)
    for identities in told:
        for one, other in make_links(identities.split()):
            near[one].add(other)
            near[other].add(one)
    return lambda asked: {one: Neighbourhood(sorted(near[one]), contacts[one]) for one in asked if one in near}


def names(story: IdentityCluster) -> set[str]:
    return set(story.identities)


def test_identities_of_one_contact_are_linked_to_the_strongest() -> None:
    for told in itertools.permutations([ANNA, MAIL, MOBILE, MAIL]):
        assert make_links(told) == (Link(ANNA, MAIL), Link(ANNA, MOBILE))
    assert make_links([MOBILE]) == make_links([]) == ()


def test_of_too_many_identities_of_one_contact_the_strongest_count() -> None:
    many = [f"phone:a-{number:02}" for number in range(20)]
    assert make_links([*many[::-1], MAIL]) == tuple(Link(MAIL, one) for one in many[: MAX_IDENTITIES - 1])


@pytest.mark.parametrize("asked", [ANNA, MAIL, MOBILE])
def test_a_story_is_the_same_from_whatever_is_her_own(asked: str) -> None:
    story = resolve_identities(asked, known(f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}"))
    assert names(story) == {ANNA, MAIL, MOBILE}
    assert story.identities[asked] is None
    assert not story.shared


def test_a_family_landline_merges_nobody() -> None:
    neighbours = known(f"{ANNA} {LANDLINE} {MOBILE}", f"{BERT} {LANDLINE}")
    anna = resolve_identities(ANNA, neighbours)
    assert names(anna) == {ANNA, MOBILE}
    assert set(anna.shared) == {LANDLINE}
    assert names(resolve_identities(LANDLINE, neighbours)) == {LANDLINE}
    assert names(resolve_identities(MOBILE, neighbours)) == {ANNA, MOBILE}


def test_a_number_that_is_on_thousands_of_contacts_is_a_story_of_its_own() -> None:
    neighbours = known(*(f"email:a-{number} {LANDLINE}" for number in range(10_000)))
    assert names(resolve_identities(LANDLINE, neighbours)) == {LANDLINE}
    assert names(resolve_identities("email:a-7", neighbours)) == {"email:a-7"}


@pytest.mark.parametrize("asked", [ANNA, MAIL, MOBILE])
def test_each_identity_is_asked_about_once(asked: str) -> None:
    neighbours = known(f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}", f"{ANNA} {LANDLINE}", f"{BERT} {LANDLINE}")
    met: Counter[str] = Counter()

    def ask(some: Sequence[str]) -> Mapping[str, Neighbourhood]:
        met.update(some)
        return neighbours(some)

    assert names(resolve_identities(asked, ask)) == {ANNA, MAIL, MOBILE}
    assert met == dict.fromkeys([ANNA, MAIL, MOBILE, LANDLINE], 1)


@pytest.mark.parametrize("asked", [ANNA, MOBILE])
def test_what_is_blocked_brings_nobody_together(asked: str) -> None:
    neighbours, caps = known(f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}"), LinkLimits(blocked=frozenset({MAIL}))
    assert names(resolve_identities(asked, neighbours, caps)) == {ANNA, MOBILE}
    story = resolve_identities(MAIL, neighbours, caps)
    assert names(story) == {MAIL}
    assert not story.is_own


def test_strong_identities_merge_along_their_links() -> None:
    chain = [f"case:a-{number} dossier:a-{number}" for number in range(5)]
    chain += [f"case:a-{number + 1} dossier:a-{number}" for number in range(4)]
    assert len(names(resolve_identities("case:a-0", known(*chain)))) == 10


def test_a_story_too_long_to_tell_says_so() -> None:
    story = resolve_identities(
        ANNA, known(*(f"{ANNA} dossier:a-{number}" for number in range(100))), LinkLimits(identities=10)
    )
    assert len(story.identities) == 10
    assert not story.is_whole


@pytest.mark.parametrize("asked", [MAIL, MOBILE])
def test_without_a_case_an_address_and_a_telephone_are_one_persons(asked: str) -> None:
    assert names(resolve_identities(asked, known(f"{MAIL} {MOBILE}", MOBILE))) == {MAIL, MOBILE}


def test_without_a_case_what_leads_to_several_is_nobodys() -> None:
    neighbours = known(f"email:a-anna {LANDLINE}", f"email:a-bert {LANDLINE}", LANDLINE)
    for asked in ("email:a-anna", "email:a-bert"):
        story = resolve_identities(asked, neighbours)
        assert names(story) == {asked}
        assert set(story.shared) == {LANDLINE}
    story = resolve_identities(LANDLINE, neighbours)
    assert names(story) == {LANDLINE}
    assert set(story.shared) == {"email:a-anna", "email:a-bert"}
    assert not story.is_own


def test_what_leads_to_another_of_its_kind_is_nobodys() -> None:
    assert names(resolve_identities(MOBILE, known(f"{LANDLINE} {MOBILE}"))) == {MOBILE}
    assert names(resolve_identities(ANNA, known(f"{ANNA} {MAIL}", f"email:a-other {MAIL}"))) == {ANNA}


def test_a_social_workers_mailbox_is_not_of_the_one_whose_case_is_known() -> None:
    clients = [f"{MAIL} phone:a-client{number}" for number in range(6)]
    neighbours = known(f"{ANNA} {MAIL}", *clients)
    assert names(resolve_identities(ANNA, neighbours)) == {ANNA}
    assert names(resolve_identities(MAIL, neighbours)) == {MAIL}
    assert names(resolve_identities("phone:a-client1", neighbours)) == {"phone:a-client1"}


def test_what_she_told_with_her_case_is_hers_though_she_told_it_without_as_well() -> None:
    neighbours = known(
        f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}", f"{ANNA} {LANDLINE}", f"{MAIL} {MOBILE}", f"{MAIL} {LANDLINE}"
    )
    assert names(resolve_identities(MAIL, neighbours)) == {ANNA, MAIL, MOBILE, LANDLINE}


def test_a_switchboard_is_not_of_the_one_caller_whose_case_is_known() -> None:
    neighbours = known(*[LANDLINE] * 201, f"{ANNA} {LANDLINE}")
    anna, switchboard = resolve_identities(ANNA, neighbours), resolve_identities(LANDLINE, neighbours)
    assert names(anna) == {ANNA}
    assert set(anna.shared) == {LANDLINE}
    assert names(switchboard) == {LANDLINE}
    assert set(switchboard.shared) == {ANNA}


def test_an_address_of_two_dossiers_says_of_which() -> None:
    story = resolve_identities(MAIL, known(f"dossier:a-1 {MAIL}", f"dossier:a-2 {MAIL}"))
    assert names(story) == {MAIL}
    assert set(story.shared) == {"dossier:a-1", "dossier:a-2"}
    assert not story.is_own


IDENTITIES = [
    *(f"case:a-{n}" for n in range(3)),
    *(f"dossier:a-{n}" for n in range(3)),
    *(f"email:a-{n}" for n in range(2)),
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
        link for identities in told for link in make_links(identities.split()) if all(map(is_strong, link))
    ]
    while more := {end for link in links if found & set(link) for end in link} - found:
        found |= more
    return frozenset(found)


@given(CONTACTS, st.sampled_from(IDENTITIES))
def test_no_story_is_of_two_people_and_order_does_not_matter(told: list[str], asked: str) -> None:
    story = resolve_identities(asked, known(*told))
    people: Mapping[str, frozenset[str]] = {one: person_of(one, told) for one in story.identities if is_strong(one)}
    assert len(set(people.values())) <= 1
    assert asked in story.identities
    assert not set(story.identities) & set(story.shared)
    assert resolve_identities(asked, known(*reversed(told))) == story


@given(CONTACTS)
def test_what_belongs_to_a_person_belongs_to_no_other(told: list[str]) -> None:
    owners: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
    for strong in filter(is_strong, IDENTITIES):
        for one in resolve_identities(strong, known(*told)).identities:
            owners[one].add(person_of(strong, told))
    assert all(len(found) == 1 for found in owners.values())


@given(CONTACTS)
def test_a_story_is_the_same_whoever_of_it_is_asked_for(told: list[str]) -> None:
    stories = {one: names(resolve_identities(one, known(*told))) for one in IDENTITIES}
    assert all(stories[other] == story for story in stories.values() for other in story)
