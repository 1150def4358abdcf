"""Process tree with real child processes: restarts, readiness and the order of stops."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

import psutil
import pytest

from streams.runtime import supervisor
from streams.runtime.supervisor import GaveUp, ProcessTree, all_ready
from tests.support.process_tree import STUBBORN, ConsoleLines, children, interrupt, python, run, server, until
from tests.support.processes import is_running, wait_until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RESTART_SECONDS", (0.0, 0.01, 0.02))


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
        last = asyncio.create_task(tree.run_once(python("night", STUBBORN, stop_seconds=0.1)))
        await until(lambda: "up" in (tmp_path / "logs" / "night.log").read_text())
        interrupt()
        await last

    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "night.log").touch()
    run(tmp_path, console, grow)
    assert codes == [0, 70, 2]
    assert (tmp_path / "journal").read_text().split() == ["web"]
    assert children() == []


def test_child_that_ends_is_restarted(tmp_path: Path, console: ConsoleLines) -> None:
    code = (
        "import pathlib, sys, time\n"
        "starts = pathlib.Path(sys.argv[1])\n"
        "starts.write_text(starts.read_text() + 'x')\n"
        "len(starts.read_text()) < 3 and sys.exit(75)\n"
        "time.sleep(600)\n"
    )
    starts = tmp_path / "starts"
    starts.write_text("")

    async def grow(tree: ProcessTree) -> None:
        tree.start(python("worker", code, str(starts)))
        await until(lambda: starts.read_text() == "xxx")
        interrupt()

    run(tmp_path, console, grow)
    assert [text for text in console.of("worker") if "restart" in text] == [
        "ended (exit code 75), restart in 0 s",
        "ended (exit code 75), restart in 0.01 s",
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

    with pytest.raises(GaveUp, match=r"worker cannot run \(exit code 1\): no room\nfull log: .*worker\.log") as gave_up:
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

    with pytest.raises(GaveUp, match=r"^web cannot run \(exit code 2\): web\.port is unknown") as gave_up:
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


def test_late_children_are_named_once_with_their_url(tmp_path: Path, console: ConsoleLines) -> None:
    journal = tmp_path / "journal"
    late = server("connect", journal, "never ready")

    async def grow(tree: ProcessTree) -> None:
        started = tree.start(server("worker", journal), late)
        await all_ready(started[:1])
        await until(lambda: started[1].trouble == "Kafka does not answer")
        assert await all_ready(started, 0.01) == started[1:]
        started[1].report_trouble()
        started[1].report_trouble()
        interrupt()

    run(tmp_path, console, grow)
    assert console.of("connect") == [f"waiting: Kafka does not answer → {late.address('/readyz')}"]


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
    wait_until(lambda: not is_running(child.pid), "its end")


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
