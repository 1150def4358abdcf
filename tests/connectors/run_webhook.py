"""A process that runs one webhook connector: `python run_webhook.py BROKERS DIRECTORY PORT SPOOL_BYTES`."""

import sys
from pathlib import Path

from connectors.sdk.runner import ConnectorRunner, configure
from connectors.sdk.signals import install_stop_handler
from tests.support.webhooks import OPTIONS

if __name__ == "__main__":
    brokers, directory, port, spool = sys.argv[1:]
    stop = install_stop_handler()
    instance = configure("guichets", "webhook", OPTIONS | {"port": int(port), "requests_per_second": 100_000})
    ConnectorRunner([instance], brokers=brokers, directory=Path(directory), spool_limit_bytes=int(spool)).run(stop)
