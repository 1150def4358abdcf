"""Look-ups in the API at a steady rate: time to the first page of a citizen's timeline, recorded in the audit.

    python -m tests.bench --only api

The API runs as in operation on a generated SQLite file; this process sends requests over persistent connections. A delay runs
from the planned time of a request, and so includes the wait for a free connection. Each citizen is looked up by an e-mail address
that leads to a case, which is more work than a look-up by case number. One citizen has 10,000 entries under 51 identities; one
request in a hundred is for this citizen, and its second page is read immediately after the first.
"""

import asyncio
import json
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final, NamedTuple

import psutil

from connectors.sdk.keys import load_key
from connectors.sdk.ports import free_port
from models.identities import IdentityKind
from models.roles import Role
from streams.access.audit import read as read_audit
from streams.access.tokens import Tokens
from streams.timeline.store import Timeline
from tests.bench.measuring import MIB, cpu_seconds, percentile
from tests.bench.report import Goal, Run, number, table
from tests.support.api_harness import SECTOR, token
from tests.support.processes import Child, wait_until

CONNECTIONS: Final = 50
WARM_UP_SECONDS: Final = 3
LEAD_SECONDS: Final = 0.1
START_MS: Final = 1_790_000_000_000
HOUR_MS: Final = 3_600_000
LARGE_ENTRIES: Final = 10_000
LARGE_LINKS: Final = 50
LARGE_EVERY: Final = 100
CONTACT_EVENTS: Final = (
    ("letter.arrived", "waiting"),
    ("letter.registered", "waiting"),
    ("letter.assigned", "in_progress"),
    ("letter.answered", "closed"),
)
"""Events of each contact, while entries are left."""
FIELDS: Final = {"kind": "email", "purpose": "contact"}
OK: Final = b" 200 OK\r\n"
Row = tuple[Any, ...]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer(NamedTuple):
    of: str
    """`any` citizen, the `large` one, or its `further` page."""
    is_right: bool
    seconds: float


