"""Resolution of identities: a cluster has the identities of at most one person, in any order of contacts."""

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


def neighbours_in(*contacts: str) -> FindNeighbours:
    """Return the lookup of neighbours for contacts with these identities."""
    neighbours_of: defaultdict[str, set[str]] = defaultdict(set)
    counts = Counter(identities.partition(" ")[0] for identities in contacts)
    for identities in contacts:
        for identity, other in make_links(identities.split()):
            neighbours_of[identity].add(other)
            neighbours_of[other].add(identity)
    return lambda wanted: {
        name: Neighbourhood(sorted(neighbours_of[name]), counts[name]) for name in wanted if name in neighbours_of
    }


def names(cluster: IdentityCluster) -> set[str]:
    return set(cluster.identities)


def test_identities_of_a_contact_are_linked_to_the_strongest() -> None:
    for identities in itertools.permutations([ANNA, MAIL, MOBILE, MAIL]):
        assert make_links(identities) == (Link(ANNA, MAIL), Link(ANNA, MOBILE))
    assert make_links([MOBILE]) == make_links([]) == ()


def test_only_the_strongest_identities_of_a_contact_are_linked() -> None:
    many = [f"phone:a-{number:02}" for number in range(20)]
    assert make_links([*many[::-1], MAIL]) == tuple(Link(MAIL, identity) for identity in many[: MAX_IDENTITIES - 1])


def test_shared_landline_merges_no_persons() -> None:
    neighbours = neighbours_in(f"{ANNA} {LANDLINE} {MOBILE}", f"{BERT} {LANDLINE}")
    anna = resolve_identities(ANNA, neighbours)
    assert names(anna) == {ANNA, MOBILE}
    assert set(anna.shared) == {LANDLINE}
    assert names(resolve_identities(LANDLINE, neighbours)) == {LANDLINE}
    assert names(resolve_identities(MOBILE, neighbours)) == {ANNA, MOBILE}


def test_number_with_thousands_of_contacts_is_a_cluster_of_its_own() -> None:
    neighbours = neighbours_in(*(f"email:a-{number} {LANDLINE}" for number in range(10_000)))
    assert names(resolve_identities(LANDLINE, neighbours)) == {LANDLINE}
    assert names(resolve_identities("email:a-7", neighbours)) == {"email:a-7"}


@pytest.mark.parametrize("identity", [ANNA, MAIL, MOBILE])
def test_each_identity_is_looked_up_once(identity: str) -> None:
    neighbours = neighbours_in(f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}", f"{ANNA} {LANDLINE}", f"{BERT} {LANDLINE}")
    lookups: Counter[str] = Counter()

    def find(some: Sequence[str]) -> Mapping[str, Neighbourhood]:
        lookups.update(some)
        return neighbours(some)

    assert names(resolve_identities(identity, find)) == {ANNA, MAIL, MOBILE}
    assert lookups == dict.fromkeys([ANNA, MAIL, MOBILE, LANDLINE], 1)


@pytest.mark.parametrize("identity", [ANNA, MOBILE])
def test_blocked_identity_links_no_persons(identity: str) -> None:
    neighbours, limits = neighbours_in(f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}"), LinkLimits(blocked=frozenset({MAIL}))
    assert names(resolve_identities(identity, neighbours, limits)) == {ANNA, MOBILE}
    cluster = resolve_identities(MAIL, neighbours, limits)
    assert names(cluster) == {MAIL}
    assert not cluster.is_own


def test_strong_identities_merge_along_their_links() -> None:
    chain = [f"case:a-{number} dossier:a-{number}" for number in range(5)]
    chain += [f"case:a-{number + 1} dossier:a-{number}" for number in range(4)]
    assert len(names(resolve_identities("case:a-0", neighbours_in(*chain)))) == 10


def test_truncated_cluster_is_not_whole() -> None:
    cluster = resolve_identities(
        ANNA, neighbours_in(*(f"{ANNA} dossier:a-{number}" for number in range(100))), LinkLimits(identities=10)
    )
    assert len(cluster.identities) == 10
    assert not cluster.is_whole


@pytest.mark.parametrize("identity", [MAIL, MOBILE])
def test_without_a_case_an_address_and_a_telephone_form_a_person(identity: str) -> None:
    assert names(resolve_identities(identity, neighbours_in(f"{MAIL} {MOBILE}", MOBILE))) == {MAIL, MOBILE}


