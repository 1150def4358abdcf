"""Packages of others, installed offline into an environment of their own, beside Accueil as it is here."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.support.processes import ROOT


class Environment:
    """A virtual environment that has all that this one has, and Accueil from here."""

    def __init__(self, directory: Path) -> None:
        venv.create(directory, symlinks=True)
        self.python = directory / "bin" / "python"
        (packages,) = directory.glob("lib/python*/site-packages")
        (packages / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")

    def install(self, *sources: Path) -> None:
        """Install packages from their source directories, and nothing else."""
        offline = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install", *offline]
        subprocess.run([*command, *map(str, sources)], check=True, capture_output=True, text=True)

    def run(self, *arguments: str, directory: Path) -> str:
        """Return what `python -m …` prints in `directory`; fail the test if it does not succeed."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("ACCUEIL_", "PYTEST_"))}
        done = subprocess.run(
            [self.python, "-m", *arguments],
            cwd=directory,
            env={**plain, "LC_ALL": "C", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-4000:]}{done.stderr[-2000:]}"
        return done.stdout
