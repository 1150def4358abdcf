"""From a line in the log to a figure on the board, by the real processes of `accueil up`; and what they cost when idle.

    python -m tests.bench.latency --samples 50 --idle-seconds 20

Calls of a queue of their own are appended to the log that the demo's connector follows, beside the simulated switchboard. A
sample is the time from just before a line is written to the message of `/events` that shows its figure. The first line comes
after those of the days before, which are still to be read: how long that takes is told apart.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.request import urlopen

import click
import psutil

from streams.kafka.ports import free_port
from streams.locale.i18n import say
from streams.runtime.instance_lock import SYSTEMS
from streams.runtime.supervisor import ACCUEIL
from tests.bench.measuring import MIB, cpu_seconds, describe_machine, forget_settings, percentile
from tests.bench.report import Goal, Run, number, table, write_json
from tests.support.processes import Child, wait_until

QUEUE: Final = "bench"
BEFORE: Final = 2
"""Lines of a call that is written first, and told apart."""
SETTLE_SECONDS: Final = 10
"""What starts is not idle yet."""
LIMIT_SECONDS: Final = 60
START_SECONDS: Final = 180
"""The longest that a start may take: on a busy machine it is no result, but what is measured after it may be one."""
IDLE_CONFIG: Final = """\
[connectors.standard]
connector = "asterisk"
path = "{}"
"""

Tell = Callable[[str], None]


class Board:
    """The live board, as a browser would follow it."""

    def __init__(self, url: str) -> None:
        self.seen: list[tuple[float, int]] = []
        """When a message came, and how many lines of our queue its figures show."""
        self._thread = threading.Thread(target=self._follow, args=(f"{url}/events",), daemon=True)

    def start(self) -> "Board":
        """Follow until the stream ends; return once the first board came."""
        self._thread.start()
        wait_until(lambda: self.seen, "the board", LIMIT_SECONDS)
        return self

    @property
    def shown(self) -> int:
        """How many lines the last message shows."""
        return self.seen[-1][1]

    def _follow(self, url: str) -> None:
        with suppress(OSError, HTTPException), urlopen(url, timeout=LIMIT_SECONDS) as stream:
            for line in stream:
                if line.startswith(b"data:") and (board := json.loads(line[5:]).get("board")):
                    self.seen.append((time.monotonic(), _lines_in(board)))


def _lines_in(board: dict[str, Any]) -> int:
    """Return how many of our lines a board shows: each entered the queue, or left it."""
    today = (queue["today"] for queue in board["queues"] if queue["queue"] == QUEUE)
    return sum(flows["received"] + flows["abandoned"] for flows in today)


class Up:
    """A running `accueil up`."""

    def __init__(self, child: Child, url: str, started_seconds: float) -> None:
        self.url = url
        self.started_seconds = started_seconds
        """From its start to a live board."""
        self.processes: Final = dict(_parts(psutil.Process(child.pid)))

    def memory_mib(self) -> dict[str, float]:
        """Return how much of each process is in RAM."""
        return {name: process.memory_info().rss / MIB for name, process in self.processes.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of each process so far."""
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
    """Run `accueil up` with data and ports of its own until the block ends."""
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
    *, samples: int = 200, sample_seconds: float = 60, idle_seconds: float = 60, seed: int = 1, tell: Tell
) -> dict[str, Any]:
    """Return the delays of `samples` lines within `sample_seconds`, time to start, memory, and the CPU while idle."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        demo, idle = Path(folder, "demo"), Path(folder, "idle")
        demo.mkdir()
        idle.mkdir()
        return _measure_demo(demo, samples, sample_seconds / samples, seed, tell) | {
            "idle": _measure_idle(idle, idle_seconds, tell)
        }


def _measure_demo(folder: Path, samples: int, gap_seconds: float, seed: int, tell: Tell) -> dict[str, Any]:
    with started_up(folder, "up", "--demo") as demo:
        tell(say(f"board live after {demo.started_seconds:.1f} s", f"tableau en {demo.started_seconds:.1f} s"))
        log = folder / "demo" / SYSTEMS / "queue_log"
        behind, *delays = _sample(Board(demo.url).start(), log, samples, gap_seconds, seed)
        memory = demo.memory_mib()
    return {
        "samples": len(delays),
        **{f"p{share}_ms": percentile(delays, share / 100) for share in (50, 90, 99)},
        "max_ms": max(delays),
        "start_seconds": demo.started_seconds,
        "behind_seconds": behind / 1000,
        "memory_mib": memory,
    }


def _sample(board: Board, log: Path, samples: int, gap_seconds: float, seed: int) -> list[float]:
    """Write a call, and once that is there lines at random times; return after how many milliseconds each was on the board.

    Of the lines of the first call, one is told.
    """
    chance = Random(seed)
    assert board.shown == 0, f"{QUEUE} has figures before its first line"
    written: list[float] = []
    entered_at = 0
    with log.open("ab", buffering=0) as file:
        for place in range(BEFORE + samples):
            if place == BEFORE:
                wait_until(lambda: board.shown == BEFORE, "the days before", LIMIT_SECONDS)
            if place >= BEFORE:
                time.sleep(gap_seconds * chance.uniform(0.5, 1.5))
            now = int(time.time())
            enters = place % 2 == 0  # and gives up with the next line
            entered_at = now if enters else entered_at
            call = f"{entered_at}.{9_000_000 + place // 2}"
            said = "NONE|ENTERQUEUE||0199000099|1" if enters else f"NONE|ABANDON|1|1|{now - entered_at}"
            line = f"{now}|{call}|{QUEUE}|{said}\n".encode()
            written.append(time.monotonic())
            file.write(line)
    wait_until(lambda: board.shown >= len(written), f"{len(written)} lines on the board", LIMIT_SECONDS)
    assert board.shown == len(written), f"the board shows {board.shown} lines, {len(written)} were written"
    delays = [(_first(board.seen, count) - at) * 1000 for count, at in enumerate(written, start=1)]
    return delays[BEFORE - 1 :]


def _first(seen: list[tuple[float, int]], count: int) -> float:
    return next(at for at, shown in seen if shown >= count)


def _measure_idle(folder: Path, seconds: float, tell: Tell) -> dict[str, Any]:
    """Watch everything run, one board open, and nothing happen."""
    log, config = folder / "queue_log", folder / "accueil.toml"
    log.touch()
    config.write_text(IDLE_CONFIG.format(log), encoding="utf-8")
    with started_up(folder, "--config", str(config), "up") as up:
        Board(up.url).start()
        tell(say(f"idle for {seconds:.0f} s …", f"repos pendant {seconds:.0f} s …"))
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


# -------------------------------------------------------------------------------------------------------------- telling
def goals(result: Run) -> list[Goal]:
    """Return what must be reached."""
    idle = sum(result["idle"]["core_share"][name] for name in ("worker", "web"))
    return [
        Goal(name, what, measured, wanted, at_least=False)
        for name, what, measured, wanted in (
            ("latency.p50_ms", say("line to board, median ms", "ligne au tableau, médiane ms"), result["p50_ms"], 200),
            ("latency.p99_ms", say("line to board, p99 ms", "ligne au tableau, p99 ms"), result["p99_ms"], 1000),
            (
                "latency.idle_percent",
                say("worker and web idle, % of a core", "worker et web au repos, % d'un cœur"),
                100 * idle,
                5,
            ),
            (
                "latency.start_seconds",
                say("seconds to a live board", "secondes jusqu'au tableau"),
                result["start_seconds"],
                15,
            ),
        )
    ]


def is_exact(_: Run) -> bool:
    """Whether the board showed every line once: else there would be no result."""
    return True


def show(result: Run) -> str:
    """Return delays and processes, for people."""
    delays = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
    head = [say("line to board, ms", "ligne au tableau, ms"), "p50", "p90", "p99", "max"]
    named = say(f"{result['samples']} lines", f"{result['samples']} lignes")
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
    columns = [
        say("process", "processus"),
        say("MiB, demo", "Mio, démo"),
        say("MiB, idle", "Mio, au repos"),
        say("% of a core, idle", "% d'un cœur, au repos"),
    ]
    behind = number(round(result["behind_seconds"], 1))
    return "\n\n".join(
        [
            table(head, [[named, *(number(round(result[delay])) for delay in delays)]]),
            say(
                f"a line written when the board is live, behind all lines of the days before: {behind} s",
                f"une ligne écrite dès que le tableau vit, derrière celles des jours d'avant : {behind} s",
            ),
            table(columns, processes),
        ]
    )


@click.command(help=__doc__)
@click.option("--samples", default=200, show_default=True, help="Lines.")
@click.option("--sample-seconds", default=60.0, show_default=True, help="In which they are written.")
@click.option("--idle-seconds", default=60.0, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the result.")
def main(*, samples: int, sample_seconds: float, idle_seconds: float, file: Path | None) -> None:
    """Measure, print, write."""
    forget_settings()
    result = measure(
        samples=samples,
        sample_seconds=sample_seconds,
        idle_seconds=idle_seconds,
        tell=lambda text: click.echo(text, err=True),
    )
    click.echo(f"\n{show(result)}")
    if file:
        write_json(file, describe_machine() | {"latency": result})
    sys.exit(not is_exact(result))


if __name__ == "__main__":
    main()
