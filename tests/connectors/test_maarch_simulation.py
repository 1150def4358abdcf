"""Simulated letters read by the Maarch connector, and refusals of the simulated server."""

import base64
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import connectors.maarch as maarch
from connectors.maarch.simulate.command import configuration
from connectors.maarch.simulate.maarch import SimulatedMaarch
from connectors.maarch.simulate.scenarios import LetterSimulation
from connectors.maarch.simulate.server import LOGIN, PASSWORD, MaarchRestApi
from connectors.sdk.simulation.http_app import serving
from connectors.sdk.testing import ConnectorHarness, comparable_form
from tests.support.simulations import simulate

BEGIN = datetime(2026, 3, 22, tzinfo=UTC)
PER_HOUR = 0.5
HOUR = timedelta(hours=1)
CONTACTS = "/rest/resources/{}/contacts?type=senders"


def harness(address: str, tmp_path: Path, name: str = "data") -> ConnectorHarness:
    return ConnectorHarness(maarch.CONNECTOR, configuration(address), tmp_path / name, tmp_path / "keys")


def test_events_match_the_simulated_letters(tmp_path: Path) -> None:
    """Compare the counts of twelve days, polled every four hours, with a clock change."""
    simulated, now = SimulatedMaarch(), BEGIN
    simulation = LetterSimulation(simulated, 7, BEGIN, PER_HOUR)
    counts: Counter[str] = Counter()
    ids = set()
    with serving(MaarchRestApi(simulated.database).app()) as address:
        connector = harness(address, tmp_path)
        while now < BEGIN + timedelta(days=12):
            now += 4 * HOUR
            simulation.advance(now)
            events = connector.read_all(confirm=True)
            counts.update(event.type for event in events)
            ids |= {event.id for event in events}
    assert counts == simulation.ledger
    assert len(counts) == 7
    assert len(ids) == counts.total()
    assert connector.rejected() == {}


def test_same_seed_gives_the_same_letters(tmp_path: Path) -> None:
    def read(seed: int, name: str, steps: int) -> list[bytes]:
        simulated = SimulatedMaarch()
        simulation = LetterSimulation(simulated, seed, BEGIN, PER_HOUR)
        for step in range(steps):
            simulation.advance(BEGIN + timedelta(days=2) * (step + 1) / steps)
        with serving(MaarchRestApi(simulated.database).app()) as address:
            return comparable_form(harness(address, tmp_path, name).read_all(confirm=True))

    assert read(1, "first", 1) == read(1, "again", 12) != read(2, "other", 1)


def test_command_prints_a_working_configuration(tmp_path: Path) -> None:
    with simulate(maarch.CONNECTOR, "--port", "0", "--days", "2") as options:
        connector = ConnectorHarness(maarch.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
        assert connector.probe().events.total() > 0


# -------------------------------------------------------------------------------------------------------------- refusals
@pytest.fixture
def rest() -> Iterator[tuple[MaarchRestApi, httpx.Client]]:
    simulated = SimulatedMaarch()
    simulated.register(BEGIN, "DAS", email="mireille.exemple@example.org")
    simulated.register(BEGIN, "DRT")
    server = MaarchRestApi(simulated.database)
    with serving(server.app()) as address, httpx.Client(base_url=address, auth=(LOGIN, PASSWORD)) as client:
        yield server, client


QUERY: dict[str, Any] = {"select": "res_id", "clause": "1=1", "orderBy": ["res_id"], "limit": 5}


def test_valid_requests_are_answered(rest: tuple[MaarchRestApi, httpx.Client]) -> None:
    _, client = rest
    answer = client.post("/rest/res/list", json=QUERY).json()
    assert answer == {"resources": [{"res_id": 1}, {"res_id": 2}], "count": 2}
    (contact,) = client.get(CONTACTS.format(1)).json()["contacts"]
    assert contact["email"] == "mireille.exemple@example.org"


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"select": ""}, "Bad Request: select is not valid"),
        ({"clause": None}, "Bad Request: clause is not valid"),
        ({"orderBy": "res_id"}, "Bad Request: orderBy parameter not valid"),
        ({"limit": "5"}, "Bad Request: limit parameter not valid"),
        ({"clause": "1=1; delete from res_letterbox"}, "La requête n'est pas valide"),
        ({"select": "(select 1)"}, "La requête n'est pas valide"),
        ({"select": "no_such_column"}, "La requête n'est pas valide"),
        ({"clause": "res_id >"}, "La requête n'est pas valide"),
    ],
)
def test_invalid_query_is_refused(
    rest: tuple[MaarchRestApi, httpx.Client], change: dict[str, Any], errors: str
) -> None:
    answer = rest[1].post("/rest/res/list", json=QUERY | change)
    assert (answer.status_code, answer.json()) == (400, {"errors": errors})


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic !", "Basic " + base64.b64encode(b"accueil:autre").decode(), "Bearer autre"],
)
def test_wrong_credentials_are_refused(rest: tuple[MaarchRestApi, httpx.Client], authorization: str) -> None:
    answer = httpx.post(str(rest[1].base_url) + "/rest/res/list", json=QUERY, headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()) == (401, {"errors": "Authentication Failed"})


def test_letters_out_of_perimeter_are_hidden(rest: tuple[MaarchRestApi, httpx.Client]) -> None:
    server, client = rest
    server.perimeter = "destination = 'DAS'"
    assert client.post("/rest/res/list", json=QUERY).json()["count"] == 1
    assert client.get(CONTACTS.format(1)).status_code == 200
    for letter in (2, 3, "x"):
        answer = client.get(CONTACTS.format(letter))
        assert (answer.status_code, answer.json()) == (403, {"errors": "Document out of perimeter"})


def test_user_without_groups_or_rights_is_refused(rest: tuple[MaarchRestApi, httpx.Client]) -> None:
    server, client = rest
    server.authorized = ["GET/resources/{resId}/contacts"]
    answer = client.post("/rest/res/list", json=QUERY)
    assert (answer.status_code, answer.json()) == (403, {"errors": "This route is not authorized for this user"})
    server.authorized, server.perimeter = (), None
    answer = client.post("/rest/res/list", json=QUERY)
    assert (answer.status_code, answer.json()) == (400, {"errors": "User has no groups"})
