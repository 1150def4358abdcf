"""Detection of rereads: of a recreated topic, and of one that lost its end."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.kafka.topic_reader import Phase
from streams.notify.reader import Reader
from streams.notify.store import Receivers, Store
from tests.support import notify_process
from tests.support.sla_events import SlaClockStub, record


class Record(NamedTuple):
    """Records as the consumer returns them."""

    offset: int
    key: bytes
    value: bytes
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with notify_process.sending_store(tmp_path, Receivers()) as store:
        yield store


@pytest.fixture
def reader(store: Store) -> Reader:
    return Reader(store, "", {}, changed=lambda: None, keep_ended_days=35, topic="sla")


def take(reader: Reader, offset: int) -> None:
    reader.take({0: [Record(offset, *record(SlaClockStub(offset).breached()))]}, {0: offset + 1})


def test_truncated_topic_is_a_reread_until_its_end(store: Store, reader: Reader) -> None:
    assert reader.begin("one", {0: 0}) == {0: 0}
    take(reader, 5)
    assert reader.begin("one", {0: 0}) == {0: 6}
    take(reader, 6)
    assert not store.is_rereading
    assert reader.begin("one", {0: 0}) == {0: 7}
    take(reader, 0)  # the topic ends before
    assert store.is_rereading
    reader.set_state(Phase.FOLLOWING, "")
    assert not store.is_rereading
    take(reader, 1)
    assert not store.is_rereading


def test_recreated_topic_is_a_reread(store: Store, reader: Reader) -> None:
    reader.begin("one", {0: 0})
    take(reader, 5)
    assert reader.begin("another", {0: 0}) == {0: 0}
    take(reader, 0)
    reader.set_state(Phase.LOADING, "")
    assert store.is_rereading
    reader.set_state(Phase.FOLLOWING, "")
    assert not store.is_rereading
