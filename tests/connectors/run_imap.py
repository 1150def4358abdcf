"""A process that runs one connector of e-mail: `python run_imap.py BROKERS DIRECTORY OPTIONS`, these as JSON."""

import json
import signal
import sys
import threading
from pathlib import Path

from connectors.sdk.runner import Runner, configure

if __name__ == "__main__":
    brokers, directory, options = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Runner([configure("courriel", "imap", json.loads(options))], brokers=brokers, directory=Path(directory)).run(stop)
