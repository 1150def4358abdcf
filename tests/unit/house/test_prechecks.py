"""What stands in the way of a start is one clear line that says what to do."""

import os
import socket
import stat
from pathlib import Path
from threading import Event, Thread

import pytest

from streams import prechecks, running
from streams.configuration import load
from streams.prechecks import check_port, own
from streams.running import announce, find_brokers
from streams.settings import ConfigError
from streams.terminal import OperatorError


def test_directory_is_made_and_kept_for_one(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with own(data):
        announce(data, "127.0.0.1:9092", "http://127.0.0.1:8080/")
        with (
            pytest.raises(OperatorError, match=rf"in use by another accueil up \(pid {os.getpid()}\): stop it, or"),
            own(data),
        ):
            pass
    with own(data):
        assert running.read(data) is None


def test_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(
            OperatorError, match=r"file/data cannot be written \(a file is in its way\): set data or ACCUEIL_DATA"
        ),
        own(tmp_path / "file" / "data"),
    ):
        pass


def test_full_disk_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prechecks, "FREE_BYTES", 1 << 60)
    with pytest.raises(OperatorError, match=r"nearly full \(\d+ MiB / \d+ MiB\): make room"), own(tmp_path):
        pass


def test_port_in_use_names_the_port_its_user_and_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OperatorError) as refusal:
            check_port("127.0.0.1", port, "web.port")
    text = str(refusal.value)
    assert text.startswith(f"port {port} on 127.0.0.1 cannot be had (")
    assert f"pid {os.getpid()})" in text
    assert text.endswith("choose another (web.port, ACCUEIL_WEB__PORT)")
    check_port("127.0.0.1", port, "web.port")


def test_address_that_is_not_ours_is_told_too() -> None:
    with pytest.raises(OperatorError, match=r"on 192\.0\.2\.1 cannot be had"):
        check_port("192.0.2.1", 0, "web.port")


def test_brokers_are_those_of_the_settings_or_of_what_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match="no broker: start accueil up"):
        find_brokers(load())
    demo = tmp_path / running.DEMO
    with own(demo):
        announce(demo, "127.0.0.1:1", "")
        assert find_brokers(load()) == "127.0.0.1:1"
        with own(tmp_path):
            announce(tmp_path, "127.0.0.1:2", "")
            assert find_brokers(load()) == "127.0.0.1:2"
    monkeypatch.setenv("ACCUEIL_BROKERS", "kafka:9092")
    assert find_brokers(load()) == "kafka:9092"


def test_what_was_killed_does_not_count_though_its_process_id_is_in_use_again(tmp_path: Path) -> None:
    with own(tmp_path):
        announce(tmp_path, "127.0.0.1:1", "")
        left = (tmp_path / "running.json").read_text()
    (tmp_path / "running.json").write_text(left)  # as SIGKILL leaves it; the process id is ours
    assert running.read(tmp_path) is None
    with own(tmp_path):
        assert running.read(tmp_path) is None  # it has announced nothing yet


def test_reading_what_runs_does_not_keep_the_next_one_out(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text("{}")
    done = Event()

    def ask() -> None:
        while not done.is_set():
            running.read(tmp_path)

    asking = Thread(target=ask)
    asking.start()
    try:
        for _ in range(200):
            with own(tmp_path):
                announce(tmp_path, "127.0.0.1:1", "")
    finally:
        done.set()
        asking.join()


def test_what_is_made_is_for_its_user_alone(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with own(data):
        pass
    assert [stat.S_IMODE(path.stat().st_mode) for path in (data, data.parent)] == [0o700, 0o700]
    tmp_path.chmod(0o750)
    with own(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750  # what was there is as its owner wants it
