"""Delay from a log line to the board in the processes of `accueil up`, and their CPU use and memory when idle.

    python -m tests.bench --only latency

Calls of a separate queue are appended to the log of the demo's simulated switchboard. A sample is the time from just before a
line is written to the message of `/events` that shows its figure. The first line waits until the history is read, which is
reported separately.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.request import urlopen

import psutil

from connectors.sdk.ports import free_port
from streams.runtime.instance_lock import SYSTEMS
from streams.runtime.up import ACCUEIL
from tests.bench.measuring import MIB, cpu_seconds, percentile
from tests.bench.report import Goal, Run, number, table
from tests.bench.shown_counts import Board
from tests.support.processes import Child, wait_until

QUEUE: Final = "bench"
BEFORE: Final = 2
"""Number of lines of the first call, which is reported separately."""
SETTLE_SECONDS: Final = 10
"""Pause after the start before the idle measurement."""
LIMIT_SECONDS: Final = 60
START_SECONDS: Final = 180
"""Longest wait for the start, long enough for a busy machine."""
IDLE_CONFIG: Final = """\
[connectors.standard]
connector = "asterisk"
path = "{}"
"""

Progress = Callable[[str], None]


def _lines_in(message: bytes) -> int:
    """Return the number of our lines in a message's figures: entries into the queue and exits."""
    today = (queue["today"] for queue in json.loads(message)["board"]["queues"] if queue["queue"] == QUEUE)
    return sum(flows["received"] + flows["abandoned"] for flows in today)


class Up:
    def __init__(self, child: Child, url: str, started_seconds: float) -> None:
        self.url = url
        self.started_seconds = started_seconds
        """Seconds from the start to a live board."""
        self.processes: Final = dict(_parts(psutil.Process(child.pid)))

    def memory_mib(self) -> dict[str, float]:
        return {name: process.memory_info().rss / MIB for name, process in self.processes.items()}

    def cpu_seconds(self) -> dict[str, float]:
        return {name: cpu_seconds(process.pid) for name, process in self.processes.items()}


def _parts(tree: psutil.Process) -> Iterator[tuple[str, psutil.Process]]:
    yield "accueil up", tree
    for process in tree.children():
        command = process.cmdline()
        name = command[command.index(ACCUEIL[-1]) + 1]
        yield name, process
        if name == "broker":
            yield from (("kafka", java) for java in process.children())


@contextmanager
def started_up(folder: Path, *arguments: str) -> Iterator[Up]:
    """Run `accueil up` with its own data and ports during a `with` block."""
    port = free_port()
    ports = {"ACCUEIL_WEB__PORT": str(port), "ACCUEIL_API__PORT": str(free_port())}
    settings = {"ACCUEIL_DATA": str(folder), **ports}
    url = f"http://127.0.0.1:{port}"
    began_at = time.monotonic()
    with Child([*ACCUEIL[1:], *arguments], folder / "console.log", **settings) as child:
        child.start()
        wait_until(lambda: _is_live(url, child), "a live board", START_SECONDS)
        yield Up(child, url, time.monotonic() - began_at)
        child.stop()


def _is_live(url: str, child: Child) -> bool:
    assert child.alive, f"accueil up ended:\n{child.text}"
    with suppress(OSError), urlopen(f"{url}/readyz", timeout=LIMIT_SECONDS):
        return True
    return False


