"""Packages created by `accueil connectors new` work unchanged."""

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
    """Directory with packages of each kind, with a short name and with the longest name."""
    directory = tmp_path_factory.mktemp("written")
    for kind in KINDS:
        for name in (f"a_{kind}", f"the_longest_desk_of_{kind}"):
            result = new(name, "--kind", kind, "--into", str(directory))
            assert result.exit_code == 0, result.output
    assert not [*directory.rglob("__pycache__")]
    return directory


@pytest.fixture(scope="module")
def environment(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Environment with the packages of the short names."""
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.install(*(written / f"accueil-a-{kind}" for kind in KINDS))
    return environment


@pytest.mark.parametrize("kind", KINDS)
def test_packages_pass_the_conformance_suite(environment: Environment, written: Path, kind: str) -> None:
    assert " passed" in environment.run("pytest", "-q", directory=written / f"accueil-a-{kind}")


def test_packages_are_typed(environment: Environment, written: Path) -> None:
    modules = [
        f"accueil-a-{kind}/{path}" for kind in KINDS for path in (f"accueil_a_{kind}", f"tests/test_a_{kind}.py")
    ]
    environment.run("mypy", "--config-file", "accueil-a-tail/pyproject.toml", *modules, directory=written)


@pytest.mark.parametrize("kind", KINDS)
def test_packages_follow_the_style(environment: Environment, written: Path, kind: str) -> None:
    for name in (f"a-{kind}", f"the-longest-desk-of-{kind}"):
        directory = written / f"accueil-{name}"
        environment.run("ruff", "check", "--no-cache", directory=directory)
        environment.run("ruff", "format", "--no-cache", "--check", directory=directory)


def test_existing_directory_is_not_overwritten(written: Path) -> None:
    result = new("a_tail", "--into", str(written))
    assert result.exit_code == 2
    assert result.stderr == f"accueil: {written / 'accueil-a-tail'} already exists\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "'': a connector's name is 2 to 24 of a-z, 0-9 and _"),
        ("Guichet", "a connector's name is 2 to 24 of a-z, 0-9 and _"),
        ("../guichet", "a connector's name is 2 to 24 of a-z, 0-9 and _"),
        ("asterisk", "a connector 'asterisk' is already installed"),
    ],
)
def test_invalid_name_is_refused(tmp_path: Path, name: str, message: str) -> None:
    result = new(name, "--into", str(tmp_path))
    assert result.exit_code == 2
    assert message in result.stderr
    assert not [*tmp_path.iterdir()]


def test_failure_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("connectors.sdk.docs.update", fail)
        assert new("guichet", "--into", str(tmp_path)).exit_code == 2
    assert not [*tmp_path.iterdir()]
    assert new("guichet", "--into", str(tmp_path)).exit_code == 0


def test_unwritable_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert new("guichet", "--into", str(tmp_path / "file" / "below")).exit_code == 2
