"""The contacts agent without a broker: what a step changes, writes, rejects, forgets and takes back."""

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import topics
from models.codec import encode
from models.events import Event
from streams.agents.codecs import PROGRESS
from streams.agents.contacts import Contacts, Times
from streams.core.contact import Keeping, State
from streams.core.figures import BUCKET_SECONDS, PROGRESS_KEY, Dimensions
from streams.core.layouts import QUEUES
from streams.core.visit import TimesToLive
from streams.engine.job import Step
from streams.engine.lane import MAX_ROW_BYTES
from streams.engine.partitioner import partition_of
from streams.engine.recovery import OFFSETS_KEY
from tests.support.events import AGENT, CALL, PHONE, START_MS, answered_call, call_lives, make

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PAUSE_MS = 20_000
"""Long between ticks, but no gap."""
TIMES = Times(
    to_live=TimesToLive(waiting=HOUR_MS, in_progress=12 * HOUR_MS, visit=12 * HOUR_MS),
    keep=Keeping(closed=35 * DAY_MS, touched=HOUR_MS),
    agent_to_live=3 * DAY_MS,
    keep_buckets=8 * DAY_MS,
)
TOPIC = topics.SOURCES[topics.Channel.CALL].name
PLACE = Dimensions("call", "siege", "autonomie", "mdph")


class Worker:
    """One partition, stepped by hand; `commit` and `roll_back` are the engine's part."""

    def __init__(self) -> None:
        self.job = Contacts(0, TIMES)
        self.now = START_MS + 5_000
        self.written: dict[bytes, bytes | None] = {}

    def fold(self, *events: Event, step: Step | None = None) -> Step:
        step = step or self.step()
        self.job.fold(TOPIC, [record(event, timestamp=self.now) for event in events], step)
        return step

    def tick(self, after_ms: int = 0) -> Step:
        """Tick after a time in which there were others too, so that at its end silence means something."""
        before = self.now
        for earlier_ms in (2 * PAUSE_MS, PAUSE_MS):
            if after_ms > earlier_ms:
                self.now = before + after_ms - earlier_ms
                self.job.tick(self.step())
                self.commit()
        self.now = before + after_ms
        step = self.step()
        self.job.tick(step)
        self.commit()
        return step

    def step(self) -> Step:
        return Step(0, self.now, [topics.TIMELINE.name])

    def commit(self) -> None:
        for table in self.job.tables:
            self.written |= {key or b"": value for key, value in table.changes()}
            table.commit()

    def roll_back(self) -> None:
        for table in self.job.tables:
            table.roll_back()
        self.job.undo()
        for table in self.job.tables:
            table.commit()

    def total(self, place: Dimensions = PLACE) -> dict[str, int]:
        """Return what is not zero in the total row of `place`."""
        figure = self.job.figures.rows[0, place]
        named = dict(zip((*QUEUES.counts, *QUEUES.stocks), (*figure.counts, *figure.stocks), strict=True))
        return {name: number for name, number in named.items() if number}


def record(event: Event, **changes: Any) -> Any:
    """Return an event as the engine delivers it."""
    fields = {"key": event.subject.encode(), "value": encode(event), "offset": 0, "timestamp": START_MS, "headers": ()}
    return SimpleNamespace(**(fields | changes))


def numbers(worker: Worker) -> dict[Any, Any]:
    """Return every figure that is not all zeros; what was corrected on the way is not the end's business."""
    rows = worker.job.figures.rows
    return {
        key: (row.counts, row.stocks, row.oldest_waiting_at)
        for key, row in rows.items()
        if any(row.counts) or any(row.stocks)
    }


def spread(events: Sequence[Event], cuts: Iterable[int]) -> Iterable[Sequence[Event]]:
    """Return the events in slices that end at `cuts`."""
    edges = [0, *sorted(cuts), len(events)]
    return [events[begin:end] for begin, end in pairwise(edges) if begin < end]


def erasure(at: float = 0, subject: str = CALL) -> Event:
    return make("personal_data.erased", at, subject=subject, channel="call", site="", service="")


