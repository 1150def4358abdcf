"""Shipped settings: the example has every setting, the demo all simulated queues and services."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.sdk.simulation.call_profile import SERVICES, CallProfile
from connectors.simulator.organisation import (
    APPOINTMENTS,
    CONTACT_REASONS,
    EMAILS,
    FORMS,
    HEADQUARTERS,
    ILLISA_FORMS,
    LETTERS,
    MAARCH_LETTERS,
    VISITS,
)
from models.policies import Policies
from streams.runtime.instance_lock import DEMO_FILE
from streams.runtime.process_specs import configure_connectors
from streams.settings.loader import describe, load
from streams.settings.sla_file import load_policies

EXAMPLE = Path(__file__).parents[3] / "deploy" / "accueil.example.toml"
EXAMPLE_TABLES = ("connectors.", "web.queues.", "web.services.")


def test_example_is_valid() -> None:
    settings = load(EXAMPLE)
    instances = configure_connectors(settings)
    assert [instance.source for instance in instances] == ["asterisk/siege"]
    assert settings.web.queues["rsa"].service == "solidarites"


def test_example_has_every_setting_with_its_default() -> None:
    defaults = {key: value for key, value, _ in describe(load()) if not key.startswith(EXAMPLE_TABLES)}
    example = load(EXAMPLE)
    shown = {key: value for key, value, _ in describe(example, EXAMPLE) if not key.startswith(EXAMPLE_TABLES)}
    assert shown.items() >= {key: value for key, value in defaults.items() if value not in ({}, None)}.items()
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [key for key in shown if key.rpartition(".")[2] not in text] == []


def test_demo_lists_all_simulated_queues() -> None:
    settings = load(DEMO_FILE)
    listed = {queue.place(name) for name, queue in settings.web.queues.items()}
    calls = {("call", HEADQUARTERS, service.label, service.label) for service in SERVICES}
    assert listed == calls | {("visit", *place) for place, _ in VISITS.places}


def test_demo_names_all_simulated_services() -> None:
    kinds = (LETTERS, MAARCH_LETTERS, EMAILS, FORMS, ILLISA_FORMS, APPOINTMENTS)
    assert load(DEMO_FILE).web.services.keys() == {place.service for kind in kinds for place, _ in kind.places}


def test_demo_names_the_simulated_reasons_for_contact() -> None:
    listed = {name: (reason.label_fr, reason.label_en) for name, reason in load(DEMO_FILE).contact_reasons.items()}
    assert listed == {name: (reason.label_fr, reason.label_en) for name, reason in CONTACT_REASONS.items()}


def test_demo_calendars_are_open_whenever_simulated_systems_are() -> None:
    settings = load(DEMO_FILE)
    assert settings.sla
    policies = load_policies(settings.sla)
    simulated = {name: CallProfile(1, always=True) for name in ("call", "visit")}
    services = {service.label: service for service in SERVICES}
    begin = datetime(2026, 12, 21, tzinfo=UTC)  # a week with a public holiday
    for hour in range(7 * 24):
        at = begin + timedelta(hours=hour)
        ms = int(at.timestamp() * 1000)
        for table, queue in settings.web.queues.items():
            place = queue.place(table)
            (name, *_) = [policy.calendar for policy in policies.in_force(ms) if policy.match.fits(*place)]
            accepts = simulated[place.channel].is_open(services[place.service], at.timestamp())
            assert policies.calendars[name].is_open(ms) == accepts, (place, at)


def test_demo_has_the_sla_targets_of_the_example() -> None:
    demo, example = (load_policies(DEMO_FILE.with_name(name)) for name in ("demo_sla.toml", "example_sla.toml"))
    at = int(datetime(2026, 12, 21, tzinfo=UTC).timestamp() * 1000)

    def targets(policies: Policies) -> list[object]:
        return [(policy.name, policy.match, policy.clocks) for policy in policies.in_force(at)]

    assert targets(demo) == targets(example)
