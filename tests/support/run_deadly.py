"""Run two connector instances on files with lines that crash the process: `run_deadly.py DIRECTORY`.

`DIRECTORY/nord` and `DIRECTORY/sud` are the sources; the events go to `DIRECTORY/topic-nord` and `DIRECTORY/topic-sud`.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from connectors.sdk import instance, runner
from connectors.sdk.contract import Connector, Outcome
from connectors.sdk.errors import StuckError
from connectors.sdk.instance import Instance
from connectors.sdk.runner import ConnectorRunner
from connectors.sdk.signals import install_stop_handler
from streams.settings.exit_codes import EXIT_RESTART
from tests.connectors.faulty import Config, Lines
from tests.support.topic_file import Topic

STUCK_SECONDS = 1.0


class Deadly(Lines):
    def read(self, wait_seconds: float) -> Sequence[bytes]:
        time.sleep(wait_seconds)
        lines = super().read(wait_seconds)
        if b"stuck in read" in lines:
            time.sleep(3600)
        return lines

    def map(self, raw: bytes) -> Outcome:
        if raw == b"killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if raw == b"stuck":
            time.sleep(3600)
        if raw == b"deep":
            return self.map(raw)
        if raw == b"huge":
            raise MemoryError
        return super().map(raw)


def main() -> None:
    directory = Path(sys.argv[1])
    instance.STUCK_SECONDS, runner.WATCH_SECONDS = STUCK_SECONDS, 0.1  # type: ignore[misc]
    connector = Connector("deadly", Config, Deadly)  # type: ignore[arg-type]
    names = ("nord", "sud")
    connector_runner = ConnectorRunner(
        [Instance(name, connector, Config(path=directory / name)) for name in names],
        brokers="",
        directory=directory / "data",
        open_publisher=lambda source, *_: Topic(directory / f"topic-{source.partition('/')[2]}"),
    )
    try:
        connector_runner.run(install_stop_handler())
    except StuckError:
        os._exit(EXIT_RESTART)


if __name__ == "__main__":
    main()
