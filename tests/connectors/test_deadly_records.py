"""Records that end the process, and instances that are stuck; the other instances continue."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import tomli_w

from connectors.asterisk.simulate import configuration, simulate_day
from connectors.sdk.instance import MOST_STARTS
from connectors.sdk.ports import free_port
from connectors.sdk.rejects import read as read_rejects
from models.reasons import Reason
from streams.settings.exit_codes import EXIT_RESTART
from tests.support.processes import Child, supervised, wait_until
from tests.support.topic_file import ids_in

SHORT_PATIENCE = "from connectors.sdk import instance; instance.STUCK_SECONDS = 5.0; "
PROGRAM = SHORT_PATIENCE + "from streams.cli.main import main; main()"
LINES = [b"%d,%d,x" % (n, 1_773_650_000 + n) for n in range(20)]


def write(path: Path, *lines: bytes) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with Child(["-m", "tests.support.run_deadly", str(tmp_path)], tmp_path / "log") as child:
        yield child


@pytest.mark.parametrize("deadly", [b"killed", b"stuck"])
def test_record_that_ends_the_process_is_rejected_after_some_starts(
    tmp_path: Path, child: Child, deadly: bytes
) -> None:
    write(tmp_path / "nord", *LINES[:10], deadly, b"deep", b"huge", *LINES[10:])
    write(tmp_path / "sud", *LINES)
    for _ in range(MOST_STARTS):  # the first ends within a batch, the others at the record's own note
        assert child.start().wait() in {-9, EXIT_RESTART}
    with supervised(child):  # other steps may take too long on a busy machine
        for topic in (tmp_path / "topic-nord", tmp_path / "topic-sud"):
            wait_until(lambda topic=topic: len({*ids_in(topic)}) == len(LINES), f"all events of {topic.name}")
    assert child.exits[-1] == 0
    rejects = [*read_rejects(tmp_path / "data" / "deadly" / "nord")]
    assert {(one.reject.record, one.reject.reason) for one in rejects} == {
        (record, Reason.INTERNAL_ERROR) for record in (deadly, b"deep", b"huge")
    }
    assert [one.reject.record for one in rejects].count(deadly) == 1
    assert not [*read_rejects(tmp_path / "data" / "deadly" / "sud")]


def test_instance_that_is_stuck_again_stops_the_others_less_often(tmp_path: Path, child: Child) -> None:
    write(tmp_path / "nord", b"stuck in read")
    write(tmp_path / "sud")
    for _ in range(MOST_STARTS):
        assert child.start().wait() == EXIT_RESTART
    child.start().wait_for("the other instances continue")
    with (tmp_path / "sud").open("ab") as file:
        file.write(b"\n".join(LINES[:3]) + b"\n")  # one batch
    wait_until(lambda: len({*ids_in(tmp_path / "topic-sud")}) == 3, "all events of the other instance")
    assert child.wait() == EXIT_RESTART
    count = tmp_path / "data" / "deadly" / "nord" / "stuck"
    assert count.read_bytes() == b"%d" % (MOST_STARTS + 1)
    write(tmp_path / "nord", *LINES)
    with supervised(child):
        wait_until(lambda: not count.exists(), "the deletion of the count")
    assert child.exits[-1] == 0


def test_process_exits_if_an_instance_is_stuck_after_the_others_have_stopped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it blocks without a writer, like a file on an unreachable network share
    simulate_day(tmp_path / "queue_log", day=date(2026, 3, 16), seed=7, calls=20)
    instances = {
        name: {"connector": "asterisk", **configuration(tmp_path / log)}
        for name, log in (("hung", "pipe"), ("siege", "queue_log"))
    }
    settings = {"brokers": f"127.0.0.1:{free_port()}", "data": str(tmp_path / "data"), "connectors": instances}
    (tmp_path / "accueil.toml").write_text(tomli_w.dumps(settings))
    arguments = ["-c", PROGRAM, f"--config={tmp_path / 'accueil.toml'}", "connect"]
    with Child(arguments, tmp_path / "connect.log", LC_ALL="C") as connect:
        assert connect.start().wait() == EXIT_RESTART
    (message,) = [line for line in connect.text.splitlines() if "leaving" in line]
    assert "stuck: asterisk/hung" in message
    assert "siege" not in message
    assert connect.text.count("connector_stopped") == 1
    assert any((tmp_path / "data" / "connectors" / "asterisk" / "siege" / "spool").iterdir())
