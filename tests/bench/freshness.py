"""Age of figures under load: delay from an event of any channel to the board, and to a scrape of `/metrics`.

    accueil bench --only freshness

`accueil up --demo` runs Kafka, worker, timelines, board, connectors and simulated systems. In addition, this process publishes
events of contacts on all channels at a steady rate like a connector, follows `/events` like a browser, and scrapes `/metrics`
continuously. All contacts of a site are in one partition, so that its events are counted in the order of publication. The delay
of an event runs from just before its publication to the message, or the end of the scrape, that shows it.
"""

import re
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple
from urllib.request import urlopen

import msgspec

from models.codec import encode
from models.events import Event
from models.identities import IdentityKind, PseudonymKey
from models.topics import DEAD_LETTERS, SOURCES, Channel
from streams.kafka.partitioner import partition_of
from streams.runtime import instance_lock
from streams.settings.schema import Settings
from tests.bench.latency import Up, started_up
from tests.bench.measuring import percentile
from tests.bench.records import make_producer, read
from tests.bench.report import Goal, Run, number, table
from tests.support.events import make
from tests.support.processes import wait_until

SITE: Final = "bench"
SCRAPE_SECONDS: Final = 0.1
"""Pause between two scrapes; it adds half of it to a delay on average, plus the duration of a scrape."""
CALM_EVENTS: Final = 60
"""Maximum number of events per second of the demo after it has read its history."""
CALM_SECONDS: Final = 10
STARTS_SECONDS: Final = 400
LIMIT_SECONDS: Final = 60
WEIGHTS: Final = {
    Channel.CALL: 50,
    Channel.VISIT: 10,
    Channel.MAIL: 12,
    Channel.EMAIL: 12,
    Channel.FORM: 8,
    Channel.APPOINTMENT: 8,
}
"""Channels of each hundred contacts."""
SERVICES: Final = {
    Channel.CALL: 10,
    Channel.MAIL: 6,
    Channel.EMAIL: 4,
    Channel.FORM: 4,
    Channel.APPOINTMENT: 4,
    Channel.VISIT: 2,
}
"""Number of services per channel."""
ABANDONED: Final = 0.12
ASKED: Final = 0.1
"""Share of callers and visitors invited to a survey; half of them answer."""
LONGEST_STEP_SECONDS: Final = 4.0
PLANNING_SECONDS: Final = 20
"""Time to generate all events before the first is due, since they contain their times."""

Progress = Callable[[str], None]
Series = tuple[str, str]
"""Service, one per site, and name of a count."""


class Planned(NamedTuple):
    """An event to publish."""

    due: float
    """Seconds after the start."""
    kind: str
    service: str
    topic: str
    key: bytes
    value: bytes


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
_COUNTED: Final = re.compile(rb'^pipeline_events_processed_total\{result="ok"\} (.+)$', re.MULTILINE)
_WORKER: Final = re.compile(r"^ +worker +(http://\S+/metrics)$", re.MULTILINE)
_STEPS: Final = re.compile(
    r"^(pipeline_(?:step_records|commit_seconds|event_delay_seconds)_(?:sum|count))(?:{.*})? (\S+)$", re.MULTILINE
)
_SAMPLES: Final = tuple({shown.metric.encode() for shown in SHOWN.values()})


