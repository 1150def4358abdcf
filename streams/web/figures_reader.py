"""Background reader that applies a topic of figures, such as `accueil.figures.v1`, to a view."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from models.topics import FIGURES
from streams.kafka.topic_reader import RETRY_SECONDS, Phase, Record, TopicReader
from streams.web.topic_view import ReaderState, TopicView

log = logging.getLogger(__name__)

MAX_POLL_RECORDS: Final = 50_000
"""Maximum number of records per poll, more than one fetch returns: the rows of one step then reach the view together."""


class FiguresReader:
    """Thread that applies a topic to a view, across broker restarts and recreated topics.

    It joins no consumer group and commits no offsets: each instance reads the whole topic. `client` contains further settings
    of kafka-python, such as those for TLS and SASL.
    """

    def __init__(
        self, view: TopicView[Any], brokers: str, client: Mapping[str, Any] | None = None, *, topic: str = FIGURES.name
    ) -> None:
        self._view = view
        self._topic = topic
        client = {"client_id": "accueil-web", **(client or {})}
        self._reader = TopicReader(topic, self, brokers, client, max_poll_records=MAX_POLL_RECORDS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {topic}", daemon=True)

    def start(self) -> None:
        """Start the thread; does not wait for the broker."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Stop the thread, and wait at most `timeout_seconds` for its end."""
        self._stopping.set()
        self._thread.join(timeout_seconds)

    def begin(self, topic_id: str, beginnings: Mapping[int, int]) -> Mapping[int, int]:  # noqa: ARG002 - always reads from the beginning
        """Start to read the topic again into the view. Return partition → first offset to read: always `beginnings`.

        The view shows its earlier rows until the new reading has caught up.
        """
        self._view.begin(tuple(beginnings))
        return beginnings

    def take(self, records: Mapping[int, Sequence[Record]], next_offsets: Mapping[int, int]) -> None:  # noqa: ARG002 - no offsets are stored
        """Apply the records of each partition to the view."""
        for partition, batch in records.items():
            rows = [(record.key, record.value) for record in batch]
            self._view.apply_all(partition, rows, batch[-1].timestamp)

    def set_state(self, phase: Phase, detail: str) -> None:
        """Pass a changed phase of the reader on to the view, and log it with `detail`."""
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
                log.exception("%s: the Kafka client failed and is restarted", self._topic)
                self.set_state(Phase.NO_BROKER, "client failed")
                self._stopping.wait(RETRY_SECONDS)
