"""Normalisation of phone numbers, with the library and without it; digests with a key."""

import hmac

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.identities import KEY_BYTES, PseudonymKey, normalise_phone


@given(st.from_regex(r"(0|\+33 ?|0033 ?)[1-9]([ .-]?[0-9]{2}){4}", fullmatch=True))
def test_french_numbers_match_the_library(raw: str) -> None:
    number = phonenumbers.parse(raw, "FR")
    assert phonenumbers.is_possible_number(number)
    assert normalise_phone(raw) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize(
    ("raw", "region", "normalised"),
    [
        ("0199001234", "FR", "+33199001234"),
        ("01 99 00 12 34", "FR", "+33199001234"),
        ("0033199001234", "FR", "+33199001234"),
        ("+33199001234", "BE", "+33199001234"),
        ("0199001234\n", "FR", "+33199001234"),
        ("0199001234", "BE", "+32199001234"),
        ("tel:+33199001234", "FR", "+33199001234"),
        ("tel:01-99-00-12-34;phone-context=+33", "FR", "+33199001234"),
        ("sip:+33199001234@example.org", "FR", None),
        ("Tél. 01 99 00 12 34", "FR", "+33199001234"),
        ('"Mme Exemple" <0199001234>', "FR", "+33199001234"),
        ("0199001234 ext. 12", "FR", "+33199001234"),
        ("0199001234;ext=12", "FR", "+33199001234"),
        ("0199001234 poste 12", "FR", None),
        ("Te\u0301l. 0199001234", "FR", "+33199001234"),  # as macOS writes an accent
        ("1-800-FLOWERS", "US", None),
        ("601", "FR", None),
        ("anonymous", "FR", None),
    ],
)
def test_phone_number_is_normalised_to_e164(raw: str, region: str, normalised: str | None) -> None:
    assert normalise_phone(raw, region) == normalised


@given(
    st.from_regex(r"[A-ZÉ]{1,8}[-_/ ]?(20[0-9]{2}[-/ ]?)?[0-9]{3,9}", fullmatch=True).filter(
        lambda text: not text.startswith(("TEL", "TÉL", "MOB", "PORT", "FIXE", "PHONE", "GSM", "SIP"))
    )
)
@example("DEM-2026-00001")
@example("A260316001")
def test_reference_is_no_telephone_number(raw: str) -> None:
    assert normalise_phone(raw) is None


@given(
    st.from_regex(r"(0|\+33 ?)[1-9]([ .-]?[0-9]{2}){4}", fullmatch=True),
    st.integers(min_value=0),
    st.characters(categories=["Lu", "Ll"]),
)
def test_number_with_a_letter_is_no_telephone_number_but_for_an_extension(raw: str, place: int, letter: str) -> None:
    place %= len(raw) + 1
    found = normalise_phone(raw[:place] + letter + raw[place:])
    assert found is None or found == normalise_phone(raw[:place])


@given(st.binary(min_size=KEY_BYTES, max_size=3 * KEY_BYTES), st.lists(st.text(), max_size=3))
def test_digests_are_hmacs_independent_of_each_other(secret: bytes, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    key = PseudonymKey("general", secret)
    assert [key.digest(text) for text in texts] == [hmac.digest(secret, text.encode(), "sha256") for text in texts]
