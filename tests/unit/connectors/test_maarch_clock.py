"""Local times of Maarch, including clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import Letter
from connectors.maarch.letter_queries import ChangedLetters, OpenLetters, ReadMark
from connectors.maarch.local_time import begin_before, read_local, to_local, to_utc, write_local

PARIS = ZoneInfo("Europe/Paris")
OVERLAP = timedelta(minutes=5)
PUT_BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
PUT_FORWARD = datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-03-16 09:00:00", "2026-03-16 09:00:00.12", "2026-03-16 09:00:00.123456", "2026-03-16"]
)
def test_postgresql_times_are_parsed(text: str) -> None:
    assert write_local(read_local(text)).startswith(text)


@pytest.mark.parametrize("text", ["", "hier", "20260-03-16 00:00:00", "2026-02-30 00:00:00", "2026-03-16 09:00:00+01"])
def test_invalid_local_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|out of range|zone"):
        read_local(text)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - required by the strategy
def test_conversion_to_local_time_and_back_is_exact_up_to_the_repeated_hour(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    back = to_utc(to_local(aware, PARIS), PARIS)
    assert aware - back in {timedelta(0), timedelta(hours=1)}


@pytest.mark.parametrize("around", [PUT_BACK, PUT_FORWARD, datetime(2026, 7, 1, tzinfo=UTC)])
@given(st.integers(-4 * 3600, 4 * 3600), st.integers(0, 4 * 3600))
def test_poll_covers_all_changes_since_the_overlap(around: datetime, offset: int, later: int) -> None:
    """A change written after the start of the overlap has a local time within the poll."""
    newest = around + timedelta(seconds=offset)
    written = newest - OVERLAP + timedelta(seconds=later)
    assert to_local(written, PARIS) >= begin_before(to_local(newest, PARIS), OVERLAP, PARIS)


def test_poll_begins_exactly_at_the_overlap_without_a_clock_change() -> None:
    local = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - local like the database's times
    assert begin_before(local, OVERLAP, PARIS) == local - OVERLAP


def test_changed_letters_are_queried_from_the_overlap_and_by_page() -> None:
    config = MaarchConfig.model_validate(
        {"url": "https://courrier.example.org", "login": "a", "password": "b", "start": "2026-01-01", "models": [1, 4]}
    )
    mark = ReadMark()
    changes = ChangedLetters(config, mark)
    assert "model_id in (1, 4)" in changes.clause(None)
    assert changes.clause(None).endswith(">= '2026-01-01 00:00:00.000000'")
    letter = Letter(7, "2026-03-16 09:00:00", "incoming", modification_date="2026-03-16 10:00:00.25")
    assert changes.clause(letter).endswith(", res_id) > ('2026-03-16 10:00:00.250000', 7)")
    changes.advance_to(letter)
    assert changes.clause(None).endswith(">= '2026-03-16 09:55:00.250000'")
    assert "'2026-01-01 00:00:00.000000'" in OpenLetters(config).clause(None)
