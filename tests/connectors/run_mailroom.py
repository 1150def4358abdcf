"""A process that runs one mailroom connector: `python run_mailroom.py BROKERS DIRECTORY INBOX ARCHIVE`."""

import sys
from pathlib import Path

from connectors.sdk.runner import Runner, configure
from connectors.sdk.stopping import await_stop

if __name__ == "__main__":
    brokers, directory, inbox, archive = sys.argv[1:]
    stop = await_stop()
    options = {"inbox": inbox, "archive": archive, "settle_seconds": 0}
    Runner([configure("siege", "mailroom", options)], brokers=brokers, directory=Path(directory)).run(stop)
