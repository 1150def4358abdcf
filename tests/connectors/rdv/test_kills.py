"""Webhooks that are lost, repeated and reordered, and kills."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from starlette.responses import Response

from connectors.rdv.simulate.server import WebhookSender
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.reconcile import Finding
from tests.support.processes import Child, wait_until
from tests.support.rdv_harness import MIREILLE, PERSONAL, RdvHarness, book, hours, rdv_harness
from tests.support.topic_file import counted_in


def plan(service: RdvService, random: Random, number: int, *, may_move: bool = True) -> list[bytes]:
    """Let some of what may happen to an appointment happen, no two things in one second; return its webhooks."""
    booked_at = -200 + random.random()
    one = book(service, hours(booked_at), hours(-100 + number % 200))
    if may_move and random.random() < 0.3:
        service.move(hours(booked_at + 10), one, hours(-90 + number % 200))
    match random.randrange(4):
        case 0:
            service.cancel(hours(booked_at + 20), one, random.choice(["citizen", "service"]))
        case 1:
            service.attend(hours(booked_at + 190), one)
        case 2:
            service.miss(hours(booked_at + 190), one)
    bodies = [*service.outbox]
    service.outbox.clear()
    return bodies


def test_lost_repeated_reordered_and_killed(place: RdvHarness) -> None:
    """A tenth is lost, a tenth told twice, some come too late, and what is not confirmed is sent again: counted exactly."""
    random, expected = Random(11), Counter[Finding]()
    late: list[bytes] = []
    with place.connected():
        place.run_round()
    place.server.intercept = lambda _: Response(status_code=500)
    for chunk in range(5):
        bodies: list[bytes] = []
        for number in range(40 * chunk, 40 * chunk + 40):
            life = plan(place.service, random, number, may_move=number % 10 != 1)
            match number % 10:
                case 1:  # nothing of it is delivered, or too late
                    expected[Finding.MISSING] += 1
                    late += life[:1] if number % 20 == 1 else []
                    life = []
                case 2 if len(life) > 2:  # its last message is not
                    expected[Finding.CORRECTED] += 1
                    life.pop()
                case 3:  # the first of the twins comes after the second
                    expected[Finding.LATE] += 1
                    life[:2] = life[1::-1]
                case 4:
                    expected[Finding.DUPLICATE] += 2
                    life = [life[0], *life, life[-1]]
            bodies += life
        kill_while_sending(place, bodies[:60])
        with place.connected():
            assert all(place.deliver(bodies))
    place.server.intercept = lambda _: None
    with place.connected():
        place.run_round()
        assert all(place.deliver(late))
    expected[Finding.LATE] += len(late)
    assert len(place.events) == len({event.id for event in place.events}) == place.service.ledger.total()
    assert Counter(event.type for event in place.events) == place.service.ledger
    assert place.findings == expected


@pytest.mark.parametrize("rejected", [[-1], [0, 1]], ids=["the last", "all"])
def test_killed_and_repeated_a_removal_beside_rejected_participations_counts_once(
    place: RdvHarness, rejected: list[int]
) -> None:
    place.server.intercept = lambda _: Response(status_code=500)
    people = [MIREILLE, Citizen(502, "Jean", "Modele"), Citizen(503, "Zoé", "Essai")]
    one = book(place.service, hours(-3), hours(30), *people, collectif=True)
    with place.connected():
        assert all(place.deliver_outbox())
    place.service.leave(hours(-2), one, 502)
    message = json.loads(place.service.outbox.pop())
    for number in rejected:
        message["data"]["participations"][number]["status"] = "reporte"
    body = json.dumps(message).encode()
    kill_while_sending(place, [body])
    for _ in range(2):
        with place.connected():
            assert all(place.deliver([body, body]))
    assert Counter(event.type for event in place.events) == place.service.ledger


def kill_while_sending(place: RdvHarness, bodies: list[bytes]) -> None:
    """Let the connector take messages, and be gone before any of them is safe."""
    with ThreadPoolExecutor(len(bodies)) as pool, place.harness.opened() as (flow, publisher):
        flow.step()
        before = place.harness.records_read()
        calls = [pool.submit(WebhookSender(place.sender.url).send, body) for body in bodies]
        wait_until(lambda: flow.step() or place.harness.records_read() >= before + len(bodies), "the messages")
        assert publisher.events
        assert publisher.safe == []
    assert not any(call.result() for call in calls)


def test_killed_for_real_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    """SIGKILL while webhooks come, some lost and some twice; what the API says makes up for it."""
    random = Random(3)
    with rdv_harness(tmp_path, round_seconds=1) as place:
        settings, topic = tmp_path / "options.json", tmp_path / "topic"
        settings.write_text(json.dumps(place.options))
        program = "tests.support.run_to_file"
        with Child(
            ["-m", program, "rdv", str(settings), str(tmp_path / "process"), str(topic)], tmp_path / "log"
        ) as child:
            child.start().wait_for("connector_takes_in")
            for number in range(24):
                bodies = plan(place.service, random, number, may_move=number % 10 != 1)
                if number % 10 == 1:
                    continue
                for place_in_life, body in enumerate(bodies):
                    for _ in range(1 if place_in_life == 0 else random.choices([0, 1, 2], [1, 8, 1])[0]):
                        place.sender.send(body)
                if number % 10 == 6:
                    child.kill()
                    child.wait()
                    child.start()
                    wait_until(
                        lambda: WebhookSender(place.sender.url).send(b'{"meta": {"model": "Lieu"}}'), "a listener"
                    )
                place.sender.send_all(place.service.outbox)
            wait_until(
                lambda: counted_in(topic) == place.service.ledger, "all events", otherwise=lambda: counted_in(topic)
            )
            assert child.stop() == 0
        assert not [value for value in PERSONAL if value in child.text + topic.read_text()]
