"""Reads a topic of figures, such as `accueil.figures.v1`, from its beginning and then follows it."""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from models.topics import FIGURES
from streams.kafka.topic_reader import RETRY_SECONDS, Phase, Record, TopicReader
from streams.web.view import ReaderState

log = logging.getLogger(__name__)

MAX_POLL_RECORDS: Final = 50_000
"""More than one fetch brings, so that the rows of one step are seen together."""


class View(Protocol):
    """What is kept as the topic is; `FiguresView` says more."""

    @property
    def reader_state(self) -> ReaderState:
        """What the reader is doing."""

    def set_state(self, reader_state: ReaderState) -> None:
        """Take note of what the reader is doing now."""

    def begin(self, partitions: Iterable[int]) -> None:
        """Read anew, from the beginning of a topic of these partitions."""

    def apply_all(self, partition: int, rows: Iterable[tuple[bytes | None, bytes | None]], written_at: int = 0) -> None:
        """Take in rows of one partition, the last one written at `written_at`."""


class FiguresReader:
    """A thread that keeps a view as the topic is, through broker restarts and re-created topics.

    It joins no group and commits nothing: every instance reads everything. `client` goes to kafka-python (security).
    """

    def __init__(
        self, view: View, brokers: str, client: Mapping[str, Any] | None = None, *, topic: str = FIGURES.name
    ) -> None:
        self._view = view
        self._topic = topic
        client = {"client_id": "accueil-web", **(client or {})}
        self._reader = TopicReader(topic, self, brokers, client, max_poll_records=MAX_POLL_RECORDS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {topic}", daemon=True)

    def start(self) -> None:
        """Begin to read; never waits for the broker."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Stop reading and wait for the thread."""
        self._stopping.set()
        self._thread.join(timeout_seconds)

    def begin(self, topic_id: str, beginnings: Mapping[int, int]) -> Mapping[int, int]:  # noqa: ARG002 - all is read anew
        """Forget all rows, and have all of the topic read."""
        self._view.begin(tuple(beginnings))
        return beginnings

    def take(self, records: Mapping[int, Sequence[Record]], next_offsets: Mapping[int, int]) -> None:  # noqa: ARG002 - as above
        """Put rows into the view."""
        for partition, several in records.items():
            rows = [(record.key, record.value) for record in several]
            self._view.apply_all(partition, rows, several[-1].timestamp)

    def set_state(self, phase: Phase, detail: str) -> None:
        """Let the view know how the reading goes."""
        reader_state = ReaderState(phase.value)
        if reader_state is not self._view.reader_state:
            if phase is Phase.REFUSED:
                structlog.get_logger(__name__).warning("kafka_refuses", error=detail)
            log.info("%s: %s (%s)", self._topic, reader_state.value, detail)
            self._view.set_state(reader_state)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._reader.run(self._stopping)
            except Exception:
                log.exception("%s: the Kafka client failed, it is started anew", self._topic)
                self.set_state(Phase.NO_BROKER, "client failed")
                self._stopping.wait(RETRY_SECONDS)
