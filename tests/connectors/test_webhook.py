"""Webhook connector over HTTP: messages, their proofs, and lists of records."""

import gzip
import hmac
import os
import re
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from shutil import which
from typing import Any
from zlib import crc32

import pytest

import connectors.webhook as webhook
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.webhook import server
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.testing import PushConformance
from connectors.webhook.source import WebhookSource
from models.codec import UnusableRecord
from models.reasons import Reason
from tests.support.processes import wait_until
from tests.support.webhook_source import BODY, PERSONAL, RunningSource, open_source
from tests.support.webhooks import OPTIONS, OTHER_SECRET, message, post, running_connector, sign


def messages() -> list[bytes]:
    """Return messages about visits in order, among them invalid ones with personal data."""
    number, spaced, name, address, nick, file = PERSONAL
    bodies = []
    for n in range(12):
        visitor = {"name": name, "phone": number if n % 2 else spaced, "email": address, "file": file}
        place = {"office": "CDAS Sud", "service": "PMI", "room": "Accueil général"}
        bodies += [
            message("ticket.taken", n, n, visitor=visitor, **place),
            message("ticket.called", n, n + 5, office="CDAS Sud", agent=nick),
            message("ticket.served", n, n + 9, file=file) if n % 3 else message("ticket.lost", n, n + 7, why=name),
        ]
    bodies[20:20] = [
        b"not json " + number.encode(),
        b'{"type": "ticket.taken", "name": "\xff ' + name.encode() + b'"}',
        message(name, 900),
        message("desk.opened", 901, who=nick),
        message("ticket.taken", number, 3, visitor={"name": name}),
        message("ticket.taken", address, 3, visitor={"name": name}),
        message("ticket.taken", 902, 3, office=name),
        message("ticket.taken", 903, 3, room=number),
        message("ticket.served", 904, 3, file=number),
        b"["
        + message("ticket.taken", number, 4)
        + b","
        + message(name, 906)
        + b","
        + message("ticket.called", 907)
        + b"]",
        b"[]",
        message("ticket.called", 905).replace(b"2026-03-16T", name.encode()),
        message("ticket.called", [number]),  # type: ignore[arg-type]
        b"[" * 60_000,
    ]
    return bodies


class TestConformance(PushConformance):
    connector = webhook.CONNECTOR
    readme = Path(webhook.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return OPTIONS

    def bodies(self) -> Sequence[bytes]:
        return messages()

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        personal = {0: PERSONAL[0], 1: PERSONAL[3], 2: PERSONAL[4]}  # message ids may be personal too
        return sign(personal.get(number, f"msg_{number}_{crc32(body)}"), body)


KEY = "clef-de-signature-partagee"


class TestListConformance(PushConformance):
    """Lists of records inside messages, and a signature without a message id."""

    connector = webhook.CONNECTOR
    readme = Path(webhook.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return OPTIONS | {"records": "items", "secret": None, "signature": {"hmac": {"secret": KEY, "header": "X-Sig"}}}

    def bodies(self) -> Sequence[bytes]:
        records = [body for body in messages() if body.startswith(b"{") and b"\xff" not in body]
        lists = [b'{"items": [' + b", ".join(records[index : index + 3]) + b"]}" for index in range(0, len(records), 3)]
        return [*lists, b'{"items": []}', b'{"items": "' + PERSONAL[0].encode() + b'"}', b"{}", b"not json"]

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        return {"x-sig": hmac.digest(KEY.encode(), body, "sha256").hex()}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningSource]:
    with closing(RunningSource(tmp_path)) as running:
        yield running


def test_response_follows_the_acknowledgement(running: RunningSource) -> None:
    running.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        status = running.post_in_thread(pool, "msg_1", BODY)
        assert running.source.intake.waiting == 1
        assert not status.done()
        running.acknowledges = True
        assert status.result(30) == 204
    assert running.source.intake.waiting == 0


def test_repeated_message_is_accepted_once_and_answered_twice(running: RunningSource) -> None:
    assert [running.post("msg_1", BODY), running.post("msg_1", BODY)] == [204, 204]
    running.acknowledges = False
    other = message("ticket.taken", 2)
    with ThreadPoolExecutor(2) as pool:
        statuses = [pool.submit(running.post, "msg_2", other) for _ in range(2)]
        wait_until(lambda: len(running.bodies_read) == 2, "the message")
        running.acknowledges = True
        assert [status.result(30) for status in statuses] == [204, 204]
    assert running.bodies_read == [BODY, other]


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
@pytest.mark.skipif(not (os.environ.get("CI") or (which("curl") and which("openssl"))), reason="needs curl and openssl")
def test_commands_of_the_readme_send_a_signed_message(running: RunningSource, tmp_path: Path, page: str) -> None:
    text = Path(webhook.__file__).with_name(page).read_text(encoding="utf-8")
    (commands,) = (block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "curl" in block)
    secret = tmp_path / "secret"
    secret.write_text(f"{OPTIONS['secret']}\n")
    commands = commands.replace("/etc/accueil/guichets.secret", str(secret)).replace("8701", str(running.port))
    sent = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, timeout=30, check=True)
    assert "204 No Content" in sent.stdout
    assert running.bodies_read == [b'{"type": "desk.opened"}']
    secret.write_text(f"{OTHER_SECRET}\n")
    sent = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, timeout=30, check=True)
    assert "401 Unauthorized" in sent.stdout


