"""Recount of one partition, compared with a worker with other SLA targets or one that has just started."""

import time
from datetime import date
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from kafka import TopicPartition

from models.events import Event
from models.policies import Policies
from models.topics import SOURCES, Channel
from streams.agents.codecs import PROGRESS
from streams.cli.recompute import _settling_seconds
from streams.core.figures.figure import PROGRESS_KEY, Dimensions, decode_figure, encode_figure
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.core.figures.recompute_diff import compare, find_changed_verdicts
from streams.recovery.recompute import PartitionRecount, _Log
from tests.support.events import AGENT, CALL, IN_QUEUE, START, START_MS, answered_call, make
from tests.unit.agents.clocks import FILE, Worker, policies
from tests.unit.agents.worker import TIMES, TOPIC, record

PARIS = ZoneInfo("Europe/Paris")
LONGER = policies(FILE.replace("target = 60", "target = 600"))
MAIL = SOURCES[Channel.MAIL].name
QUEUE = Dimensions("call", "siege", "autonomie", "mdph")


def late_call() -> list[Event]:
    return answered_call(CALL, wait=90, handle=30, **IN_QUEUE)


def recount(policies_: Policies, now: int, *events: Event) -> PartitionRecount:
    counted = PartitionRecount(0, 1, now, TIMES, lambda: policies_)
    counted.fold(TOPIC, [record(event, timestamp=START_MS + 1000) for event in events])
    return counted


def test_results_of_other_targets_are_reported_with_their_days() -> None:
    worker = Worker()
    worker.at(150, *late_call())
    row = worker.job.contacts.rows[CALL.encode()]
    same, other = (recount(policies_, worker.now, *late_call()) for policies_ in (worker.policies, LONGER))
    sums = [counted.count() for counted in (same, other)]
    assert compare(worker.sums(), *sums[0]) == []
    assert find_changed_verdicts(row, same.contacts[CALL.encode()], PARIS) is None
    changed = find_changed_verdicts(row, other.contacts[CALL.encode()], PARIS)
    assert changed == (frozenset({START.date()}), START_MS + 95_000)
    found = compare(worker.sums(), *sums[1])
    assert all(difference.is_of_sla for difference in found)
    assert {
        (difference.day, difference.name, difference.known, difference.again) for difference in found if difference.day
    } == {(START.date(), "met", 0, 1), (START.date(), "late", 1, 0), (START.date(), "breached", 1, 0)}


def test_added_and_removed_targets_count_as_other_targets() -> None:
    worker = Worker(Policies())
    worker.at(150, *late_call())
    row = worker.job.contacts.rows[CALL.encode()]
    since = recount(LONGER, worker.now, *late_call()).contacts[CALL.encode()]
    assert find_changed_verdicts(row, since, PARIS) is not None
    assert find_changed_verdicts(since, row, PARIS) is not None
    assert find_changed_verdicts(row, row, PARIS) is None


def test_row_with_missing_events_is_no_row_with_other_targets() -> None:
    worker = Worker()
    worker.at(150, *late_call())
    incomplete = Worker()
    incomplete.at(150, *late_call()[:1])  # an event that was never counted
    rows = [side.job.contacts.rows[CALL.encode()] for side in (incomplete, worker)]
    for policies_ in (worker.policies, LONGER):
        recounted = recount(policies_, worker.now, *late_call()).contacts[CALL.encode()]
        assert find_changed_verdicts(rows[0], recounted, PARIS) is None
    wrong = rows[1].__copy__()
    wrong.clocks = (rows[1].clocks[0].__copy__(),)
    wrong.clocks[0].ended_at = START_MS + 30_000  # as if it were in time
    recounted = recount(worker.policies, worker.now, *late_call()).contacts[CALL.encode()]
    assert find_changed_verdicts(wrong, recounted, PARIS) is None


def test_satisfaction_result_counts_on_the_day_of_the_answer() -> None:
    given = make("feedback.given", 3 * 86_400, subject=CALL, survey="enquete", scale="csat_1_5", score=5, site="siege")
    worker = Worker()
    worker.at(150, *late_call())
    worker.at(150 + 3 * 86_400, given)
    row = worker.job.contacts.rows[CALL.encode()]
    recounted = recount(LONGER, worker.now, *late_call(), given).contacts[CALL.encode()]
    changed = find_changed_verdicts(row, recounted, PARIS)
    assert changed is not None
    assert changed.days == {START.date(), date.fromordinal(START.date().toordinal() + 3)}


AGENT_HERE = make("agent.state_changed", 0, subject=AGENT, change="logged_in", **IN_QUEUE)


