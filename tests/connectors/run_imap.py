"""Run one imap connector in a process: `python run_imap.py BROKERS DIRECTORY OPTIONS`, with the options as JSON."""

import json
import sys
from pathlib import Path

from connectors.sdk.runner import ConnectorRunner, configure
from connectors.sdk.signals import install_stop_handler

if __name__ == "__main__":
    brokers, directory, options = sys.argv[1:]
    stop = install_stop_handler()
    ConnectorRunner(
        [configure("courriel", "imap", json.loads(options))], brokers=brokers, directory=Path(directory)
    ).run(stop)
