"""`accueil connectors`, as an operator and a connector's author use it."""

import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [*os.environ]:
        if name.startswith("ACCUEIL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["connectors", *arguments])


def set_up(**instances: str) -> None:
    tables = (f'[connectors.{name}]\nconnector = "{kind}"\npath = "queue_log"\n' for name, kind in instances.items())
    Path("accueil.toml").write_text("\n".join(tables))


class TestList:
    def test_it_shows_what_is_installed_and_what_is_set_up(self) -> None:
        set_up(siege="asterisk", annexe="asterisk")
        result = command("list")
        assert result.exit_code == 0, result.output
        titles, *rows = result.stdout.splitlines()
        assert titles.split() == ["CONNECTOR", "PACKAGE", "SET", "UP", "ABOUT"]
        (row,) = (row for row in rows if row.startswith("asterisk "))
        assert f"accueil {version('accueil')}  siege annexe  Telephone switchboard Asterisk" in row

    def test_it_speaks_french(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
        assert "Standard téléphonique Asterisk" in command("list").stdout

    def test_what_is_set_up_but_not_installed_is_told(self) -> None:
        set_up(siege="asterix")
        result = command("list")
        assert result.exit_code == 0
        assert result.stderr == "accueil: connectors.siege.connector: no connector 'asterix' is installed\n"

    def test_programs_get_json(self) -> None:
        set_up(siege="asterisk")
        listed = [json.loads(line) for line in command("list", "--json").stdout.splitlines()]
        (asterisk,) = (one for one in listed if one["name"] == "asterisk")
        assert (asterisk["package"], asterisk["instances"]) == ("accueil", ["siege"])


class TestDocs:
    def test_the_table_is_in_the_language_of_the_locale(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "| `path` | path | *required* | The file" in command("docs", "asterisk").stdout
        monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
        assert "| `path` | chemin | *obligatoire* | Le fichier" in command("docs", "asterisk").stdout

    def test_written_it_says_what_it_did(self) -> None:
        lines = command("docs", "asterisk", "--write").stdout.splitlines()
        assert [line.rpartition("/")[2] for line in lines] == ["README.md: up to date", "README.fr.md: up to date"]

    def test_a_connector_that_is_not_there_is_named(self) -> None:
        result = command("docs", "asterix")
        assert result.exit_code == 2
        assert result.stderr.startswith("accueil: no connector 'asterix' is installed; there are: asterisk")
