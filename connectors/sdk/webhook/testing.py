"""The conformance suite for connectors that listen: it posts what `bodies` has, and again what was not answered 2xx.

`class TestMine(PushConformance): …` says what is sent, and how it is signed.
"""

import json
import select
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Connector, Context, Publisher
from connectors.sdk.flow import Flow
from connectors.sdk.testing import Conformance, ConnectorHarness
from connectors.sdk.testing.hostile import CONTENTS, LARGE_BYTES, hostile_fields, hostile_json
from connectors.sdk.webhook.config import PushConfig
from connectors.sdk.webhook.source import PushSource

OUTBOX: Final = "outbox"
MOST_COPIES: Final = 16
"""About how many copies of a message are hostile: with the others, fewer than may wait to be safe."""
ARRIVAL_SECONDS: Final = 60.0
"""How long a busy machine is waited for."""

Sign = Callable[[int, bytes], Mapping[str, str]]


class PushHarness(ConnectorHarness):
    """A bench before which a sender stands, who sends in order what is in the file `outbox`, until it is answered 2xx."""

    def __init__(
        self, connector: Connector[Any], options: dict[str, Any], directory: Path, keys: Path, sign: Sign
    ) -> None:
        super().__init__(replace(connector, open=self._open), options, directory / "data", keys)
        assert isinstance(self.config, PushConfig)
        self._path, self._limit = self.config.path, self.config.max_body_bytes
        self._open_real = connector.open
        self._source: PushSource
        self._sign = sign
        self._outbox = directory / OUTBOX
        self._delivered: set[int] = set()

    @contextmanager
    def opened_with(self, publisher: Publisher) -> Iterator[Flow]:
        """Open the instance, and send. Whoever was confirmed at the end must be answered 2xx, and whoever was not, 503.

        What is longer than the limit must be answered 413, and is not sent again.
        """
        calls: dict[int, HTTPConnection] = {}
        confirmed = False
        try:
            with super().opened_with(publisher) as flow:
                for number, body in enumerate(self._bodies()):
                    if number not in self._delivered:
                        calls[number] = self._post(number, body)
                        if publisher.ready:
                            flow.step()
                yield flow
                confirmed = not publisher.pending and not self._source.unread
        finally:
            self._hear(calls, confirmed=confirmed)

    def _hear(self, calls: Mapping[int, HTTPConnection], *, confirmed: bool) -> None:
        too_long = {number for number, body in enumerate(self._bodies()) if len(body) > self._limit}
        statuses = {number: _status(call) for number, call in calls.items()}
        delivered = {
            number
            for number, status in statuses.items()
            if (status == 413 if number in too_long else status // 100 == 2)
        }
        self._delivered |= delivered
        refused = {number: status for number, status in statuses.items() if number not in delivered}
        assert all(status == 503 for status in refused.values()), f"refused for ever: {refused}"
        assert not (confirmed and refused), f"confirmed, but not delivered: {refused}"

    def _open(self, config: ConnectorConfig, context: Context) -> PushSource:
        self._source = self._open_real(config, context)  # type: ignore[assignment]
        self._source.intake.stall_seconds = ARRIVAL_SECONDS  # a machine that stands still for a moment refuses nobody
        self._source.answer_seconds = ARRIVAL_SECONDS  # all that is in the outbox is sent before the first is confirmed
        return self._source

    def _bodies(self) -> Iterator[bytes]:
        if self._outbox.exists():
            for line in self._outbox.read_text("utf-8", "surrogateescape").splitlines():
                yield json.loads(line).encode("utf-8", "surrogateescape")

    def _post(self, number: int, body: bytes) -> HTTPConnection:
        before = self._source.arrived
        call = HTTPConnection("127.0.0.1", self._source.listen(), timeout=ARRIVAL_SECONDS)
        call.request("POST", self._path, body, dict(self._sign(number, body)))
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while self._source.arrived == before and not select.select([call.sock], [], [], 0.001)[0]:
            assert time.monotonic() < deadline, f"message {number} was neither taken in nor answered"
        return call


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _status(call: HTTPConnection) -> int:
    with closing(call):
        return call.getresponse().status


class PushConformance(Conformance):
    """The suite. A subclass says what the connector is and what is posted to it; its `options` have `port = 0`."""

    @abstractmethod
    def bodies(self) -> Sequence[bytes]:
        """Return what is posted, good, bad and personal."""

    @abstractmethod
    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        """Return the headers of the `number`-th message, signed now."""

    def supply(self, directory: Path, part: int, parts: int) -> None:
        """Put a portion of the bodies into the outbox."""
        bodies = self.bodies()
        size = -(-len(bodies) // parts)
        self._put(directory, bodies[part * size : (part + 1) * size])

    def supply_hostile(self, directory: Path) -> None:
        """Put hostile bodies into the outbox, and copies of the first JSON body, or form, with one hostile value each."""
        contents = [content for content in CONTENTS.values() if len(content) < LARGE_BYTES]
        first = next((body for body in map(_read, self.bodies()) if isinstance(body, dict)), None)
        copies = [*(hostile_json(first) if first else hostile_fields(self.bodies()[0], b"&"))]
        copies = [copy for copy in copies if len(copy) < LARGE_BYTES]
        self._put(directory, contents)
        self._put(directory, copies[:: max(1, len(copies) // MOST_COPIES)])

    def _put(self, directory: Path, bodies: Sequence[bytes]) -> None:
        directory.mkdir(exist_ok=True)
        with (directory / OUTBOX).open("a", encoding="utf-8", errors="surrogateescape") as outbox:
            for body in bodies:
                outbox.write(json.dumps(body.decode("utf-8", "surrogateescape"), ensure_ascii=False) + "\n")

    def harness(self, directory: Path) -> ConnectorHarness:
        """Return a bench with a sender before it."""
        directory.mkdir(exist_ok=True)
        return PushHarness(self.connector, self.options(directory), directory, directory.parent / "keys", self.headers)
