"""Denied file access ends a command with one line and a remedy."""

import errno
import os
import re
from collections.abc import Callable
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import pytest

from streams.cli.main import main
from tests.support.commands import error, run


@pytest.mark.parametrize(
    "command", [("dead-letters", "list"), ("retention", "apply"), ("recompute",), ("timeline", "show", "call:siege:1")]
)
def test_data_of_another_account_gives_one_line(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "data"
    monkeypatch.setenv("ACCUEIL_DATA", str(closed))

    def refuse(method: Callable[..., Any], path: Path, *arguments: object, **options: object) -> Any:
        if closed in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return method(path, *arguments, **options)

    for name in ("stat", "open"):
        monkeypatch.setattr(Path, name, partialmethod(partial(refuse, getattr(Path, name))))
    words = "permission denied: run the command as the account that runs Accueil"
    done = run(*command)
    assert done.exit_code == 2
    assert re.fullmatch(rf"accueil: {re.escape(str(closed))}/\S+: {words}\n", done.stderr)


def test_permission_error_without_a_file_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(main.commands["version"], "callback", refuse)
    assert isinstance(run("version").exception, PermissionError)


def test_inaccessible_current_directory_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stat = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path == Path("accueil.toml"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    for command in [("config", "check"), ("timeline", "show"), ("up",)]:
        reason = f"cannot search {tmp_path} for the settings file (permission denied): "
        assert error(*command).startswith(f"accueil: {reason}")
