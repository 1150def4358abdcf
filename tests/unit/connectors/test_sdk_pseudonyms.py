"""Pseudonyms of citizens, and blocked numbers and addresses that get none."""

from pathlib import Path

import pytest

from connectors.sdk.keys import Keys
from connectors.sdk.pseudonyms import IdentityBlocklist, citizen_identities
from models.identities import IdentityKind, PseudonymKey

PHONE, EMAIL = IdentityKind.PHONE, IdentityKind.EMAIL
KEY = PseudonymKey("general", b"k" * 32)
PATTERNS = ("01 99 00 00 01", "+33 1 99 00 1*", "Tutelle@Example.org", "*@mairie.example.org", "01.99.01.00.0?")


@pytest.mark.parametrize(
    ("kind", "value", "is_blocked"),
    [
        (PHONE, "+33199000001", True),
        (PHONE, "+33199000002", False),
        (PHONE, "+33199001234", True),
        (PHONE, "+33199010009", True),
        (PHONE, "+33199010010", False),
        (EMAIL, "tutelle@example.org", True),
        (EMAIL, "tutelle@example.com", False),
        (EMAIL, "accueil@mairie.example.org", True),
        (IdentityKind.CASE, "+33199000001", False),
    ],
)
def test_blocked_values(kind: IdentityKind, value: str, is_blocked: bool) -> None:
    assert IdentityBlocklist(PATTERNS)(kind, value) is is_blocked


@pytest.mark.parametrize("written", ["0033 1 99 00 00 01", "+33 (0)1 99 00 00 01", "01.99.00.00.01", " +33199000001 "])
def test_number_is_blocked_in_every_notation(written: str) -> None:
    assert IdentityBlocklist([written])(PHONE, "+33199000001")


def test_national_numbers_are_those_of_the_region() -> None:
    assert IdentityBlocklist(["912 345 678"], "ES")(PHONE, "+34912345678")
    assert IdentityBlocklist(["06 1234 5678"], "IT")(PHONE, "+390612345678")


@pytest.mark.parametrize("pattern", ["33199*", "0033 1*", "", "*", "anonymous", "+", "abc*"])
def test_invalid_pattern_is_refused_with_its_position_only(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"number 2 is neither") as refused:
        IdentityBlocklist(["01 99 00 00 01", pattern])
    assert pattern in {"", "*", "+"} or pattern not in str(refused.value)


def test_only_values_without_wildcards_are_exact() -> None:
    assert IdentityBlocklist(PATTERNS).exact == {(PHONE, "+33199000001"), (EMAIL, "tutelle@example.org")}


def test_contact_keeps_its_other_identities(tmp_path: Path) -> None:
    blocked, bare = (
        Keys(tmp_path, tmp_path, is_blocked=one).pseudonym_key("general") for one in (IdentityBlocklist(PATTERNS), None)
    )
    values = {"case": "A-1", "email": "accueil@mairie.example.org", "phone": "01 99 00 00 01"}
    assert citizen_identities(bare, **values).split()[0] == citizen_identities(blocked, **values)
    assert citizen_identities(blocked, phone="01 99 00 00 01") == ""


def test_citizen_has_the_same_pseudonyms_in_every_notation() -> None:
    known = citizen_identities(KEY, case=" 2026-7 ", email="Usager@Example.org", phone="01 99 00 12 34")
    assert known == citizen_identities(KEY, case="2026-7", email="usager@example.org", phone="+33199001234")
    assert [identity.partition(":")[0] for identity in known.split()] == ["case", "email", "phone"]
    assert citizen_identities(KEY, phone="01 99 00 12 34", region="BE") != citizen_identities(
        KEY, phone="01 99 00 12 34"
    )
    assert citizen_identities(KEY, case=" ", email="nobody", phone="anonymous") == ""
