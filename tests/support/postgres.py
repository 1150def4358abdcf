"""PostgreSQL for tests: a temporary cluster on a free port of 127.0.0.1."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from connectors.sdk.ports import free_port

USER: Final = "postgres"
_DEBIAN: Final = Path("/usr/lib/postgresql")


def _programs() -> Path:
    """Return the directory of PostgreSQL's programs, which is not on `PATH` on Debian."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    if os.environ.get("CI"):
        pytest.fail("PostgreSQL is missing: apt-get install postgresql")
    pytest.skip("PostgreSQL is missing: apt-get install postgresql")


class Postgres:
    """PostgreSQL cluster. Tests run by root start it as the user of the package."""

    def __init__(self, directory: Path, *settings: str) -> None:
        self._settings = settings
        self._programs = _programs()
        self.directory = directory / "cluster"
        self.port = free_port()
        self.runs = False
        self._as = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(directory, USER)
        self._call("initdb", "-D", str(self.directory), "-U", USER, "--auth=trust", "--no-sync", "-E", "UTF8")

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the cluster and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += "".join(f" -c {setting}" for setting in self._settings)
        log = str(self.directory.parent / "log")
        self._call("pg_ctl", "-D", str(self.directory), "-w", "-l", log, "-o", options, "start")
        self.runs = True

    def stop(self, how: str = "fast") -> None:
        """Stop the cluster: `fast`, or `immediate` for a crash."""
        self._call("pg_ctl", "-D", str(self.directory), "-w", "-m", how, "stop")
        self.runs = False

    def _call(self, program: str, *arguments: str) -> None:
        completed = subprocess.run(
            [*self._as, str(self._programs / program), *arguments],
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server would keep a pipe open
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        assert completed.returncode == 0, f"{program} ended with {completed.returncode}"


@contextmanager
def running_postgres(*settings: str) -> Iterator[Postgres]:
    """Run a cluster with these settings (`name=value`) for the duration of the block."""
    with tempfile.TemporaryDirectory(prefix="accueil-postgres-", ignore_cleanup_errors=True) as folder:
        postgres = Postgres(Path(folder), *settings)
        postgres.start()
        try:
            yield postgres
        finally:
            if postgres.runs:
                postgres.stop("immediate")
