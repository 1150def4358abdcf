"""Fixtures of the SQL connector tests."""

from collections.abc import Iterator

import pytest

from connectors.sdk import pull
from tests.support.sql_calls import Calls, Server, running_server


@pytest.fixture(scope="session", params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running_server(request.param) as server:
        yield server


@pytest.fixture
def calls(server: Server) -> Calls:
    if not server.runs:
        server.start()
    return Calls(server)


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "FIRST_PAUSE_SECONDS", 0.01)
