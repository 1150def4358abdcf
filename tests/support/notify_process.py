"""`accueil notify` in a process that kills itself at a set operation on its store or on a receiver.

    python -m tests.support.notify_process OPTIONS [ACTS]

OPTIONS is JSON. The process kills itself at operation number ACTS: before it if the number is odd, after it if it is even.
"""

import json
import os
import signal
import smtplib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from connectors.sdk.database import Database
from connectors.sdk.signals import install_stop_handler
from streams.notify.notifier import Notifier
from streams.notify.options import Notify, NotifyOptions
from streams.notify.store import Receivers, Store
from streams.runtime import logs
from tests.support.sla_events import SlaClockStub
from tests.support.webhooks import SECRET

MODULE = "tests.support.notify_process"
NOW = 1_773_662_400_000
MAX_AGE_MS = 72 * 3_600_000


def options(
    brokers: str,
    directory: Path,
    *,
    topic: str,
    alertmanagers: dict[str, dict[str, Any]],
    webhooks: dict[str, str],
) -> str:
    """Return the OPTIONS argument."""
    settings = {
        "alertmanagers": alertmanagers,
        "webhooks": {name: {"url": url, "secret": SECRET} for name, url in webhooks.items()},
        "runbook_url": "https://example.org/runbook",
    }
    return json.dumps({"brokers": brokers, "directory": str(directory), "topic": topic, "settings": settings})


def read(text: str) -> NotifyOptions:
    options = json.loads(text)
    settings = Notify.model_validate(options["settings"])
    return NotifyOptions(options["brokers"], Path(options["directory"]), settings, options["topic"])


@contextmanager
def sending_store(directory: Path, receivers: Receivers) -> Iterator[Store]:
    """Open a store that sends all notifications."""
    with closing(Store(directory, receivers, MAX_AGE_MS)) as store:
        store.topic("one")
        store.start_sending(NOW)
        yield store


def report_breaches(store: Store, *numbers: int) -> None:
    """Record breached SLA targets for these contacts."""
    store.take([SlaClockStub(number).breached() for number in numbers], {0: max(numbers)}, NOW)


def mortal(holder: Any, name: str, numbers: "count[int]", acts: int) -> None:
    """Wrap the method `holder.name` so that the process kills itself at operation number `acts`."""
    original: Callable[..., Any] = getattr(holder, name)
    lock = threading.Lock()

    def act(*args: Any, **kwargs: Any) -> Any:
        if holder is Database and str(args[1]).startswith(("SELECT", "PRAGMA", "CREATE")):
            return original(*args, **kwargs)
        with lock:
            number = next(numbers)
        if number == acts and acts % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if number == acts:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, act)


def main(text: str, acts: int = 0) -> None:
    logs.configure("info")
    if acts:
        numbers = count(1)
        for holder, name in ((Database, "execute"), (httpx.Client, "request"), (smtplib.SMTP, "send_message")):
            mortal(holder, name, numbers, acts)
    stopping = install_stop_handler()
    sys.exit(0 if Notifier(read(text)).run(stopping) else 70)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