class Citizens:
    """Citizens of the timelines by number; number -1 has many entries."""

    def __init__(self, keys: Path) -> None:
        self._key = load_key(keys, SECTOR)

    def case(self, number: int) -> str:
        return self._key.pseudonym(IdentityKind.CASE, f"B-{number}")

    def address(self, number: int, which: int = 0) -> str:
        return f"usager{number}-{which}@example.org"

    def email(self, number: int, which: int = 0) -> str:
        return self._key.pseudonym(IdentityKind.EMAIL, self.address(number, which))

    def rows(self, number: int, entries: int, links: int) -> tuple[list[Row], list[Row]]:
        """Return the entries and links of one citizen; every second contact is known by an e-mail address only."""
        case, emails = self.case(number), [self.email(number, which) for which in range(links)]
        rows, linked = [], []
        for contact in range(-(-entries // len(CONTACT_EVENTS))):
            name, of = f"mail:bench:{number}.{contact}", emails[contact // 2 % links]
            owner = of if contact % 2 else case
            at = START_MS + (number * 7919 + contact * 37) % 2000 * HOUR_MS
            for step, (kind, state) in enumerate(CONTACT_EVENTS[: entries - contact * len(CONTACT_EVENTS)]):
                rows.append((owner, at + step * HOUR_MS, f"{name}-{step}", name, kind, state))
            if owner == case:
                linked.append((case, of, name, at))
        return rows, linked


def build(path: Path, keys: Path, entries: int, citizens: int) -> None:
    """Write timelines with this number of entries and citizens, in the order of their index."""
    Timeline(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        names = "type = 'index' AND sql IS NOT NULL"
        indexes = connection.execute(f"SELECT name, sql FROM sqlite_master WHERE {names}").fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for rows, linked in rows_of_all(Citizens(keys), entries, citizens):
            rows.sort()
            linked.sort()
            fixed = f"'{SECTOR}', 'mail', 'siege', 'rsa'"
            connection.executemany(
                f"INSERT INTO entries SELECT ?1, ?2, ?3, ?4, {fixed}, ?5, ?6, '', 'bench', '', ''", rows
            )
            connection.executemany(f"INSERT INTO links SELECT ?1, ?2, ?3, '{SECTOR}', ?4", linked)
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("ANALYZE")


def rows_of_all(known: Citizens, entries: int, citizens: int) -> Iterator[tuple[list[Row], list[Row]]]:
    """Yield the entries and links of all citizens, in batches of some hundred thousands."""
    each, more = divmod(max(entries - LARGE_ENTRIES, citizens), citizens)
    rows, linked = known.rows(-1, LARGE_ENTRIES, LARGE_LINKS)
    for citizen in range(citizens):
        more_rows, more_linked = known.rows(citizen, each + (citizen < more), 1)
        rows += more_rows
        linked += more_linked
        if len(rows) > 1_000_000:
            yield rows, linked
            rows, linked = [], []
    yield rows, linked


def measure(
    *,
    entries: int = 5_000_000,
    citizens: int = 1_000_000,
    rate: int = 200,
    seconds: int = 30,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Send `rate` requests per second; return the delays, and whether the audit contains all requests."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        data = Path(folder) / "data"
        keys = data / "connectors" / "keys"
        began_at = time.monotonic()
        keys.mkdir(parents=True, mode=0o700)
        build(data / "timeline.db", keys, entries, citizens)
        built = time.monotonic() - began_at
        progress(f"timelines of {number(entries)} entries after {built:.0f} s")
        Tokens(data / "access").add(token("bench", Role.AGENT, rate_per_minute=10_000_000))
        port = free_port()
        settings = {"ACCUEIL_DATA": str(data), "ACCUEIL_API__PORT": str(port), "ACCUEIL_LOG__FORMAT": "json"}
        with Child(["-m", "streams.cli.main", "api"], Path(folder) / "api.log", **settings) as api:
            api.start()
            wait_until(lambda: "startup complete" in api.text, "the API")
            warm = asyncio.run(_send_requests(port, citizens, rate, WARM_UP_SECONDS, Random(0)))
            before, began_at = cpu_seconds(api.pid), time.monotonic()
            answers = asyncio.run(_send_requests(port, citizens, rate, seconds, Random(1)))
            took = time.monotonic() - began_at - LEAD_SECONDS
            busy = cpu_seconds(api.pid) - before
            memory = psutil.Process(api.pid).memory_info().rss
            api.stop()
        recorded = sum((line.record or {}).get("result") == "shown" for line in read_audit(data / "audit"))
    delays = defaultdict(list)
    for answer in answers:
        if answer.is_right:
            delays[answer.of].append(1000 * answer.seconds)
    wanted = len(warm) + len(answers)
    right = sum(map(len, delays.values()))
    return {
        "entries": entries,
        "citizens": citizens,
        "built_seconds": built,
        "requests_per_second": (len(answers) - len(delays["further"])) / took,
        "median_ms": median(delays["any"]),
        "p99_ms": percentile(delays["any"], 0.99),
        "longest_ms": max(delays["any"]),
        "large_median_ms": median(delays["large"]),
        "large_p99_ms": percentile(delays["large"], 0.99),
        "further_median_ms": median(delays["further"]),
        "further_p99_ms": percentile(delays["further"], 0.99),
        "cpu_ms": 1000 * busy / len(answers),
        "api_cores": busy / took,
        "memory_mib": memory / MIB,
        "correct": "exact" if recorded == wanted and right == len(answers) else f"{right} right, {recorded} recorded",
    }


async def _send_requests(port: int, citizens: int, rate: int, seconds: int, random: Random) -> list[Answer]:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    answers: list[Answer] = []

    async def look_up(citizen: int, due_at: float) -> None:
        connection = await free.get()
        head, body = await _post(connection, "look-up", FIELDS | {"value": f"usager{citizen}-0@example.org"})
        delay = time.perf_counter() - due_at
        is_large, answer = citizen < 0, json.loads(body)
        links = LARGE_LINKS if is_large else 1
        is_right = OK in head and len(answer["identities"]) == links + 1 and answer["is_own"] and answer["entries"]
        answers.append(Answer("large" if is_large else "any", bool(is_right), delay))
        if is_large and is_right:
            sent_at = time.perf_counter()
            query = {"subject": answer["subject"], "cursor": answer["next"], "purpose": "contact"}
            head, body = await _post(connection, "timeline", query)
            delay, further = time.perf_counter() - sent_at, json.loads(body)
            is_right = OK in head and answer["entries"][-1]["happened_at"] >= further["entries"][0]["happened_at"]
            answers.append(Answer("further", is_right, delay))
        free.put_nowait(connection)

    begin = time.perf_counter() + LEAD_SECONDS
    async with asyncio.TaskGroup() as group:
        for request in range(rate * seconds):
            citizen = -1 if request % LARGE_EVERY == 0 else random.randrange(citizens)
            due_at = begin + request / rate
            if (pause := due_at - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            group.create_task(look_up(citizen, due_at))
    while not free.empty():
        free.get_nowait()[1].close()
    return answers


async def _post(connection: Connection, path: str, query: dict[str, str]) -> tuple[bytes, bytes]:
    reader, writer = connection
    body = json.dumps(query).encode()
    head = (
        f"POST /v1/{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer bench\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answered = await reader.readuntil(b"\r\n\r\n")
    length = int(answered.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return answered, await reader.readexactly(length)


def goals(run: Run) -> list[Goal]:
    what = "look-up and first page, 99 %, ms"
    large = "the same of 10,000 entries, ms"
    further = "their second page, 99 %, ms"
    return [
        Goal("api.per_second", "look-ups/s", run["requests_per_second"], 190),
        Goal("api.p99_ms", what, run["p99_ms"], 30, at_least=False),
        Goal("api.large_p99_ms", large, run["large_p99_ms"], 30, at_least=False),
        Goal("api.further_p99_ms", further, run["further_p99_ms"], 30, at_least=False),
    ]


def is_exact(result: Run) -> bool:
    """Return whether every response was correct and is in the audit."""
    return bool(result["correct"] == "exact")


def show(result: Run) -> str:
    rows = [[name, value if isinstance(value, str) else number(value)] for name, value in result.items()]
    return table(["look-ups", "result"], rows)
