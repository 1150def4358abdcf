"""Lost, repeated and reordered webhooks, with kills of the connector."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from starlette.responses import Response

from connectors.rdv.simulate.server import post_webhook
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.reconcile import Finding
from tests.support.processes import Child, wait_until
from tests.support.rdv_harness import MIREILLE, PERSONAL, RdvHarness, book, hours, rdv_harness, take_outbox
from tests.support.topic_file import counted_in


def make_webhooks(service: RdvService, random: Random, number: int, *, may_move: bool = True) -> list[bytes]:
    """Perform random actions on one appointment, each in its own second, and return its webhooks."""
    booked_at = -200 + random.random()
    rdv = book(service, hours(booked_at), hours(-100 + number % 200))
    if may_move and random.random() < 0.3:
        service.move(hours(booked_at + 10), rdv, hours(-90 + number % 200))
    match random.randrange(4):
        case 0:
            service.cancel(hours(booked_at + 20), rdv, random.choice(["citizen", "service"]))
        case 1:
            service.attend(hours(booked_at + 190), rdv)
        case 2:
            service.miss(hours(booked_at + 190), rdv)
    return take_outbox(service)


def test_lost_repeated_and_reordered_webhooks_count_exactly(system: RdvHarness) -> None:
    """A tenth of the appointments is lost, a tenth repeated, some are late, and unconfirmed webhooks are sent again."""
    random, expected = Random(11), Counter[Finding]()
    late: list[bytes] = []
    with system.connected():
        system.run_polls()
    system.server.intercept = lambda _: Response(status_code=500)
    for chunk in range(5):
        bodies: list[bytes] = []
        for number in range(40 * chunk, 40 * chunk + 40):
            messages = make_webhooks(system.service, random, number, may_move=number % 10 != 1)
            match number % 10:
                case 1:  # no webhook is delivered in time
                    expected[Finding.MISSING] += 1
                    late += messages[:1] if number % 20 == 1 else []
                    messages = []
                case 2 if len(messages) > 2:  # the last webhook is lost
                    expected[Finding.CORRECTED] += 1
                    messages.pop()
                case 3:  # `updated` comes before `created`
                    expected[Finding.LATE] += 1
                    messages[:2] = messages[1::-1]
                case 4:
                    expected[Finding.DUPLICATE] += 2
                    messages = [messages[0], *messages, messages[-1]]
            bodies += messages
        kill_while_sending(system, bodies[:60])
        with system.connected():
            assert all(system.deliver(bodies))
    system.server.intercept = lambda _: None
    with system.connected():
        system.run_polls()
        assert all(system.deliver(late))
    expected[Finding.LATE] += len(late)
    assert len(system.events) == len({event.id for event in system.events}) == system.service.ledger.total()
    assert Counter(event.type for event in system.events) == system.service.ledger
    assert system.findings == expected


@pytest.mark.parametrize("rejected", [[-1], [0, 1]], ids=["the last", "all"])
def test_removal_next_to_rejected_participations_counts_once_after_a_kill(
    system: RdvHarness, rejected: list[int]
) -> None:
    system.server.intercept = lambda _: Response(status_code=500)
    people = [MIREILLE, Citizen(502, "Jean", "Modele"), Citizen(503, "Zoé", "Essai")]
    rdv = book(system.service, hours(-3), hours(30), *people, collectif=True)
    with system.connected():
        assert all(system.deliver_outbox())
    system.service.leave(hours(-2), rdv, 502)
    message = json.loads(system.service.outbox.pop())
    for number in rejected:
        message["data"]["participations"][number]["status"] = "reporte"
    body = json.dumps(message).encode()
    kill_while_sending(system, [body])
    for _ in range(2):
        with system.connected():
            assert all(system.deliver([body, body]))
    assert Counter(event.type for event in system.events) == system.service.ledger


def kill_while_sending(system: RdvHarness, bodies: list[bytes]) -> None:
    """Let the connector read webhooks, and close it before their events are confirmed."""
    with ThreadPoolExecutor(len(bodies)) as pool, system.harness.opened() as (flow, publisher):
        flow.step()
        before = system.harness.records_read()
        calls = [pool.submit(post_webhook, system.port, body) for body in bodies]
        wait_until(lambda: flow.step() or system.harness.records_read() >= before + len(bodies), "the messages")
        assert publisher.events
        assert publisher.safe == []
    assert not any(call.result() for call in calls)


def test_sigkills_lose_and_repeat_no_event(tmp_path: Path) -> None:
    """Webhooks arrive during the kills, some lost and some repeated; the API reports the lost ones."""
    random, refused = Random(3), list[bytes]()
    with rdv_harness(tmp_path, round_seconds=1) as system:
        settings, topic = tmp_path / "options.json", tmp_path / "topic"
        settings.write_text(json.dumps(system.options))
        program = "tests.support.run_to_file"
        with Child(
            ["-m", program, "rdv", str(settings), str(tmp_path / "process"), str(topic)], tmp_path / "log"
        ) as child:
            child.start().wait_for("connector_takes_in")
            for number in range(24):
                bodies = make_webhooks(system.service, random, number, may_move=number % 10 != 1)
                if number % 10 == 1:
                    continue
                for index, body in enumerate(bodies):
                    times = 1 if index == 0 else random.choices([0, 1, 2], [1, 8, 1])[0]
                    refused += [body for _ in range(times) if not post_webhook(system.port, body)]
                if number % 10 == 6:
                    child.kill()
                    child.wait()
                    child.start()
                    wait_until(lambda: post_webhook(system.port, b'{"meta": {"model": "Lieu"}}'), "a listener")
                refused = [body for body in refused if not post_webhook(system.port, body)]
            wait_until(
                lambda: counted_in(topic) == system.service.ledger, "all events", otherwise=lambda: counted_in(topic)
            )
            assert child.stop() == 0
        assert not [value for value in PERSONAL if value in child.text + topic.read_text()]
