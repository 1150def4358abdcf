"""Run the simulate commands of connectors in a process."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.sdk.contract import Connector
from connectors.sdk.simulation.cli_options import INSTANCE


@contextmanager
def simulate(connector: Connector[Any], *arguments: str) -> Iterator[dict[str, Any]]:
    """Run the simulate command of a connector and yield the printed options; then check that SIGTERM stops it."""
    program = f"from connectors.{connector.name} import CONNECTOR; CONNECTOR.simulate()"
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            # The command prints its settings in one write, and nothing before they are read.
            options = tomllib.loads(os.read(process.stdout.fileno(), 1 << 16).decode())["connectors"][INSTANCE]
            assert options.pop("connector") == connector.name
            yield options
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
