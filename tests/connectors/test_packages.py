"""Tests of an external connector in its own package: it is installed, listed and checked, and passes its own tests."""

from pathlib import Path

import pytest

from tests.support.packages import Environment
from tests.support.processes import ROOT

PACKAGE = ROOT / "tests" / "packages" / "accueil-twilio-taskrouter"
MOST_LINES = 150
SETTINGS = """
[connectors.telephonie]
connector = "twilio_taskrouter"
port = 0
url = "https://accueil.example.org/twilio"
auth_token = "un jeton"
queues = { "Accueil général" = "accueil" }
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Environment with the package, built from a copy, since building leaves files behind."""
    directory = tmp_path_factory.mktemp("environment")
    copy = directory / PACKAGE.name
    for path in PACKAGE.rglob("*"):
        if path.suffix in {".py", ".toml", ".md", ".typed"} and "build" not in path.parts:
            target = copy / path.relative_to(PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    environment = Environment(directory / "venv")
    environment.install(copy)
    return environment


def test_package_is_listed_with_its_instances(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "accueil.toml").write_text(SETTINGS, encoding="utf-8")
    listed = environment.run("streams.cli.main", "connectors", "list", directory=tmp_path)
    (row,) = (line for line in listed.splitlines() if line.startswith("twilio_taskrouter "))
    assert "accueil-twilio-taskrouter 0.1.0  telephonie  Twilio TaskRouter: calls in its queues" in row


def test_package_is_checked_like_a_built_in_connector(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "accueil.toml").write_text(SETTINGS, encoding="utf-8")
    output = environment.run("streams.cli.main", "connectors", "check", "telephonie", directory=tmp_path)
    assert output.startswith(
        "twilio_taskrouter/telephonie: the settings are valid, the source is readable (no new records"
    )


def test_secret_of_the_package_is_masked(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "accueil.toml").write_text(SETTINGS, encoding="utf-8")
    output = environment.run("streams.cli.main", "config", "check", directory=tmp_path)
    assert 'connectors.telephonie.auth_token = "********"' in output
    assert "un jeton" not in output


def test_package_passes_its_own_tests(environment: Environment) -> None:
    assert " passed" in environment.run("pytest", "-q", "-p", "no:cacheprovider", directory=PACKAGE)


def test_package_is_typed(environment: Environment) -> None:
    environment.run("mypy", "--cache-dir", "/dev/null", "accueil_twilio_taskrouter", "tests", directory=PACKAGE)


def test_connector_has_few_lines() -> None:
    """The limit includes blank lines, imports and documentation."""
    lines = [line for path in PACKAGE.glob("accueil_*/*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) < MOST_LINES
