"""Detection at startup of whether Kafka answers at an address."""

import socket
import ssl
import threading

import pytest

from streams.engine.engine import _answers
from streams.engine.options import Options

TLS = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}


@pytest.mark.parametrize(("reply", "answers"), [(b"", False), (b"\x00\x00\x00\x10this is no TLS", True)])
def test_wrong_tls_settings_count_as_an_answer(reply: bytes, answers: bool) -> None:
    def accept() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(2048)
            connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept)
        thread.start()
        options = Options(f"127.0.0.1:{server.getsockname()[1]}", client=TLS)
        assert _answers(options.bootstrap, options) is answers
        thread.join()
