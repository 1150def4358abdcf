"""Signal handling: stop by Ctrl-C or by the supervisor."""

import _thread
import signal
import threading


def install_stop_handler() -> threading.Event:
    """Install handlers for SIGINT and SIGTERM, and return the event that they set. Call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # In another thread: the main thread may be inside `stop.wait`, and hold the lock that `set` needs.
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))
    return stop
