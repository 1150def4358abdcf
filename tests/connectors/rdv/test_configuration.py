"""Settings, `accueil connectors check` and `accueil simulate rdv`."""

from pathlib import Path
from typing import Any

import pytest

import connectors.rdv as rdv
from connectors.rdv.config import RdvConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from connectors.sdk.testing import ConnectorHarness
from streams.kafka.ports import free_port
from tests.support.rdv_harness import OTHER, RdvHarness, book, hours, options
from tests.support.simulations import simulate


def test_a_probe_reads_a_page_of_each_organisation(place: RdvHarness) -> None:
    book(place.service, hours(-3), hours(30))
    book(place.service, hours(-3), hours(30), organisation=OTHER)
    found = place.harness.probe()
    assert (found.records, found.events) == (2, {"appointment.booked": 2})
    with place.connected():
        place.run_round()
    assert len(place.events) == 2


def test_a_probe_without_api_listens(tmp_path: Path) -> None:
    harness = ConnectorHarness(rdv.CONNECTOR, options(), tmp_path / "data", tmp_path / "keys")
    assert harness.probe().records == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"secret": ""}, "secret is empty"),
        ({"organisations": {}, "api": {"email": "a@example.org", "password": "x"}}, "organisations must name"),
        ({"api": {"email": "nobody", "password": "x"}}, "api.email must be an e-mail address"),
        ({"api": {"email": "a@example.org"}}, "api needs either oauth, or email and password"),
        ({"api": {}}, "api needs either oauth, or email and password"),
        (
            {"api": {"email": "a@example.org", "password": "x", "url": "http://example.org"}},
            "api.url must begin with https://",
        ),
        ({"motifs": {"101": {"que": "x"}}}, "motifs.101.que is unknown; did you mean essai.motifs.101.queue"),
    ],
)
def test_mistakes_in_the_configuration_are_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match="essai") as refusal:
        parse(RdvConfig, "essai", options(**more))
    assert words in str(refusal.value)


def test_the_command_prints_the_configuration_that_reads_it(tmp_path: Path) -> None:
    with simulate(rdv.CONNECTOR, "--port", "0", "--to", str(free_port())) as options:
        harness = ConnectorHarness(rdv.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
        assert "appointment.booked" in harness.probe().events
