"""Commands of simulations, as people run them."""

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
    """Run `accueil simulate` of a connector, and yield the options that it prints; at the end it has to stop as it is told."""
    program = f"from connectors.{connector.name} import CONNECTOR; CONNECTOR.simulate()"
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            # Settings are written at once, and nothing else is written until they are read.
            options = tomllib.loads(os.read(process.stdout.fileno(), 1 << 16).decode())["connectors"][INSTANCE]
            assert options.pop("connector") == connector.name
            yield options
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
