"""Output of simulation commands: progress and errors."""

import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connectors.mailroom import CONNECTOR as MAILROOM
from connectors.sdk.simulation import poster as simulating
from connectors.sdk.simulation.poster import MessagePoster
from connectors.sdk.webhook.sender import NotAcceptedError
from connectors.simulator.command import command as everything

REFUSES = NotAcceptedError("takes nothing now (503)")
AWAY = NotAcceptedError("does not answer")


def post(*answers: NotAcceptedError | None, monkeypatch: pytest.MonkeyPatch, progress_seconds: float) -> MessagePoster:
    monkeypatch.setattr(simulating, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(simulating, "PROGRESS_SECONDS", progress_seconds)
    monkeypatch.setenv("LC_ALL", "C")
    left = [*answers]

    def send(_: str) -> None:
        if error := left.pop(0):
            raise error

    posting = MessagePoster(threading.Event())
    while left:
        posting.post_until_accepted(send, "something")
    return posting


def test_progress_is_printed_immediately_and_then_at_intervals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    post(None, None, None, monkeypatch=monkeypatch, progress_seconds=3600)
    assert capsys.readouterr().out.splitlines() == ["messages accepted: 1"]
    post(None, None, None, monkeypatch=monkeypatch, progress_seconds=0)
    assert capsys.readouterr().out.splitlines() == [f"messages accepted: {count}" for count in (1, 2, 3)]


def test_error_is_printed_once_and_progress_after_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    posting = post(None, AWAY, AWAY, REFUSES, None, None, AWAY, None, monkeypatch=monkeypatch, progress_seconds=3600)
    output = capsys.readouterr()
    assert output.err.splitlines() == [f"accueil: {error}" for error in (AWAY, REFUSES, AWAY)]
    assert output.out.splitlines() == [f"messages accepted: {count}" for count in (1, 2, 4)]
    assert posting.taken == 4


LOGIN = 'host = "127.0.0.1"\nport = 1\ntls = "none"\nusername = "a"\npassword = "b"\n'


@pytest.mark.parametrize(
    ("simulate", "arguments", "message"),
    [
        (everything, ["--into", "file/systems", "--days", "1"], "file"),
        (everything, ["--into", "systems", "--days", "1", "--mailbox", "broken.toml"], "broken.toml: Invalid value"),
        (everything, ["--into", "systems", "--days", "1", "--mailbox", "empty.toml"], "messagerie.host is missing"),
        (everything, ["--into", "systems", "--days", "1", "--mailbox", "away.toml"], "127.0.0.1:1 cannot be reached"),
        (MAILROOM.simulate, ["--into", "file/mail"], "file"),
    ],
)
def test_error_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulate: click.Command, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for name, content in {"file": "", "broken.toml": "x = [", "empty.toml": "", "away.toml": LOGIN}.items():
        Path(name).write_text(content)
    done = CliRunner().invoke(simulate, arguments)
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert message in done.output
