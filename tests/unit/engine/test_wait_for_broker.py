"""Detection at startup of whether Kafka answers at an address."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.engine.engine import _answers, wait_for_broker
from streams.engine.options import Options

TLS = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}


def options(directory: Path, *servers: socket.socket, client: dict[str, Any]) -> Options:
    bootstrap = ",".join(f"127.0.0.1:{server.getsockname()[1]}" for server in servers)
    return Options(bootstrap=bootstrap, directory=directory, client=client)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(("reply", "answers"), [(b"", False), (b"\x00\x00\x00\x10this is no TLS", True)])
def test_wrong_tls_settings_count_as_an_answer(
    server: socket.socket, tmp_path: Path, reply: bytes, answers: bool
) -> None:
    def accept() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(2048)
            connection.sendall(reply)

    thread = threading.Thread(target=accept)
    thread.start()
    found = options(tmp_path, server, client=TLS)
    assert _answers(found.bootstrap, found) is answers
    thread.join()


def test_signal_stops_the_wait_before_the_next_address(server: socket.socket, tmp_path: Path) -> None:
    signals: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        engine = SimpleNamespace(
            options=options(tmp_path, server, other, client={}),
            record_heartbeat=lambda: None,
            log=SimpleNamespace(warning=print),
        )
        timer = threading.Timer(0.2, signals.append, [15])
        timer.start()
        wait_for_broker(engine, signals)  # type: ignore[arg-type]
        timer.join()
        other.settimeout(0.1)
        with pytest.raises(TimeoutError):
            other.accept()
