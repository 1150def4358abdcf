"""Run one mailroom connector in a process: `python run_mailroom.py BROKERS DIRECTORY INBOX ARCHIVE`."""

import sys
from pathlib import Path

from connectors.sdk.runner import ConnectorRunner, configure
from connectors.sdk.signals import install_stop_handler

if __name__ == "__main__":
    brokers, directory, inbox, archive = sys.argv[1:]
    stop = install_stop_handler()
    options = {"inbox": inbox, "archive": archive, "settle_seconds": 0}
    ConnectorRunner([configure("siege", "mailroom", options)], brokers=brokers, directory=Path(directory)).run(stop)
