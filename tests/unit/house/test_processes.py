"""Process tree with real child processes: restarts, readiness, output and the order of stops."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

import psutil
import pytest

from streams.kafka.ports import free_port
from streams.runtime import supervisor
from streams.runtime.console import STARTING
from streams.runtime.supervisor import GaveUp, ProcessTree, Program, all_ready
from tests.support.processes import wait_until

SERVE = """
import signal, sys, time
from streams.runtime.health import HealthServer
healthy = {"yes": True, "ready": len(sys.argv) < 5}
well = lambda: (healthy["yes"], "")
ready = lambda: (healthy["ready"], "no_broker")
signal.signal(signal.SIGUSR1, lambda *_: healthy.update(yes=False))
signal.signal(signal.SIGUSR2, lambda *_: healthy.update(ready=not healthy["ready"]))
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[2], "a").write(sys.argv[3] + "\\n"), sys.exit(0)))
server = HealthServer("127.0.0.1", int(sys.argv[1]), healthy=well, ready=ready)
while True:
    time.sleep(0.05)  # not signal.pause(), which misses a signal just before it
"""
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
)


class ConsoleLines(list[tuple[str, str]]):
    """Lines shown on the console."""

    def __call__(self, name: str, text: str) -> None:
        self.append((name, text))

    def of(self, name: str) -> list[str]:
        return [text for who, text in self if who == name]

    def count(self, part: str) -> int:  # type: ignore[override]
        return sum(part in text for _, text in self)


@pytest.fixture
def console() -> ConsoleLines:
    return ConsoleLines()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RESTART_SECONDS", (0.0, 0.01, 0.02))


def python(name: str, code: str, *arguments: str, **options: object) -> Program:
    command = (sys.executable, "-c", code, *arguments)
    return Program(name, command, dict(os.environ), **options)  # type: ignore[arg-type]


def server(name: str, journal: Path, *never_ready: str) -> Program:
    port = free_port()
    return python(name, SERVE, str(port), str(journal), name, *never_ready, health=("127.0.0.1", port))


def run(
    tmp_path: Path, console: ConsoleLines, grow: Callable[[ProcessTree], Awaitable[None]], *, verbose: bool = False
) -> None:
    async def main() -> None:
        await asyncio.wait_for(ProcessTree(tmp_path / "logs", console, verbose=verbose).run(grow), 60)

    asyncio.run(main())


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


SHARED = {"java", "chromedriver"}


def children() -> list[psutil.Process]:
    """Return the children of this test, without a broker, browser and fork pool shared with other tests."""
    living = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [
        child for child in living if child.name() not in SHARED and "tests.support.fork_pool" not in child.cmdline()
    ]


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0.01)


def test_children_stop_in_reverse_order(tmp_path: Path, console: ConsoleLines) -> None:
    journal = tmp_path / "journal"

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(server("broker", journal)))
        await all_ready(tree.start(server("web", journal), server("worker", journal)))
        interrupt()

    run(tmp_path, console, grow)
    assert journal.read_text().split() == ["worker", "web", "broker"]
    assert [console.count("✓"), console.count("stopping")] == [3, 1]
    assert children() == []


def test_run_once_returns_the_exit_code_and_stops_with_the_tree(tmp_path: Path, console: ConsoleLines) -> None:
    codes = list[int]()

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(server("web", tmp_path / "journal")))
        codes.extend([await tree.run_once(python("night", f"raise SystemExit({code})")) for code in (0, 70, 2)])
        doing = asyncio.create_task(
            tree.run_once(python("night", "import time; print('doing', flush=True); time.sleep(600)"))
        )
        await until(lambda: "doing" in (tmp_path / "logs" / "night.log").read_text())
        interrupt()
        await doing

    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "night.log").touch()
    run(tmp_path, console, grow)
    assert codes == [0, 70, 2]
    assert (tmp_path / "journal").read_text().split() == ["web"]
    assert children() == []


def test_child_that_ends_is_restarted(tmp_path: Path, console: ConsoleLines) -> None:
    code = (
        "import pathlib, sys, time\n"
        "lives = pathlib.Path(sys.argv[1])\n"
        "lives.write_text(lives.read_text() + 'x')\n"
        "len(lives.read_text()) < 3 and sys.exit(75)\n"
        "time.sleep(600)\n"
    )
    lives = tmp_path / "lives"
    lives.write_text("")

    async def grow(tree: ProcessTree) -> None:
        tree.start(python("worker", code, str(lives)))
        await until(lambda: lives.read_text() == "xxx")
        interrupt()

    run(tmp_path, console, grow)
    assert [text for text in console.of("worker") if "restart" in text] == [
        "ended (exit 75), restart in 0 s",
        "ended (exit 75), restart in 0.01 s",
    ]


def test_killed_child_is_restarted(tmp_path: Path, console: ConsoleLines) -> None:
    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(server("worker", tmp_path / "journal")))
        children()[0].kill()
        await until(lambda: console.count("✓") == 2)
        interrupt()

    run(tmp_path, console, grow)
    assert console.count("ended (SIGKILL), restart") == 1


def test_tree_stops_if_a_child_cannot_start(tmp_path: Path, console: ConsoleLines) -> None:
    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(server("broker", tmp_path / "journal")))
        await all_ready(tree.start(python("worker", "raise SystemExit('no room')")))

    with pytest.raises(GaveUp, match=r"worker cannot run \(exit 1\): no room\nfull log: .*worker\.log") as gave_up:
        run(tmp_path, console, grow)
    assert gave_up.value.exit_code == os.EX_SOFTWARE
    assert console.count("restart in") == len(supervisor.RESTART_SECONDS)
    assert (tmp_path / "journal").read_text() == "broker\n"
    assert children() == []


def test_child_that_has_run_for_long_is_always_restarted(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PROVEN_SECONDS", 1.0)
    code = (
        "import pathlib, sys, time\n"
        "new = pathlib.Path(sys.argv[1])\n"
        "new.exists() or time.sleep(new.touch() or 1.1)\n"
        "sys.exit(70)\n"
    )

    async def grow(tree: ProcessTree) -> None:
        tree.start(python("worker", code, str(tmp_path / "new")))
        await until(lambda: console.count("restart in") == 8)
        interrupt()

    run(tmp_path, console, grow)
    assert console.count("restart in") > len(supervisor.RESTART_SECONDS)


def test_child_that_cannot_be_forked_is_retried(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failures = (
        asyncio.create_subprocess_exec,
        [OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), SubprocessError("preexec_fn failed")],
    )

    async def fail(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop(0)
        return await start(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", fail)

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(server("worker", tmp_path / "journal")))
        interrupt()

    run(tmp_path, console, grow)
    assert [text for text in console.of("worker") if "cannot" in text] == [
        "cannot be started: Cannot allocate memory",
        "cannot be started: preexec_fn failed",
    ]
    assert console.count("✓") == 1


def test_configuration_error_is_not_retried(tmp_path: Path, console: ConsoleLines) -> None:
    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("web", "print('accueil: web.port is unknown'); raise SystemExit(2)")))

    with pytest.raises(GaveUp, match=r"^web cannot run \(exit 2\): web\.port is unknown") as gave_up:
        run(tmp_path, console, grow)
    assert gave_up.value.exit_code == 2
    assert console.count("restart") == 0


def test_unhealthy_child_is_killed_and_restarted(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HEALTH_SECONDS", 0.01)

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(server("worker", tmp_path / "journal")))
        children()[0].send_signal(signal.SIGUSR1)
        await until(lambda: console.count("✓") == 2)
        interrupt()

    run(tmp_path, console, grow)
    assert console.count("makes no progress") == 1


def test_unhealthy_child_is_killed_before_it_was_ever_ready(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HEALTH_SECONDS", 0.01)

    async def grow(tree: ProcessTree) -> None:
        (connect,) = tree.start(server("connect", tmp_path / "journal", "never ready"))
        await until(lambda: connect.trouble == "Kafka does not answer")
        children()[0].send_signal(signal.SIGUSR1)
        await until(lambda: console.count("ended (SIGKILL), restart"))
        interrupt()

    run(tmp_path, console, grow)
    assert (console.count("makes no progress"), console.count("✓")) == (1, 0)


def test_changes_of_the_readiness_are_shown(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HEALTH_SECONDS", 0.01)
    monkeypatch.setitem(STARTING, "no_broker", "Kafka is still starting")

    async def grow(tree: ProcessTree) -> None:
        (web,) = tree.start(server("web", tmp_path / "journal"))
        assert await all_ready([web]) == []
        monkeypatch.setattr(supervisor, "PATIENCE_SECONDS", 0.0)
        for trouble in ("Kafka does not answer", ""):
            children()[0].send_signal(signal.SIGUSR2)
            await until(lambda trouble=trouble: web.trouble == trouble)
        interrupt()

    run(tmp_path, console, grow)
    assert [text[:9].rstrip(" 0123456789.s") for text in console.of("web")] == ["✓", "not ready", "✓"]


def test_late_children_are_named_once_with_their_url(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STARTING, "no_broker", "Kafka is still starting")
    journal = tmp_path / "journal"
    late = server("connect", journal, "never ready")

    async def grow(tree: ProcessTree) -> None:
        started = tree.start(server("worker", journal), late)
        await all_ready(started[:1])
        await until(lambda: started[1].trouble == "Kafka is still starting")
        assert await all_ready(started, 0.01) == started[1:]
        started[1].report_trouble()
        started[1].report_trouble()
        interrupt()

    run(tmp_path, console, grow)
    assert console.of("connect") == [f"waiting: Kafka is still starting → {late.address('/readyz')}"]


def test_child_that_ignores_sigterm_is_killed(tmp_path: Path, console: ConsoleLines) -> None:
    async def grow(tree: ProcessTree) -> None:
        tree.start(python("web", STUBBORN, stop_seconds=0.1))
        await until(lambda: (tmp_path / "logs" / "web.log").exists() and (tmp_path / "logs" / "web.log").read_text())
        interrupt()

    run(tmp_path, console, grow)
    assert console.count("does not stop, killed") == 1
    assert children() == []


def test_second_signal_kills_the_children(tmp_path: Path, console: ConsoleLines) -> None:
    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(*(server(name, tmp_path / "journal") for name in ("broker", "topics", "worker"))))
        tree.start(python("web", STUBBORN, stop_seconds=600))
        await until(lambda: (tmp_path / "logs" / "web.log").exists() and (tmp_path / "logs" / "web.log").read_text())
        interrupt()
        asyncio.get_running_loop().call_later(0.2, interrupt)

    run(tmp_path, console, grow)
    assert console.count("does not stop") == 0
    assert console.count("restart") == 0
    assert children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for it")
def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, pathlib\n"
        "from streams.runtime.supervisor import ProcessTree, Program\n"
        "child = Program('web', (sys.executable, '-c', sys.argv[2]), {}, stop_seconds=600)\n"
        "async def grow(tree): tree.start(child)\n"
        "async def main(): await ProcessTree(pathlib.Path(sys.argv[1]), lambda *_: None, verbose=False).run(grow)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path), STUBBORN]) as parent:
        try:
            wait_until(lambda: (tmp_path / "web.log").exists() and (tmp_path / "web.log").read_text(), "the child")
            (child,) = psutil.Process(parent.pid).children()
        finally:
            parent.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "its end")


def test_tree_stops_after_its_output_pipe_was_closed(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, pathlib\n"
        "from streams.runtime.supervisor import ProcessTree, Program\n"
        "from streams.runtime.up import report\n"
        "programs = [Program(name, (sys.executable, '-c', sys.argv[2]), {}, stop_seconds=0.1)\n"
        "    for name in ('web', 'worker')]\n"
        "async def grow(tree): tree.start(*programs)\n"
        "async def main(): await ProcessTree(pathlib.Path(sys.argv[1]), report, verbose=True).run(grow)\n"
        "asyncio.run(main())\n"
        "report('', 'stopped')\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), STUBBORN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        try:
            logs = [tmp_path / f"{name}.log" for name in ("web", "worker")]
            wait_until(lambda: all(log.exists() and log.read_text() for log in logs), "the children")
            started = psutil.Process(parent.pid).children()
            assert parent.stdout
            parent.stdout.close()
            parent.terminate()
            assert parent.stderr
            assert (parent.stderr.read(), parent.wait()) == (b"", 0)
        finally:
            parent.kill()
    assert [child for child in started if child.is_running()] == []


def line(level: str, event: str, **more: object) -> str:
    return json.dumps({"event": event, "level": level, "logger": "x", "timestamp": "t", **more})


OUTPUT = "\n".join(
    [
        line("info", "fetching Kafka"),
        line("warning", "broker_unreachable", connector="siege", error="TimeoutError"),
        "no JSON",
    ]
)


@pytest.mark.parametrize(
    ("verbose", "shows_output", "shown"),
    [
        (False, False, []),
        (False, True, ["fetching Kafka", "siege: Kafka cannot be reached (TimeoutError)"]),
        (True, False, ["fetching Kafka", "siege: Kafka cannot be reached (TimeoutError)", "no JSON"]),
    ],
)
def test_output_is_shown_at_the_start_if_requested(
    tmp_path: Path, console: ConsoleLines, *, verbose: bool, shows_output: bool, shown: list[str]
) -> None:
    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("kafka", f"print({OUTPUT!r})", is_one_shot=True, shows_output=shows_output)))
        interrupt()

    run(tmp_path, console, grow, verbose=verbose)
    assert [text for text in console.of("kafka") if "✓" not in text] == shown
    assert (tmp_path / "logs" / "kafka.log").read_text() == OUTPUT + "\n"


def test_lasting_warning_is_shown_at_the_start(tmp_path: Path, console: ConsoleLines) -> None:
    made = json.dumps({"event": "key_made", "level": "warning", "logger": "x", "path": "keys/social.key"})

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("connect", f"print({OUTPUT!r}); print({made!r})", is_one_shot=True)))
        interrupt()

    run(tmp_path, console, grow)
    assert [text for text in console.of("connect") if "✓" not in text] == [
        "created a key that cannot be replaced, keep a copy: keys/social.key"
    ]


def test_warnings_are_shown_after_a_child_is_ready(tmp_path: Path, console: ConsoleLines) -> None:
    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("web", f"print({OUTPUT!r}, flush=True); import time; time.sleep(600)")))
        await until(lambda: console.count("siege: Kafka cannot be reached (TimeoutError)"))
        interrupt()

    run(tmp_path, console, grow)
    assert [text for text in console.of("web") if "✓" not in text] == ["siege: Kafka cannot be reached (TimeoutError)"]


def test_ready_on_output_child_is_ready_after_its_first_line(tmp_path: Path, console: ConsoleLines) -> None:
    begun, is_listening = tmp_path / "begun", tmp_path / "listens"
    code = (
        "import pathlib, sys, time\nbegun, listens = map(pathlib.Path, sys.argv[1:])\nbegun.touch()\n"
        "while not listens.exists(): time.sleep(0.01)\nprint('playing', flush=True)\ntime.sleep(600)"
    )

    async def grow(tree: ProcessTree) -> None:
        (simulator,) = tree.start(python("simulator", code, str(begun), str(is_listening), ready_on_output=True))
        await until(begun.exists)
        assert not simulator.ready.is_set()
        is_listening.touch()
        await all_ready([simulator])
        interrupt()

    run(tmp_path, console, grow)
    assert [text[0] for text in console.of("simulator")] == ["✓"]


def test_log_files_of_children_are_limited_in_size(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 10_000)

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("web", "for n in range(5_000): print(n, 'x' * 50)", is_one_shot=True)))
        interrupt()

    run(tmp_path, console, grow)
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == supervisor.LOG_COPIES + 1
    assert all(file.stat().st_size <= 10_000 for file in files)
    assert "4999 x" in files[0].read_text()


def test_full_disk_is_reported_once_and_does_not_stop_the_child(
    tmp_path: Path, console: ConsoleLines, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").symlink_to("/dev/full")
    code = f"for n in range(1_000): print(n)\nprint({OUTPUT!r})"

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("web", code, is_one_shot=True)))
        interrupt()

    run(tmp_path, console, grow, verbose=True)
    assert console.count("cannot be written (the disk is full)") == 1
    assert console.count("no JSON") == 1
    assert capfd.readouterr().err == ""


def test_line_over_the_length_limit_is_dropped(tmp_path: Path, console: ConsoleLines) -> None:
    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("web", "print('x' * 5_000_000); print('after')", is_one_shot=True)))
        interrupt()

    run(tmp_path, console, grow)
    assert (tmp_path / "logs" / "web.log").read_text().endswith("after\n")
