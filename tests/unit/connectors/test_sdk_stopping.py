"""A process stops when it is told to, whatever it is doing at that moment."""

import os
import signal
import subprocess
import sys

LOOKS_ALL_THE_TIME = """
from connectors.sdk.signals import install_stop_handler
stop = install_stop_handler()
print("looking", flush=True)
while not stop.wait(0):
    pass
"""


def test_it_stops_while_it_looks_whether_it_is_to() -> None:
    """It looks with a lock that whoever stops it needs: by the handler itself it would wait for itself, one time in a few."""
    for number in [signal.SIGTERM, signal.SIGINT] * 3:
        with subprocess.Popen([sys.executable, "-c", LOOKS_ALL_THE_TIME], stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout
                process.stdout.readline()
                os.kill(process.pid, number)
                assert process.wait(20) == 0
            finally:
                process.kill()
