"""Denied file access ends a command with one line and a remedy."""

import errno
import os
import re
from collections.abc import Callable
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ACCUEIL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="accueil")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("C", "permission denied: run the command as the account that runs Accueil"),
        ("fr_FR.UTF-8", "accès refusé : lancer la commande avec le compte qui fait tourner Accueil"),
    ],
)
@pytest.mark.parametrize(
    "command", [("dead-letters", "list"), ("retention", "apply"), ("recompute",), ("timeline", "show", "call:siege:1")]
)
def test_data_of_another_account_give_one_line(
    command: tuple[str, ...], language: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "data"
    monkeypatch.setenv("LC_ALL", language)
    monkeypatch.setenv("ACCUEIL_DATA", str(closed))

    def refuse(method: Callable[..., Any], path: Path, *arguments: object, **options: object) -> Any:
        if closed in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return method(path, *arguments, **options)

    for name in ("stat", "open"):
        monkeypatch.setattr(Path, name, partialmethod(partial(refuse, getattr(Path, name))))
    done = run(*command)
    assert done.exit_code == 2
    assert re.fullmatch(rf"accueil: {re.escape(str(closed))}/\S+ ?: {words}\n", done.stderr)


def test_a_permission_error_without_a_file_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(main.commands["version"], "callback", refuse)
    assert isinstance(run("version").exception, PermissionError)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "C",
            (
                "cannot search {} for the settings file (permission denied): change to another directory, or name the file "
                "(--config or ACCUEIL_CONFIG)"
            ),
        ),
        (
            "fr_FR.UTF-8",
            (
                "impossible de chercher le fichier de réglages dans {} (accès refusé) : changer de dossier, ou nommer le fichier "
                "(--config ou ACCUEIL_CONFIG)"
            ),
        ),
    ],
)
def test_an_inaccessible_current_directory_is_named(
    language: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stat = Path.stat
    monkeypatch.setenv("LC_ALL", language)

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path == Path("accueil.toml"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    for command in [("config", "check"), ("timeline", "show"), ("up",)]:
        done = run(*command)
        assert (done.exit_code, done.stderr) == (2, f"accueil: {words.format(tmp_path)}\n")
