"""The connector of RDV Service Public as a whole: webhooks over HTTP, and the API of a fake."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import connectors.rdv as rdv
from connectors.rdv.api import RdvRounds, Session
from connectors.rdv.config import RdvConfig
from connectors.rdv.simulate.server import APPLICATION, SECRET, Sender
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.rdv.source import sign
from connectors.sdk import rejects
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.reconcile import Finding
from connectors.sdk.testing import Bench
from connectors.sdk.webhook.testing import PushConformance
from streams.engine.broker import free_port
from tests.support.processes import Child, wait_until
from tests.support.rdv import MIREILLE, ORGANISATION, OTHER, Town, book, hours, options, town

PERSONAL = (
    "Mireille",
    "Exemple",
    "Mireille.Exemple@example.org",
    "06 39 98 55 11",
    "rue Imaginaire",
    "agent.fictif@example.org",
)
BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)


def webhooks() -> list[bytes]:
    """Those of some appointments, in order, with bad ones in between."""
    service = RdvService()
    for number in range(12):
        at, starts_at = BEGIN + timedelta(hours=number), BEGIN + timedelta(days=number)
        one = book(service, at, starts_at)
        if number % 3 == 0:
            service.move(at + timedelta(hours=1), one, starts_at + timedelta(hours=2))
        if number % 4 == 0:
            service.cancel(at + timedelta(hours=2), one)
        else:
            service.attend(starts_at + timedelta(days=1), one)
    bodies = [*service.outbox]
    broken = json.loads(bodies[0])
    broken["data"]["participations"][0]["status"] = "Mireille"
    bodies[9:9] = [
        b"not json 06 39 98 55 11",
        b'{"meta": {"model": "User", "event": "updated", "timestamp": "x"}, "data": {"first_name": "Mireille"}}',
        b'{"meta": {"model": "Rdv", "event": "created", "timestamp": "x"}, "data": {"participations": []}}',
        b'{"meta": {"model": "Rdv", "event": "created", "timestamp": "x"}, "data": {"context": "Mireille"}}',
        json.dumps(broken).encode(),
        b"[" * 60_000,
        b"x" * 70_000,
    ]
    return bodies


class TestConformance(PushConformance):
    connector = rdv.CONNECTOR
    readme = Path(rdv.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return options(previous_secret="celui-d-avant", max_body_bytes=65_536)

    def bodies(self) -> Sequence[bytes]:
        return webhooks()

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        return {"x-lapin-signature": sign(b"celui-d-avant" if number % 5 == 0 else SECRET.encode(), body)}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path) as place:
        yield place


def test_a_webhook_that_was_never_delivered_is_found_once_within_a_round(tmp_path: Path) -> None:
    with town(tmp_path, round_seconds=1) as place, place.connected():
        place.go_round()
        book(place.service, hours(-3), hours(30))
        place.service.elapse(hours(-2))
        place.service.outbox.clear()
        wait_until(lambda: place.turn() or place.findings, "the next round, which comes by itself")
        place.go_round()
    assert [kind for _, kind in place.told] == ["appointment.booked"]
    assert place.events[0].time == hours(-3)
    assert place.findings == {Finding.MISSING: 1}


def test_what_the_api_says_otherwise_is_corrected(place: Town) -> None:
    with place.connected():
        place.go_round()
        moved, cancelled = (book(place.service, hours(-3), hours(30)) for _ in range(2))
        place.deliver_outbox()
        place.service.move(hours(-2), moved, hours(40))
        place.service.cancel(hours(-1), cancelled, "service")
        lost = [*place.service.outbox]
        place.service.outbox.clear()
    with place.connected():
        place.go_round()
        assert all(place.deliver(lost))
    assert [kind.partition(".")[2] for _, kind in place.told] == ["booked", "booked", "moved", "cancelled"]
    assert place.events[3].time == hours(-1)
    assert place.findings == {Finding.CORRECTED: 2, Finding.LATE: 2}


def test_what_was_deleted_and_not_told_is_cancelled_after_two_rounds(place: Town) -> None:
    with place.connected():
        place.go_round()
        deleted, attended, _ = (book(place.service, hours(-3), hours(30)) for _ in range(3))
        place.service.attend(hours(-2), attended)
        place.deliver_outbox()
        place.go_round()
        place.service.delete(hours(-1), deleted)
        place.service.delete(hours(-1), attended)
        lost = [*place.service.outbox]
        for _ in range(4):
            place.go_round()
        assert place.findings == {Finding.CORRECTED: 1}
        assert all(place.deliver(lost))
    assert [kind.partition(".")[2] for _, kind in place.told] == ["booked"] * 3 + ["attended", "cancelled"]
    assert hours(-1) < place.events[4].time < hours(0)
    assert place.events[4].site == ""
    assert place.findings == {Finding.CORRECTED: 1, Finding.LATE: 1}


def test_who_is_taken_out_of_an_appointment_is_cancelled(place: Town) -> None:
    with place.connected():
        one = book(place.service, hours(-3), hours(30), MIREILLE, Citizen(502, "Jean", "Modele"), collectif=True)
        place.deliver_outbox()
        place.go_round()
        place.service.leave(hours(-1), one, 502)
        place.deliver_outbox()
        for _ in range(3):
            place.go_round()
    assert Counter(event.type for event in place.events) == place.service.ledger


def test_of_an_organisation_that_is_no_longer_seen_nothing_is_gone(place: Town) -> None:
    with place.connected():
        for organisation in (ORGANISATION, ORGANISATION, OTHER, OTHER):
            book(place.service, hours(-3), hours(30), organisation=organisation)
        place.go_round()
        place.server.show([OTHER])
        for _ in range(3):
            place.go_round()
    assert Counter(event.type for event in place.events) == {"appointment.booked": 4}


def test_when_much_of_one_organisation_is_gone_at_once_that_alone_is_not_believed(place: Town) -> None:
    with place.connected():
        many = [book(place.service, hours(-3), hours(30 + number)) for number in range(25)]
        few = [book(place.service, hours(-3), hours(30), organisation=OTHER) for _ in range(2)]
        place.go_round()
        for number in [*many[:21], few[0]]:
            place.service.delete(hours(-2), number)
        for _ in range(3):
            place.go_round()
        place.service.delete(hours(-1), many[21])
        for _ in range(3):
            place.go_round()
    cancelled = [event.subject for event in place.events if event.type == "appointment.cancelled"]
    assert [subject.rpartition(":")[2].partition("-")[0] for subject in cancelled] == [str(few[0]), str(many[21])]


def test_what_is_moved_however_far_is_moved(place: Town) -> None:
    with place.connected():
        one, _ = (book(place.service, hours(-3), hours(30)) for _ in range(2))
        place.go_round()
        place.service.move(hours(-2), one, hours(24 * 300))
        for _ in range(3):
            place.go_round()
    assert [kind for _, kind in place.told] == ["appointment.booked"] * 2 + ["appointment.moved"]


def break_first(place: Town, monkeypatch: pytest.MonkeyPatch, **broken: Any) -> None:
    """Let the API list the first participation otherwise from now on."""
    list_page = place.service.page

    def list_broken(*asked: Any) -> dict[str, Any]:
        page = list_page(*asked)
        for one in page["rdvs"][:1]:
            one["participations"][0] |= broken
        return page

    monkeypatch.setattr(place.service, "page", list_broken)


@pytest.mark.parametrize(
    ("broken", "cancelled"),
    [
        ({"status": "reporte"}, 1),  # which one it is can be read: all others are judged
        ({"id": "x"}, 0),
        ({"user": "x"}, 0),
    ],
)
def test_what_is_listed_and_cannot_be_used_is_rejected_once_and_not_gone(
    place: Town, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any], cancelled: int
) -> None:
    with place.connected():
        _, deleted, _ = (book(place.service, hours(-3), hours(30)) for _ in range(3))
        place.go_round()
        break_first(place, monkeypatch, **broken)
        place.service.delete(hours(-2), deleted)
        for _ in range(4):
            place.go_round()
    assert Counter(kind for _, kind in place.told) == Counter(
        {"appointment.booked": 3} | ({"appointment.cancelled": cancelled} if cancelled else {})
    )
    (rejected,) = rejects.read(place.bench.directory)
    assert json.dumps(next(iter(broken.values()))).encode() in rejected.reject.record


def test_an_answer_that_was_long_in_coming_is_as_of_when_it_was_asked_for(
    place: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = parse(RdvConfig, "essai", place.options)
    assert isinstance(config, RdvConfig)
    assert config.api
    list_page, slow_seconds = place.service.page, [0.0]

    def list_slowly(*asked: Any) -> dict[str, Any]:
        page = list_page(*asked)
        place.service.elapse(hours(-1) + timedelta(minutes=10))
        slow_seconds[0] += 600
        return page

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + slow_seconds[0])
    monkeypatch.setattr(place.service, "page", list_slowly)
    monkeypatch.setattr("connectors.rdv.api.time", clock)
    place.service.elapse(hours(-1))
    with closing(Session(config.api, tmp_path)) as session:
        as_of = session.ask(ORGANISATION, hours(-100), 1).as_of
    assert hours(-1) - timedelta(minutes=1) < as_of < hours(-1)


def test_while_pages_do_not_add_up_nothing_is_gone(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    list_page = place.service.page

    def list_one_too_many(*asked: Any) -> dict[str, Any]:
        page = list_page(*asked)
        page["meta"]["total_count"] += 1
        return page

    with place.connected():
        one = book(place.service, hours(-3), hours(30))
        place.go_round()
        monkeypatch.setattr(place.service, "page", list_one_too_many)
        place.service.delete(hours(-1), one)
        for _ in range(3):
            place.go_round()
    assert [kind for _, kind in place.told] == ["appointment.booked"]


def test_what_was_there_before_it_was_set_up_is_told_and_not_missing(place: Town) -> None:
    for number in range(250):
        book(place.service, hours(-100), hours(1 + number), organisation=OTHER if number % 5 else ORGANISATION)
    book(place.service, hours(-100), hours(-24 * 30))  # before the window
    with place.connected():
        place.go_round()
    assert len(place.events) == 250
    assert place.server.asked.count(f"/api/v1/organisations/{OTHER}/rdvs") == 2
    assert place.findings == {}


def test_what_was_made_before_it_was_first_asked_and_is_listed_only_later_is_not_missing(place: Town) -> None:
    with place.connected():
        place.service.elapse(hours(-5))
        place.go_round()
        for made_at in (-100, -4):
            book(place.service, hours(made_at), hours(30))
        place.go_round()
    assert len(place.events) == 2
    assert place.findings == {Finding.MISSING: 1}


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


def out_of_order(_: object) -> Response:
    return Response(status_code=500)


def test_lost_repeated_reordered_and_killed(place: Town) -> None:
    """A tenth is lost, a tenth told twice, some come too late, and what is not confirmed is sent again: counted exactly."""
    random, expected = Random(11), Counter[Finding]()
    late: list[bytes] = []
    with place.connected():
        place.go_round()
    place.server.interfere = out_of_order
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
    place.server.interfere = lambda _: None
    with place.connected():
        place.go_round()
        assert all(place.deliver(late))
    expected[Finding.LATE] += len(late)
    assert len(place.events) == len({event.id for event in place.events}) == place.service.ledger.total()
    assert Counter(event.type for event in place.events) == place.service.ledger
    assert place.findings == expected


def kill_while_sending(place: Town, bodies: list[bytes]) -> None:
    """Let the connector take messages, and be gone before any of them is safe."""
    with ThreadPoolExecutor(len(bodies)) as pool, place.bench.opened() as (flow, publisher):
        flow.turn()
        before = place.bench.records_read()
        calls = [pool.submit(Sender(place.sender.url).send, body) for body in bodies]
        wait_until(lambda: flow.turn() or place.bench.records_read() == before + len(bodies), "the messages")
        assert publisher.events
        assert publisher.safe == []
    assert not any(call.result() for call in calls)


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ({"password": "un-autre"}, "(401)"),
        ({"email": "personne@example.org"}, "(401)"),
    ],
)
def test_a_wrong_account_is_named(tmp_path: Path, api: dict[str, Any], words: str) -> None:
    with town(tmp_path, **api) as place, pytest.raises(SourceRefusedError) as trouble:
        place.bench.probe()
    assert words in str(trouble.value)
    assert "127.0.0.1" in str(trouble.value)


def test_while_the_api_is_away_webhooks_are_taken_and_it_says_so(place: Town) -> None:
    place.server.interfere = out_of_order
    book(place.service, hours(-3), hours(30))
    with place.connected():
        wait_until(lambda: place.turn() or "(500)" in place.trouble, "the trouble")
        assert all(place.deliver_outbox())
        place.server.interfere = lambda _: None
        place.go_round()
        assert place.trouble == ""
    assert [kind for _, kind in place.told] == ["appointment.booked"]
    assert place.findings == {}


@pytest.mark.parametrize(
    "refusal",
    [
        Response(status_code=429, headers={"Retry-After": "1"}),
        PlainTextResponse("<html>"),
        Response(b"{}", media_type="application/json"),
    ],
)
def test_what_is_refused_within_a_round_is_asked_for_again(place: Town, refusal: Response) -> None:
    for number in range(150):
        book(place.service, hours(-100), hours(1 + number))
    pages: list[str] = []

    def refuse_second_page(request: Request) -> Response | None:
        pages.append(request.query_params.get("page", "sign in"))
        return refusal if pages.count("2") == 1 and pages[-1] == "2" else None

    place.server.interfere = refuse_second_page
    with place.connected():
        place.go_round()
    assert [page for page in pages if page != "sign in"] == ["1", "2", "2", "1"]
    assert len(place.events) == 150


def test_it_signs_in_again_when_it_is_forgotten(tmp_path: Path) -> None:
    with town(tmp_path) as place, place.connected():
        place.go_round()
        place.server.forget_sessions()
        place.go_round()
        assert place.server.asked.count("/api/v1/auth/sign_in") == 2


OAUTH = {"oauth": {**APPLICATION, "refresh_token": "simulation"}, "email": None, "password": None}


def test_an_application_renews_its_token_across_restarts(tmp_path: Path) -> None:
    with town(tmp_path, **OAUTH) as place:
        for _ in range(3):
            with place.connected():
                place.go_round()
        assert place.server.asked.count("/oauth/token") == 3
        assert "simulation" not in place.server.refresh_tokens
        kept = place.bench.directory / "oauth.json"
        assert kept.stat().st_mode & 0o077 == 0
        assert "simulation" not in kept.read_text()


def test_a_new_token_in_the_configuration_goes_before_what_is_kept(tmp_path: Path) -> None:
    with town(tmp_path, **OAUTH) as place:
        with place.connected():
            place.go_round()
        place.server.refresh_tokens.clear()
        with pytest.raises(SourceUnavailableError, match="400"):
            place.bench.probe()
        place.server.refresh_tokens.add("un-nouveau")
        account = place.options["api"] | {"oauth": {**APPLICATION, "refresh_token": "un-nouveau"}}
        Bench(rdv.CONNECTOR, place.options | {"api": account}, tmp_path / "data", tmp_path / "keys").probe()


def test_killed_before_the_new_token_is_kept_the_old_one_is_still_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with town(tmp_path, **OAUTH) as place:
        with monkeypatch.context() as patched:
            patched.setattr("connectors.rdv.account.replace", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                place.bench.probe()
        with place.connected():
            place.go_round()


def test_a_defect_in_asking_is_a_failure_as_any_other(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RdvRounds, "next_page", lambda _: 1 // 0)
    with place.connected(), pytest.raises(ZeroDivisionError):
        wait_until(place.turn, "the failure")


def test_an_organisation_that_the_account_does_not_see_has_no_appointments(tmp_path: Path) -> None:
    with town(tmp_path, visible=[OTHER]) as place, place.connected():
        book(place.service, hours(-3), hours(30))
        place.go_round()
    assert place.events == []


def test_a_probe_reads_a_page_of_each_organisation(place: Town) -> None:
    book(place.service, hours(-3), hours(30))
    book(place.service, hours(-3), hours(30), organisation=OTHER)
    found = place.bench.probe()
    assert (found.records, found.events) == (2, {"appointment.booked": 2})
    with place.connected():
        place.go_round()
    assert len(place.events) == 2


def test_a_probe_without_api_listens(tmp_path: Path) -> None:
    bench = Bench(rdv.CONNECTOR, options(), tmp_path / "data", tmp_path / "keys")
    assert bench.probe().records == 0


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
        ({"motifs": {101: {"que": "x"}}}, "motifs.101.que is unknown; did you mean essai.motifs.101.queue"),
    ],
)
def test_mistakes_in_the_configuration_are_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match="essai") as refusal:
        parse(RdvConfig, "essai", options(**more))
    assert words in str(refusal.value)


def test_killed_for_real_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    """SIGKILL while webhooks come, some lost and some twice; what the API says makes up for it."""
    random = Random(3)
    with town(tmp_path, round_seconds=1) as place:
        settings, topic = tmp_path / "options.json", tmp_path / "topic"
        settings.write_text(json.dumps(place.options))
        script = str(Path(__file__).with_name("run_rdv.py"))
        with Child([script, str(settings), str(tmp_path / "process"), str(topic)], tmp_path / "log") as child:
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
                    wait_until(lambda: Sender(place.sender.url).send(b'{"meta": {"model": "Lieu"}}'), "a listener")
                place.sender.send_all(place.service.outbox)
            wait_until(lambda: counted(topic) == place.service.ledger, "all events", otherwise=lambda: counted(topic))
            assert child.stop() == 0
        assert not [value for value in PERSONAL if value in child.text + topic.read_text()]


def counted(topic: Path) -> Counter[str]:
    """How many events of each type there are, each counted by its id."""
    return Counter(dict(line.split()[:2] for line in topic.read_text().splitlines()).values())


def test_the_command_prints_the_configuration_that_reads_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from connectors.rdv import CONNECTOR; CONNECTOR.simulate()"]
    with subprocess.Popen(
        [*command, "--port", "0", "--to", str(free_port())], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines: list[str] = []
        while "round_seconds = 60\n" not in lines:
            lines.append(process.stdout.readline())
        given = tomllib.loads("".join(lines))["connectors"]["simulation"]
        assert given.pop("connector") == "rdv"
        bench = Bench(rdv.CONNECTOR, given, tmp_path / "data", tmp_path / "keys")
        assert "appointment.booked" in bench.probe().events
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
