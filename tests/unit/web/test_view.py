from datetime import UTC, datetime, timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.timestamps import milliseconds
from streams.core.figures.figure import PROGRESS_KEY, Dimensions, bucket_key, day_key, new_figure, total_key
from streams.core.figures.figure_schemas import FEEDBACK, QUEUE_SCHEMA, SLA
from streams.web.merged_rows import Day
from streams.web.topic_view import ReaderState
from streams.web.view import FiguresView, Snapshot
from tests.web.rows import OPINION, ROADS, SOCIAL, Worker, encode

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=PARIS)
SLA_ROW = Dimensions(SLA, "siege", "social", "courrier:resolution:mail")


def view_at(now: datetime, partitions: int = 1) -> FiguresView:
    view = FiguresView(PARIS, now)
    view.begin(range(partitions))
    view.set_state(ReaderState.FOLLOWING)
    return view


def today(snapshot: Snapshot, name: str = "offered") -> int:
    return sum(figure.counts[QUEUE_SCHEMA.index[name]] for figure in snapshot.today.values())


def test_tombstone_removes_a_row() -> None:
    view = view_at(NOON, partitions=2)
    worker, other = Worker(view, 0), Worker(view, 1)
    worker.offered(SOCIAL, NOON, 7)
    other.offered(SOCIAL, NOON, 5)
    view.snapshot(NOON)
    for key in (total_key(SOCIAL), bucket_key(int(NOON.timestamp()), SOCIAL)):
        view.apply_all(0, [(key, None)])
    assert today(view.snapshot(NOON)) == 5
    assert view.snapshot(NOON).totals[SOCIAL].counts[QUEUE_SCHEMA.index["offered"]] == 5
    for key in (total_key(SOCIAL), bucket_key(int(NOON.timestamp()), SOCIAL)):
        view.apply_all(1, [(key, None)])
    gone = view.snapshot(NOON)
    assert today(gone) == 0
    assert gone.totals == {}


def test_day_ends_at_midnight_in_paris() -> None:
    evening = datetime(2026, 3, 10, 23, 59, 59, tzinfo=PARIS)
    view = view_at(evening)
    worker = Worker(view)
    worker.offered(SOCIAL, evening, 3)
    assert today(view.snapshot(evening)) == 3

    midnight = evening + timedelta(seconds=1)
    worker.offered(SOCIAL, midnight, 2)
    assert today(view.snapshot(evening)) == 3, "tomorrow's are not today's yet"

    after = view.snapshot(midnight)
    assert today(after) == 2
    assert after.totals[SOCIAL].counts[QUEUE_SCHEMA.index["offered"]] == 5
    assert list(after.curve["call"]) == [int(midnight.timestamp())]


@pytest.mark.parametrize(
    ("date", "hours"),
    [((2026, 3, 29), 23), ((2026, 6, 1), 24), ((2026, 10, 25), 25)],
    ids=["spring forward", "ordinary", "fall back"],
)
def test_day_contains_all_of_its_hours(date: tuple[int, int, int], hours: int) -> None:
    midnight = datetime(*date, tzinfo=PARIS).astimezone(UTC)
    last = midnight + timedelta(hours=hours, seconds=-1)
    view = view_at(last)
    worker = Worker(view)
    for hour in range(-2, hours + 2):
        worker.offered(SOCIAL, midnight + timedelta(hours=hour))

    snapshot = view.snapshot(last)

    assert (snapshot.day.end - snapshot.day.start) / 3600 == hours
    assert today(snapshot) == hours
    assert sum(figure.counts[QUEUE_SCHEMA.index["offered"]] for figure in snapshot.curve["call"].values()) == hours


def test_repeated_hour_is_counted_twice() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=0)
    second = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1)
    view = view_at(second)
    worker = Worker(view)
    worker.offered(SOCIAL, first, 4)
    worker.offered(SOCIAL, second, 3)
    snapshot = view.snapshot(second)
    assert today(snapshot) == 7
    assert sorted(snapshot.curve["call"]) == [int(first.timestamp()), int(first.timestamp()) + 3600]


def test_recent_is_the_last_half_hour_even_across_midnight() -> None:
    now = datetime(2026, 3, 11, 0, 12, tzinfo=PARIS)
    view = view_at(now)
    worker = Worker(view)
    worker.offered(SOCIAL, datetime(2026, 3, 10, 23, 44, tzinfo=PARIS), 100)
    worker.offered(SOCIAL, datetime(2026, 3, 10, 23, 45, tzinfo=PARIS), 10)
    worker.offered(SOCIAL, datetime(2026, 3, 11, 0, 11, tzinfo=PARIS), 1)
    snapshot = view.snapshot(now)
    assert snapshot.recent[SOCIAL].counts[QUEUE_SCHEMA.index["offered"]] == 11
    assert today(snapshot) == 1
    assert view.snapshot(now + timedelta(minutes=29)).recent == {}


