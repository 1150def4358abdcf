"""A port that was given to one process is given to no other one, although nobody listens on it yet."""

import subprocess
import sys

import pytest

from streams.kafka import ports
from streams.kafka.ports import free_port

ASK = """
import sys
from streams.engine import ports
ports.PORTS = [int(sys.argv[1])]
try:
    print(ports.free_port(), flush=True)
except OSError as error:
    print(error, flush=True)
sys.stdin.read()
"""


def ask(port: int) -> str:
    """Let another process ask for `port` and end; return what it says."""
    return subprocess.run(
        [sys.executable, "-c", ASK, str(port)], input="", capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing keeps it")
def test_each_port_is_given_to_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    assert "no port is free" in ask(port)
    monkeypatch.setattr(ports, "CLAIMS", 1)
    free_port()  # lets go of the ones before
    assert ask(port) == str(port)
