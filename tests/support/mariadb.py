"""MariaDB for tests: a temporary server on a free port of 127.0.0.1."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pymysql
import pytest

from connectors.sdk.ports import free_port
from streams.kafka.child_processes import die_with_parent
from tests.support.processes import wait_until

USER: Final = "mysql"
DATABASE: Final = "essai"
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"


def _program(name: str) -> str:
    if found := shutil.which(name, path=_PATH):
        return found
    if os.environ.get("CI"):
        pytest.fail("MariaDB is missing: apt-get install mariadb-server")
    pytest.skip("MariaDB is missing: apt-get install mariadb-server")


class MariaDb:
    """MariaDB server. Tests run by root start it as the user of the package."""

    def __init__(self, directory: Path) -> None:
        self._program = _program("mariadbd")
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._as = [f"--user={USER}"] if os.geteuid() == 0 else []
        self.port = free_port()
        if self._as:
            shutil.chown(directory, USER)
        install = _program("mariadb-install-db")
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        self._run(install, "--no-defaults", f"--datadir={directory}/data", *self._as, *options)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the test database."""
        return f"mariadb+pymysql://root@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers; create the test database if it is missing."""
        # Not by `--user`: a process that changes its user does not die with its parent.
        identity: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if self._as else {}
        with (self._directory / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(self._program, "--no-defaults", f"--datadir={self._directory}/data"),
                    *(f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self._directory}/socket"),
                    *(f"--pid-file={self._directory}/pid", "--skip-name-resolve", "--innodb-fast-shutdown=2"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
                **identity,
            )
        wait_until(self._answers, "MariaDB")

    def stop(self, how: str = "fast") -> None:
        """Stop the server: `fast`, or `immediate` for a crash."""
        assert self._process is not None
        (self._process.kill if how == "immediate" else self._process.terminate)()
        self._process.wait(60)

    def _answers(self) -> bool:
        assert self.runs, (self._directory / "output.log").read_text(errors="replace")[-2000:]
        try:
            connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root")
        except pymysql.OperationalError:
            return False
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        return True

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running_mariadb() -> Iterator[MariaDb]:
    """Run a server for the duration of the block."""
    with tempfile.TemporaryDirectory(prefix="accueil-mariadb-", ignore_cleanup_errors=True) as folder:
        server = MariaDb(Path(folder))
        server.start()
        try:
            yield server
        finally:
            if server.runs:
                server.stop("immediate")
