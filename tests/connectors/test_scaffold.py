"""What `accueil connectors new` writes works as it is written."""

from errno import ENOSPC
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from connectors.sdk.scaffold import Kind
from streams.cli.main import main
from tests.support.packages import Environment

KINDS = get_args(Kind)


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["connectors", "new", *arguments], env={"LC_ALL": "C"})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a connector of each kind was begun: by a short name, and by the longest."""
    directory = tmp_path_factory.mktemp("written")
    for kind in KINDS:
        for name in (f"a_{kind}", f"the_longest_desk_of_{kind}"):
            result = new(name, "--kind", kind, "--into", str(directory))
            assert result.exit_code == 0, result.output
    assert not [*directory.rglob("__pycache__")]
    return directory


@pytest.fixture(scope="module")
def environment(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Those of the short names, installed."""
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.install(*(written / f"accueil-a-{kind}" for kind in KINDS))
    return environment


def test_they_are_found(environment: Environment, written: Path) -> None:
    listed = environment.run("streams.cli.main", "connectors", "list", directory=written)
    for kind in KINDS:
        assert f"accueil-a-{kind} 0.1.0" in listed


@pytest.mark.parametrize("kind", KINDS)
def test_they_pass_the_conformance_suite(environment: Environment, written: Path, kind: str) -> None:
    assert " passed" in environment.run("pytest", "-q", directory=written / f"accueil-a-{kind}")


def test_they_are_typed(environment: Environment, written: Path) -> None:
    modules = [
        f"accueil-a-{kind}/{path}" for kind in KINDS for path in (f"accueil_a_{kind}", f"tests/test_a_{kind}.py")
    ]
    environment.run("mypy", "--config-file", "accueil-a-tail/pyproject.toml", *modules, directory=written)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_in_style(environment: Environment, written: Path, kind: str) -> None:
    for name in (f"a-{kind}", f"the-longest-desk-of-{kind}"):
        directory = written / f"accueil-{name}"
        environment.run("ruff", "check", "--no-cache", directory=directory)
        environment.run("ruff", "format", "--no-cache", "--check", directory=directory)


def test_nothing_is_written_over(written: Path) -> None:
    result = new("a_tail", "--into", str(written))
    assert result.exit_code == 2
    assert result.stderr == f"accueil: {written / 'accueil-a-tail'} already exists\n"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "'': a connector's name is 2 to 24 of a-z, 0-9 and _"),
        ("Guichet", "a connector's name is 2 to 24 of a-z, 0-9 and _"),
        ("../guichet", "a connector's name is 2 to 24 of a-z, 0-9 and _"),
        ("asterisk", "a connector 'asterisk' is already installed"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str, complaint: str) -> None:
    result = new(name, "--into", str(tmp_path))
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert not [*tmp_path.iterdir()]


def test_what_failed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("connectors.sdk.docs.update", fail)
        assert new("guichet", "--into", str(tmp_path)).exit_code == 2
    assert not [*tmp_path.iterdir()]
    assert new("guichet", "--into", str(tmp_path)).exit_code == 0


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert new("guichet", "--into", str(tmp_path / "file" / "below")).exit_code == 2
