"""Tests with a real Prometheus: its answers equal the figures of the board."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path

import httpx
import pytest

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.options import QueueOptions, ServiceOptions, WebOptions
from tests.support.processes import wait_until
from tests.support.prometheus import Prometheus, running, shorten
from tests.unit.web.sla_policies import ACKNOWLEDGED, VERSIONED_POLICIES
from tests.web.live import AFTERNOON
from tests.web.rows import MAIL, ROADS, SOCIAL
from tests.web.served import Served, serving

ANSWERED = Dimensions(SLA, "siege", "routes", "telephone:answer:call")


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(WebOptions(brokers="", queues=(QueueOptions(ROADS, "Routes", "Roads"),)), AFTERNOON) as served:
        served.follow()
        yield served


@pytest.fixture
def prometheus(served: Served, tmp_path: Path) -> Iterator[Prometheus]:
    with running(tmp_path / "prometheus", served.url.removeprefix("http://")) as prometheus:
        yield prometheus


def test_prometheus_returns_the_figures_of_the_board(served: Served, prometheus: Prometheus) -> None:
    now = served.now()
    served.worker.stocks(SOCIAL, now - timedelta(seconds=192), waiting=3, agents_available=2)
    for wait in (5, 20, 21, 100):
        served.worker.answered(SOCIAL, now, wait, handle_seconds=61)
    served.worker.abandoned(SOCIAL, now, 300)

    def scraped_at() -> float | None:
        samples = chain(*prometheus.scraped('contact_received_total{queue="aide-sociale"}').values())
        return next((at for at, received in samples if received == 5), None)

    wait_until(scraped_at, "a scrape of all figures")
    at = scraped_at()  # later scrapes may fail on a busy machine

    queue = next(
        queue
        for queue in httpx.get(f"{served.url}/api/board").json()["board"]["queues"]
        if queue["queue"] == SOCIAL.queue
    )
    level = queue["today"]["service_level"]
    one = '{queue="aide-sociale",formula="net_of_short"}'
    ratio = f"contact_service_level_numerator_total{one} / contact_service_level_denominator_total{one}"
    assert prometheus.value(ratio, at) == level["numerator"] / level["denominator"] == 0.4
    waiting, available = '{queue="aide-sociale",state="waiting"}', '{queue="aide-sociale",state="available"}'
    assert prometheus.value(f"contact_backlog_items{waiting}", at) == queue["waiting"] == 3
    assert prometheus.value(f"contact_agents{available}", at) == queue["agents_available"] == 2
    assert prometheus.value('contact_wait_seconds_bucket{queue="aide-sociale",le="20.0"}', at) == level["numerator"]
    oldest = prometheus.value("contact_oldest_item_timestamp_seconds", at)
    assert oldest is not None
    assert abs(1000 * oldest - queue["oldest_waiting_at"]) < 1
    assert prometheus.value('contact_received_total{queue="routes"}', at) == 0, "known before its first call"

    served.worker.answered(SOCIAL, now, 1)
    wait_until(
        lambda: (prometheus.value('increase(contact_answered_total{queue="aide-sociale"}[1m])') or 0) > 0,
        "the counter to rise",
    )
    assert prometheus.value("up", at) == 1
    assert prometheus.value("scrape_samples_scraped - scrape_samples_post_metric_relabeling", at) == 0


def test_prometheus_evaluates_the_recording_rules(tmp_path: Path) -> None:
    options = WebOptions(brokers="", services=(ServiceOptions("social", "Social", "Social", (MAIL,)),))
    with serving(options, policies=VERSIONED_POLICIES) as served:
        served.follow()
        late = served.now() - timedelta(days=4)
        served.worker.count(ACKNOWLEDGED, late, "started", "breached", "due")
        served.worker.stocks(ACKNOWLEDGED, late, overdue=1)
        served.worker.count(ANSWERED, served.now(), "started", "met")
        an_hour_ago = served.now() - timedelta(hours=1)
        served.worker.progress(an_hour_ago, history={"mail": int(late.timestamp() * 1000)})
        target, rules = served.url.removeprefix("http://"), shorten(tmp_path)
        with running(tmp_path / "prometheus", target, rules=rules) as prometheus:
            expected = {rule["name"] for rule in prometheus.rules() if rule["type"] == "recording"}

            def missing() -> set[str]:
                recorded = prometheus.query('count by (__name__) ({__name__=~".+:.+"})')
                return expected - {name for ((_, name),) in recorded}

            wait_until(lambda: not missing(), "all that is recorded", otherwise=missing)
            assert {rule["health"] for rule in prometheus.rules()} == {"ok"}

            def last(query: str) -> float | None:  # recorded before a scrape that failed on a busy machine
                return prometheus.value(f"last_over_time({query}[1m])")

            which = '{channel="mail",site="siege",service="social",policy="courrier",clock="acknowledge"'
            one = "place_policy_clock"
            assert last(f'{one}_state:contact_sla_open_items:max{which},state="overdue"}}') == 1
            assert last(f'{one}_horizon:contact_sla_due_items:max{which},horizon="7d"}}') == 0
            assert last(f'{one}_result:contact_sla_completed:net{which},result="breached"}}') == 1
            assert last('policy_clock:contact_sla_objective:max{policy="telephone"}') == 0.8
            summaries = [one["annotations"]["summary_en"] for one in prometheus.get("alerts")["alerts"]]
            assert "Always firing" in summaries
