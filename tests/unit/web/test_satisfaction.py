"""Tests of the satisfaction measures on the wall."""

from datetime import timedelta

import pytest

from streams.core.figures.figure import Dimensions
from streams.web.board.satisfaction import Satisfaction
from streams.web.options import ServiceOptions, WebOptions
from tests.unit.web.filled_board import NOON, FilledBoard
from tests.web.rows import OPINION

ROADS = Dimensions("feedback", "siege", "routes", "mail")
OPTIONS = WebOptions(brokers="", services=(ServiceOptions("social", "Action sociale", "Social support"),))


def measures(*answers: tuple[Dimensions, int, dict[str, int]]) -> list[Satisfaction]:
    filled = FilledBoard(OPTIONS)
    for dimensions, days, numbers in answers:
        filled.worker.count(dimensions, NOON - timedelta(days=days), **numbers)
    return filled.board().satisfaction


def test_share_has_its_bounds() -> None:
    (line,) = measures((OPINION, 3, {"given_csat_1_5_5": 60, "given_csat_1_5_4": 20, "given_csat_1_5_1": 20}))
    assert (line.measure, line.service, line.answers, line.ratio) == ("csat", None, 100, 0.8)
    # Wilson bounds of 80 of 100 at 95 %, as in published tables.
    assert line.lower == pytest.approx(0.7112, abs=1e-4)
    assert line.upper == pytest.approx(0.8666, abs=1e-4)


def test_few_answers_show_only_their_number() -> None:
    (line,) = measures((OPINION, 0, {"given_csat_1_5_5": OPTIONS.fewest_answers - 1}))
    assert (line.answers, line.ratio, line.lower, line.upper) == (4, None, None, None)


def test_services_follow_their_total_only_if_several_have_answers() -> None:
    lines = measures((OPINION, 1, {"given_csat_1_5_5": 6}), (ROADS, 2, {"given_csat_1_5_1": 6, "given_nps_0_10_9": 8}))
    assert [(line.service, line.measure, line.answers) for line in lines] == [
        (None, "csat", 12),
        (None, "nps", 8),
        ("social", "csat", 6),
        ("routes", "csat", 6),
    ]
    assert [line.label_en for line in lines[2:]] == ["Social support", "routes"]
    assert lines[1].ratio == 1


def test_service_shows_its_first_measure_with_enough_answers_or_their_number() -> None:
    archives = ROADS._replace(service="archives")
    lines = measures(
        (OPINION, 1, {"given_csat_1_5_5": 6}),
        (ROADS, 1, {"given_csat_1_5_1": 2, "given_nps_0_10_9": 30}),
        (archives, 1, {"given_jdma_0_10_9": 1}),
    )
    assert [(line.service, line.measure, line.answers, line.ratio) for line in lines if line.service] == [
        ("social", "csat", 6, 1),
        ("archives", "jdma", 1, None),
        ("routes", "nps", 30, 1),
    ]
