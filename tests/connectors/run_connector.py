"""A process that runs one Asterisk connector: `python run_connector.py BROKERS LOG DIRECTORY`."""

import sys
from pathlib import Path

from connectors.asterisk.simulate import configuration
from connectors.sdk.runner import ConnectorRunner, configure
from connectors.sdk.signals import install_stop_handler

if __name__ == "__main__":
    brokers, log, directory = sys.argv[1:]
    stop = install_stop_handler()
    runner = ConnectorRunner(
        [configure("siege", "asterisk", configuration(Path(log)))], brokers=brokers, directory=Path(directory)
    )
    runner.run(stop)
