from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.events import AgentStateChanged
from models.timestamps import milliseconds
from streams.core.contacts import agent
from streams.core.figures.figure import Dimensions, Figure, Formula, encode_figure, new_figure, total_key
from streams.core.figures.figure_counts import count_agent
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.web.board.payload import DataState, Message, make_message
from streams.web.board.queues import LastArrival, LiveFigures
from streams.web.options import QueueOptions, ServiceOptions, Thresholds, WebOptions
from streams.web.sums import Ratio
from streams.web.topic_view import ReaderState
from streams.web.view import FiguresView
from tests.support.events import make
from tests.web.rows import DESK, MAIL, ROADS, SOCIAL, Worker

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))
OPTIONS = WebOptions(brokers="", queues=(QueueOptions(ROADS, "Routes", "Roads"),))


def new_view() -> FiguresView:
    view = FiguresView(OPTIONS.time_zone, NOON)
    view.begin([0])
    view.set_state(ReaderState.FOLLOWING)
    return view


def board_of(view: FiguresView, options: WebOptions = OPTIONS) -> Message:
    return make_message(view.snapshot(NOON), options, "v")


def busy_view() -> FiguresView:
    view = new_view()
    worker = Worker(view)
    for wait in (5, 20, 21, 100):
        worker.answered(SOCIAL, NOON, wait, handle_seconds=120)
    for wait in (10, 11, 300):
        worker.abandoned(SOCIAL, NOON, wait)
    worker.left(SOCIAL, NOON, "timeout")
    worker.answered(ROADS, NOON, 4)
    worker.stocks(SOCIAL, NOON - timedelta(seconds=192), waiting=3, in_progress=2, agents_on_contact=2)
    worker.stocks(ROADS, NOON - timedelta(seconds=8), waiting=1, agents_available=1, agents_paused=1)
    worker.progress(NOON)
    return view


def test_agents_of_several_queues_count_once_if_the_figures_allow_it() -> None:
    view = busy_view()
    Worker(view).stocks(Dimensions("call", "siege", "", ""), agents_available=2)
    board = board_of(view).board
    assert (board.all.agents_available, board.all.agents_on_contact) == (2, 0)
    assert [queue.queue for queue in board.queues] == ["routes", "aide-sociale"]


def test_each_agent_counts_once_in_the_total_without_a_queue_of_its_own() -> None:
    view = new_view()
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
    view.apply_all(0, [(total_key(place), encode_figure(total)) for place, total in totals.items()])

    board = board_of(view).board

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
def test_formula_of_the_service_level_is_configurable(formula: Formula, expected: Ratio) -> None:
    board = board_of(busy_view(), WebOptions(brokers="", formula=formula)).board
    social = next(queue for queue in board.queues if queue.queue == SOCIAL.queue)
    assert (board.formula, social.today.service_level) == (formula, expected)


def test_ratios_without_calls_have_a_zero_denominator() -> None:
    view = new_view()
    board = board_of(view).board
    (roads,) = board.queues
    assert roads.today.service_level == roads.today.abandonment == Ratio(0, 0)
    assert roads.today.mean_wait_seconds is roads.today.mean_handle_seconds is roads.oldest_waiting_at is None
    assert sum(board.day.received) == 0


def test_history_progress_is_that_of_the_slowest_partition() -> None:
    view = new_view()
    first, second = Worker(view, 0), Worker(view, 1)
    first.progress(NOON, history={"mail": 3000, "form": 7000})
    second.progress(NOON, history={"mail": 2000})
    message = board_of(view)
    assert message.board.history == {"form": 7000, "mail": 2000}
    first.progress(NOON)
    second.progress(NOON)
    assert board_of(view).board.history == {}


def test_last_arrival_is_shown_by_site() -> None:
    view = new_view()
    worker = Worker(view)
    annexe = Dimensions("call", "annexe", "social", "rsa")
    worker.offered(SOCIAL, NOON - timedelta(minutes=42))
    worker.offered(ROADS, NOON - timedelta(minutes=17))
    worker.offered(annexe, NOON - timedelta(hours=13))
    worker.stocks(annexe, agents_available=1)
    until = milliseconds(NOON - timedelta(minutes=15))
    assert board_of(view).board.arrivals == [
        LastArrival("call", "siege", until, 3600),
        LastArrival("call", "annexe", None, 3600),
    ]


def test_forgotten_call_is_not_an_arrival() -> None:
    view = new_view()
    worker = Worker(view)
    worker.offered(ROADS, NOON - timedelta(hours=2))
    worker._count(ROADS, NOON, {QUEUE_SCHEMA.index["left_forgotten"]: 1})
    (arrivals,) = board_of(view).board.arrivals
    assert arrivals.until == milliseconds(NOON - timedelta(hours=2)) + 300_000


