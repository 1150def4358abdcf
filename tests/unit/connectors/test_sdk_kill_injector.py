"""Injected kills of the conformance suite."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from connectors.sdk.testing.kill_injector import Killed, KillInjector, kill_point


def states(directory: Path, kills: KillInjector, job: Callable[[], None]) -> list[dict[str, str]]:
    """Return the files in `directory` after each run of `job`, until a run is not killed."""
    found = []
    while True:
        before = kills.count
        with kills.run():
            job()
        found.append({path.name: path.read_text() for path in sorted(directory.iterdir()) if path.is_file()})
        if kills.count == before:
            return found


@pytest.fixture
def kills(tmp_path: Path) -> KillInjector:
    return KillInjector(tmp_path)


def test_each_action_is_killed_before_it_happens(kills: KillInjector, tmp_path: Path) -> None:
    def job() -> None:
        (tmp_path / "new").write_text("x")
        (tmp_path / "new").rename(tmp_path / "there")
        kill_point("hand-over")
        (tmp_path / "there").unlink()

    assert states(tmp_path, kills, job) == [{}, {"new": "x"}, {"there": "x"}, {"there": "x"}, {}]


def test_no_action_happens_after_a_kill(kills: KillInjector, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")

    def job() -> None:
        try:
            (tmp_path / "new").write_text("x")
        except BaseException:
            for action in ((tmp_path / "there").unlink, (tmp_path / "log").touch, lambda: kill_point("hand-over")):
                with suppress(Killed):
                    action()
            raise

    assert states(tmp_path, kills, job)[0] == {"there": "x"}


def test_actions_of_other_threads_and_directories_are_not_killed(
    kills: KillInjector, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def job() -> None:
        (elsewhere / "file").write_text("x")
        thread = threading.Thread(target=(tmp_path / "theirs").write_text, args=("x",))
        thread.start()
        thread.join()

    assert states(tmp_path, kills, job) == [{"theirs": "x"}]
