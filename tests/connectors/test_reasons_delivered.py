"""Reasons for contact on their way through a connector: each once, after a kill, an outage or a replay too."""

from collections import Counter
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry

import connectors.sdk.tail
import connectors.table as table
import connectors.webhook as webhook
from connectors.asterisk import CONNECTOR
from connectors.asterisk.simulate import configuration, simulate_day
from connectors.sdk import rejects
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons, ReasonRule
from connectors.sdk.instance import Instance, InstanceRunner
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.record import unpack
from connectors.sdk.replay import replay
from connectors.sdk.runner import configure
from connectors.sdk.simulation.call_profile import SERVICES
from connectors.sdk.spool import Spool
from connectors.sdk.testing import INSTANCE, ConnectorHarness, FakeBroker, ManualPublisher
from connectors.sdk.testing.kill_injector import KillInjector
from models.codec import decode
from models.events import Event
from models.ids import event_id
from models.reasons import Reason
from tests.support.webhooks import OPTIONS, message, post, running_connector, sign

LABELS = [service.label for service in SERVICES]
REASONS = ContactReasons(
    [
        ReasonRule("premier", queues=tuple(LABELS[:1]), menu_options=tuple(LABELS[:1])),
        ReasonRule("autres", queues=tuple(LABELS)),
    ]
)
WRAP_UP = {"custom_events": {"WRAPUP": "reason"}}
CALL = b"1773650000|1773650000.1|"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(connectors.sdk.tail, "CHUNK_BYTES", 4096)
    path = tmp_path / "queue_log"
    simulate_day(path, day=date(2026, 3, 16), seed=11, calls=40)
    return path


def harness(log: Path, directory: Path, reasons: ContactReasons = REASONS) -> ConnectorHarness:
    return ConnectorHarness(CONNECTOR, configuration(log), directory, log.parent / "keys", reasons)


def expected(causes: list[Event]) -> Counter[tuple[str, str]]:
    """Return subject and reason of each event that the rules give for `causes`, by a second plain implementation."""
    found: Counter[tuple[str, str]] = Counter()
    for cause in causes:
        data: Any = cause.data
        if cause.type == "call.queued":
            found[cause.subject, "premier" if data.queue == LABELS[0] else "autres"] += 1
        elif cause.type == "call.menu_chosen" and data.option == LABELS[0]:
            found[cause.subject, "premier"] += 1
    return found


def set_by(events: list[Event]) -> Counter[tuple[str, str]]:
    return Counter((event.subject, event.data.contact_reason) for event in events if event.type == "contact.reason_set")


def test_each_cause_gives_one_reason_directly_after_a_kill_and_from_the_spool(log: Path, tmp_path: Path) -> None:
    causes = harness(log, tmp_path / "plain", NO_REASONS).read_all(confirm=True)
    assert not set_by(causes)
    direct = harness(log, tmp_path / "direct").read_all(confirm=True)
    assert set_by(direct) == expected(causes)
    assert set_by(direct).total() > 50
    ids = [event.id for event in direct]
    reasons = {event.id for event in direct if event.type == "contact.reason_set"}
    assert [one for one in ids if one not in reasons] == [cause.id for cause in causes]
    assert len(ids) == len(set(ids))

    kills, broker, killed = KillInjector(tmp_path), FakeBroker(), harness(log, tmp_path / "killed")
    killed.run_with_kills(broker, kills)
    assert kills.count > 10
    assert list(dict.fromkeys(event.id for event in broker.events)) == ids


def test_meters_count_the_reasons(log: Path, tmp_path: Path) -> None:
    broker, reading = FakeBroker(), harness(log, tmp_path)
    reading.send_all(broker)
    published = reading.registry.get_sample_value("connector_events_published_total", {"connector": reading.source})
    assert published == len(broker.events) > len(set_by(broker.events)) > 0


def test_probe_counts_the_reasons(log: Path, tmp_path: Path) -> None:
    found = harness(log, tmp_path).probe()
    assert found.events["contact.reason_set"] >= found.events["call.queued"] > 0


def instance(log: Path, *names: str) -> Instance:
    reasons = ContactReasons(map(ReasonRule, names))
    return configure(INSTANCE, "asterisk", configuration(log) | WRAP_UP, contact_reasons=reasons)


def run(directory: Path, chosen: Instance) -> list[Event]:
    """Return the events that a process publishes from the whole log."""
    publisher = ManualPublisher()
    runner = InstanceRunner(
        chosen,
        directory=directory,
        open_publisher=lambda *_: publisher,
        meter=Meter(Metrics(CollectorRegistry()), chosen.source),
    )
    with runner._opened() as flow:
        flow.step()
        publisher.confirm()
    return publisher.safe


