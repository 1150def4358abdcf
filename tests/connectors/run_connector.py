"""A process that runs one Asterisk connector: `python run_connector.py BROKERS LOG DIRECTORY`."""

import sys
from pathlib import Path

from connectors.asterisk.simulate import configuration
from connectors.sdk.runner import Runner, configure
from connectors.sdk.stopping import await_stop

if __name__ == "__main__":
    brokers, log, directory = sys.argv[1:]
    stop = await_stop()
    runner = Runner(
        [configure("siege", "asterisk", configuration(Path(log)))], brokers=brokers, directory=Path(directory)
    )
    runner.run(stop)
