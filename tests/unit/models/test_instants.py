"""An instant is the same as milliseconds, as a time, and as text."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.instants import iso, milliseconds, moment

TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones() | st.just(UTC))  # noqa: DTZ001 - they get one


@given(TIMES)
def test_a_time_becomes_the_millisecond_in_which_it_is(time: datetime) -> None:
    begin = moment(milliseconds(time))
    assert timedelta() <= time.astimezone(UTC) - begin < timedelta(milliseconds=1)
    assert begin.utcoffset() == timedelta()


@given(TIMES)
def test_its_text_tells_it(time: datetime) -> None:
    at = milliseconds(time)
    assert datetime.fromisoformat(iso(at)) == moment(at)
    assert datetime.fromisoformat(iso(at, "seconds")) == moment(at).replace(microsecond=0)
    assert iso(at).endswith("Z")


def test_it_looks_so() -> None:
    assert iso(1_741_000_000_123) == "2025-03-03T11:06:40.123Z"
    assert iso(1_741_000_000_123, "seconds") == "2025-03-03T11:06:40Z"
    assert milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)) == -1