@pytest.fixture
def running_with_ids(tmp_path: Path) -> Iterator[RunningSource]:
    """A source whose `verify` returns the ids of messages."""

    class Named(WebhookSource):
        def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
            super().verify(headers, body, now)
            return headers["webhook-id"]

    with closing(RunningSource(tmp_path, kind=Named)) as running:
        yield running


def test_reused_message_id_is_refused(running_with_ids: RunningSource) -> None:
    running, other = running_with_ids, message("ticket.taken", 2)
    assert [running.post("msg_1", BODY), running.post("msg_1", other), running.post("msg_1", BODY)] == [204, 409, 204]
    assert running.post("msg_2", other) == 204
    assert running.bodies_read == [BODY, other]
    running.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        status = running.post_in_thread(pool, "msg_3", BODY)
        assert running.post("msg_3", other) == 409
        running.acknowledges = True
        assert status.result(30) == 204
    assert (running.source.response_counts[409], running.source.response_counts[204]) == (2, 4)


def test_messages_are_identified_by_their_body_and_not_by_their_id(running: RunningSource) -> None:
    other = message("ticket.taken", 2)
    assert [running.post(name, body) for name, body in (("1", BODY), ("1", other), ("2", BODY))] == [204, 204, 204]
    assert running.bodies_read == [BODY, other]


@pytest.mark.parametrize(
    ("signing", "status"),
    [
        ({"at": 0}, 401),
        ({"at": 4_000_000_000}, 401),
        ({"secret": "whsec_" + "dHJvaXNpZW1lLXNlY3JldC1wb3VyLWVzc2Fp"}, 401),
        ({"secret": OTHER_SECRET}, 204),
        ({}, 204),
    ],
)
def test_wrong_signature_or_time_is_refused(tmp_path: Path, signing: dict[str, Any], status: int) -> None:
    with closing(RunningSource(tmp_path, previous_secret=OTHER_SECRET)) as running:
        assert running.post("msg_1", BODY, **signing) == status
        assert len(running.bodies_read) == (status == 204)


def test_unknown_paths_and_methods_are_refused(running: RunningSource) -> None:
    assert post(running.port, BODY, sign("msg_1", BODY), path="/other")[0] == 404
    assert post(running.port, BODY, sign("msg_1", BODY), method="PUT")[0] == 405
    assert post(running.port, BODY, {})[0] == 401
    assert running.bodies_read == []


