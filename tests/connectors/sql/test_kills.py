"""SIGKILLs of the SQL connector and crashes of its database, while rows are added, changed and become visible late."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import Connection, text

from connectors.sdk.testing.harness import comparable_form
from models.codec import decode
from models.events import Event
from tests.support.processes import Child, wait_until
from tests.support.sql_calls import BEGIN, Calls, call_of, last_facts

KILLS = 20
STEP_SECONDS = 2.0
"""Longest time in the table between two transactions. A late one ends before 28 later ones, within `overlap_seconds`."""
PARTS = 4
"""Parts of the rows: transactions that overlap change rows of different parts."""
QUEUES = ("rsa", "pmi")


class Writer:
    """Changes the table at random. A transaction takes its time when it begins, and may end after later ones."""

    def __init__(self, calls: Calls, seed: int) -> None:
        self.changes = Counter[str]()
        """Number of changes of each call after it was added."""
        self._calls = calls
        self._random = Random(seed)
        self._now = BEGIN
        self._count = 0
        self._hidden = range(0)

    def change(self) -> None:
        """Make one to three overlapping transactions, which change different rows."""
        known = self._count
        connections = [self._calls.engine.connect() for _ in range(self._random.randint(1, 3))]
        try:
            for place, connection in enumerate(connections):
                self._now += timedelta(seconds=self._random.uniform(0, STEP_SECONDS))
                self._change_rows(connection, range(place, known, PARTS))
            self._random.shuffle(connections)
            for connection in connections:
                connection.commit()
        finally:
            for connection in connections:
                connection.close()

    @contextmanager
    def late(self) -> Iterator[None]:
        """Change rows in a transaction that takes its time now, and ends with the block."""
        with self._calls.engine.begin() as connection:
            self._now += timedelta(seconds=self._random.uniform(0, STEP_SECONDS))
            first = self._count
            self._change_rows(connection, range(PARTS - 1, first, PARTS))
            self._hidden = range(first, self._count)
            yield
        self._hidden = range(0)

    def _change_rows(self, connection: Connection, numbers: range) -> None:
        for number in {*self._random.sample(numbers, min(len(numbers), 8))}.difference(self._hidden):
            change = self._random.choice(["answered_at = :at", "ended_at = :at", "queue = :queue"])
            self._execute(connection, f"UPDATE calls SET {change}, changed_at = :at WHERE call_id = :call", number)
            self.changes[f"C-{number}"] += 1
        for _ in range(self._random.randint(1, 20)):
            row = ":call, '06 39 98 12 34', :queue, :at, NULL, NULL, :at"
            self._execute(connection, f"INSERT INTO calls VALUES ({row})", self._count)
            self._count += 1

    def _execute(self, connection: Connection, statement: str, number: int) -> None:
        values = {"call": f"C-{number}", "at": self._now, "queue": self._random.choice(QUEUES)}
        names = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(text(statement), names)


def events_in(topic: Path) -> Iterator[Event]:
    """Yield the events in a topic file, including repeated ones; not a line that a kill has cut."""
    for line in topic.read_text().splitlines() if topic.exists() else ():
        if line.endswith("}"):
            yield decode(line.split(" ", 2)[2].encode())


def test_kills_lose_and_repeat_nothing(calls: Calls, tmp_path: Path) -> None:
    random, writer = Random(7), Writer(calls, seed=5)
    settings, topic = tmp_path / "options.json", tmp_path / "topic"
    settings.write_text(json.dumps(calls.options(page_rows=20)))
    arguments = ["sql/essai", str(settings), str(tmp_path / "process"), str(topic)]
    for _ in range(50):
        writer.change()
    with Child(["-m", "tests.support.run_connector", *arguments], tmp_path / "log") as child:
        for number in range(KILLS):
            child.start()
            if number in {6, 13}:
                calls.server.start()
            size = topic.stat().st_size if topic.exists() else 0
            with writer.late():
                for _ in range(random.randint(1, 4)):
                    writer.change()
                wait_until(lambda size=size: topic.exists() and topic.stat().st_size > size, "an event")
                if number % 2:
                    wait_until(lambda: last_facts(events_in(topic)) == calls.expected(), "all visible events")
                for _ in range(random.randint(0, 4)):
                    writer.change()
            if number in {5, 12}:
                calls.server.stop("immediate")
            child.kill()
            child.wait()
        child.start()
        wait_until(lambda: last_facts(events_in(topic)) == calls.expected(), "all events")
        assert child.stop() == 0
    events = [*events_in(topic)]
    distinct = {event.id: event for event in events}.values()
    assert len({*comparable_form(events)}) == len(distinct), "an id has two contents"
    versions = Counter(call_of(event.subject) for event in distinct if event.type == "call.queued")
    assert not {call: count for call, count in versions.items() if count > 1 + writer.changes[call]}
    assert versions.total() > len(versions), "no change was read, so this shows nothing"
