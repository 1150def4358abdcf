"""A process that runs one connector of e-mail: `python run_imap.py BROKERS DIRECTORY OPTIONS`, these as JSON."""

import json
import sys
from pathlib import Path

from connectors.sdk.runner import Runner, configure
from connectors.sdk.stopping import await_stop

if __name__ == "__main__":
    brokers, directory, options = sys.argv[1:]
    stop = await_stop()
    Runner([configure("courriel", "imap", json.loads(options))], brokers=brokers, directory=Path(directory)).run(stop)
