"""`accueil notify` as a process of its own, which may be killed at any act: what it does to its store, or says to a receiver.

    python -m tests.support.notify_process OPTIONS [ACTS]

OPTIONS is JSON; after that many acts it kills itself, before or after the last one as chance has it.
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
from pydantic import SecretStr

from connectors.sdk.database import Database
from connectors.sdk.signals import install_stop_handler
from streams.notify.notifier import Notifier
from streams.notify.options import AlertmanagerOptions, MailOptions, NotifyOptions, WebhookOptions
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
    alertmanagers: dict[str, dict[str, Any]] | None = None,
    webhooks: dict[str, str] | None = None,
    mails: dict[str, dict[str, Any]] | None = None,
    digest_above: int = 10,
) -> str:
    """OPTIONS."""
    return json.dumps(
        {
            "brokers": brokers,
            "directory": str(directory),
            "topic": topic,
            "alertmanagers": alertmanagers or {},
            "webhooks": webhooks or {},
            "mails": mails or {},
            "digest_above": digest_above,
        }
    )


def read(text: str) -> NotifyOptions:
    given = json.loads(text)
    return NotifyOptions(
        brokers=given["brokers"],
        directory=Path(given["directory"]),
        topic=given["topic"],
        alertmanagers=tuple(AlertmanagerOptions(name, **one) for name, one in given["alertmanagers"].items()),
        webhooks=tuple(WebhookOptions(name, url, SecretStr(SECRET)) for name, url in given["webhooks"].items()),
        mails=tuple(
            MailOptions(name, **(one | {"recipients": tuple(one["recipients"])}))
            for name, one in given["mails"].items()
        ),
        runbook_url="https://example.org/runbook",
        digest_above=given["digest_above"],
    )


@contextmanager
def telling(directory: Path, receivers: Receivers) -> Iterator[Store]:
    """A store of which all that comes is told."""
    with closing(Store(directory, receivers, MAX_AGE_MS)) as store:
        store.topic("one")
        store.start_sending(NOW)
        yield store


def report_breaches(store: Store, *numbers: int) -> None:
    """Have the promises to these contacts be broken."""
    store.take([SlaClockStub(number).breached() for number in numbers], {0: max(numbers)}, NOW)


def mortal(holder: Any, name: str, numbers: "count[int]", acts: int) -> None:
    """Have `holder.name` be an act, in which this process may die."""
    whole: Callable[..., Any] = getattr(holder, name)
    lock = threading.Lock()

    def act(*args: Any, **kwargs: Any) -> Any:
        if holder is Database and str(args[1]).startswith(("SELECT", "PRAGMA", "CREATE")):
            return whole(*args, **kwargs)
        with lock:
            number = next(numbers)
        if number == acts and acts % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(*args, **kwargs)
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