def test_compressed_body_is_refused_with_the_accepted_encoding(running: RunningSource) -> None:
    compressed = gzip.compress(BODY)
    status, answer = post(running.port, compressed, sign("msg_1", compressed) | {"content-encoding": "gzip"})
    assert (status, answer["accept-encoding"]) == (415, "identity")
    assert running.bodies_read == []
    assert post(running.port, BODY, sign("msg_1", BODY) | {"content-encoding": "identity, GZIP"})[0] == 415
    assert post(running.port, BODY, sign("msg_1", BODY) | {"content-encoding": "identity"})[0] == 204
    assert post(running.port, BODY, sign("msg_2", BODY) | {"content-encoding": "UTF-8"})[0] == 204  # a wrong use of it


CHUNKS = b"\r\ntransfer-encoding: chunked\r\n\r\n" + 5 * (b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\r\ncontent-length: 10000000\r\n\r\n", 413), (CHUNKS, 413), (b"\r\ncontent-length: 100\r\n\r\nx", 408)],
    ids=["announced", "chunked", "slow"],
)
def test_long_or_slow_body_is_cut(
    running: RunningSource, monkeypatch: pytest.MonkeyPatch, body: bytes, status: int
) -> None:
    """An announced one is refused before it is sent."""
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2 if status == 408 else 30)
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x" + body)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 %d " % status)
        assert running.bodies_read == []


def test_messages_are_refused_immediately_while_the_source_is_not_read(running: RunningSource) -> None:
    running.stop_reading()
    running.source.intake.stall_seconds = 0.0
    assert running.post("msg_1", BODY) == 503


def test_waiting_message_is_refused_when_the_source_closes(running: RunningSource) -> None:
    running.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        status = running.post_in_thread(pool, "msg_1", BODY)
        running.close()
        assert status.result(30) == 503


def test_port_in_use_is_named(running: RunningSource, tmp_path: Path) -> None:
    with (
        closing(open_source(tmp_path, port=running.port)) as second,
        pytest.raises(SourceUnavailableError, match=re.escape(f"127.0.0.1:{running.port}")),
    ):
        second.read(0)


LIST = (
    b'{"items": [' + message("ticket.taken", 1) + b', {"type": "ticket.taken"}, ' + message("ticket.taken", 2) + b"]}"
)


def test_record_of_a_list_is_rejected_alone_and_can_be_mapped_again(tmp_path: Path) -> None:
    harness = ConnectorHarness(webhook.CONNECTOR, OPTIONS | {"records": "items"}, tmp_path / "data", tmp_path / "keys")
    with running_connector(harness) as (url, events):
        assert post(int(url.rstrip("/").rpartition(":")[2]), LIST, sign("msg_1", LIST))[0] == 204
        assert [event.subject.rpartition(":")[2] for event in events] == ["1", "2"]
    (stored,) = read_rejects(harness.directory)
    assert (stored.reject.record, stored.reject.context) == (b'{"type":"ticket.taken"}', b"record 2")
    corrected = replace(stored.reject, record=message("ticket.taken", 3))
    with closing(open_source(tmp_path, records="items")) as source:
        assert [event.subject[-2:] for event in source.map_rejected(corrected, stored.read_at)] == [":3"]


def test_message_rejected_as_a_whole_is_divided_when_it_is_mapped_again(tmp_path: Path) -> None:
    at = datetime.now(UTC)
    whole = message("ticket.taken", 1)
    with closing(open_source(tmp_path)) as source:
        reject = source.reject(Message("", b"[" + whole + b"," + whole + b"]", at), Reason.INVALID_FIELD)
        assert len(source.map_rejected(reject, at)) == 2
        with pytest.raises(UnusableRecord):
            source.map_rejected(replace(reject, record=b"[{}," + whole + b"]"), at)


def test_long_lists_are_read_in_parts_and_answered_when_all_records_are_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.webhook.source.MOST_RECORDS", 3)
    lists = [b"[" + b",".join(message("ticket.taken", 10 * n + i) for i in range(2)) + b"]" for n in range(5)]
    with closing(open_source(tmp_path)) as source, ThreadPoolExecutor(5) as pool:
        port = source.listen()
        statuses = [pool.submit(post, port, body, sign("msg", body)) for body in lists]
        wait_until(lambda: source.intake.offered == 5, "all messages")
        sizes = []
        while source.position() < 5:
            sizes.append(len(source.read(0.0)))
            source.acknowledge(source.position())
        assert sizes == [4, 4, 2]
        assert [status.result(30)[0] for status in statuses] == 5 * [204]


