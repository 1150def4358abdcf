"""Tests of the dashboards: up to date and valid."""

import re
from math import sqrt
from typing import Literal

import pytest

from grafana.generator import DASHBOARDS, PAGES, generate
from grafana.promql import wilson_bound
from grafana.shared_panels import WAITING_THRESHOLDS
from grafana.texts import LANGUAGES
from streams.web.options import QueueOptions
from tests.support.dashboards import FILES, panel_queries, panels, read, selectors
from tests.support.metrics_page import ENTRIES
from tests.support.prometheus import DEPLOYED, RULES
from tests.web.rows import SOCIAL

NAMES = [path.relative_to(DASHBOARDS).as_posix() for path in FILES]


def test_committed_dashboards_are_up_to_date() -> None:
    written = generate()
    assert written.keys() == set(NAMES), "python -m grafana"
    for name, text in written.items():
        assert (DASHBOARDS / name).read_text(encoding="utf-8") == text, f"{name} is not current: python -m grafana"


def test_each_page_has_its_own_uid_in_both_languages() -> None:
    assert len({read(path)["uid"] for path in FILES}) == len(FILES) == len(PAGES) * len(LANGUAGES)
    for page in PAGES:
        french, english = (read(DASHBOARDS / language / f"{page.name}.json") for language in LANGUAGES)
        assert [one["id"] for one in french["panels"]] == [one["id"] for one in english["panels"]]
        for one, other in zip(panels(french), panels(english), strict=True):
            assert [target["expr"] for target in one["targets"]] == [target["expr"] for target in other["targets"]]
            assert one["description"] != other["description"]


def test_each_query_uses_the_variables_of_its_page() -> None:
    for page in PAGES:
        business = [
            one for one in panel_queries(DASHBOARDS / "fr" / f"{page.name}.json") if "contact_received" in one.expr
        ]
        assert all(f'{name}=~"${name}"' in one.expr for one in business for name in page.scope.variables)


def test_queries_use_described_metrics_and_rules() -> None:
    rules = "".join(path.read_text(encoding="utf-8") for path in RULES)
    known = {"up", "ALERTS", *ENTRIES, *re.findall(r"record: (\S+)", rules)}
    series = {found for path in FILES for one in panel_queries(path) for found in selectors(one.query)}
    assert {re.sub(r"_(bucket|sum|count)$", "", re.split(r"[{ ]", one)[0]) for one in series} <= known


def test_thresholds_are_the_defaults_of_the_board() -> None:
    assert QueueOptions(SOCIAL, "", "").waiting == WAITING_THRESHOLDS


def test_bounds_of_a_share_are_wilson_bounds() -> None:
    def bound(sign: Literal["+", "-"]) -> float:
        query = wilson_bound("0.7", "50", sign).replace("^", "**").replace("\n", " ")
        return float(eval(query, {"sqrt": sqrt}))

    assert bound("-") == pytest.approx(0.5625, abs=5e-4)
    assert bound("+") == pytest.approx(0.8090, abs=5e-4)


def test_provisioning_matches_the_files_and_the_scrape_interval() -> None:
    provisioning = DASHBOARDS.parent / "provisioning"
    paths = re.findall(r"path: (.+)", (provisioning / "dashboards" / "accueil.yml").read_text(encoding="utf-8"))
    assert paths == [f"${{ACCUEIL_GRAFANA}}/{DASHBOARDS.name}/{language}" for language in LANGUAGES]
    source = (provisioning / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    scraped = re.search(r"scrape_interval: (\w+)", (DEPLOYED / "prometheus.example.yml").read_text(encoding="utf-8"))
    assert scraped
    assert f"timeInterval: {scraped[1]}" in source