def test_old_buckets_are_dropped_from_memory() -> None:
    view = view_at(NOON)
    worker = Worker(view)
    for day in range(400):
        worker.offered(SOCIAL, NOON - timedelta(days=day))
    assert len(view._current._rows) == 2
    tomorrow = view.snapshot(NOON + timedelta(days=1))
    assert len(view._current._rows) == len(tomorrow.totals) == 1
    assert not view._current._buckets


def test_future_deadlines_are_retained_until_their_day_is_over() -> None:
    view = view_at(NOON, partitions=2)
    worker, other = Worker(view, 0), Worker(view, 1)
    tomorrow, next_year = NOON + timedelta(days=1), NOON + timedelta(days=365)
    worker.count(SLA_ROW, tomorrow, due=2)
    other.count(SLA_ROW, tomorrow, due=1)
    worker.count(SLA_ROW, next_year, due=1)
    start, late = int(tomorrow.timestamp()), int(next_year.timestamp())
    assert view.snapshot(NOON).due == {SLA_ROW: {start: 3, late: 1}}
    worker.count(SLA_ROW, tomorrow, due=-2)
    assert view.snapshot(NOON).due == {SLA_ROW: {start: 1, late: 1}}, "two were met or paused"
    other.count(SLA_ROW, tomorrow, due=-1)
    assert view.snapshot(NOON).due == {SLA_ROW: {late: 1}}
    assert view.snapshot(next_year + timedelta(days=1)).due == {SLA_ROW: {}}


def test_time_of_figures_is_that_of_the_slowest_partition_once_all_have_one() -> None:
    view = view_at(NOON, partitions=2)
    Worker(view, 0).progress(NOON)
    assert view.snapshot(NOON).as_of is None
    Worker(view, 1).progress(NOON - timedelta(seconds=8))
    assert view.snapshot(NOON).as_of == milliseconds(NOON - timedelta(seconds=8))


def test_new_reading_is_shown_when_complete() -> None:
    view = view_at(NOON)
    before = Worker(view)
    before.offered(SOCIAL, NOON, 5)
    before.progress(NOON)
    shown = view.snapshot(NOON)
    view.begin([0, 1])
    after = Worker(view)
    after.offered(ROADS, NOON, 2)
    for reader_state in (ReaderState.LOADING, ReaderState.NO_BROKER):
        view.set_state(reader_state)
        snapshot = view.snapshot(NOON)
        assert (snapshot.totals, snapshot.today, snapshot.curve) == (shown.totals, shown.today, shown.curve)
        assert (snapshot.partitions, snapshot.as_of) == ((0,), shown.as_of)
    view.set_state(ReaderState.FOLLOWING)
    snapshot = view.snapshot(NOON)
    assert list(snapshot.totals) == list(snapshot.today) == [ROADS], "rows of the former reading are gone"
    assert (today(snapshot), snapshot.partitions, snapshot.as_of) == (2, (0, 1), None)
    after.offered(ROADS, NOON)
    assert today(view.snapshot(NOON)) == 3


def test_aborted_reading_leaves_nothing() -> None:
    view = FiguresView(PARIS, NOON)
    view.begin([0])
    Worker(view).offered(SOCIAL, NOON, 5)
    assert not view.snapshot(NOON).loaded
    view.begin([0])
    Worker(view).offered(ROADS, NOON, 2)
    view.set_state(ReaderState.FOLLOWING)
    assert view.snapshot(NOON).loaded
    assert list(view.snapshot(NOON).totals) == [ROADS]


@given(st.lists(st.tuples(st.none() | st.binary(max_size=40), st.none() | st.binary(max_size=40)), max_size=20))
def test_invalid_rows_do_not_stop_the_view(rows: list[tuple[bytes | None, bytes | None]]) -> None:
    view = view_at(NOON)
    worker = Worker(view)
    worker.offered(SOCIAL, NOON)
    view.apply_all(0, rows)
    worker.offered(SOCIAL, NOON)
    assert today(view.snapshot(NOON)) == 2


def test_unreadable_row_is_counted() -> None:
    view = view_at(NOON)
    view.apply_all(0, [(b"no json", b"1"), (total_key(SOCIAL), b"[[1],[2]"), (PROGRESS_KEY, b"{}")])
    assert view.snapshot(NOON).unreadable == 3


