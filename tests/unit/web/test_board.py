from datetime import UTC, datetime, timedelta

import pytest

from models.events import AgentStateChanged
from models.timestamps import milliseconds
from streams.core.contacts import agent
from streams.core.figures.figure import Dimensions, Figure, Formula, encode_figure, new_figure, total_key
from streams.core.figures.figure_counts import count_agent
from streams.web.board.payload import DataState
from streams.web.board.queues import LastArrival, LiveFigures
from streams.web.options import QueueOptions, ServiceOptions, Thresholds, WebOptions
from streams.web.sums import Ratio
from streams.web.topic_view import ReaderState
from tests.support.events import make
from tests.unit.web.filled_board import NOON, FilledBoard
from tests.web.rows import DESK, MAIL, ROADS, SOCIAL, Worker

OPTIONS = WebOptions(brokers="", queues=(QueueOptions(ROADS, "Routes", "Roads"),))


@pytest.fixture
def filled() -> FilledBoard:
    return FilledBoard(OPTIONS)


def count_calls(filled: FilledBoard) -> None:
    worker = filled.worker
    for wait in (5, 20, 21, 100):
        worker.answered(SOCIAL, NOON, wait, handle_seconds=120)
    for wait in (10, 11, 300):
        worker.abandoned(SOCIAL, NOON, wait)
    worker.left(SOCIAL, NOON, "timeout")
    worker.answered(ROADS, NOON, 4)
    worker.stocks(SOCIAL, NOON - timedelta(seconds=192), waiting=3, in_progress=2, agents_on_contact=2)
    worker.stocks(ROADS, NOON - timedelta(seconds=8), waiting=1, agents_available=1, agents_paused=1)
    worker.progress(NOON)


def test_agents_of_several_queues_count_once_if_figures_without_queue_exist(filled: FilledBoard) -> None:
    count_calls(filled)
    filled.worker.stocks(Dimensions("call", "siege", "", ""), agents_available=2)
    board = filled.board()
    assert (board.all.agents_available, board.all.agents_on_contact) == (2, 0)
    assert [queue.queue for queue in board.queues] == ["routes", "aide-sociale"]


def test_each_agent_counts_once_in_the_total_without_a_queue_of_its_own(filled: FilledBoard) -> None:
    totals: dict[Dimensions, Figure] = {}
    changes = {
        "agent:asterisk/siege:agent:k1-a": (("logged_in", "rsa"), ("logged_in", "pmi")),
        "agent:asterisk/siege:agent:k1-b": (("logged_in", "rsa"), ("logged_in", "pmi"), ("contact_started", "pmi")),
        "agent:asterisk/siege:agent:k1-c": (("logged_in", "rsa"), ("paused", "")),
        "agent:asterisk/siege:agent:k1-d": (("logged_in", "rsa"), ("logged_out", "")),
    }
    for subject, steps in changes.items():
        row: agent.Agent | None = None
        for at, (change, queue) in enumerate(steps):
            event = make("agent.state_changed", at, subject=subject, site="siege", change=change, queue=queue)
            assert isinstance(event, AgentStateChanged)
            former, row = row, agent.fold(row, event)
            count_agent(former, row, lambda key: totals.setdefault(key[1], new_figure()))
    filled.view.apply_all(0, [(total_key(place), encode_figure(total)) for place, total in totals.items()])
    board = filled.board()

    def agents(now: LiveFigures) -> tuple[int | None, ...]:
        return now.agents_available, now.agents_on_contact, now.agents_paused

    assert {queue.queue: agents(queue) for queue in board.queues} == {
        "routes": (0, 0, 0),
        "pmi": (1, 1, 0),
        "rsa": (1, 1, 1),
    }
    assert agents(board.all) == (1, 1, 1)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (Formula.NET_OF_SHORT, Ratio(2, 6)),
        (Formula.ANSWERED_SHARE, Ratio(2, 4)),
        (Formula.OFFERED_SHARE, Ratio(2, 8)),
        (Formula.REMOVED_SHARE, Ratio(4, 7)),
    ],
)
def test_board_uses_the_configured_formula_of_the_service_level(formula: Formula, expected: Ratio) -> None:
    filled = FilledBoard(WebOptions(brokers="", formula=formula))
    count_calls(filled)
    board = filled.board()
    social = next(queue for queue in board.queues if queue.queue == SOCIAL.queue)
    assert (board.formula, social.today.service_level) == (formula, expected)