def test_whose_person_was_erased_is_told_of_no_more_in_timelines() -> None:
    worker, told = Worker(), answered_call()
    first = worker.fold(*told[:2])
    second = worker.fold(erased := erasure(), *told)
    worker.commit()
    assert [len(step.outputs[topics.TIMELINE.name]) for step in (first, second)] == [2, 1]
    [(key, value)] = second.outputs[topics.TIMELINE.name]
    assert PHONE.encode() not in value
    assert (key, "personal_data.erased" in value.decode()) == (CALL.encode(), True)
    assert worker.fold(*told, erased).outputs[topics.TIMELINE.name] == []  # the topic is told again
    assert worker.job.contacts.rows[CALL.encode()].state is State.CLOSED
    assert PHONE.encode() not in b"".join(filter(None, worker.written.values()))


def test_an_erasure_changes_no_figure_and_tells_no_history() -> None:
    worker, other = Worker(), Worker()
    for each in (worker, other):
        each.fold(*answered_call())
    worker.now = other.now = START_MS + 3 * HOUR_MS
    step = worker.step()
    worker.fold(erasure(0), erasure(0, "call:asterisk/siege:unknown"), step=step)
    worker.commit()
    other.commit()
    assert numbers(worker) == numbers(other)
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now


def test_a_call_that_was_dropped_and_then_erased_is_not_counted_again() -> None:
    worker = Worker()
    worker.fold(*answered_call())
    worker.now += 50 * DAY_MS
    worker.fold(*answered_call("call:asterisk/siege:later", at=50 * 86_400))
    for _ in range(2):
        worker.tick(PAUSE_MS * 2)
    assert CALL.encode() not in worker.job.contacts.rows
    before = numbers(worker)
    worker.fold(erasure(50 * 86_400))
    step = worker.fold(*answered_call())
    assert [letter.reason for letter in step.dead_letters] == ["told_again"] * 4
    assert numbers(worker) == before


@st.composite
def mixed_lives(draw: st.DrawFn) -> tuple[list[Event], set[int]]:
    """Events of several calls and of an agent, in any order, some twice; and where they are cut."""
    calls = [draw(call_lives(f"{CALL}{number}")) for number in range(draw(st.integers(1, 4)))]
    changes = draw(
        st.lists(st.sampled_from(["logged_in", "paused", "contact_started", "ring_unanswered", "logged_out"]))
    )
    agent = [
        make("agent.state_changed", at, subject=AGENT, change=change, queue="mdph", site="siege", service="autonomie")
        for at, change in enumerate(changes)
    ]
    events = draw(st.permutations([event for call in [*calls, agent] for event in call]))
    events += draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    return events, draw(st.sets(st.integers(0, len(events)), max_size=6))


@given(mixed_lives(), st.sampled_from(["steps", "batches of one step"]))
def test_figures_do_not_depend_on_how_events_come_in_batches(lives: tuple[list[Event], set[int]], how: str) -> None:
    events, cuts = lives
    one_by_one, cut = Worker(), Worker()
    for worker in (one_by_one, cut):
        worker.now = START_MS + HOUR_MS
    for event in events:
        one_by_one.fold(event)
        one_by_one.commit()
    step = cut.step()
    for part in spread(events, cuts):
        cut.fold(*part, step=step)
        if how == "steps":
            cut.commit()
            step = cut.step()
    assert numbers(cut) == numbers(one_by_one)
    assert cut.job.contacts.rows == one_by_one.job.contacts.rows


class _Defective(list[Any]):
    """Records after which the fold fails."""

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        raise ZeroDivisionError


@given(mixed_lives())
def test_a_step_taken_back_leaves_no_trace(lives: tuple[list[Event], set[int]]) -> None:
    events, cuts = lives
    kept, shaken = Worker(), Worker()
    for worker in (kept, shaken):
        worker.now = START_MS + HOUR_MS
    for part in spread(events, cuts):
        shaken.fold(*reversed(part))
        shaken.roll_back()
        with pytest.raises(ZeroDivisionError):
            shaken.job.fold(TOPIC, _Defective(record(event) for event in part), shaken.step())
        shaken.roll_back()
        middle = len(part) // 2  # as the engine does it: in halves, until what fails is alone
        for worker in (kept, shaken):
            for half in (part[:middle], part[middle:]):
                worker.fold(*half)
                worker.commit()
    assert numbers(shaken) == numbers(kept)
    assert shaken.written == kept.written


