"""Mailroom connector killed at every disk operation and at random times."""

import os
import signal
from contextlib import closing, suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import connectors.mailroom as mailroom
from connectors.mailroom.config import MailroomConfig
from connectors.sdk.contract import Context
from connectors.sdk.cursor import Cursor
from connectors.sdk.files import make_private_directory
from connectors.sdk.flow import Flow
from connectors.sdk.keys import Keys, load_key
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.rejects import Rejects
from tests.support.kills import kill_at_every_disk_operation
from tests.support.mailroom_harness import MailroomHarness, configuration
from tests.support.scans import drop, drop_letter
from tests.support.topic_file import Topic, ids_in


def process_inbox(keys: Path, afterwards: str, directory: Path) -> None:
    """Process the hot folder until it is empty."""
    inbox = directory / "inbox"
    make_private_directory(directory / "state")
    context = Context(
        "mailroom/essai",
        directory / "state",
        Cursor(directory / "state"),
        Keys(keys, directory / "state").pseudonym_key,
    )
    config = MailroomConfig(**configuration(directory) | {"afterwards": afterwards})
    meter = Meter(Metrics(CollectorRegistry()), "mailroom/essai")
    with (
        closing(Rejects(directory / "state")) as rejects,
        closing(Topic(directory / "topic")) as topic,
        closing(mailroom.CONNECTOR.open(config, context)) as source,
    ):
        flow = Flow(source, topic, rejects, meter)
        while any(inbox.iterdir()) or any((directory / "archive" / "work").iterdir()):
            flow.step()
        flow.drain(5)


@pytest.mark.usefixtures("shared_page_counter")
@pytest.mark.parametrize("afterwards", ["keep", "delete"])
def test_kill_at_any_disk_operation_loses_no_file(tmp_path: Path, afterwards: str) -> None:
    load_key(tmp_path / "keys", "general")

    def job(directory: Path) -> None:
        process_inbox(tmp_path / "keys", afterwards, directory)

    directories = [tmp_path / "runs" / str(number) for number in range(1, 400)]
    for directory in directories:
        (directory / "inbox").mkdir(parents=True)
        drop_letter(directory / "inbox", 1)
        drop(directory / "inbox" / "bad.pdf", b"bad", 2)
    runs = kill_at_every_disk_operation(job, tmp_path / "runs")
    assert 20 < len(runs) < len(directories)
    published = [ids_in(directory / "topic") for directory in runs]
    assert len(published[-1]) == len(set(published[-1])) == 2
    assert all(set(ids) == set(published[-1]) for ids in published)
    assert any(len(ids) > len(published[-1]) for ids in published), "no kill fell between publishing and acknowledging"
    archived = ["bad.pdf"] + ["scan00001.json", "scan00001.pdf"] * (afterwards == "keep")
    for directory in runs:
        assert sorted(path.name for path in directory.glob("archive/*/*/*/*")) == archived
        assert list((directory / "archive" / "work").iterdir()) == []


def test_burst_killed_at_random_times_loses_no_letter(room: MailroomHarness, tmp_path: Path) -> None:
    letters = 500
    for number in range(letters):
        drop_letter(room.inbox, number)
    load_key(tmp_path / "keys", "general")

    def run(max_seconds: float) -> int:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, max_seconds)  # the signal ends the child anywhere
                process_inbox(tmp_path / "keys", "keep", tmp_path)
                os._exit(0)
            os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    codes, max_seconds = [], 0.05
    while (code := run(max_seconds)) != 0:
        codes.append(code)
        max_seconds *= 1.5
    assert len(codes) > 2
    assert set(codes) == {-signal.SIGALRM}
    published = set(ids_in(tmp_path / "topic"))
    assert len(published) == 2 * letters
    assert len(room.done()) == 2 * letters
    chronos = {path.name.partition("_")[0] for path in room.archive.glob("done/*/*")}
    assert chronos == {f"2026-{number:06}" for number in range(1, letters + 1)}