# --------------------------------------------------------------------------------------------------------------- the load
class ContactGenerator:
    """Generator of contacts with `rate` events per second in total; deterministic for a `seed`."""

    def __init__(self, seed: int, partitions: int) -> None:
        self._random = Random(seed)
        self._partitions = partitions
        self._numbers = count()
        self._key = PseudonymKey(SITE, bytes(32))
        self._services = {
            channel: [f"{SITE}-{channel}-{number}" for number in range(share)] for channel, share in SERVICES.items()
        }
        self._partition_of = {
            service: place % partitions
            for place, service in enumerate(one for some in self._services.values() for one in some)
        }

    def plan(self, begins_at: datetime, rate: float, seconds: float) -> list[Planned]:
        """Return the events of `seconds` in the order of publication."""
        drawn: list[tuple[float, str, str, dict[str, Any]]] = []
        wanted = int(rate * seconds)
        while len(drawn) < wanted:
            drawn += (one for one in self._life(self._random.uniform(0, seconds)) if one[0] < seconds)
        drawn.sort(key=lambda one: one[0])
        # Events of one contact keep their order, and the total rate is even.
        return [self._planned(place / rate, *one[1:], at=begins_at) for place, one in enumerate(drawn[:wanted])]

    def _planned(self, due: float, kind: str, service: str, fields: dict[str, Any], *, at: datetime) -> Planned:
        event: Event = make(kind, site=SITE, service=service, sector=SITE, **fields)
        event = event.model_copy(update={"time": at + timedelta(seconds=due)})
        return Planned(due, kind, service, SOURCES[event.channel].name, event.subject.encode(), encode(event))

    def _life(self, at: float) -> Iterator[tuple[float, str, str, dict[str, Any]]]:
        random = self._random
        channel = random.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        service = random.choice(self._services[channel])
        subject = next(
            name
            for number in self._numbers
            if partition_of((name := f"{channel}:{SITE}/{SITE}:{number}").encode(), self._partitions)
            == self._partition_of[service]
        )
        identities = self._key.pseudonym(IdentityKind.PHONE, f"+336399{random.randrange(80_000, 90_000):05}")
        steps = list(self._steps(channel, service))
        for kind, data in steps:
            yield at, kind, service, {"subject": subject, "identities": identities, **data}
            at += random.uniform(0.5, LONGEST_STEP_SECONDS)

    def _steps(self, channel: Channel, service: str) -> Iterator[tuple[str, dict[str, Any]]]:
        where = {"queue": service}
        match channel:
            case Channel.CALL:
                yield "call.queued", where
                if self._random.random() < ABANDONED:
                    yield "call.abandoned", where
                    return
                yield "call.answered", where
                yield "call.ended", {**where, "ended_by": "caller"}
            case Channel.VISIT:
                yield "visit.arrived", where
                yield "visit.called", {}
                yield "visit.served", {}
            case Channel.MAIL:
                yield "letter.arrived", {}
                yield "letter.registered", {"chrono": "1"}
                yield "letter.assigned", {}
                yield "letter.answered", {}
            case Channel.EMAIL:
                yield from (("email.received", {}), ("email.acknowledged", {}), ("email.answered", {}))
            case Channel.FORM:
                yield "form.submitted", {"procedure": service}
                yield "form.taken_up", {}
                yield "form.decided", {"decision": "accepted"}
            case _:
                yield "appointment.booked", {"starts_at": datetime.now(UTC) + timedelta(days=3), "by": "citizen"}
                yield from (("appointment.checked_in", {}), ("appointment.attended", {}))
        if channel in (Channel.CALL, Channel.VISIT) and self._random.random() < ASKED:
            yield "feedback.invited", {}
            if self._random.random() < 0.5:
                yield "feedback.given", {"scale": "csat_1_5", "score": self._random.randint(1, 5)}


def _send(bootstrap: str, planned: list[Planned]) -> tuple[dict[tuple[str, str], list[float]], list[float]]:
    """Publish all events when due; return the times by service and kind, and the delays until Kafka's acknowledgement."""
    producer = make_producer(bootstrap, linger_ms=2)  # like connectors
    sent: dict[tuple[str, str], list[float]] = defaultdict(list)
    taken: list[float] = []
    begin = time.monotonic()
    for one in planned:
        while (early := begin + one.due - time.monotonic()) > 0:
            producer.poll(min(early, 0.002))
        at = time.monotonic()
        sent[one.service, one.kind].append(at)
        producer.produce(one.topic, key=one.key, value=one.value, on_delivery=partial(_note, taken, at))
    producer.flush(LIMIT_SECONDS)
    return sent, taken


def _note(taken: list[float], at: float, error: object, _: object) -> None:
    taken.append(float("inf") if error else time.monotonic() - at)


# --------------------------------------------------------------------------------------------------------- observers
class Board:
    """Follows `/events`, and stores the messages for later."""

    def __init__(self, url: str) -> None:
        self.seen: list[tuple[float, bytes]] = []
        threading.Thread(target=self._follow, args=(f"{url}/events",), daemon=True).start()

    def _follow(self, url: str) -> None:
        with suppress(OSError, HTTPException), urlopen(url, timeout=LIMIT_SECONDS) as stream:
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
        connection = HTTPConnection(self._place, timeout=LIMIT_SECONDS)
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