def test_each_event_of_a_contact_makes_one_timeline_entry_and_a_repeated_one_none() -> None:
    worker = Worker()
    events = answered_call()
    step = worker.fold(*events, *events)
    assert len(step.outputs[topics.TIMELINE.name]) == 4
    progress = worker.job.progress.rows[PROGRESS_KEY]
    assert (progress.events, progress.duplicates) == (4, 4)


def test_what_cannot_be_used_is_rejected_and_the_rest_counts() -> None:
    worker = Worker()
    event = answered_call()[1]
    broken: list[Callable[[], Any]] = [
        lambda: record(event, value=b"{"),
        lambda: record(event, key=None),
        lambda: record(event, key=b"call:other"),
        lambda: record(make("call.queued", 99_999, queue="mdph")),
        lambda: record(make("call.queued", -20 * 365 * 86_400, queue="mdph")),
        lambda: record(make("call.queued", subject=AGENT, queue="mdph")),
    ]
    step = worker.step()
    worker.job.fold(TOPIC, [*(make_one() for make_one in broken), record(event)], step)
    assert [letter.reason for letter in step.dead_letters] == [
        "invalid_json",
        "missing_key",
        "key_mismatch",
        "time_in_future",
        "time_in_past",
        "key_mismatch",
    ]
    assert worker.total() == {"offered": 1, "waiting": 1}
    assert sum(worker.job.progress.rows[PROGRESS_KEY].dead_letters.values()) == 6


def test_nothing_of_a_step_is_kept_by_what_it_rejected() -> None:
    class Kept(SimpleNamespace):
        """A record of which one can see that it is gone."""

    worker = Worker()
    worker.fold(*answered_call())
    gc.collect()
    gc.disable()
    try:
        records = [Kept(**vars(record(answered_call()[1]))), Kept(**vars(record(answered_call()[1], value=b"{")))]
        gone = [weakref.ref(one) for one in records]
        step = worker.step()
        worker.job.fold(TOPIC, records, step)
        assert len(step.dead_letters) == 1
        records.clear()
        del step
        assert [one() for one in gone] == [
            None,
            None,
        ]  # at once: a step has megabytes, and garbage is looked for seldom
    finally:
        gc.enable()


def test_time_is_judged_by_when_the_broker_took_it_in() -> None:
    worker = Worker()
    event = make("call.queued", 600, queue="mdph", site="siege", service="autonomie")
    step = worker.step()  # by a clock ten minutes behind
    worker.job.fold(TOPIC, [record(event, timestamp=START_MS + 600_000)], step)
    assert step.dead_letters == []
    step = worker.step()
    worker.job.fold(TOPIC, [record(event, timestamp=START_MS)], step)
    assert [letter.reason for letter in step.dead_letters] == ["time_in_future"]


def test_a_contact_is_in_the_partition_of_its_key_or_nowhere() -> None:
    worker = Worker()
    events = [make("call.queued", subject=f"{CALL}{number}", queue="mdph") for number in range(40)]
    step = Step(0, worker.now, [topics.TIMELINE.name], partitions=4)
    worker.fold(*events, step=step)
    here = {event.subject.encode() for event in events if partition_of(event.subject.encode(), 4) == 0}
    assert worker.job.contacts.rows.keys() == here
    assert {letter.reason for letter in step.dead_letters} == {"key_mismatch"}
    assert len(step.dead_letters) == 40 - len(here) > 0


def test_places_are_a_closed_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.rows._PLACES", {})
    monkeypatch.setattr("streams.core.visit.MAX_PLACES", 3)
    worker = Worker()
    calls = [make("call.queued", subject=f"{CALL}{number}", queue=f"extension-{number}") for number in range(5)]
    step = worker.fold(*calls, *calls)
    assert [letter.reason for letter in step.dead_letters] == ["too_many_places"] * 4
    assert len(worker.job.contacts.rows) == 3
    beside = [
        make("feedback.invited", 50, subject=f"{CALL}{number}", queue=f"extension-{number}") for number in range(3)
    ]
    assert worker.fold(*beside).dead_letters == [], "what is counted beside a place takes no room"


