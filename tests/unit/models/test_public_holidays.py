"""Public holidays match French law."""

from datetime import date

import pytest

from models.calendars.public_holidays import name_holidays, public_holidays
from tests.support.plain_calendar import easter, french_holidays

YEARS = range(2020, 2041)


def test_easter_matches_published_dates() -> None:
    published = ["1961-04-02", "2000-04-23", "2019-04-21", "2024-03-31", "2025-04-20", "2038-04-25", "2100-03-28"]
    assert [easter(int(day[:4])).isoformat() for day in published] == published


@pytest.mark.parametrize(
    "code", ["FR", "FR-57", "FR-67", "FR-68", "FR-75", "FR-2A", "FR-975", *(f"FR-97{n}" for n in (1, 2, 3, 4, 6, 7, 8))]
)
def test_holidays_match_the_law(code: str) -> None:
    for year in YEARS:
        assert public_holidays(code, year) == french_holidays(year, code), year


@pytest.mark.parametrize(
    ("code", "day"),
    [
        *(("FR-971", "05-27"), ("FR-972", "05-22"), ("FR-977", "10-09"), ("FR-978", "05-28"), ("FR-987", "03-05")),
        *(("FR-988", "09-24"), ("FR-986", "07-29")),
    ],
)
def test_overseas_parts_have_the_national_holidays_and_their_own(code: str, day: str) -> None:
    for year in YEARS:
        own = public_holidays(code, year)
        assert own >= french_holidays(year)
        assert date.fromisoformat(f"{year}-{day}") in own


@pytest.mark.parametrize(
    ("code", "days"),
    [("FR-971", {"03-12", "04-03", "07-21"}), ("FR-972", {"07-21"}), ("FR-978", {"07-21"}), ("FR-974", set())],
)
def test_customary_days_are_public_holidays_only_on_request(code: str, days: set[str]) -> None:
    statutory, all_ = public_holidays(code, 2026), public_holidays(code, 2026, customary=True)
    assert {day.isoformat()[5:] for day in all_ - statutory} == days
    assert set(name_holidays(code, 2026, "fr")) == statutory
    assert set(name_holidays(code, 2026, "fr", customary=True)) == all_


@pytest.mark.parametrize(
    ("code", "same"),
    [
        *(("FR-GP", "FR-971"), ("GP", "FR-971"), ("FR-MQ", "FR-972"), ("MQ", "FR-972"), ("MF", "FR-978")),
        ("FR-RE", "FR-974"),
    ],
)
def test_codes_of_the_same_place_have_the_same_holidays(code: str, same: str) -> None:
    for customary in (False, True):
        assert public_holidays(code, 2026, customary=customary) == public_holidays(same, 2026, customary=customary)


@pytest.mark.parametrize("code", ["", "XX", "FR-99", "FR-4", "france", "FR-\u0660\u0661"])
def test_unknown_code_is_rejected(code: str) -> None:
    with pytest.raises(ValueError, match="no public holidays are known"):
        public_holidays(code, 2026)
