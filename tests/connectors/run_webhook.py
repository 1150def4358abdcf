"""A process that runs one webhook connector: `python run_webhook.py BROKERS DIRECTORY PORT SPOOL_BYTES`."""

import signal
import sys
import threading
from pathlib import Path

from connectors.sdk.runner import Runner, configure
from tests.support.webhooks import OPTIONS

if __name__ == "__main__":
    brokers, directory, port, spool = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    instance = configure("guichets", "webhook", OPTIONS | {"port": int(port), "requests_per_second": 100_000})
    Runner([instance], brokers=brokers, directory=Path(directory), spool_limit_bytes=int(spool)).run(stop)
