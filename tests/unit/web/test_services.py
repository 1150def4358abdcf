"""Tests of the board's figures of letters, e-mails, forms, appointments and feedback."""

from datetime import timedelta

import pytest

from models.events import FeedbackScale
from models.timestamps import milliseconds
from streams.core.figures.figure import new_figure
from streams.core.figures.figure_schemas import FEEDBACK
from streams.core.figures.satisfaction import score_names
from streams.web.board.services import Cases, score
from streams.web.options import ServiceOptions, WebOptions
from streams.web.sums import Ratio
from tests.unit.web.filled_board import NOON, FilledBoard
from tests.web.rows import FORM, MAIL, OPINION


@pytest.fixture
def filled() -> FilledBoard:
    return FilledBoard()


def test_service_is_one_row_for_all_sites_and_procedures(filled: FilledBoard) -> None:
    worker = filled.worker
    worker.count(FORM, NOON, received=2)
    worker.count(FORM._replace(queue="mdph"), NOON, received=3)
    worker.count(FORM._replace(site="annexe"), NOON, received=5)
    worker.stocks(FORM, NOON - timedelta(days=2), waiting=1, pending_citizen=4)
    worker.stocks(FORM._replace(site="annexe"), NOON - timedelta(days=3), in_progress=1)
    worker.count(MAIL._replace(service="routes"), NOON, received=1)
    routes, social = filled.services()
    assert (routes.service, routes.form) == ("routes", None)
    assert social.form is not None
    assert (social.form.received, social.form.waiting, social.form.in_progress) == (10, 1, 1)
    assert social.form.pending_citizen == 4
    assert social.form.oldest_open_at == milliseconds(NOON - timedelta(days=3))
    together = filled.board().all_services
    assert together.form == social.form
    assert together.mail is not None
    assert (together.mail.received, together.appointment) == (1, None)


def test_answer_on_several_scales_counts_once(filled: FilledBoard) -> None:
    worker = filled.worker
    worker.count(OPINION, NOON, invited=20, given_csat_1_5_5=3, given_csat_1_5_1=1, given_nps_0_10_9=3)
    worker.count(OPINION._replace(service="archives"), NOON, invited=10, given_nps_0_10_9=2)
    worker.count(OPINION._replace(service="routes"), NOON - timedelta(days=1), invited=7)
    rates = {row.service: row.feedback and row.feedback.response for row in filled.services()}
    assert rates == {"social": Ratio(4, 20), "archives": Ratio(2, 10), "routes": Ratio(0, 0)}
    all_services = filled.board().all_services.feedback
    assert all_services
    assert (all_services.given, all_services.response) == (9, Ratio(6, 30))


@pytest.mark.parametrize(
    ("scale", "scores", "expected"),
    [
        (FeedbackScale.CSAT_5, [1, 3, 4, 5, 5], Ratio(3, 5)),
        (FeedbackScale.NPS, [10, 9, 8, 7, 6, 0, 3], Ratio(-1, 7)),
        (FeedbackScale.JDMA, [0, 10, 7], Ratio(17, 3)),
        (FeedbackScale.CES_5, [1, 5], Ratio(6, 2)),
        (FeedbackScale.CES_7, [7], Ratio(7, 1)),
        (FeedbackScale.NPS, [], Ratio(0, 0)),
    ],
)
def test_each_scale_has_its_score(scale: FeedbackScale, scores: list[int], expected: Ratio) -> None:
    figure = new_figure(FEEDBACK)
    for given in scores:
        figure.counts[FEEDBACK.index[score_names(scale)[given]]] += 1
    assert score(scale, figure) == expected


def test_services_have_the_order_of_the_settings_then_of_their_names_with_the_unnamed_last() -> None:
    filled = FilledBoard(
        WebOptions(
            brokers="",
            services=(
                ServiceOptions("social", "Solidarités", "Social support"),
                ServiceOptions("none", "Rien", "None"),
            ),
        )
    )
    for service in ("", "archives", "social", "routes"):
        filled.worker.count(MAIL._replace(service=service), NOON, "received")
    assert [(row.service, row.label_fr, row.label_en) for row in filled.services()] == [
        ("social", "Solidarités", "Social support"),
        ("archives", "archives", "archives"),
        ("routes", "routes", "routes"),
        ("", "", ""),
    ]


def test_configured_service_is_shown_before_its_first_contact() -> None:
    filled = FilledBoard(WebOptions(brokers="", services=(ServiceOptions("social", "Social", "Social", (MAIL, FORM)),)))
    (service,) = filled.services()
    assert service.mail == service.form == Cases(0, 0, 0, 0, 0, None, 0, None)
    assert service.email is None


def test_dimensions_without_remaining_counts_have_no_row(filled: FilledBoard) -> None:
    unassigned = MAIL._replace(service="")
    filled.worker.count(unassigned, NOON, "received")
    assert [row.service for row in filled.services()] == [""]
    filled.worker.correct(unassigned, NOON, "received")
    filled.worker.count(MAIL, NOON, "received")
    assert [row.service for row in filled.services()] == ["social"]
