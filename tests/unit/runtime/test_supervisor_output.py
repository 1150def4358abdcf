"""Output of real child processes of a process tree: console lines and log files."""

import json
from pathlib import Path

import pytest

from streams.runtime import supervisor
from streams.runtime.supervisor import ProcessTree, all_ready
from tests.support.process_tree import ConsoleLines, interrupt, python, run, until


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


def test_requested_output_is_shown_until_the_child_is_ready(
    tmp_path: Path, console: ConsoleLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "QUIET_SECONDS", 0)

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("kafka", f"print({OUTPUT!r})", is_one_shot=True, shows_output=True)))
        interrupt()

    run(tmp_path, console, grow)
    assert console.of("kafka")[0] == "fetching Kafka"


def test_lasting_warning_is_shown_at_the_start(tmp_path: Path, console: ConsoleLines) -> None:
    created = line("warning", "key_made", path="keys/social.key")

    async def grow(tree: ProcessTree) -> None:
        await all_ready(tree.start(python("connect", f"print({OUTPUT!r}); print({created!r})", is_one_shot=True)))
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
    started, listens = tmp_path / "started", tmp_path / "listens"
    code = (
        "import pathlib, sys, time\nstarted, listens = map(pathlib.Path, sys.argv[1:])\nstarted.touch()\n"
        "while not listens.exists(): time.sleep(0.01)\nprint('listens', flush=True)\ntime.sleep(600)"
    )

    async def grow(tree: ProcessTree) -> None:
        (simulator,) = tree.start(python("simulator", code, str(started), str(listens), ready_on_output=True))
        await until(started.exists)
        assert not simulator.ready.is_set()
        listens.touch()
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