def test_ratios_without_calls_have_a_zero_denominator(filled: FilledBoard) -> None:
    board = filled.board()
    (roads,) = board.queues
    assert roads.today.service_level == roads.today.abandonment == Ratio(0, 0)
    assert roads.today.mean_wait_seconds is roads.today.mean_handle_seconds is roads.oldest_waiting_at is None
    assert sum(board.day.received) == 0


def test_history_progress_is_that_of_the_slowest_partition(filled: FilledBoard) -> None:
    first, second = Worker(filled.view, 0), Worker(filled.view, 1)
    first.progress(NOON, history={"mail": 3000, "form": 7000})
    second.progress(NOON, history={"mail": 2000})
    assert filled.board().history == {"form": 7000, "mail": 2000}
    first.progress(NOON)
    second.progress(NOON)
    assert filled.board().history == {}


def test_last_arrival_is_shown_by_site(filled: FilledBoard) -> None:
    worker = filled.worker
    annexe = Dimensions("call", "annexe", "social", "rsa")
    worker.offered(SOCIAL, NOON - timedelta(minutes=42))
    worker.offered(ROADS, NOON - timedelta(minutes=17))
    worker.offered(annexe, NOON - timedelta(hours=13))
    worker.stocks(annexe, agents_available=1)
    until = milliseconds(NOON - timedelta(minutes=15))
    assert filled.board().arrivals == [
        LastArrival("call", "siege", until, 3600),
        LastArrival("call", "annexe", None, 3600),
    ]


def test_forgotten_call_is_not_an_arrival(filled: FilledBoard) -> None:
    filled.worker.offered(ROADS, NOON - timedelta(hours=2))
    filled.worker.count(ROADS, NOON, left_forgotten=1)
    (arrivals,) = filled.board().arrivals
    assert arrivals.until == milliseconds(NOON - timedelta(hours=2)) + 300_000


def test_state_names_the_cause_of_missing_figures() -> None:
    filled = FilledBoard(OPTIONS)
    view, first, second = filled.view, filled.worker, Worker(filled.view, 1)

    def state() -> DataState:
        return filled.message().clock.state

    for reader_state in (ReaderState.NO_BROKER, ReaderState.NO_TOPIC, ReaderState.LOADING):
        view.set_state(reader_state)
        assert state() == reader_state.value
    view.set_state(ReaderState.FOLLOWING)
    assert state() is DataState.NO_FIGURES
    view.begin([0, 1])
    view.set_state(ReaderState.FOLLOWING)
    first.progress(NOON)
    assert state() is DataState.NO_FIGURES, "the second partition has no progress"
    second.progress(NOON - timedelta(seconds=15))
    assert state() is DataState.LIVE
    second.progress(NOON - timedelta(seconds=15, milliseconds=1))
    assert state() is DataState.SILENT
    second.progress(NOON - timedelta(hours=1), written_at=NOON - timedelta(seconds=15))
    assert state() is DataState.CATCHING_UP
    first.progress(NOON - timedelta(seconds=16), written_at=NOON - timedelta(seconds=16))
    assert state() is DataState.SILENT


def test_worker_that_never_caught_up_has_no_time_of_figures(filled: FilledBoard) -> None:
    filled.worker.progress(datetime.fromtimestamp(0, UTC), written_at=NOON)
    clock = filled.message().clock
    assert (clock.as_of, clock.state) == (None, DataState.CATCHING_UP)


