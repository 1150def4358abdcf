"""A record that ends the process is rejected after some starts, and another instance goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sdk.instance import MOST_STARTS
from connectors.sdk.rejects import read as read_rejects
from models.reasons import Reason
from streams.settings.errors import EXIT_RESTART
from tests.support.processes import Child, wait_until
from tests.support.run_deadly import STUCK_SECONDS
from tests.support.topic_file import ids_in

LINES = [b"%d,%d,x" % (n, 1_773_650_000 + n) for n in range(20)]


def write(path: Path, *lines: bytes) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with Child(["-m", "tests.support.run_deadly", str(tmp_path)], tmp_path / "log") as child:
        yield child


@pytest.mark.parametrize("deadly", [b"killed", b"stuck"])
def test_a_record_that_ends_the_process_is_rejected(tmp_path: Path, child: Child, deadly: bytes) -> None:
    write(tmp_path / "nord", *LINES[:10], deadly, b"deep", b"huge", *LINES[10:])
    write(tmp_path / "sud", *LINES)
    for _ in range(MOST_STARTS):  # the first within a batch, the others on the record alone
        assert child.start().wait() in {-9, EXIT_RESTART}
    child.start()
    for topic in (tmp_path / "topic-nord", tmp_path / "topic-sud"):
        wait_until(lambda topic=topic: len({*ids_in(topic)}) == len(LINES), f"all events of {topic.name}")
    assert child.stop() == 0
    kept = [*read_rejects(tmp_path / "data" / "deadly" / "nord")]
    assert {(one.reject.record, one.reject.reason) for one in kept} == {
        (record, Reason.INTERNAL_ERROR) for record in (deadly, b"deep", b"huge")
    }
    assert [one.reject.record for one in kept].count(deadly) == 1
    assert not [*read_rejects(tmp_path / "data" / "deadly" / "sud")]


def test_an_instance_that_is_stuck_again_stops_the_others_less_often(tmp_path: Path, child: Child) -> None:
    write(tmp_path / "nord", b"stuck in read")
    write(tmp_path / "sud")
    for _ in range(MOST_STARTS):
        assert child.start().wait() == EXIT_RESTART
    child.start().wait_for("the other instances continue")
    with (tmp_path / "sud").open("ab") as file:
        file.write(b"\n".join(LINES) + b"\n")
    wait_until(lambda: len({*ids_in(tmp_path / "topic-sud")}) == len(LINES), "all events of the other")
    assert child.wait() == EXIT_RESTART
    count = tmp_path / "data" / "deadly" / "nord" / "stuck"
    assert count.read_bytes() == b"%d" % (MOST_STARTS + 1)
    write(tmp_path / "nord", *LINES)
    child.start()
    wait_until(lambda: not count.exists(), "the count to be forgotten", 10 * STUCK_SECONDS + 60)
    assert child.stop() == 0
