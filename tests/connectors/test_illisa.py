"""Illisa: its database, its API, and the mapping files that read them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from connectors.sdk import registry
from connectors.sdk.config import parse
from connectors.sdk.contract import Connector
from connectors.sdk.mapping.config import read_mapping
from connectors.sdk.testing import ConnectorHarness
from connectors.simulator.actions import Action, ActionKind, CitizenCase, Place
from connectors.simulator.illisa.platform import LARGEST_PAGE, PATH, TOKEN, Illisa
from connectors.simulator.illisa.procedures import PROCEDURES, Step
from connectors.simulator.organisation import HEADQUARTERS, SECTOR
from connectors.simulator.population import citizen
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.illisa import MAPPINGS, IllisaApi, IllisaSystem, IllisaTables
from models.events import Event
from models.topics import Channel
from tests.support.illisa_walk import changes
from tests.support.state_tables import expected_facts, facts

AT = datetime(2026, 3, 16, 9, tzinfo=UTC)
CITIZEN = citizen(1, 7)


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
    mapping = read_mapping(str(MAPPINGS / f"{name}.toml"))
    assert mapping["values"]["state"].keys() == {str(state) for state in PROCEDURES[name].states.values()}
    assert mapping["service"] == mapping["procedure"] == {"value": name}


def make_systems(directory: Path) -> list[IllisaSystem]:
    simulation_run = SimulationRun(directory / "systems")
    return [IllisaTables(simulation_run), IllisaApi(simulation_run)]


def options_of(system: IllisaSystem, name: str) -> tuple[Connector[Any], dict[str, Any]]:
    """Return the connector of a procedure and its options."""
    options = system.connectors()[name]
    return registry.load(options.pop("connector")), options


def test_the_connectors_accept_the_settings_and_read_each_procedure_once(tmp_path: Path) -> None:
    names = []
    for system in make_systems(tmp_path):
        for name in system.connectors():
            connector, options = options_of(system, name)
            parse(connector.config, name, options)
            names.append(name)
    assert sorted(names) == sorted(PROCEDURES)


@pytest.mark.parametrize("name", PROCEDURES)
def test_the_connector_reads_what_can_be_seen(name: str, tmp_path: Path) -> None:
    system = next(system for system in make_systems(tmp_path) if name in system.names)
    connector, options = options_of(system, name)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
    polls = [start + timedelta(days=days) for days in (5, 9, 20)]
    walk = takewhile(lambda change: change.at <= polls[-1], changes(3, start))
    own = [change for change in walk if change.procedure == name]
    system.open()
    with closing(system):
        options |= {"poll_seconds": 1} | ({"requests_per_second": 1000} if connector.name == "http" else {})
        harness = ConnectorHarness(connector, options, tmp_path / "data", tmp_path / "keys")
        found: list[Event] = []
        for before, poll in pairwise([start, *polls]):
            for change in own:
                if before < change.at <= poll:
                    change.apply(system.platform)
            found += harness.read_all(confirm=True)
    assert harness.rejected() == {}
    assert facts(found) == expected_facts(own, polls)
    assert {(event.site, event.service, event.sector) for event in found} == {(HEADQUARTERS, name, SECTOR)}
    assert any(event.identities for event in found)


def test_the_simulation_waits_until_the_connectors_have_read_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("connectors.simulator.systems.illisa.time.monotonic", lambda: now)
    system = make_systems(tmp_path)[0]
    case = CitizenCase(1, Channel.FORM, Place(HEADQUARTERS, "arretes-voirie", "arretes-voirie"), CITIZEN)
    system.open()
    with closing(system):
        system.restore(Action(AT, ActionKind.FORM_SUBMITTED, case))
        assert system.drain()
        system.run(Action(AT + timedelta(days=1), ActionKind.FORM_TAKEN_UP, case))
        now += 2 * system.options()["poll_seconds"] - 0.1
        assert not system.drain()
        now += 0.2
        assert system.drain()


def test_a_row_has_the_state_and_the_time_since_which_it_has_it(platform: Illisa, tmp_path: Path) -> None:
    platform.submit("transport-adapte", 7, AT, CITIZEN)
    platform.advance("transport-adapte", 7, Step.TAKEN_UP, AT + timedelta(hours=3))
    with closing(sqlite3.connect(tmp_path / "illisa.db")) as database:
        rows = database.execute("SELECT numero, state, changed_at, created_at FROM transport_demande").fetchall()
    assert rows == [(7, "en_instruction", "2026-03-16 12:00:00", "2026-03-16 09:00:00")]


def test_only_the_cases_of_the_named_procedures_are_deleted(platform: Illisa, client: TestClient) -> None:
    platform.submit("notaires", 1, AT, CITIZEN)
    platform.clear(["arretes-voirie"])
    assert len(client.get(address()).json()["dossiers"]) == 1
    platform.clear(["arretes-voirie", "notaires"])
    assert client.get(address()).json()["dossiers"] == []


def test_the_api_lists_cases_by_pages_and_since_a_time(platform: Illisa, client: TestClient) -> None:
    for number in range(1, LARGEST_PAGE + 3):
        platform.submit("notaires", number, AT + timedelta(minutes=number), CITIZEN)
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
            "etude": {"nom": CITIZEN.name, "courriel": CITIZEN.email, "telephone": CITIZEN.phone},
        }
    ]


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
