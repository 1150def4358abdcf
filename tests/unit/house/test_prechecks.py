"""What stands in the way of a start is one clear line that says what to do."""

import os
import socket
from pathlib import Path

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
            OperatorError, match=r"file/data cannot be written \(Not a directory\): set data or ACCUEIL_DATA"
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
    demo.mkdir()
    announce(demo, "127.0.0.1:1", "")
    assert find_brokers(load()) == "127.0.0.1:1"
    announce(tmp_path, "127.0.0.1:2", "")
    assert find_brokers(load()) == "127.0.0.1:2"
    monkeypatch.setenv("ACCUEIL_BROKERS", "kafka:9092")
    assert find_brokers(load()) == "kafka:9092"


def test_what_has_ended_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)  # above any process id of Linux
    announce(tmp_path, "127.0.0.1:1", "")
    assert running.read(tmp_path) is None
