"""Normalisation of phone numbers, with the library and without it; digests with a key."""

import hmac

import phonenumbers
import pytest
from hypothesis import given
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
        ("601", "FR", None),
        ("anonymous", "FR", None),
    ],
)
def test_phone_number_is_normalised_to_e164(raw: str, region: str, normalised: str | None) -> None:
    assert normalise_phone(raw, region) == normalised


@given(st.binary(min_size=KEY_BYTES, max_size=3 * KEY_BYTES), st.lists(st.text(), max_size=3))
def test_digests_are_hmacs_independent_of_each_other(secret: bytes, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    key = PseudonymKey("general", secret)
    assert [key.digest(text) for text in texts] == [hmac.digest(secret, text.encode(), "sha256") for text in texts]
