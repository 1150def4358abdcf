"""A process stops on a signal at any moment."""

import os
import signal
import subprocess
import sys

WAITS_IN_A_LOOP = """
from connectors.sdk.signals import install_stop_handler
stop = install_stop_handler()
print("looking", flush=True)
while not stop.wait(0):
    pass
"""


def test_process_stops_while_it_waits_for_the_stop_event() -> None:
    """The wait holds the lock that `set` needs: a handler that calls `set` itself would deadlock occasionally."""
    for number in [signal.SIGTERM, signal.SIGINT] * 3:
        with subprocess.Popen([sys.executable, "-c", WAITS_IN_A_LOOP], stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout
                process.stdout.readline()
                os.kill(process.pid, number)
                assert process.wait(20) == 0
            finally:
                process.kill()