STEP = st.tuples(
    st.sampled_from([SOCIAL, ROADS]),
    st.integers(0, 2),  # partition
    st.integers(-30 * 12, 12),  # five minutes from now
    st.integers(0, 50),
    st.booleans(),  # take a snapshot in between
    st.booleans(),  # a tombstone
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_incremental_figures_equal_figures_added_up_at_the_end(
    steps: list[tuple[object, int, int, int, bool, bool]],
) -> None:
    view = view_at(NOON - timedelta(hours=26))
    last: dict[tuple[int, bytes], bytes | None] = {}
    for place, partition, offset, number, takes_snapshot, is_tombstone in steps:
        start = int(NOON.timestamp()) + 300 * offset
        figure = new_figure()
        figure.counts[QUEUE_SCHEMA.index["offered"]] = number
        for key in (total_key(place), bucket_key(start, place)):  # type: ignore[arg-type]
            last[partition, key] = value = None if is_tombstone else encode(figure)
            view.apply_all(partition, [(key, value)])
        if takes_snapshot:
            view.snapshot(NOON - timedelta(hours=13))
    fresh = view_at(NOON)
    for (partition, key), value in last.items():
        fresh.apply_all(partition, [(key, value)])

    changed, afresh = view.snapshot(NOON), fresh.snapshot(NOON)

    assert changed.totals == afresh.totals
    assert _without_zeros(changed.today) == _without_zeros(afresh.today)
    assert _without_zeros(changed.curve.get("call", {})) == _without_zeros(afresh.curve.get("call", {}))
    assert _without_zeros(changed.recent) == _without_zeros(afresh.recent)


def _without_zeros(sums: object) -> dict[object, list[int]]:
    assert isinstance(sums, dict)
    return {key: figure.counts for key, figure in sums.items() if any(figure.counts)}


def test_snapshot_never_contains_a_part_of_a_step() -> None:
    view = view_at(NOON)
    worker = Worker()
    steps = []
    for _ in range(200):
        worker.answered(SOCIAL, NOON, 1)
        steps.append(worker.rows())
    writer = Thread(target=lambda: [view.apply_all(0, step) for step in steps])
    writer.start()
    counts = []
    while writer.is_alive():
        snapshot = view.snapshot(NOON)
        total = snapshot.totals.get(SOCIAL, new_figure()).counts[QUEUE_SCHEMA.index["answered"]]
        counts.append((total, today(snapshot, "answered")))
    writer.join()
    assert all(total == of_today for total, of_today in counts)
    assert today(view.snapshot(NOON)) == 200


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_each_time_is_within_its_civil_day(moment: datetime) -> None:
    day = Day.of(moment, PARIS)
    assert day.start <= moment.timestamp() < day.end
    assert day.start % 300 == day.end % 300 == 0
    assert Day.of(datetime.fromtimestamp(day.end, UTC), PARIS).start == day.end


def test_feedback_windows_are_whole_civil_days() -> None:
    view = view_at(NOON)
    worker = Worker(view)
    score, ago = "given_csat_1_5_5", timedelta(days=1)
    midnight = NOON.replace(hour=0)
    for at in (NOON, midnight - 6 * ago, midnight - 6 * ago - timedelta(minutes=5), midnight - 27 * ago):
        worker.count(OPINION, at, score)
    worker.count(OPINION, midnight - 27 * ago - timedelta(minutes=5), score)
    old = new_figure(FEEDBACK)
    old.counts[FEEDBACK.index[score]] = 10
    view.apply_all(0, [(day_key((NOON - 20 * ago).date(), OPINION), encode(old))])

    def counts_of_score(now: datetime) -> tuple[int, ...]:
        feedback = view.snapshot(now).feedback
        return tuple(feedback[window][OPINION].counts[FEEDBACK.index[score]] for window in ("7d", "28d"))

    assert counts_of_score(NOON) == (2, 14)
    assert counts_of_score(NOON + 12 * timedelta(hours=1)) == (1, 13), "a day later each window begins a day later"
    assert view.snapshot(NOON + 40 * ago).feedback["28d"][OPINION].counts == new_figure(FEEDBACK).counts


def test_feedback_day_replaces_its_buckets() -> None:
    view = view_at(NOON, partitions=2)
    worker, other = Worker(view, 0), Worker(view, 1)
    then = NOON - timedelta(days=9)
    worker.count(OPINION, then, "given_csat_1_5_5")
    other.count(OPINION, then, "given_csat_1_5_5")
    ((start, _),) = worker.buckets
    before = view.snapshot(NOON).feedback
    rows = [(bucket_key(start, OPINION), None), (day_key(then.date(), OPINION), encode(worker.totals[OPINION]))]
    view.apply_all(0, rows)
    assert view.snapshot(NOON).feedback == before
    assert sum(before["28d"][OPINION].counts) == 2
    assert sum(before["7d"][OPINION].counts) == 0
