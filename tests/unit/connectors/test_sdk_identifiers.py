"""Numbers and references of a source that may be published unchanged."""

import pytest

from connectors.sdk.identifiers import number_for, reference_for
from models.identities import PseudonymKey

KEY = PseudonymKey("social", b"k" * 32)


@pytest.mark.parametrize(
    "chrono",
    [
        *(
            "2026-000123",
            "MAARCH/2026A/17",
            "12/2026/000123",
            "D2026-000123",
            "1999/12345678",
            "A-42",
            "2026.03.17-5",
            "",
        ),
        *("15012026/17", "A20260115-00017", "2026/01/15/00017", "DRH_15.01.2026_00017"),
    ],
)
def test_register_number_stays_unchanged(chrono: str) -> None:
    assert reference_for(chrono, KEY) == chrono


@pytest.mark.parametrize(
    "value",
    [
        *("0639981234", "639981234", "33639981234", "+33639981234", "0033639981234", "TEL0639981234"),
        *("2012255012", "20122550/12345678", "0612201234", "06-12-20-12-34", "33612201234", "20260115/639981234"),
        *("06 39 98 12 34", "06-39-98-12-34", "06.39.98.12.34", "(0)6 39 98 12 34", "2026/0639981234", "2025550123"),
        *("camille@example.org", "DUPONT", "Camille Exemple 3", "dupont2", "é1", "x" * 200 + "1"),
    ],
)
def test_possibly_personal_value_becomes_a_keyed_digest(value: str) -> None:
    digest = reference_for(value, KEY)
    assert digest.startswith("REF-")
    assert len(digest) == 24
    assert value not in digest
    assert digest != reference_for(value, PseudonymKey("social", b"l" * 32))
    assert reference_for(digest, KEY) == digest


def test_number_of_more_than_eight_digits_becomes_a_keyed_digest() -> None:
    assert number_for(99_999_999, KEY) == "99999999"
    assert number_for(639_981_234, KEY).startswith("ID-")
    assert number_for(639_981_234, KEY) != number_for(639_981_235, KEY)