def test_figures_are_as_of_what_was_taken_in_while_the_worker_catches_up() -> None:
    worker = Worker()
    seen = []
    for as_of in (START_MS - 60_000, START_MS - 90_000, None):
        step = Step(0, worker.now, [topics.TIMELINE.name], as_of)
        worker.job.fold(TOPIC, [record(answered_call()[1])], step)
        worker.commit()
        seen.append(worker.job.progress.rows[PROGRESS_KEY].step_at)
    assert seen == [START_MS - 60_000, START_MS - 60_000, worker.now]


def test_counters_never_fall() -> None:
    worker = Worker()
    where = {"queue": "mdph", "site": "siege", "service": "autonomie"}
    told = [
        make("call.queued", 0, **where),
        make("call.abandoned", 30, **where, wait_seconds=30),
        make("call.answered", 40, **where, wait_seconds=40),
        make("call.answered", 35, **where, wait_seconds=35),
        make("call.ended", 99, **{**where, "service": "enfance"}, handle_seconds=60, ended_by="caller"),
    ]
    before: dict[Any, list[int]] = {}
    for event in told:
        worker.fold(event)
        worker.commit()
        now = {
            key: [count + row.corrected.get(index, 0) for index, count in enumerate(row.counts)]
            for key, row in worker.job.figures.rows.items()
        }
        fallen = [
            key for key, counts in before.items() if any(new < old for new, old in zip(now[key], counts, strict=True))
        ]
        assert not fallen
        before = now
    assert any(row.corrected for row in worker.job.figures.rows.values())


def test_a_call_that_the_switchboard_forgot_is_given_up_by_a_tick() -> None:
    worker = Worker()
    worker.fold(*answered_call()[:2])
    worker.commit()
    worker.tick()
    worker.tick(HOUR_MS - 1)
    assert worker.total() == {"offered": 1, "waiting": 1}
    worker.tick(1)
    assert worker.total() == {"offered": 1, "left_forgotten": 1}
    assert worker.job.figures.rows[0, PLACE].oldest_waiting_at is None


def test_no_call_is_given_up_while_its_source_tells_what_was_long_ago() -> None:
    worker = Worker()
    worker.now += DAY_MS
    worker.tick()
    worker.tick(60_000)
    other = "call:asterisk/annexe:1740988800.7"
    worker.fold(*answered_call()[:2])  # of yesterday, told now
    worker.job.fold(TOPIC, [record(event) for event in answered_call(other, queue="apa")[:2]], worker.step())
    worker.commit()
    told_until = START_MS + 5_000
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == told_until
    for _ in range(3):
        worker.tick(1_500)
        assert worker.job.progress.rows[PROGRESS_KEY].step_at == told_until
        assert worker.total() == {"offered": 1, "waiting": 1}
        assert worker.total(PLACE._replace(queue="apa")) == {"offered": 1, "left_forgotten": 1}
    worker.fold(*answered_call()[2:])
    worker.commit()
    assert "left_forgotten" not in worker.total()
    worker.tick(35_000)  # the log is read to its end: now silence means something
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now
    worker.fold(make("call.arrived", 60, subject=f"{CALL}1"))
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == START_MS + 60_000
    worker.fold(make("call.arrived", (worker.now - START_MS) / 1000, subject=f"{CALL}2"))
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now


def test_a_dead_letter_sent_again_is_no_history() -> None:
    worker = Worker()
    worker.now += DAY_MS
    step = worker.step()
    sent = record(answered_call()[1], timestamp=worker.now, headers=[(topics.REPLAYED_FROM, b"0:7")])
    worker.job.fold(TOPIC, [sent], step)
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == worker.now


def test_history_is_as_of_its_own_time_even_if_other_sources_are_not_known_yet() -> None:
    worker = Worker()
    step = Step(0, START_MS + DAY_MS, [topics.TIMELINE.name], 0)
    worker.job.fold(TOPIC, [record(answered_call()[1], timestamp=step.now)], step)
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == START_MS + 5_000


def test_an_old_ring_told_again_within_the_hour_counts_once() -> None:
    worker = Worker()
    worker.now = START_MS + 90 * DAY_MS
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    ring = make("agent.state_changed", 0, change="ring_unanswered", **where)
    worker.fold(ring)
    worker.commit()
    for _ in range(4):
        worker.tick(10 * 60_000)
    worker.fold(ring)
    worker.commit()
    assert worker.total()["ring_unanswered"] == 1
    for _ in range(3):
        worker.tick(HOUR_MS)
    assert not worker.job.agents.rows