def test_state_names_the_cause_of_missing_figures() -> None:
    view = FiguresView(OPTIONS.time_zone, NOON)
    states = []
    for reader_state in (ReaderState.NO_BROKER, ReaderState.NO_TOPIC, ReaderState.LOADING, ReaderState.FOLLOWING):
        view.set_state(reader_state)
        states.append(board_of(view).clock.state)
    view.begin([0, 1])
    view.set_state(ReaderState.FOLLOWING)
    first, second = Worker(view, 0), Worker(view, 1)
    first.progress(NOON)
    states.append(board_of(view).clock.state)
    second.progress(NOON - timedelta(seconds=15))
    states.append(board_of(view).clock.state)
    second.progress(NOON - timedelta(seconds=15, milliseconds=1))
    states.append(board_of(view).clock.state)
    second.progress(NOON - timedelta(hours=1), written_at=NOON - timedelta(seconds=15))
    states.append(board_of(view).clock.state)
    first.progress(NOON - timedelta(seconds=16), written_at=NOON - timedelta(seconds=16))
    states.append(board_of(view).clock.state)
    view.set_state(ReaderState.NO_BROKER)
    states.append(board_of(view).clock.state)
    assert states == [
        DataState.NO_BROKER,
        DataState.NO_TOPIC,
        DataState.LOADING,
        DataState.NO_FIGURES,
        DataState.NO_FIGURES,
        DataState.LIVE,
        DataState.SILENT,
        DataState.CATCHING_UP,
        DataState.SILENT,
        DataState.NO_BROKER,
    ]


def test_worker_that_never_caught_up_has_no_time_of_figures() -> None:
    view = new_view()
    Worker(view).progress(datetime.fromtimestamp(0, UTC), written_at=NOON)
    clock = board_of(view).clock
    assert (clock.as_of, clock.state) == (None, DataState.CATCHING_UP)


def test_queues_with_the_same_name_get_unique_labels() -> None:
    annexe, voirie = ROADS._replace(site="annexe"), ROADS._replace(service="voirie")
    options = WebOptions(
        brokers="",
        queues=(
            QueueOptions(ROADS, "Routes", "Roads"),
            QueueOptions(annexe, "Routes", "Roads (annex)"),
            QueueOptions(SOCIAL, "Social", "Social"),
        ),
    )

    def labels() -> list[tuple[str, str]]:
        return [(queue.label_fr, queue.label_en) for queue in board_of(view, options).board.queues]

    view = new_view()
    assert labels() == [("Routes (siege)", "Roads"), ("Routes (annexe)", "Roads (annex)"), ("Social", "Social")]
    Worker(view).offered(voirie, NOON)
    Worker(view).offered(voirie._replace(site=""), NOON)
    assert [french for french, _ in labels()] == [
        "Routes (siege)",
        "Routes (annexe)",
        "Social",
        "routes",
        "routes (siege)",
    ]
    Worker(view).offered(voirie._replace(service="ponts"), NOON)
    assert [french for french, _ in labels()[3:]] == ["routes", "routes (siege, ponts)", "routes (siege, voirie)"]


# -------------------------------------------------------------------------------------------------------- front desks
def at_a_desk() -> FiguresView:
    view = busy_view()
    worker = Worker(view)
    worker.answered(DESK, NOON, 600, handle_seconds=300)
    worker.answered(DESK, NOON, 901)
    worker.stocks(DESK, NOON - timedelta(minutes=20), waiting=2, in_progress=1)
    return view


def test_front_desks_follow_the_telephone_even_without_a_queue_name() -> None:
    queues = board_of(at_a_desk()).board.queues
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
    view = at_a_desk()
    Worker(view).offered(DESK._replace(queue="papiers"), NOON)
    Worker(view).offered(DESK._replace(service=""), NOON)
    options = WebOptions(brokers="", services=(ServiceOptions("social", "Solidarités", "Social support"),))
    desks = [queue for queue in board_of(view, options).board.queues if queue.channel == "visit"]
    assert [queue.label_fr for queue in desks] == ["annexe", "Solidarités", "papiers"]
    assert [queue.label_en for queue in desks] == ["annexe", "Social support", "papiers"]


# ------------------------------------------------------------------------------------------------------ quiet channels
def test_only_queue_channels_have_a_limit_of_silence() -> None:
    view = busy_view()
    worker = Worker(view)
    worker.offered(DESK, NOON)
    worker.count(MAIL, NOON - timedelta(hours=5), "received")
    until = milliseconds(NOON) + 300_000
    judged = [LastArrival("call", "siege", until, 3600), LastArrival("visit", "annexe", until, 3600)]
    assert board_of(view).board.arrivals == judged
    options = WebOptions(brokers="", quiet_after_seconds_of={"mail": 14_400, "visit": 7200})
    assert board_of(view, options).board.arrivals == [
        LastArrival("call", "siege", until, 3600),
        LastArrival("mail", "siege", until - 5 * 3_600_000, 14_400),
        LastArrival("visit", "annexe", until, 7200),
    ]
