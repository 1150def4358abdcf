"""The settings that are shipped are valid: the example shows every setting, the demo the queues that are simulated."""

from pathlib import Path

import pytest

from connectors.asterisk.simulate import SERVICES
from connectors.simulator.house import (
    APPOINTMENTS,
    EMAILS,
    FORMS,
    HEADQUARTERS,
    LETTERS,
    MAARCH_LETTERS,
    VISITS,
)
from streams.configuration import describe, load
from streams.programs import configure_connectors
from streams.running import DEMO_FILE

EXAMPLE = Path(__file__).parents[3] / "deploy" / "accueil.example.toml"
MADE_UP = ("connectors.", "web.queues.", "web.services.")


def test_example_is_valid() -> None:
    settings = load(EXAMPLE)
    instances = configure_connectors(settings)
    assert [instance.source for instance in instances] == ["asterisk/siege"]
    assert settings.web.queues["rsa"].service == "solidarites"


def test_example_shows_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    defaults = {key: value for key, value, _ in describe(load()) if not key.startswith(MADE_UP)}
    example = load(EXAMPLE)
    shown = {key: value for key, value, _ in describe(example, EXAMPLE) if not key.startswith(MADE_UP)}
    assert shown.items() >= {key: value for key, value in defaults.items() if value not in ({}, None)}.items()
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [key for key in shown if key.rpartition(".")[2] not in text] == []


def test_demo_shows_the_queues_that_are_simulated() -> None:
    settings = load(DEMO_FILE)
    shown = {queue.place(name) for name, queue in settings.web.queues.items()}
    calls = {("call", HEADQUARTERS, service.label, service.label) for service in SERVICES}
    assert shown == calls | {("visit", *place) for place, _ in VISITS.places}


def test_demo_has_a_name_for_every_service_that_is_simulated() -> None:
    kinds = (LETTERS, MAARCH_LETTERS, EMAILS, FORMS, APPOINTMENTS)
    assert load(DEMO_FILE).web.services.keys() == {place.service for kind in kinds for place, _ in kind.places}
