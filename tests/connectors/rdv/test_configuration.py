"""Settings of the RDV connector, and `accueil connectors check`."""

from pathlib import Path
from typing import Any

import pytest

import connectors.rdv as rdv
from connectors.rdv.config import RdvConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from connectors.sdk.testing import ConnectorHarness
from tests.support.rdv_harness import OTHER, RdvHarness, book, hours, options


def test_probe_reads_a_page_per_organisation(system: RdvHarness) -> None:
    book(system.service, hours(-3), hours(30))
    book(system.service, hours(-3), hours(30), organisation=OTHER)
    found = system.harness.probe()
    assert (found.records, found.events) == (2, {"appointment.booked": 2})
    with system.connected():
        system.run_round()
    assert len(system.events) == 2


def test_probe_without_api_listens(tmp_path: Path) -> None:
    harness = ConnectorHarness(rdv.CONNECTOR, options(), tmp_path / "data", tmp_path / "keys")
    assert harness.probe().records == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret": ""}, "secret is empty"),
        ({"organisations": {}, "api": {"email": "a@example.org", "password": "x"}}, "organisations must list"),
        ({"api": {"email": "nobody", "password": "x"}}, "api.email must be an e-mail address"),
        ({"api": {"email": "a@example.org"}}, "api needs either oauth or email and password"),
        ({"api": {}}, "api needs either oauth or email and password"),
        (
            {"api": {"email": "a@example.org", "password": "x", "url": "http://example.org"}},
            "api.url must begin with https://",
        ),
        ({"motifs": {"101": {"que": "x"}}}, "motifs.101.que is unknown; did you mean essai.motifs.101.queue"),
    ],
)
def test_configuration_errors_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match="essai") as refusal:
        parse(RdvConfig, "essai", options(**changes))
    assert message in str(refusal.value)