def test_an_old_log_that_is_read_again_counts_no_ring_twice_though_its_agent_was_forgotten_or_is_back() -> None:
    worker = Worker()
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    ring = make("agent.state_changed", 0, change="ring_unanswered", **where)
    worker.fold(ring)
    worker.commit()
    for day in (50, 51):
        worker.now = START_MS + day * DAY_MS
        worker.fold(*answered_call(f"call:asterisk/siege:{day}", at=day * 86_400))
        worker.commit()
        for _ in range(3):
            worker.tick(BUCKET_SECONDS * 1000)
        assert worker.job.agents.rows == {}
        assert [letter.reason for letter in worker.fold(ring).dead_letters] == ["told_again"]
        worker.commit()
    worker.fold(make("agent.state_changed", 51 * 86_400, change="logged_in", **where))
    assert [letter.reason for letter in worker.fold(ring).dead_letters] == ["told_again"]
    assert worker.total()["ring_unanswered"] == 1


def test_sources_without_number_are_refused_before_their_row_is_too_large() -> None:
    worker, reasons = Worker(), []
    for number in range(600):
        source = f"{number:04}" + "\N{ELECTRIC PLUG}" * 196
        call = make("call.queued", 0, subject=f"call:s:{number}", queue="mdph").model_copy(update={"source": source})
        reasons += [letter.reason for letter in worker.fold(call).dead_letters]
    assert {*reasons} == {"too_many_places"}
    assert 500 < 600 - len(reasons) < 600
    assert len(PROGRESS.dump(worker.job.progress.rows[PROGRESS_KEY])) < MAX_ROW_BYTES
    known = make("call.queued", 1, subject="call:s:0b", queue="mdph").model_copy(
        update={"source": "0000" + "\N{ELECTRIC PLUG}" * 196}
    )
    assert not worker.fold(known).dead_letters


@pytest.mark.parametrize("subject", [OFFSETS_KEY.decode(), "\0", "\ncall:s:1", " call:s:1"])
def test_a_subject_that_could_be_a_key_of_the_engines_own_is_refused(subject: str) -> None:
    worker = Worker()
    letters = worker.fold(make("call.queued", 0, subject=subject, queue="mdph")).dead_letters
    assert [(letter.reason, letter.detail.split(":")[0]) for letter in letters] == [("invalid_field", "subject")]
    assert not worker.job.contacts.rows


def test_an_agent_of_whom_nothing_is_heard_is_gone_and_can_come_back() -> None:
    worker = Worker()
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    worker.fold(make("agent.state_changed", 0, change="logged_in", **where))
    worker.commit()
    worker.tick(3 * DAY_MS - HOUR_MS)
    assert worker.total() == {"agents_available": 1}
    worker.tick(HOUR_MS)
    assert worker.total() == {}
    worker.fold(make("agent.state_changed", 3 * 86_400, change="paused", **where))
    worker.commit()
    assert worker.total() == {"agents_paused": 1}


def test_what_was_kept_long_enough_is_tombstoned_and_stays_counted() -> None:
    worker = Worker()
    where = {"subject": AGENT, "queue": "mdph", "site": "siege", "service": "autonomie"}
    worker.now = START_MS + HOUR_MS
    worker.fold(*answered_call(), make("agent.state_changed", 0, change="logged_in", **where))
    worker.commit()
    counted = {name: number for name, number in worker.total().items() if name in QUEUES.counts}
    worker.tick(36 * DAY_MS)
    for _ in range(2):  # the sweep begins anew, and goes over the rows
        worker.tick(HOUR_MS)
    assert worker.written[CALL.encode()] is None
    assert worker.written[AGENT.encode()] is None
    assert not worker.job.contacts.rows
    assert not worker.job.agents.rows
    assert worker.total() == counted
    assert [start for start, _ in worker.job.figures.rows if start] == []


