"""Offline installation of external packages into a virtual environment that also sees this Accueil."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.support.processes import ROOT


class Environment:
    """Virtual environment with the packages of the current one and Accueil from this directory."""

    def __init__(self, directory: Path) -> None:
        venv.create(directory, symlinks=True)
        self.python = directory / "bin" / "python"
        (packages,) = directory.glob("lib/python*/site-packages")
        (packages / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")

    def install(self, *sources: Path) -> None:
        """Install packages from their source directories, without dependencies."""
        offline = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install", *offline]
        subprocess.run([*command, *map(str, sources)], check=True, capture_output=True, text=True)

    def run(self, *arguments: str, directory: Path) -> str:
        """Return the output of `python -m …` in `directory`; fail the test on an error."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("ACCUEIL_", "PYTEST_"))}
        completed = subprocess.run(
            [self.python, "-m", *arguments],
            cwd=directory,
            env={**plain, "LC_ALL": "C", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, f"{arguments}: {completed.stdout[-4000:]}{completed.stderr[-2000:]}"
        return completed.stdout
