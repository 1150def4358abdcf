"""Checks before the start, the lock of the data directory, and the running instance that commands find."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from connectors.sdk.ports import free_port
from connectors.sdk.runner import configure
from streams.cli.sla import active_sla_file
from streams.runtime import instance_lock, prechecks
from streams.runtime.instance_lock import find_cluster, write_running_file
from streams.runtime.prechecks import check_not_running, check_port, claim_data_directory
from streams.runtime.process_specs import notify_options
from streams.settings.errors import OperatorError
from streams.settings.loader import load
from streams.settings.schema import ConfigError


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Restore the umask that a start sets for its process."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_data_directory_is_created_and_locked(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with claim_data_directory(data):
        write_running_file(data, "127.0.0.1:9092", "http://127.0.0.1:8080/")
        with (
            pytest.raises(OperatorError, match=rf"in use by another accueil up \(pid {os.getpid()}\): stop it, or"),
            claim_data_directory(data),
        ):
            pass
    with claim_data_directory(data):
        assert instance_lock.read(data) is None


def test_full_disk_is_reported_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prechecks, "FREE_BYTES", 1 << 60)
    with (
        pytest.raises(OperatorError, match=r"nearly full \(\d+ MiB / \d+ MiB\): make room"),
        claim_data_directory(tmp_path),
    ):
        pass


def test_error_names_the_port_its_listener_and_the_setting() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OperatorError) as refusal:
        check_port("127.0.0.1", port, "web.port")
    text = str(refusal.value)
    assert text.startswith(f"port {port} on 127.0.0.1 is not available (")
    assert f"pid {os.getpid()})" in text
    assert text.endswith("choose another (web.port, ACCUEIL_WEB__PORT)")
    check_port("127.0.0.1", port, "web.port")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_port_in_use_on_ipv4_is_not_available_for_both_families() -> None:
    port = free_port()
    taken = pytest.raises(OperatorError, match=rf"port {port} on :: is not available")
    with socket.create_server(("127.0.0.1", port)), taken:
        check_port("::", port, "web.port")
    check_port("::", port, "web.port")


def test_brokers_come_from_the_settings_or_the_running_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    for or_demo in (False, True):
        with pytest.raises(ConfigError, match="no broker: start accueil up"):
            find_cluster(load(), or_demo=or_demo)
    with claim_data_directory(tmp_path):
        write_running_file(tmp_path, "127.0.0.1:2", "")
        assert find_cluster(load()).brokers == "127.0.0.1:2"
    monkeypatch.setenv("ACCUEIL_BROKERS", "kafka:9092")
    assert find_cluster(load()).brokers == "kafka:9092"


def test_broker_of_the_demo_is_only_for_commands_that_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    demo = tmp_path / instance_lock.DEMO
    with claim_data_directory(demo):
        write_running_file(demo, "127.0.0.1:1", "")
        assert find_cluster(load(), or_demo=True).brokers == "127.0.0.1:1"
        with pytest.raises(ConfigError, match="no broker"):
            find_cluster(load())
        with claim_data_directory(tmp_path):
            write_running_file(tmp_path, "127.0.0.1:2", "")
            assert find_cluster(load(), or_demo=True).brokers == "127.0.0.1:2"


def test_sla_and_notify_use_the_running_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    (tmp_path / "accueil.toml").write_text('sla = "own.toml"\n[notify.alertmanagers.a]\nurl = "http://127.0.0.1:9"\n')
    assert active_sla_file(load()) == Path("own.toml")
    demo = tmp_path / instance_lock.DEMO
    with claim_data_directory(demo):
        write_running_file(demo, "127.0.0.1:1", "", Path("sla.toml"))
        assert active_sla_file(load()) == tmp_path / "sla.toml"
        options = notify_options(load())
        assert (options.brokers, options.directory) == ("127.0.0.1:1", demo / "notify")
        with claim_data_directory(tmp_path):
            write_running_file(tmp_path, "127.0.0.1:2", "")
            assert active_sla_file(load()) is None
            options = notify_options(load())
            assert (options.brokers, options.directory) == ("127.0.0.1:2", tmp_path / "notify")
        monkeypatch.setenv("ACCUEIL_BROKERS", "kafka:9092")
        assert active_sla_file(load()) == Path("own.toml")
        assert notify_options(load()).directory == tmp_path / "notify"


def test_connectors_that_all_run_elsewhere_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prechecks, "STOPPING_SECONDS", 0.0)
    siege, annexe = (configure(name, "asterisk", {"path": "queue_log"}) for name in ("siege", "annexe"))
    with siege.locked(tmp_path):
        check_not_running([siege, annexe], tmp_path, Event())
        with (
            annexe.locked(tmp_path),
            pytest.raises(OperatorError, match=r"siege is in use by another process: stop it first"),
        ):
            check_not_running([annexe, siege], tmp_path, Event())
    check_not_running([siege, annexe], tmp_path, Event())


@pytest.mark.parametrize("command", ["worker", "connect", "web"])
def test_connectors_never_write_to_the_demo(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    config = tmp_path / "accueil.toml"
    config.write_text('[connectors.siege]\nconnector = "asterisk"\npath = "/var/log/asterisk/queue_log"\n')
    demo = tmp_path / instance_lock.DEMO
    with claim_data_directory(demo):
        write_running_file(demo, "127.0.0.1:1", "")
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli.main", "--config", str(config), command],
            env=os.environ | {"ACCUEIL_WEB__PORT": str(free_port())},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr.partition(" (")[0]) == (2, "accueil: no broker: start accueil up")


def test_killed_instance_with_a_reused_pid_is_not_running(tmp_path: Path) -> None:
    with claim_data_directory(tmp_path):
        write_running_file(tmp_path, "127.0.0.1:1", "")
        left = (tmp_path / "running.json").read_text()
    (tmp_path / "running.json").write_text(left)  # as after SIGKILL, with the process id of this test
    assert instance_lock.read(tmp_path) is None
    with claim_data_directory(tmp_path):
        assert instance_lock.read(tmp_path) is None  # it has not written its file yet


def test_check_for_a_running_instance_does_not_block_a_start(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text("{}")
    done = Event()

    def read_repeatedly() -> None:
        while not done.is_set():
            instance_lock.read(tmp_path)

    reader = Thread(target=read_repeatedly)
    reader.start()
    try:
        for _ in range(200):
            with claim_data_directory(tmp_path):
                write_running_file(tmp_path, "127.0.0.1:1", "")
    finally:
        done.set()
        reader.join()


def test_new_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with claim_data_directory(data):
        pass
    assert [stat.S_IMODE(path.stat().st_mode) for path in (data, data.parent)] == [0o700, 0o700]
    tmp_path.chmod(0o750)
    with claim_data_directory(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750  # an existing directory is not changed
        (tmp_path / "logs").mkdir()
        subprocess.run([sys.executable, "-c", "open('queue_log', 'w')"], cwd=tmp_path, check=True)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("logs", "queue_log")] == [0o700, 0o600]