HMAC = {"secret": KEY, "previous_secret": KEY[::-1], "header": "X-Signature"}
TOKEN = {"token": KEY, "previous_token": KEY[::-1]}
USER = {"user": "helpdesk", "password": KEY, "previous_password": KEY[::-1]}


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def hmac_of(key: str) -> dict[str, str]:
    return {"x-signature": hmac.digest(key.encode(), BODY, "sha256").hex()}


@pytest.mark.parametrize(
    ("signature", "right", "wrong"),
    [
        ({"hmac": HMAC}, [hmac_of(KEY), hmac_of(KEY[::-1])], [hmac_of("x" * 26), {"x-signature": ""}, {}]),
        (
            {"basic": USER},
            [basic("helpdesk", KEY), basic("helpdesk", KEY[::-1])],
            [basic("helpdesk", "x" * 26), basic("Helpdesk", KEY), {"authorization": "Basic"}, {}],
        ),
        (
            {"bearer": TOKEN},
            [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY[::-1]}"}],
            [{"authorization": f"Basic {KEY}"}, {"authorization": "Bearer é"}, {"authorization": KEY}, {}],
        ),
    ],
)
def test_only_proven_messages_are_accepted(
    tmp_path: Path, signature: dict[str, Any], right: list[dict[str, str]], wrong: list[dict[str, str]]
) -> None:
    with closing(RunningSource(tmp_path, secret=None, signature=signature)) as running:
        for headers in (*wrong, sign("msg_1", BODY)):
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            status, answer = post(running.port, BODY, encoded)  # type: ignore[arg-type]
            assert status == 401
            challenge = {"hmac": None, "basic": 'Basic realm="accueil"', "bearer": "Bearer"}[next(iter(signature))]
            assert answer["www-authenticate"] == challenge
        assert running.bodies_read == []
        assert [post(running.port, BODY, headers)[0] for headers in right] == [204, 204]
        assert running.bodies_read == [BODY], "the same body is a repeated message"


@pytest.mark.parametrize(
    ("host", "trusted", "status"),
    [
        ("127.0.0.1", ["127.0.0.1"], 204),
        ("127.0.0.1", ["192.0.2.10", "::ffff:127.0.0.1"], 204),
        ("127.0.0.1", ["192.0.2.10"], 403),
        ("::", ["127.0.0.1"], 204),
        ("::", ["192.0.2.10"], 403),
    ],
)
@pytest.mark.parametrize("forwarded", ["", "192.0.2.10", "127.0.0.1"])
def test_only_connections_of_trusted_proxies_are_accepted(
    tmp_path: Path, host: str, trusted: list[str], status: int, forwarded: str
) -> None:
    """The connection counts, not the address that it forwards."""
    signature = {"none": {"trusted_proxies": trusted}}
    with closing(RunningSource(tmp_path, host=host, secret=None, signature=signature)) as running:
        headers = {"x-forwarded-for": forwarded} if forwarded else {}
        assert post(running.port, BODY, headers)[0] == status
        assert running.bodies_read == [BODY] * (status == 204)
        assert running.source.response_counts[status] == 1


def test_proxy_may_have_an_ipv6_address(tmp_path: Path) -> None:
    for trusted, status in (("0:0::1", 204), ("2001:db8::1", 403)):
        signature = {"none": {"trusted_proxies": [trusted]}}
        with closing(RunningSource(tmp_path, host="::1", secret=None, signature=signature)) as running:
            connection = HTTPConnection("::1", running.port, timeout=30)
            with closing(connection):
                connection.request("POST", "/", BODY)
                assert connection.getresponse().status == status


def test_body_of_a_connection_that_is_not_admitted_is_not_read(tmp_path: Path) -> None:
    signature = {"none": {"trusted_proxies": ["192.0.2.10"]}}
    with (
        closing(RunningSource(tmp_path, secret=None, signature=signature)) as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 403 ")