def test_record_with_an_unlisted_reason_is_used_after_its_replay(tmp_path: Path) -> None:
    log, data = tmp_path / "queue_log", tmp_path / "data"
    log.write_bytes(CALL + b"NONE|NONE|WRAPUP|aide\n" + CALL + b"NONE|NONE|WRAPUP|voirie\n")
    assert [*set_by(run(data, instance(log, "voirie"))).elements()] == [
        (f"call:asterisk/{INSTANCE}:1773650000.1", "voirie")
    ]
    (stored,) = rejects.read(data / "asterisk" / INSTANCE)
    detail = "contact_reason: not in contact_reasons for the channel call"
    assert (stored.reject.reason, stored.reject.detail) == (Reason.UNKNOWN_ENUM, detail)
    assert replay(instance(log, "voirie"), data, lambda _: True).unusable == {Reason.UNKNOWN_ENUM: 1}
    assert replay(instance(log, "voirie", "aide"), data, lambda _: True).events == 1
    with closing(Spool(data / "asterisk" / INSTANCE / "spool")) as spool:
        (event,) = (decode(unpack(payload).value) for payload in spool.read(10)[0])
    assert [*set_by([event])] == [(f"call:asterisk/{INSTANCE}:1773650000.1", "aide")]


def test_replayed_record_gets_the_reason_of_its_rule(tmp_path: Path) -> None:
    log, data = tmp_path / "queue_log", tmp_path / "data"
    log.write_bytes(CALL + b"NONE|NONE|CHOIX|1\n")
    rule = ContactReasons([ReasonRule("premier", menu_options=("un",))])
    make = partial(configure, INSTANCE, "asterisk", contact_reasons=rule)
    assert run(data, make(options={"path": str(log)})) == []
    corrected = {"path": str(log), "custom_events": {"CHOIX": "menu"}, "menu_options": {"1": "un"}}
    assert replay(make(options=corrected), data, lambda _: True).events == 2
    with closing(Spool(data / "asterisk" / INSTANCE / "spool")) as spool:
        cause, reason = (decode(unpack(payload).value) for payload in spool.read(10)[0])
    assert (cause.type, reason.type) == ("call.menu_chosen", "contact.reason_set")
    assert reason.id == event_id(cause.source, f"contact.reason_set|{cause.id}")


def test_stored_reason_is_published_after_the_list_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("call;time;code\nA-1;2026-03-16T09:00:00+01:00;roads\n", encoding="utf-8")
    code = {"event": "contact.reason_set", "time": "time", "contact_reason": "code"}
    queued = {"event": "call.queued", "time": "time", "queue": {"value": "general"}}
    options = {"id": "call", "events": [queued, code], "files": str(path), "sector": "social"}

    def read(name: str, *, confirm: bool) -> list[Event]:
        rules = ContactReasons([ReasonRule(name)])
        return ConnectorHarness(table.CONNECTOR, options, tmp_path, tmp_path / "keys", rules).read_all(confirm=confirm)

    before = read("roads", confirm=False)
    assert [event.type for event in before] == ["call.queued", "contact.reason_set"]
    assert read("streets", confirm=True) == before


def test_reason_in_a_signed_webhook_is_checked(tmp_path: Path) -> None:
    event = {
        "event": "contact.reason_set",
        "time": "timestamp",
        "when": {"type": "reason.chosen"},
        "contact_reason": "data.reason",
    }
    options = OPTIONS | {"events": [*OPTIONS["events"], event]}
    reasons = ContactReasons([ReasonRule("carte", queues=("pmi",)), ReasonRule("passeport")])
    reading = ConnectorHarness(webhook.CONNECTOR, options, tmp_path, tmp_path / "keys", reasons)
    messages = [
        message("ticket.taken", 1, room="PMI"),
        message("reason.chosen", 1, 5, reason="passeport"),
        message("reason.chosen", 1, 6, reason="permis"),
    ]
    with running_connector(reading) as (address, events):
        port = urlsplit(address).port
        assert port
        for number, body in enumerate(messages):
            assert post(port, body, sign(f"msg_{number}", body))[0] == 204
    chosen = [(event.type, getattr(event.data, "contact_reason", "")) for event in events]
    assert chosen == [("visit.arrived", ""), ("contact.reason_set", "carte"), ("contact.reason_set", "passeport")]
    assert {event.subject for event in events} == {f"visit:{reading.source}:1"}
    (stored,) = rejects.read(reading.directory)
    detail = "data.reason: not in contact_reasons for the channel visit"
    assert (stored.reject.reason, stored.reject.detail) == (Reason.UNKNOWN_ENUM, detail)
