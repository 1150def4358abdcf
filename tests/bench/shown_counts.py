"""Counts that the board and `/metrics` show, and the delay from an event to the message or scrape that shows it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Final, NamedTuple
from urllib.request import urlopen

import msgspec

SCRAPE_SECONDS: Final = 0.1
"""Pause between two scrapes; it adds half of it to a delay on average, plus the duration of a scrape."""
TIMEOUT_SECONDS: Final = 60

Series = tuple[str, str]
"""Service, one per site, and name of a count."""


class Shown(NamedTuple):
    """Places that show an event: a count of a service on the board, and a sample of `/metrics`; empty if none."""

    board: str = ""
    metric: str = ""


_RECEIVED: Final = "contact_received_total"
SHOWN: Final = {
    "call.queued": Shown("received", _RECEIVED),
    "call.answered": Shown("answered", "contact_answered_total"),
    "call.abandoned": Shown("abandoned", "contact_abandoned_total"),
    "call.ended": Shown("", "contact_handle_seconds_count"),
    "visit.arrived": Shown("received", _RECEIVED),
    "visit.called": Shown("answered", "contact_answered_total"),
    "visit.served": Shown("", "contact_handle_seconds_count"),
    "letter.arrived": Shown("received", _RECEIVED),
    "letter.registered": Shown("", "contact_registered_total"),
    "letter.assigned": Shown("", "contact_assigned_total"),
    "letter.answered": Shown("closed", "contact_closed_total"),
    "email.received": Shown("received", _RECEIVED),
    "email.acknowledged": Shown("", "contact_acknowledged_total"),
    "email.answered": Shown("closed", "contact_closed_total"),
    "form.submitted": Shown("received", _RECEIVED),
    "form.taken_up": Shown("", "contact_assigned_total"),
    "form.decided": Shown("closed", "contact_closed_total"),
    "appointment.booked": Shown("booked", _RECEIVED),
    "appointment.checked_in": Shown("", "contact_appointment_checked_in_total"),
    "appointment.attended": Shown("attended", "contact_appointment_total"),
    "feedback.invited": Shown("invited", "contact_survey_invited_total"),
    "feedback.given": Shown("given", "contact_satisfaction_score_count"),
}
_SAMPLES: Final = tuple({shown.metric.encode() for shown in SHOWN.values()})


class Board:
    def __init__(self, url: str) -> None:
        self.seen: list[tuple[float, bytes]] = []
        threading.Thread(target=self._follow, args=(f"{url}/events",), daemon=True).start()

    def _follow(self, url: str) -> None:
        with suppress(OSError, HTTPException), urlopen(url, timeout=TIMEOUT_SECONDS) as stream:
            for line in stream:
                if line.startswith(b"data:") and b'"board"' in line:
                    self.seen.append((time.monotonic(), line[5:]))


class Scrapes:
    """Scrapes `/metrics`, and stores the samples of our sites."""

    def __init__(self, url: str) -> None:
        self.seen: list[tuple[float, bytes]] = []
        self.took: list[float] = []
        self._place = url.removeprefix("http://")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _follow(self) -> None:
        connection = HTTPConnection(self._place, timeout=TIMEOUT_SECONDS)
        while not self._stopping.wait(SCRAPE_SECONDS):
            began_at = time.monotonic()
            connection.request("GET", "/metrics")
            text = connection.getresponse().read()
            at = time.monotonic()
            self.took.append(at - began_at)
            ours = (line for line in text.split(b"\n") if line.startswith(_SAMPLES) and _is_ours(line))
            self.seen.append((at, b"\n".join(ours)))


def _is_ours(line: bytes) -> bool:
    """Return whether a sample is of our sites. Feedback before the event of its contact is first counted without a channel."""
    return b'site="bench"' in line and b'channel=""' not in line


class _Feedback(msgspec.Struct):
    invited: int = 0
    given: int = 0


class _Flows(msgspec.Struct):
    received: int = 0
    answered: int = 0
    abandoned: int = 0
    closed: int = 0
    booked: int = 0
    attended: int = 0


class _Queue(msgspec.Struct):
    service: str
    today: _Flows


class _Service(msgspec.Struct):
    service: str
    mail: _Flows | None = None
    email: _Flows | None = None
    form: _Flows | None = None
    appointment: _Flows | None = None
    feedback: _Feedback | None = None


class _Board(msgspec.Struct):
    queues: list[_Queue]
    services: list[_Service]


class _Message(msgspec.Struct):
    board: _Board


_decode: Final = msgspec.json.Decoder(_Message).decode


def read_board(message: bytes) -> dict[Series, int]:
    shown: dict[Series, int] = {}
    board = _decode(message).board
    for queue in board.queues:
        shown |= {(queue.service, name): one for name, one in msgspec.structs.asdict(queue.today).items() if one}
    for row in board.services:
        for part in (row.mail, row.email, row.form, row.appointment, row.feedback):
            if part is not None:
                shown |= {(row.service, name): one for name, one in msgspec.structs.asdict(part).items() if one}
    return shown


def read_metrics(text: bytes) -> dict[Series, int]:
    """Return the values of a scrape by service and sample, summed over the other labels."""
    shown: Counter[Series] = Counter()
    for line in text.decode().splitlines():
        sample, _, value = line.rpartition(" ")
        name, _, labels = sample.partition("{")
        service = labels.partition('service="')[2].partition('"')[0]
        shown[service, name] += int(float(value))
    return shown


def delays_of(
    sent: Mapping[Series, list[float]],
    seen: list[tuple[float, bytes]],
    read_one: Callable[[bytes], Mapping[Series, int]],
) -> list[float]:
    """Return the delay until each event was shown, in milliseconds. Raises `ValueError` for an event that was not shown."""
    delays: list[float] = []
    found: Counter[Series] = Counter()
    for at, raw in seen:
        for series, shown in read_one(raw).items():
            times = sent.get(series)
            if times is None:  # of the demo
                continue
            if shown > len(times):
                raise ValueError(f"{series}: {shown} shown, {len(times)} sent")
            delays += (1000 * (at - one) for one in times[found[series] : shown])
            found[series] = max(found[series], shown)
    if missing := [
        (series, len(times) - found[series]) for series, times in sent.items() if found[series] < len(times)
    ]:
        raise ValueError(f"never shown: {missing[:5]}")
    return delays
