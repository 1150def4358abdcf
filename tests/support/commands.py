"""The `accueil` command in this process, without the settings of the machine."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main


def run(*arguments: str, answer: str = "") -> Result:
    """Run a command; `answer` is its standard input."""
    return CliRunner().invoke(main, arguments, prog_name="accueil", input=answer)


def error(*arguments: str) -> str:
    """Run a command that ends with exit code 2 and without output, and return its errors."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return result.stderr


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Change to an empty directory, and remove the settings and the language of the environment."""
    for name in [*os.environ]:
        if name.upper().startswith(("ACCUEIL_", "LC_", "LANG")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
