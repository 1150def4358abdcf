"""PostgreSQL's driver is optional: without it, commands name the setting and the remedy."""

import sys
from pathlib import Path

import pytest

from connectors.sdk.ports import free_port
from tests.support.commands import run

LINE = "accueil: timeline.url: the driver for PostgreSQL (psycopg) is not installed: run pip install 'psycopg[binary]'"


@pytest.mark.parametrize(
    "command",
    [("timeline", "show", "call:siege:1", "--purpose", "contact"), ("api",), ("config", "check")],
    ids=lambda command: command[0],
)
def test_missing_driver_names_the_setting_and_the_remedy(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ACCUEIL_TIMELINE__URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("ACCUEIL_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("ACCUEIL_API__PORT", str(free_port()))
    monkeypatch.setitem(sys.modules, "psycopg", None)  # importing it raises ImportError
    done = run(*command)
    assert (done.exit_code, done.stderr.splitlines()[-1:]) == (2, [LINE])