class Steps:
    """Metrics of the worker's steps since the creation of this object."""

    def __init__(self, console: Path) -> None:
        found = _WORKER.search(console.read_text(encoding="utf-8"))
        assert found is not None, "the worker's metrics were not found"
        self._url = found[1]
        self._before = self._look()

    def measure(self) -> dict[str, float]:
        """Return the number of steps, and the mean of records per step, commit time, and delay of a step's first record."""
        now = self._look()
        since = {name: number - self._before.get(name, 0.0) for name, number in now.items()}

        def mean(name: str) -> float:
            return since[f"{name}_sum"] / max(1.0, since[f"{name}_count"])

        return {
            "steps": since["pipeline_step_records_count"],
            "step_records": mean("pipeline_step_records"),
            "commit_ms": 1000 * mean("pipeline_commit_seconds"),
            "worker_delay_ms": 1000 * mean("pipeline_event_delay_seconds"),
        }

    def _look(self) -> dict[str, float]:
        sums: defaultdict[str, float] = defaultdict(float)
        with urlopen(self._url, timeout=LIMIT_SECONDS) as answer:
            for name, value in _STEPS.findall(answer.read().decode()):
                sums[name] += float(value)
        return dict(sums)


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


def _read_board(message: bytes) -> dict[Series, int]:
    """Return the counts of a board by service and name."""
    shown: dict[Series, int] = {}
    board = _decode(message).board
    for queue in board.queues:
        shown |= {(queue.service, name): one for name, one in msgspec.structs.asdict(queue.today).items() if one}
    for row in board.services:
        for part in (row.mail, row.email, row.form, row.appointment, row.feedback):
            if part is not None:
                shown |= {(row.service, name): one for name, one in msgspec.structs.asdict(part).items() if one}
    return shown


def _read_metrics(text: bytes) -> dict[Series, int]:
    """Return the values of a scrape by service and sample, summed over the other labels."""
    shown: Counter[Series] = Counter()
    for line in text.decode().splitlines():
        sample, _, value = line.rpartition(" ")
        name, _, labels = sample.partition("{")
        service = labels.partition('service="')[2].partition('"')[0]
        shown[service, name] += int(float(value))
    return shown


