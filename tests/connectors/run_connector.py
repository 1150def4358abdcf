"""A process that runs one Asterisk connector: `python run_connector.py BROKERS LOG DIRECTORY`."""

import signal
import sys
import threading
from pathlib import Path

from connectors.asterisk.simulate import configuration
from connectors.sdk.runner import Runner, configure

if __name__ == "__main__":
    brokers, log, directory = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    runner = Runner(
        [configure("siege", "asterisk", configuration(Path(log)))], brokers=brokers, directory=Path(directory)
    )
    runner.run(stop)