# ----------------------------------------------------------------------------------------------------------- measuring
def measure(
    *, samples: int = 200, sample_seconds: float = 60, idle_seconds: float = 60, progress: Progress
) -> dict[str, Any]:
    """Return the delays of `samples` lines in `sample_seconds`, the start time, memory, and the idle CPU use."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        demo, idle = Path(folder, "demo"), Path(folder, "idle")
        demo.mkdir()
        idle.mkdir()
        return _measure_demo(demo, samples, sample_seconds / samples, progress) | {
            "idle": _measure_idle(idle, idle_seconds, progress)
        }


def _measure_demo(folder: Path, samples: int, gap_seconds: float, progress: Progress) -> dict[str, Any]:
    with started_up(folder, "up", "--demo") as demo:
        progress(f"board live after {demo.started_seconds:.1f} s")
        log = folder / "demo" / SYSTEMS / "queue_log"
        behind, *delays = _sample(_follow(demo.url), log, samples, gap_seconds)
        memory = demo.memory_mib()
    return {
        "samples": len(delays),
        **{f"p{share}_ms": percentile(delays, share / 100) for share in (50, 90, 99)},
        "max_ms": max(delays),
        "start_seconds": demo.started_seconds,
        "behind_seconds": behind / 1000,
        "memory_mib": memory,
    }


def _sample(board: Board, log: Path, samples: int, gap_seconds: float) -> list[float]:
    """Write a first call, then lines at random times; return the delay of each until the board, in milliseconds.

    The first call contributes one delay.
    """
    chance = Random(1)

    def shown() -> int:
        return _lines_in(board.seen[-1][1])

    assert shown() == 0, f"{QUEUE} has figures before its first line"
    written: list[float] = []
    entered_at = 0
    with log.open("ab", buffering=0) as file:
        for place in range(BEFORE + samples):
            if place == BEFORE:
                wait_until(lambda: shown() == BEFORE, "the days before", LIMIT_SECONDS)
            if place >= BEFORE:
                time.sleep(gap_seconds * chance.uniform(0.5, 1.5))
            now = int(time.time())
            enters = place % 2 == 0  # the next line is its abandonment
            entered_at = now if enters else entered_at
            call = f"{entered_at}.{9_000_000 + place // 2}"
            said = "NONE|ENTERQUEUE||0199000099|1" if enters else f"NONE|ABANDON|1|1|{now - entered_at}"
            line = f"{now}|{call}|{QUEUE}|{said}\n".encode()
            written.append(time.monotonic())
            file.write(line)
    wait_until(lambda: shown() >= len(written), f"{len(written)} lines on the board", LIMIT_SECONDS)
    assert shown() == len(written), f"the board shows {shown()} lines, {len(written)} were written"
    seen = [(at, _lines_in(message)) for at, message in board.seen]
    delays = [(_first(seen, count) - at) * 1000 for count, at in enumerate(written, start=1)]
    return delays[BEFORE - 1 :]


def _follow(url: str) -> Board:
    """Follow the board; return after the first message."""
    board = Board(url)
    wait_until(lambda: board.seen, "the board", LIMIT_SECONDS)
    return board


def _first(seen: list[tuple[float, int]], count: int) -> float:
    return next(at for at, shown in seen if shown >= count)


def _measure_idle(folder: Path, seconds: float, progress: Progress) -> dict[str, Any]:
    log, config = folder / "queue_log", folder / "accueil.toml"
    log.touch()
    config.write_text(IDLE_CONFIG.format(log), encoding="utf-8")
    with started_up(folder, "--config", str(config), "up") as up:
        _follow(up.url)
        progress(f"idle for {seconds:.0f} s …")
        time.sleep(min(SETTLE_SECONDS, seconds))
        before, began_at = up.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        after, took = up.cpu_seconds(), time.monotonic() - began_at
        memory = up.memory_mib()
    return {
        "seconds": took,
        "start_seconds": up.started_seconds,
        "core_share": {name: (after[name] - before[name]) / took for name in before},
        "memory_mib": memory,
    }


# -------------------------------------------------------------------------------------------------------------- results
def goals(result: Run) -> list[Goal]:
    idle = sum(result["idle"]["core_share"][name] for name in ("worker", "web"))
    return [
        Goal(name, what, measured, wanted, at_least=False)
        for name, what, measured, wanted in (
            ("latency.p50_ms", "line to board, median ms", result["p50_ms"], 200),
            ("latency.p99_ms", "line to board, p99 ms", result["p99_ms"], 1000),
            ("latency.idle_percent", "worker and web idle, % of a core", 100 * idle, 5),
            ("latency.start_seconds", "seconds to a live board", result["start_seconds"], 15),
        )
    ]


def is_exact(_: Run) -> bool:
    """Return True: without an exact board, there would be no result."""
    return True


def show(result: Run) -> str:
    delays = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
    head = ["line to board, ms", "p50", "p90", "p99", "max"]
    named = f"{result['samples']} lines"
    idle = result["idle"]
    names = [*result["memory_mib"], *(name for name in idle["memory_mib"] if name not in result["memory_mib"])]
    processes = [
        [
            name,
            *(number(round(of[name], 1)) if name in of else "" for of in (result["memory_mib"], idle["memory_mib"])),
            number(100 * idle["core_share"][name]) if name in idle["core_share"] else "",
        ]
        for name in names
    ]
    columns = ["process", "MiB, demo", "MiB, idle", "% of a core, idle"]
    behind = number(round(result["behind_seconds"], 1))
    return "\n\n".join(
        [
            table(head, [[named, *(number(round(result[delay])) for delay in delays)]]),
            f"a line written when the board is live, behind all lines of the days before: {behind} s",
            table(columns, processes),
        ]
    )
