"""Test that dashboard queries after corrections equal those of an organisation without corrections."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grafana.generator import DASHBOARDS
from grafana.promql import Scope
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, SLA
from streams.web.metrics.measure import CORRECTED_SUFFIX
from streams.web.options import QueueOptions, ServiceOptions, WebOptions
from tests.support.dashboards import PanelQuery, panel_queries
from tests.support.processes import wait_until
from tests.support.prometheus import Prometheus, running, shorten
from tests.unit.web.sla_policies import VERSIONED_POLICIES
from tests.web.rows import DERIVED, FORM, MAIL, OPINION, SOCIAL, facts_of
from tests.web.served import Served, serving

APPOINTMENT = Dimensions("appointment", "siege", "social", "")
CLOCK = Dimensions(SLA, "siege", "social", "courrier:{clock}:mail")
SLA_ROWS = [
    CLOCK._replace(queue=CLOCK.queue.format(clock=clock))
    for clock in ("acknowledge", "first_response", "announced", "resolution")
]
PLACES = (SOCIAL, MAIL, FORM, APPOINTMENT, OPINION, *SLA_ROWS, *DERIVED)
OPTIONS = WebOptions(
    brokers="",
    queues=(QueueOptions(SOCIAL, "Social", "Social"),),
    services=(ServiceOptions("social", "Social", "Social", (MAIL, FORM, APPOINTMENT)),),
)
QUERIES = [
    one
    for path in sorted((DASHBOARDS / "fr").glob("*.json"))
    for one in panel_queries(path)
    if f"{CORRECTED_SUFFIX}_" in one.expr
]
RECEIVED = f'contact_received{{}}_total{{{{job="corrected",queue="{SOCIAL.queue}"}}}}'
RIGHT, WRONG = 2, 7
"""Number of facts, and number of facts first counted with another duration and then corrected."""


def count(served: Served, number: int, *, wrong: bool = False, is_corrected: bool = False) -> None:
    """Count each fact for all dimensions, with different durations by kind; wrong ones are 40 times as long."""
    for place in PLACES:
        for at, fact in enumerate(facts_of(place)):
            amount = (at + 1) * (3 if place is SOCIAL else 90_000) * (40 if wrong else 1)
            write = served.worker.correct if is_corrected else served.worker.count
            for _ in range(number):
                write(place, served.now(), fact, amount=amount)


def of_job(query: str, job: str) -> str:
    """Return the query for one of both organisations."""
    return re.sub(r"\b((?:contact|post)_\w+)\{", rf'\1{{job="{job}", ', query)


def differences(prometheus: Prometheus, at: float) -> Iterator[tuple[PanelQuery, object, object]]:
    """Yield the queries with different results for both organisations, apart from extrapolation."""
    for one in QUERIES:
        corrected, true = (prometheus.query(of_job(one.query, job), at) for job in ("corrected", "true"))
        if corrected.keys() != true.keys() or any(
            corrected[labels] != pytest.approx(value, rel=0.25, abs=1e-6, nan_ok=True) for labels, value in true.items()
        ):
            yield one, corrected, true


def test_dashboard_query_is_exact_after_corrections_between_scrapes(tmp_path: Path) -> None:
    with (
        serving(OPTIONS, policies=VERSIONED_POLICIES) as organisation,
        serving(OPTIONS, policies=VERSIONED_POLICIES) as other,
    ):
        for served in (organisation, other):
            served.follow()
            for place in PLACES:
                served.worker.count(place, served.now())
        jobs = {"corrected": organisation.url.removeprefix("http://"), "true": other.url.removeprefix("http://")}
        with running(tmp_path / "prometheus", rules=shorten(tmp_path), jobs=jobs) as prometheus:

            def wait_for(series: str, value: float) -> None:
                wait_until(lambda: prometheus.value(series) == value, series)

            wait_for("min(sum_over_time(up[1m])) >= bool 3", 1)  # 3 successful scrapes: `up` is 0 if one timed out
            count(organisation, WRONG, wrong=True)
            wait_for(RECEIVED.format(""), WRONG)
            count(organisation, RIGHT)
            count(other, RIGHT)
            wait_for(RECEIVED.format(""), WRONG + RIGHT)
            count(organisation, WRONG, wrong=True, is_corrected=True)
            wait_for(RECEIVED.format(CORRECTED_SUFFIX), WRONG)

            def differ() -> list[object]:
                return list(differences(prometheus, time.time()))

            wait_until(
                lambda: not differ(), "equal results", otherwise=differ
            )  # a scrape may see a part of one `count`
            at = time.time()
            answered = [one for one in QUERIES if prometheus.query(of_job(one.query, "corrected"), at)]
            assert len(answered) == len(QUERIES) > 30, [one for one in QUERIES if one not in answered]
            mean = of_job(Scope().mean("contact_first_response_seconds", 'channel="mail"', window="1h"), "corrected")
            (fact,) = FIGURE_SCHEMAS[MAIL.channel].durations["first_response"].of
            true = (FIGURE_SCHEMAS[MAIL.channel].facts.index(fact) + 1) * 90_000
            assert prometheus.value(mean, at) == pytest.approx(true, rel=1e-6)
