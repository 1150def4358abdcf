"""Tests of reasons for contact, lines, menu choices, callbacks and counted post on the board."""

from datetime import timedelta

from streams.core.figures.figure import Dimensions
from streams.web.board.derived import ContactReason, CountedPost, Line, MenuChoice
from streams.web.options import QueueOptions, ReasonOptions, WebOptions
from tests.unit.web.filled_board import NOON, FilledBoard

YESTERDAY = NOON - timedelta(days=1)
OPTIONS = WebOptions(
    brokers="",
    reasons=(ReasonOptions("aides", "Aides sociales", "Social aid"),),
    queues=(QueueOptions(Dimensions("call", "siege", "autonomie", "mdph"), "MDPH, handicap", "Disability office"),),
)


def place(channel: str, queue: str, site: str = "siege", service: str = "") -> Dimensions:
    return Dimensions(channel, site, service, queue)


def test_board_without_these_figures_has_none() -> None:
    filled = FilledBoard(OPTIONS)
    for channel, name in (("reason", "reason_contacts"), ("line", "line_arrived"), ("menu", "menu_chosen")):
        filled.worker.count(place(channel, "call:aides"), YESTERDAY, name)
    filled.worker.count(place("callback", "mdph"), YESTERDAY, "message_left")
    filled.worker.count(place("post", "outgoing:colis"), NOON - timedelta(days=7), post_items=4)
    board = filled.board()
    assert (board.reasons, board.lines, board.menu, board.callbacks, board.post) == ([], [], [], [], [])


def test_reasons_are_added_up_over_services_and_sorted_by_contacts() -> None:
    filled = FilledBoard(OPTIONS)
    filled.worker.count(place("reason", "call:dossier", service="rsa"), NOON, reason_contacts=4)
    filled.worker.count(place("reason", "call:aides", service="rsa"), NOON, reason_contacts=2)
    filled.worker.count(place("reason", "call:aides", site="nord"), NOON, reason_contacts=3)
    filled.worker.count(place("reason", "email:aides"), NOON, reason_contacts=1)
    assert filled.board().reasons == [
        ContactReason("aides", "Aides sociales", "Social aid", 6, {"call": 5, "email": 1}),
        ContactReason("dossier", "dossier", "dossier", 4, {"call": 4}),
    ]


def test_corrected_reason_is_not_shown() -> None:
    filled = FilledBoard(OPTIONS)
    filled.worker.count(place("reason", "call:aides"), NOON, reason_contacts=1)
    filled.worker.correct(place("reason", "call:aides"), NOON, "reason_contacts")
    assert filled.board().reasons == []


def test_lines_and_choices_show_their_site_only_if_sites_share_the_name() -> None:
    filled = FilledBoard(OPTIONS)
    filled.worker.count(place("line", "accueil"), NOON, line_arrived=3, line_queued=1)
    filled.worker.count(place("line", "accueil", service="rsa"), NOON, line_arrived=2, line_queued=2)
    filled.worker.count(place("line", "accueil", site="nord"), NOON, line_arrived=9)
    filled.worker.count(place("line", ""), NOON, line_arrived=1)
    filled.worker.count(place("menu", "apa"), NOON, menu_chosen=2)
    filled.worker.count(place("menu", "pch"), NOON, menu_chosen=5)
    board = filled.board()
    assert board.lines == [
        Line("nord", "accueil", "accueil (nord)", 9, 0),
        Line("siege", "accueil", "accueil (siege)", 5, 3),
        Line("siege", "", "", 1, 0),
    ]
    assert board.menu == [MenuChoice("siege", "pch", "pch", 5), MenuChoice("siege", "apa", "apa", 2)]


def test_callbacks_have_the_labels_of_their_queues_and_mean_delays() -> None:
    filled = FilledBoard(OPTIONS)
    at = place("callback", "mdph", service="autonomie")
    filled.worker.count(at, NOON, message_left=3, callback_requested=2)
    filled.worker.count(at, NOON, "message_heard", amount=600)
    filled.worker.count(at, NOON, "message_heard", amount=1200)
    filled.worker.count(at, NOON, "called_back", amount=7200)
    (alone,) = filled.board().callbacks
    assert (alone.queue, alone.label_fr, alone.label_en) == ("mdph", "MDPH, handicap", "Disability office")
    assert (alone.messages_left, alone.messages_heard, alone.requested, alone.called_back) == (3, 2, 2, 1)
    assert (alone.mean_hearing_seconds, alone.mean_callback_seconds) == (900, 7200)
    filled.worker.count(place("callback", "rsa"), NOON, callback_requested=1)
    total, *rows = filled.board().callbacks
    assert (total.queue, total.messages_left, total.requested, total.mean_callback_seconds) == (None, 3, 3, 7200)
    assert [(row.queue, row.label_fr, row.mean_callback_seconds) for row in rows] == [
        ("mdph", "MDPH, handicap", 7200),
        ("rsa", "rsa", None),
    ]


def test_post_of_the_last_week_is_added_up_over_services() -> None:
    filled = FilledBoard(OPTIONS)
    for service, day in (("rsa", NOON), ("rsa", YESTERDAY), ("mdph", NOON - timedelta(days=6, hours=11))):
        filled.worker.count(
            place("post", "outgoing:lettre_verte", service=service), day, post_items=10, post_cost_cents=1290
        )
    filled.worker.count(place("post", "outgoing:lettre_recommandee"), YESTERDAY, post_items=40, post_cost_cents=9000)
    filled.worker.count(place("post", "incoming:courrier_ordinaire"), YESTERDAY, post_items=2)
    assert filled.board().post == [
        CountedPost(direction="incoming", post_class="courrier_ordinaire", today=0, items=2, cost_cents=0),
        CountedPost(direction="outgoing", post_class="lettre_recommandee", today=0, items=40, cost_cents=9000),
        CountedPost(direction="outgoing", post_class="lettre_verte", today=10, items=30, cost_cents=3870),
    ]