def test_queues_with_the_same_name_get_unique_labels() -> None:
    annexe, voirie = ROADS._replace(site="annexe"), ROADS._replace(service="voirie")
    queues = (
        *OPTIONS.queues,
        QueueOptions(annexe, "Routes", "Roads (annex)"),
        QueueOptions(SOCIAL, "Social", "Social"),
    )
    filled = FilledBoard(WebOptions(brokers="", queues=queues))

    def labels() -> list[tuple[str, str]]:
        return [(queue.label_fr, queue.label_en) for queue in filled.board().queues]

    assert labels() == [("Routes (siege)", "Roads"), ("Routes (annexe)", "Roads (annex)"), ("Social", "Social")]
    filled.worker.offered(voirie, NOON)
    filled.worker.offered(voirie._replace(site=""), NOON)
    assert [french for french, _ in labels()] == [
        "Routes (siege)",
        "Routes (annexe)",
        "Social",
        "routes",
        "routes (siege)",
    ]
    filled.worker.offered(voirie._replace(service="ponts"), NOON)
    assert [french for french, _ in labels()[3:]] == ["routes", "routes (siege, ponts)", "routes (siege, voirie)"]


# -------------------------------------------------------------------------------------------------------- front desks
def count_visits(filled: FilledBoard) -> None:
    filled.worker.answered(DESK, NOON, 600, handle_seconds=300)
    filled.worker.answered(DESK, NOON, 901)
    filled.worker.stocks(DESK, NOON - timedelta(minutes=20), waiting=2, in_progress=1)


def test_front_desks_follow_the_telephone_even_without_a_queue_name(filled: FilledBoard) -> None:
    count_calls(filled)
    count_visits(filled)
    queues = filled.board().queues
    assert [(queue.channel, queue.queue, queue.label_fr) for queue in queues] == [
        ("call", "routes", "Routes"),
        ("call", "aide-sociale", "aide-sociale"),
        ("visit", "", "social"),
    ]
    desk = queues[-1]
    assert (desk.waiting, desk.in_progress, desk.today.answered) == (2, 1, 2)
    assert desk.today.service_level == Ratio(1, 2), "within the target of desks"
    assert desk.thresholds.longest_wait_seconds == Thresholds(900, 1800)


def test_desk_may_have_queues_and_service_may_have_labels() -> None:
    services = (ServiceOptions("social", "Solidarités", "Social support"),)
    filled = FilledBoard(WebOptions(brokers="", services=services))
    count_visits(filled)
    filled.worker.offered(DESK._replace(queue="papiers"), NOON)
    filled.worker.offered(DESK._replace(service=""), NOON)
    desks = [queue for queue in filled.board().queues if queue.channel == "visit"]
    assert [queue.label_fr for queue in desks] == ["annexe", "Solidarités", "papiers"]
    assert [queue.label_en for queue in desks] == ["annexe", "Social support", "papiers"]


# ------------------------------------------------------------------------------------------------------ quiet channels
@pytest.mark.parametrize(
    ("limits", "visit_limit", "mail_limit"), [({}, 3600, None), ({"mail": 14_400, "visit": 7200}, 7200, 14_400)]
)
def test_only_queue_channels_have_a_limit_of_silence_by_default(
    limits: dict[str, float], visit_limit: float, mail_limit: float | None
) -> None:
    filled = FilledBoard(WebOptions(brokers="", quiet_after_seconds_of=limits))
    filled.worker.offered(ROADS, NOON)
    filled.worker.offered(DESK, NOON)
    filled.worker.count(MAIL, NOON - timedelta(hours=5), "received")
    until = milliseconds(NOON) + 300_000
    mail = [] if mail_limit is None else [LastArrival("mail", "siege", until - 5 * 3_600_000, mail_limit)]
    assert filled.board().arrivals == [
        LastArrival("call", "siege", until, 3600),
        *mail,
        LastArrival("visit", "annexe", until, visit_limit),
    ]
