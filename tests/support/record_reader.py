"""Runs one connector until it is killed, and writes its events to a file.

    python -m tests.support.record_reader CONNECTOR DIRECTORY

The directory contains `options.json`, and gets the state, the keys and the events in `topic`.
"""

import json
import sys
from pathlib import Path

from connectors.sdk import attempts
from connectors.sdk.registry import load
from connectors.sdk.testing import ConnectorHarness
from tests.support.topic_file import Topic

attempts.MOST_ATTEMPTS = 1_000  # random kills must set no record aside


def main(name: str, directory: Path) -> None:
    """Read until the process is killed."""
    options = json.loads((directory / "options.json").read_text(encoding="utf-8"))
    harness = ConnectorHarness(load(name), options, directory / "data", directory / "keys")
    with harness.opened_with(Topic(directory / "topic")) as flow:
        while True:
            flow.step()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
