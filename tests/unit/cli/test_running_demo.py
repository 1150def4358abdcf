"""Commands next to a running demo use its data."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connectors.sdk.contract import Reject
from connectors.sdk.rejects import Rejects
from models.reasons import Reason
from streams.runtime import instance_lock
from streams.runtime.prechecks import claim_data_directory
from tests.support.commands import error, run

DEMO = Path("accueil-data/demo")


@pytest.fixture(autouse=True)
def _rejected_record() -> None:
    directory = DEMO / "connectors" / "asterisk" / "siege"
    directory.mkdir(parents=True)
    with closing(Rejects(directory)) as rejects:
        rejects.add(Reject(Reason.INVALID_UTF8, b"\xff", "at byte 0"))


@contextmanager
def running_demo() -> Iterator[None]:
    with claim_data_directory(DEMO):
        instance_lock.write_running_file(DEMO, "127.0.0.1:1", "")
        yield


def test_commands_report_once_that_they_use_the_running_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.instance_lock.BROKER_SECONDS", 0.0)
    commands = ("explain", "offered"), ("sla", "list"), ("dead-letters", "list"), ("rejects", "list")
    with running_demo():
        for command in commands:
            assert run(*command).stderr.count(f"accueil: using the running demo in {DEMO}\n") == 1
        monkeypatch.setenv("ACCUEIL_DATA", str(DEMO))
        assert run("rejects", "list").stderr == ""


def test_rejects_uses_the_running_demo() -> None:
    with running_demo():
        assert run("rejects", "list").output.endswith(f"rejected records in {DEMO}/connectors: 1\n")
        place = run("rejects", "list").stdout.splitlines()[1].split()[0]
        assert run("rejects", "show", place).exit_code == 0
        systems = DEMO / instance_lock.SYSTEMS
        systems.mkdir()
        (systems / "accueil.toml").write_text('[connectors.siege]\nconnector = "asterisk"\npath = "queue_log"\n')
        again = run("rejects", "replay", "--all", "--dry-run")
        assert again.exit_code == 0, again.output
        assert "siege: 0 records accepted now" in again.output
    assert "1 rejected" not in run("rejects", "list").output


def test_connectors_uses_the_running_demo_unless_some_are_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    systems, log = DEMO / instance_lock.SYSTEMS, Path("queue_log").resolve()
    systems.mkdir()
    (systems / "accueil.toml").write_text(f'[connectors.standard]\nconnector = "asterisk"\npath = "{log}"\n')
    log.touch()
    monkeypatch.setattr("connectors.sdk.probe.WAIT_SECONDS", 0.0)
    assert "connectors.standard: unknown; configured: none" in run("connectors", "check", "standard").stderr
    with running_demo():
        listed = run("connectors", "list")
        assert "  standard  " in listed.stdout
        assert listed.stderr == (
            f"accueil: using the running demo in {DEMO}\naccueil: settings: {systems}/accueil.toml\n"
        )
        checked = run("connectors", "check", "standard")
        assert checked.exit_code == 0, checked.output
        Path("accueil.toml").write_text(f'[connectors.siege]\nconnector = "asterisk"\npath = "{log}"\n')
        assert "  siege  " in run("connectors", "list").stdout  # own connectors have priority over those of the demo
        assert run("connectors", "check", "siege").stderr == "accueil: settings: accueil.toml\n"
        assert "connectors.standard: unknown; configured: siege" in run("connectors", "check", "standard").stderr


def test_topics_apply_uses_the_demo_only_if_its_data_directory_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_demo():
        hint = f"; the demo that runs there is not used: to use it, set ACCUEIL_DATA={DEMO}\n"
        assert error("topics", "apply").endswith(hint)
        monkeypatch.setenv("ACCUEIL_DATA", str(DEMO))
        assert "127.0.0.1:1" in run("topics", "apply", "--wait", "0.1").stderr
