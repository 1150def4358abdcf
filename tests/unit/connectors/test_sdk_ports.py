"""Allocation of free ports among processes."""

import subprocess
import sys

import pytest

from connectors.sdk import ports
from connectors.sdk.ports import free_port

ALLOCATE = """
import sys
from connectors.sdk import ports
ports.PORTS = [int(sys.argv[1])]
try:
    print(ports.free_port(), flush=True)
except OSError as error:
    print(error, flush=True)
sys.stdin.read()
"""


def allocate_elsewhere(port: int) -> str:
    """Let another process allocate `port` and exit; return its output."""
    return subprocess.run(
        [sys.executable, "-c", ALLOCATE, str(port)], input="", capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="ports are claimed on Linux only")
def test_port_is_given_to_one_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    assert "no port is free" in allocate_elsewhere(port)
    monkeypatch.setattr(ports, "CLAIMS", 1)
    free_port()  # releases the earlier claims
    assert allocate_elsewhere(port) == str(port)