def test_old_buckets_become_figures_of_their_civil_day_and_what_is_told_late_counts_there_too() -> None:
    worker = Worker()
    worker.fold(*answered_call())
    worker.commit()
    buckets = {key: row for key, row in worker.job.figures.rows.items() if key[0]}
    worker.tick(9 * DAY_MS)
    assert not any(start for start, _ in worker.job.figures.rows)
    began_at = datetime.fromtimestamp(START_MS / 1000, ZoneInfo("Europe/Paris"))
    day = worker.job.days.rows[began_at.date(), PLACE]
    in_buckets = [sum(told) for told in zip(*(row.counts for row in buckets.values()), strict=True)]
    assert day.counts == worker.job.figures.rows[0, PLACE].counts == in_buckets
    assert day.by_hour == [int(hour == began_at.hour) for hour in range(24)]
    worker.fold(*answered_call(f"{CALL}9"))
    worker.commit()
    assert worker.job.days.rows[began_at.date(), PLACE].counts == worker.job.figures.rows[0, PLACE].counts
    assert not any(start for start, _ in worker.job.figures.rows)
    (key,) = (key for key in worker.written if key.startswith(b'["day"'))
    assert key == b'["day","%s","call","siege","autonomie","mdph"]' % began_at.date().isoformat().encode()
    read = Contacts(0, TIMES)
    for table in read.tables:
        if table.topic == topics.FIGURES.name:
            assert table.load(key, worker.written[key]) == (table is read.days)
    assert read.days.rows == worker.job.days.rows
    worker.tick((TIMES.keep_days + 1) * DAY_MS)
    assert worker.written[key] is None
    assert not worker.job.days.rows


def test_a_day_of_a_step_taken_back_is_as_before() -> None:
    worker = Worker()
    worker.now += 20 * DAY_MS
    worker.fold(*answered_call())
    worker.commit()
    ((key, row),) = worker.job.days.rows.items()
    before = [*row.counts], [*(row.by_hour or ())]
    worker.fold(*answered_call(f"{CALL}9"))
    assert worker.job.days.rows[key].counts != before[0]
    worker.roll_back()
    assert (worker.job.days.rows[key].counts, worker.job.days.rows[key].by_hour) == before


@pytest.mark.parametrize("opinion", [[], [make("feedback.given", 59 * 86_400, scale="csat_1_5", score=4)]])
def test_a_log_read_once_more_from_its_beginning_counts_nothing_twice(opinion: list[Event]) -> None:
    worker = Worker()
    late = 60 * 86_400
    log = [*answered_call(), *answered_call(f"{CALL}9", at=late)]
    worker.now = START_MS + (late + 300) * 1000
    worker.fold(*log)
    worker.commit()
    counted = worker.total()
    for _ in range(3):  # the first call is dropped: it was closed long enough ago, and nobody touched it for an hour
        worker.tick(HOUR_MS)
    assert list(worker.job.contacts.rows) == [f"{CALL}9".encode()]
    worker.fold(*opinion)  # of a call that nobody knows any more
    worker.commit()
    step = worker.fold(*log)
    worker.commit()
    assert {letter.reason for letter in step.dead_letters} == {"told_again"}
    assert len(step.dead_letters) == 4
    assert worker.total() == counted
    assert worker.job.progress.rows[PROGRESS_KEY].duplicates == 4


def test_another_source_may_tell_older_things() -> None:
    worker = Worker()
    worker.now = START_MS + 60 * DAY_MS
    worker.fold(*answered_call(at=59 * 86_400))
    other = "call:asterisk/annexe:1740988800.7"
    step = worker.fold(*answered_call(other))
    assert step.dead_letters == []


def test_history_does_not_end_in_a_time_in_which_nothing_could_be_heard() -> None:
    worker = Worker()
    worker.now += DAY_MS
    worker.tick(60_000)
    worker.fold(*answered_call()[:2])  # of yesterday, told now
    worker.commit()
    worker.now += 600_000  # the broker was away, and there was no tick
    worker.job.tick(worker.step())
    worker.commit()
    assert worker.total() == {"offered": 1, "waiting": 1}
    assert worker.job.progress.rows[PROGRESS_KEY].step_at == START_MS + 5_000
    worker.fold(*answered_call()[2:])
    worker.commit()
    assert "left_forgotten" not in worker.total()
    assert not any(row.corrected.get(QUEUES.index["left_forgotten"]) for row in worker.job.figures.rows.values())