def test_without_a_case_an_identity_with_several_neighbours_is_shared() -> None:
    neighbours = neighbours_in(f"email:a-anna {LANDLINE}", f"email:a-bert {LANDLINE}", LANDLINE)
    for identity in ("email:a-anna", "email:a-bert"):
        cluster = resolve_identities(identity, neighbours)
        assert names(cluster) == {identity}
        assert set(cluster.shared) == {LANDLINE}
    cluster = resolve_identities(LANDLINE, neighbours)
    assert names(cluster) == {LANDLINE}
    assert set(cluster.shared) == {"email:a-anna", "email:a-bert"}
    assert not cluster.is_own


def test_identity_linked_to_another_of_its_kind_is_shared() -> None:
    assert names(resolve_identities(MOBILE, neighbours_in(f"{LANDLINE} {MOBILE}"))) == {MOBILE}
    assert names(resolve_identities(ANNA, neighbours_in(f"{ANNA} {MAIL}", f"email:a-other {MAIL}"))) == {ANNA}


def test_social_workers_mailbox_does_not_belong_to_the_only_known_case() -> None:
    clients = [f"{MAIL} phone:a-client{number}" for number in range(6)]
    neighbours = neighbours_in(f"{ANNA} {MAIL}", *clients)
    assert names(resolve_identities(ANNA, neighbours)) == {ANNA}
    assert names(resolve_identities(MAIL, neighbours)) == {MAIL}
    assert names(resolve_identities("phone:a-client1", neighbours)) == {"phone:a-client1"}


def test_identity_used_with_and_without_the_case_belongs_to_it() -> None:
    neighbours = neighbours_in(
        f"{ANNA} {MAIL}", f"{ANNA} {MOBILE}", f"{ANNA} {LANDLINE}", f"{MAIL} {MOBILE}", f"{MAIL} {LANDLINE}"
    )
    assert names(resolve_identities(MAIL, neighbours)) == {ANNA, MAIL, MOBILE, LANDLINE}


def test_switchboard_does_not_belong_to_the_only_known_case() -> None:
    neighbours = neighbours_in(*[LANDLINE] * 201, f"{ANNA} {LANDLINE}")
    anna, switchboard = resolve_identities(ANNA, neighbours), resolve_identities(LANDLINE, neighbours)
    assert names(anna) == {ANNA}
    assert set(anna.shared) == {LANDLINE}
    assert names(switchboard) == {LANDLINE}
    assert set(switchboard.shared) == {ANNA}


def test_address_of_two_dossiers_lists_both() -> None:
    cluster = resolve_identities(MAIL, neighbours_in(f"dossier:a-1 {MAIL}", f"dossier:a-2 {MAIL}"))
    assert names(cluster) == {MAIL}
    assert set(cluster.shared) == {"dossier:a-1", "dossier:a-2"}
    assert not cluster.is_own


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


def person_of(strong: str, contacts: Sequence[str]) -> frozenset[str]:
    """Return the connected strong identities, by a plain second implementation."""
    found = {strong}
    links: list[tuple[str, str]] = [
        link for identities in contacts for link in make_links(identities.split()) if all(map(is_strong, link))
    ]
    while more := {end for link in links if found & set(link) for end in link} - found:
        found |= more
    return frozenset(found)


@given(CONTACTS, st.sampled_from(IDENTITIES))
def test_cluster_has_one_person_in_any_order(contacts: list[str], identity: str) -> None:
    cluster = resolve_identities(identity, neighbours_in(*contacts))
    people: Mapping[str, frozenset[str]] = {
        identity: person_of(identity, contacts) for identity in cluster.identities if is_strong(identity)
    }
    assert len(set(people.values())) <= 1
    assert identity in cluster.identities
    assert not set(cluster.identities) & set(cluster.shared)
    assert resolve_identities(identity, neighbours_in(*reversed(contacts))) == cluster


@given(CONTACTS)
def test_identity_belongs_to_at_most_one_person(contacts: list[str]) -> None:
    owners: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
    for strong in filter(is_strong, IDENTITIES):
        for identity in resolve_identities(strong, neighbours_in(*contacts)).identities:
            owners[identity].add(person_of(strong, contacts))
    assert all(len(found) == 1 for found in owners.values())


@given(CONTACTS)
def test_cluster_is_the_same_for_all_its_identities(contacts: list[str]) -> None:
    clusters = {identity: names(resolve_identities(identity, neighbours_in(*contacts))) for identity in IDENTITIES}
    assert all(clusters[other] == cluster for cluster in clusters.values() for other in cluster)