def test_agents_of_a_read_log_are_logged_out_in_the_recount() -> None:
    worker, late = Worker(Policies()), 10 * 86_400
    worker.at(late)
    worker.until(late + 40)
    worker.at(late + 41, AGENT_HERE)
    counted = recount(worker.policies, worker.now, AGENT_HERE).count()
    differing = {
        (difference.name, difference.known, difference.again)
        for difference in compare(worker.sums(), counted.again, counted.earlier)
    }
    assert differing == {("agents_available", 1, 0)}
    assert compare(worker.sums(), *counted) == [], "only the time differs"
    worker.until(late + 41 + _settling_seconds(TIMES))
    counted = recount(worker.policies, worker.now, AGENT_HERE).count()
    assert compare(worker.sums(), counted.again, counted.earlier) == []


def test_agent_with_an_expired_time_to_live_is_logged_out_in_the_recount() -> None:
    for seconds, is_expired in ((-10, False), (100, True)):
        as_of = START_MS + TIMES.agent_time_to_live + seconds * 1000
        counted = recount(Policies(), as_of, AGENT_HERE).count()
        available = {name: numbers[None, QUEUE].stocks for name, numbers in counted._asdict().items()}
        assert (available["again"] == [0] * len(available["again"])) is is_expired
        assert any(available["earlier"])


def test_call_not_yet_ended_by_a_new_worker_is_no_difference() -> None:
    waiting = make("call.queued", 0, subject=CALL, **IN_QUEUE)
    worker = Worker(Policies())
    worker.now = START_MS + 86_400_000
    worker.at(86_400, waiting)
    worker.at(86_410)
    counted = recount(worker.policies, worker.now, waiting).count()
    differing = {
        (difference.name, difference.known, difference.again)
        for difference in compare(worker.sums(), counted.again, counted.earlier)
    }
    assert differing == {("waiting", 1, 0), ("left_forgotten", 0, 1)}
    assert compare(worker.sums(), *counted) == []
    worker.until(86_450)
    assert compare(worker.sums(), counted.again, counted.earlier) == []


def test_counts_added_by_a_release_are_recorded_with_their_time() -> None:
    worker = Worker(Policies())
    worker.at(150, *late_call())
    for key, value in worker.written.items():
        if key.startswith(b'["total","call"'):
            figure = decode_figure(value or b"")
            figure.counts = figure.counts[:-3]
            worker.written[key] = encode_figure(figure)
        elif key == PROGRESS_KEY:
            row = PROGRESS.load(key, value or b"")
            row.lengths = None
            worker.written[key] = PROGRESS.dump(row)
    for seconds in (200, 300):
        worker.kill()
        worker.at(seconds)
        worker.until(seconds + 40)
        added = worker.job.progress.rows[PROGRESS_KEY].added
        assert added == {"call": [(len(QUEUE_SCHEMA.counts) - 3, START_MS + 200_000)]}
    new = Worker(Policies())
    new.at(150, *late_call())
    assert new.job.progress.rows[PROGRESS_KEY].added == {}


class FakeConsumer:
    """A fake Kafka consumer of partition 0: topic → first available offset, times of the records."""

    def __init__(self, **topics: tuple[int, list[int]]) -> None:
        self._topics, self._positions = topics, dict[TopicPartition, int]()

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, 0)

    def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: self._topics[place.topic][0] for place in partitions}

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._positions[place] = offset

    def position(self, place: TopicPartition) -> int:
        return self._positions[place]

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[SimpleNamespace]]:
        assert timeout_ms
        found = {}
        for place in self._positions:
            begin, times = self._topics[place.topic]
            self._positions[place] = begin + len(times)
            found[place] = [SimpleNamespace(offset=begin + nth, timestamp=at) for nth, at in enumerate(times)]
        return found


def test_start_of_the_events_in_kafka_is_known_for_full_and_empty_topics() -> None:
    kept_ms, begun_at = 30 * 86_400_000, int(time.time() * 1000)
    cases = {  # first offset and times of mail and calls → when the first event came, end of the deleted events
        "whole": ((0, [2_000, 3_000]), (0, [1_000]), 1_000, 0),
        "cut": ((7, [2_000, 3_000]), (0, [1_000]), 1_000, 2_000),
    }
    for mail, call, begins_at, cut_at in cases.values():
        log = _Log(FakeConsumer(**{MAIL: mail, TOPIC: call}), 0, kept_ms)
        assert len(list(log.read({MAIL: mail[0] + len(mail[1]), TOPIC: 1}))) == 2
        assert (log.begins_at, log.cut_at) == (begins_at, cut_at)
    for left in ([begun_at], []):  # letters arrived long ago, and their events expired
        log = _Log(FakeConsumer(**{MAIL: (7, []), TOPIC: (0, left)}), 0, kept_ms)
        list(log.read({MAIL: 7, TOPIC: len(left)}))
        assert log.begins_at == sum(left)
        assert log.cut_at + kept_ms >= begun_at
