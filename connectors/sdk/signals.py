"""When a process is to stop: by Ctrl-C or its supervisor."""

import _thread
import signal
import threading


def install_stop_handler() -> threading.Event:
    """Return what is set once this process is to stop. Called in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # By a thread of its own: the main thread may be in the midst of `stop.wait`, with the lock that `set` waits for.
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))
    return stop