def _delays(
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


# ----------------------------------------------------------------------------------------------------------- measuring
def measure(*, rate: float = 1_000, seconds: float = 60, seed: int = 1, progress: Progress) -> dict[str, Any]:
    """Return the delays of all visible events, at `rate` events per second for `seconds`."""
    with (
        tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder,
        started_up(Path(folder), "up", "--demo") as demo,
    ):
        progress("the demo reads its history …")
        _await_calm(demo.url)
        found = instance_lock.read(Path(folder) / "demo")
        assert found is not None, "the demo does not run"
        worker = Steps(Path(folder) / "console.log")
        return _measure(demo, worker, found.brokers, rate, seconds, seed, progress)


def _measure(
    demo: Up, worker: Steps, bootstrap: str, rate: float, seconds: float, seed: int, progress: Progress
) -> dict[str, Any]:
    begins_at = datetime.now(UTC) + timedelta(seconds=PLANNING_SECONDS)
    planned = ContactGenerator(seed, Settings().partitions).plan(begins_at, rate, seconds)
    board, scrapes = Board(demo.url), Scrapes(demo.url)
    wait_until(lambda: board.seen and scrapes.seen, "board and metrics", LIMIT_SECONDS)
    progress(f"{len(planned)} events …")
    time.sleep(max(0.0, (begins_at - datetime.now(UTC)).total_seconds()))
    before, began_at = demo.cpu_seconds(), time.monotonic()
    sent, taken = _send(bootstrap, planned)
    took = time.monotonic() - began_at
    after, steps = demo.cpu_seconds(), worker.measure()
    on_board = _by_count(sent, lambda shown: shown.board)
    in_metrics = _by_count(sent, lambda shown: shown.metric)
    wait_until(
        lambda: (
            _shows(on_board, _read_board(board.seen[-1][1])) and _shows(in_metrics, _read_metrics(scrapes.seen[-1][1]))
        ),
        "all of it",
        LIMIT_SECONDS,
    )
    scrapes.stop()
    delays = {
        "board": _delays(on_board, board.seen, _read_board),
        "metrics": _delays(in_metrics, scrapes.seen, _read_metrics),
        "kafka": [1000 * one for one in taken],
    }
    dead = sum(1 for record in read(bootstrap, DEAD_LETTERS.name) if b'"bench' in (record.value or b""))
    return {
        "events": len(planned),
        "events_per_second": len(planned) / took,
        "kinds": len({one.kind for one in planned}),
        "scrape_ms": 1000 * percentile(scrapes.took, 0.5),
        "messages_per_second": len(board.seen) / took,
        "message_bytes": len(board.seen[-1][1]),
        **{
            f"{where}_{name}_ms": one
            for where, values in delays.items()
            for name, one in (("p50", percentile(values, 0.5)), ("p99", percentile(values, 0.99)), ("max", max(values)))
        },
        **{f"{where}_samples": len(values) for where, values in delays.items()},
        **steps,
        "core_share": {name: (after[name] - before[name]) / took for name in before},
        "dead_letters": dead,
    }


def _by_count(sent: Mapping[tuple[str, str], list[float]], where: Callable[[Shown], str]) -> dict[Series, list[float]]:
    """Return the publication times by service and count. Each count of a service counts one kind of event."""
    found: defaultdict[Series, list[float]] = defaultdict(list)
    for (service, kind), times in sent.items():
        if name := where(SHOWN[kind]):
            found[service, name] += times
    return dict(found)


def _shows(sent: Mapping[Series, list[float]], shown: Mapping[Series, int]) -> bool:
    return all(shown.get(series, 0) >= len(times) for series, times in sent.items())


def _await_calm(url: str) -> None:
    """Wait until the history is read, when the rate of events is low."""
    counted: list[tuple[float, float]] = []

    def is_calm() -> bool:
        with urlopen(f"{url}/metrics", timeout=LIMIT_SECONDS) as answer:
            found = _COUNTED.search(answer.read())
        if found is None:
            return False
        counted.append((time.monotonic(), float(found[1])))
        at, number = next(
            one for one in reversed(counted) if one[0] <= counted[-1][0] - CALM_SECONDS or one is counted[0]
        )
        elapsed = counted[-1][0] - at
        return elapsed >= CALM_SECONDS and (counted[-1][1] - number) / elapsed < CALM_EVENTS

    wait_until(is_calm, "the demo to be as of now", STARTS_SECONDS)


# -------------------------------------------------------------------------------------------------------------- results
def goals(result: Run) -> list[Goal]:
    """Return the goals."""
    return [
        Goal("freshness.events_per_second", "events/s sent", result["events_per_second"], 990),
        *(
            Goal(f"freshness.{where}_p99_ms", what, result[f"{where}_p99_ms"], 1000, at_least=False)
            for where, what in (("board", "event to board, p99 ms"), ("metrics", "event to /metrics, p99 ms"))
        ),
    ]


def is_exact(result: Run) -> bool:
    """Return whether no event was rejected; without a shown event there would be no result."""
    return bool(result["dead_letters"] == 0)


def show(result: Run) -> str:
    """Return tables of delays and processes."""
    named = {"kafka": "acknowledged by Kafka", "board": "on the board", "metrics": "in a scrape of /metrics"}
    head = ["after ms", "events", "p50", "p99", "max"]
    rows = [
        [
            what,
            number(result[f"{where}_samples"]),
            *(number(round(result[f"{where}_{name}_ms"])) for name in ("p50", "p99", "max")),
        ]
        for where, what in named.items()
    ]
    rate, kinds = number(result["events_per_second"]), result["kinds"]
    summary = (
        f"{rate} events/s of {kinds} types beside the demo; a scrape took {result['scrape_ms']:.0f} ms, the next began"
        f" {SCRAPE_SECONDS * 1000:.0f} ms later; {result['messages_per_second']:.1f} messages/s of"
        f" {number(result['message_bytes'])} bytes"
    )
    steps = (
        f"worker: {number(result['steps'])} steps of {result['step_records']:.0f} records, {result['commit_ms']:.0f} ms to"
        f" commit; {result['worker_delay_ms']:.0f} ms from Kafka to its commit for the first record of one, in the mean"
    )
    processes = [[name, number(100 * share)] for name, share in result["core_share"].items()]
    columns = ["process", "% of a core"]
    return "\n\n".join([table(head, rows), summary, steps, table(columns, processes)])
