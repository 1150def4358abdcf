"""Prometheus process for tests, and the shipped rules."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from connectors.sdk.ports import free_port
from streams.kafka.child_processes import die_with_parent
from tests.support.processes import ROOT, wait_until

DEPLOYED = ROOT / "deploy" / "prometheus"
RULES = sorted((DEPLOYED / "rules").glob("*.yml"))
SLA_RULES, RECORDING = (DEPLOYED / "rules" / f"{name}.yml" for name in ("sla_targets", "recording"))


def find(name: str) -> str:
    """Return the path of a program of the package `prometheus`."""
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install prometheus"
    return found


class Prometheus:
    """Client of the HTTP API of a running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **params: str) -> Any:
        """Return the data of an API response. Raises `httpx.HTTPError` until Prometheus is up."""
        response = httpx.get(f"{self._url}/api/v1/{path}", params=params, timeout=60)
        return response.raise_for_status().json()["data"]

    def query(self, query: str, at: float | None = None) -> Any:
        """Return the values of a query by labels, now or at a time in seconds. Raises `httpx.HTTPError`."""
        found = self.get("query", query=query, **({} if at is None else {"time": repr(at)}))["result"]
        return {tuple(sorted(result["metric"].items())): float(result["value"][1]) for result in found}

    def value(self, query: str, at: float | None = None) -> float | None:
        """Return the single value of `query`, now or at a time in seconds, or None if it has no value."""
        try:
            (value,) = self.query(query, at).values()
        except (httpx.HTTPError, ValueError):
            return None
        return float(value)

    def scraped(self, series: str) -> dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]:
        """Return the scraped samples of `series` as (time, value) by labels."""
        found = self.get("query", query=f"{series}[1h]")["result"]
        return {
            tuple(sorted(result["metric"].items())): [(at, float(value)) for at, value in result["values"]]
            for result in found
        }

    def rules(self) -> list[dict[str, Any]]:
        """Return the loaded rules in the format of the API."""
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self._url}/-/ready").is_success
        except httpx.HTTPError:
            return False


@contextmanager
def running(
    directory: Path,
    *targets: str,
    rules: list[Path] | None = None,
    jobs: Mapping[str, str] | None = None,
    every: str = "1s",
) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes `targets` as accueil-web and one target per entry of `jobs`.

    `every` is the interval of scrapes and of rule evaluations.
    """
    directory.mkdir(exist_ok=True)
    scraped = [("accueil-web", list(targets)), *((job, [target]) for job, target in (jobs or {}).items())]
    settings = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(path) for path in rules or []],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": found}]} for job, found in scraped if found
        ],
    }
    config = directory / "prometheus.yml"
    config.write_text(json.dumps(settings), encoding="utf-8")
    port = free_port()
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                find("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
        )
    prometheus = Prometheus(port)
    try:
        wait_until(prometheus.is_ready, "Prometheus")
        yield prometheus
    finally:
        process.kill()
        process.wait()


def shorten(directory: Path) -> list[Path]:
    """Return copies of the rules with all offsets set to two seconds, because tests cannot wait four weeks."""
    rules = []
    for path in RULES:
        rules.append(directory / path.name)
        rules[-1].write_text(re.sub(r"offset \w+", "offset 2s", path.read_text(encoding="utf-8")), encoding="utf-8")
    return rules


@cache
def read_rules() -> list[dict[str, Any]]:
    """Return all shipped rules as loaded by Prometheus."""
    with TemporaryDirectory() as directory, running(Path(directory) / "prometheus", rules=RULES) as prometheus:
        return prometheus.rules()


def read_alerts() -> dict[str, dict[str, Any]]:
    """Return the shipped alerting rules by name."""
    return {rule["name"]: rule for rule in read_rules() if rule["type"] == "alerting"}
