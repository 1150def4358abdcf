"""The mailroom, killed at any moment."""

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


def connect(keys: Path, afterwards: str, directory: Path) -> None:
    """Take what is in a hot folder, which is filled on the first start."""
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


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("afterwards", ["keep", "delete"])
def test_killed_at_every_act_it_tells_every_file_and_keeps_it_once(tmp_path: Path, afterwards: str) -> None:
    load_key(tmp_path / "keys", "general")

    def job(directory: Path) -> None:
        connect(tmp_path / "keys", afterwards, directory)

    places = [tmp_path / "runs" / str(number) for number in range(1, 400)]
    for place in places:
        (place / "inbox").mkdir(parents=True)
        drop_letter(place / "inbox", 1)
        drop(place / "inbox" / "bad.pdf", b"bad", 2)
    runs = kill_at_every_disk_operation(job, tmp_path / "runs")
    assert 20 < len(runs) < len(places)
    told = [ids_in(place / "topic") for place in runs]
    assert len(told[-1]) == len(set(told[-1])) == 2
    assert all(set(ids) == set(told[-1]) for ids in told)
    assert any(len(ids) > len(told[-1]) for ids in told), "nothing was told twice: no kill fell where it matters"
    kept = ["bad.pdf"] + ["scan00001.json", "scan00001.pdf"] * (afterwards == "keep")
    for place in runs:
        assert sorted(path.name for path in place.glob("archive/*/*/*/*")) == kept
        assert list((place / "archive" / "work").iterdir()) == []


def test_a_burst_killed_at_random_moments(room: MailroomHarness, tmp_path: Path) -> None:
    letters = 500
    for number in range(letters):
        drop_letter(room.inbox, number)
    load_key(tmp_path / "keys", "general")

    def run(most_seconds: float) -> int:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, most_seconds)  # its signal ends us wherever we are
                connect(tmp_path / "keys", "keep", tmp_path)
                os._exit(0)
            os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    codes, most_seconds = [], 0.05
    while (code := run(most_seconds)) != 0:
        codes.append(code)
        most_seconds *= 1.5
    assert len(codes) > 2
    assert set(codes) == {-signal.SIGALRM}
    told = set(ids_in(tmp_path / "topic"))
    assert len(told) == 2 * letters
    assert len(room.done()) == 2 * letters
    chronos = {path.name.partition("_")[0] for path in room.archive.glob("done/*/*")}
    assert chronos == {f"2026-{number:06}" for number in range(1, letters + 1)}
