"""Illisa: its database, its API, and the mapping files that read them."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from connectors.sdk import registry
from connectors.sdk.config import parse
from connectors.sdk.contract import Connector
from connectors.sdk.mapping.config import read_mapping
from connectors.sdk.simulation.http_app import serving
from connectors.sdk.testing import ConnectorHarness
from connectors.simulator import illisa
from connectors.simulator.illisa.platform import LARGEST_PAGE, PATH, TOKEN, Illisa
from connectors.simulator.illisa.procedures import PROCEDURES, Step
from connectors.simulator.illisa.walk import changes
from models.events import Event
from tests.support.state_tables import expected_facts, facts

FOLDER = Path(illisa.__file__).parent
AT = datetime(2026, 3, 16, 9, tzinfo=UTC)
SETTINGS: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "accueil.toml").read_text(encoding="utf-8"))["connectors"]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Illisa]:
    with closing(Illisa(tmp_path / "illisa.db")) as opened:
        yield opened


@pytest.fixture
def client(platform: Illisa) -> Iterator[TestClient]:
    with TestClient(platform.app, headers={"Authorization": f"Bearer {TOKEN}"}) as opened:
        yield opened


def address(procedure: str = "notaires") -> str:
    return PATH.format(procedure=procedure)


@pytest.mark.parametrize("name", PROCEDURES)
def test_a_mapping_names_every_state_of_its_procedure(name: str) -> None:
    mapping = read_mapping(str(FOLDER / f"{name}.toml"))
    assert mapping["values"]["state"].keys() == {str(state) for state in PROCEDURES[name].states.values()}
    assert mapping["service"] == mapping["procedure"] == {"value": name}


def options_of(instance: str, tmp_path: Path) -> tuple[Connector[Any], dict[str, Any]]:
    """Return the connector of an instance and its options."""
    options = dict(SETTINGS[instance])
    name = options.pop("connector")
    options["mapping"] = str(FOLDER / Path(options["mapping"]).name)
    if name == "http":
        (tmp_path / "token").write_text(TOKEN)
        options["auth"] = {"bearer": {"token_file": str(tmp_path / "token")}}
    return registry.load(name), options


@pytest.mark.parametrize("instance", SETTINGS)
def test_the_connector_accepts_the_settings(instance: str, tmp_path: Path) -> None:
    connector, options = options_of(instance, tmp_path)
    parse(connector.config, instance, options)


@pytest.mark.parametrize("instance", SETTINGS)
def test_the_connector_reads_what_can_be_seen(instance: str, tmp_path: Path) -> None:
    connector, options = options_of(instance, tmp_path)
    name = Path(options["mapping"]).stem
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
    polls = [start + timedelta(days=days) for days in (5, 9, 20)]
    walk = takewhile(lambda change: change.at <= polls[-1], changes(3, start))
    own = [change for change in walk if change.procedure == name]
    with closing(Illisa(tmp_path / "illisa.db")) as platform, serving(platform.app) as url:
        if connector.name == "sql":
            options["url"] = f"sqlite:///{tmp_path}/illisa.db"
        else:
            options |= {"url": f"{url}{httpx.URL(options['url']).path}", "requests_per_second": 1000}
        harness = ConnectorHarness(connector, {**options, "poll_seconds": 1}, tmp_path / "data", tmp_path / "keys")
        found: list[Event] = []
        for before, poll in pairwise([start, *polls]):
            with platform.transaction():
                for change in own:
                    if before < change.at <= poll:
                        platform.advance(name, change.number, change.step, change.at)
            found += harness.read_all(confirm=True)
    assert harness.rejected() == {}
    assert facts(found) == expected_facts(own, polls)
    assert {event.service for event in found} == {name}
    assert any(event.identities for event in found)


def test_the_settings_read_each_procedure_once() -> None:
    files = [Path(options["mapping"]).stem for options in SETTINGS.values()]
    assert sorted(files) == sorted(PROCEDURES)
    listed = {name for name, procedure in PROCEDURES.items() if procedure.is_listed_by_api}
    assert {
        file for file, options in zip(files, SETTINGS.values(), strict=True) if options["connector"] == "http"
    } == listed


def test_a_row_has_the_state_and_the_time_since_which_it_has_it(platform: Illisa, tmp_path: Path) -> None:
    platform.advance("transport-adapte", 7, Step.SUBMITTED, AT)
    platform.advance("transport-adapte", 7, Step.TAKEN_UP, AT + timedelta(hours=3))
    with closing(sqlite3.connect(tmp_path / "illisa.db")) as database:
        rows = database.execute("SELECT numero, state, changed_at, created_at FROM transport_demande").fetchall()
    assert rows == [(7, "en_instruction", "2026-03-16 12:00:00", "2026-03-16 09:00:00")]


def test_changes_of_a_transaction_become_visible_together_or_not_at_all(platform: Illisa, client: TestClient) -> None:
    def create(procedure: str) -> None:
        with platform.transaction():
            platform.advance("notaires", 1, Step.SUBMITTED, AT)
            assert client.get(address()).json()["dossiers"] == []
            platform.advance(procedure, 1, Step.SUBMITTED, AT)

    with pytest.raises(KeyError):
        create("unknown")
    assert client.get(address()).json()["dossiers"] == []
    create("arretes-voirie")
    assert len(client.get(address()).json()["dossiers"]) == 1


def test_the_api_lists_cases_by_pages_and_since_a_time(platform: Illisa, client: TestClient) -> None:
    with platform.transaction():
        for number in range(1, LARGEST_PAGE + 3):
            platform.advance("notaires", number, Step.SUBMITTED, AT + timedelta(minutes=number))
    pages = [client.get(address(), params={"page": page}).json()["dossiers"] for page in (1, 2, 3)]
    assert [[case["numero"] for case in page] for page in pages] == [
        [*range(1, LARGEST_PAGE + 1)],
        [LARGEST_PAGE + 1, LARGEST_PAGE + 2],
        [],
    ]
    since = client.get(address(), params={"modifie_depuis": "2026-03-16T12:22:00Z"}).json()["dossiers"]
    assert since == [
        {
            "numero": 202,
            "reference": "EN-2026-00202",
            "depose_le": "2026-03-16T12:22:00Z",
            "etat": {"code": "recu", "depuis": "2026-03-16T12:22:00Z"},
            "etude": since[0]["etude"],
        }
    ]
    assert since[0]["etude"].keys() == {"nom", "courriel", "telephone"}


@pytest.mark.parametrize(
    ("path", "params", "headers", "status"),
    [
        (address(), {}, {"Authorization": "Bearer other"}, 401),
        (address("unknown"), {}, {}, 404),
        (address("transport-adapte"), {}, {}, 404),
        (address(), {"page": "x"}, {}, 400),
        (address(), {"modifie_depuis": "yesterday"}, {}, 400),
    ],
)
def test_the_api_refuses(
    client: TestClient, path: str, params: dict[str, str], headers: dict[str, str], status: int
) -> None:
    assert client.get(path, params=params, headers=headers).status_code == status


def test_the_program_fills_the_database_and_serves_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "connectors.simulator.illisa", "--into", str(tmp_path / "illisa"), "--days", "2"]
    with subprocess.Popen(
        [*command, "--live", "--port", "0", "--pace", "50"], stdout=subprocess.PIPE, text=True
    ) as live:
        assert live.stdout
        filled = re.fullmatch(r".*illisa\.db: (\d+) changes\n", live.stdout.readline())
        assert filled
        assert int(filled[1]) > 100
        url = live.stdout.readline().strip()
        answer = httpx.get(f"{url}{address()}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert len(json.loads(answer.content)["dossiers"]) == LARGEST_PAGE
        live.send_signal(signal.SIGTERM)
        assert live.wait(30) == 0
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "exists: choose another directory" in again.stderr
