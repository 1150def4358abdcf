"""Local times of Maarch, including clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.maarch.local_time import begin_before, to_local, to_utc

PARIS = ZoneInfo("Europe/Paris")
OVERLAP = timedelta(minutes=5)
PUT_BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
PUT_FORWARD = datetime(2026, 3, 29, 1, tzinfo=UTC)


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
