"""Conformance suite for connectors that receive messages: it posts `bodies`, and repeats those without a 2xx response.

A subclass `class TestMine(PushConformance): …` provides the messages and their signatures.
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
from connectors.sdk.testing import Conformance, ConnectorHarness, take_part
from connectors.sdk.testing.hostile import CONTENTS, LARGE_BYTES, hostile_fields, hostile_json
from connectors.sdk.webhook.config import PushConfig
from connectors.sdk.webhook.source import PushSource

OUTBOX: Final = "outbox"
MOST_COPIES: Final = 16
"""Target number of hostile copies of a message. 16 to 31 are sent, or all if there are fewer.

All bodies in the outbox wait together, so their number must not exceed the source's `most_waiting`.
"""
ARRIVAL_SECONDS: Final = 60.0
"""Longest wait for a message to be accepted and for its response, on a busy machine."""

Sign = Callable[[int, bytes], Mapping[str, str]]
"""Returns the headers of a message with this number and body, as `PushConformance.headers`."""


class PushHarness(ConnectorHarness):
    """Harness with a sender. Each opening posts the messages in the file `outbox` that had no 2xx response yet, in order."""

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
        """Open the instance and send, with one step after each message if the publisher is ready.

        At the end, each response must be 2xx or 503, and 2xx if all events are confirmed. A message longer than the limit must
        get 413, and is not sent again.
        """
        requests: dict[int, HTTPConnection] = {}
        confirmed = False
        try:
            with super().opened_with(publisher) as flow:
                for number, body in enumerate(self._bodies()):
                    if number not in self._delivered:
                        requests[number] = self._post(number, body)
                        if publisher.ready:
                            flow.step()
                yield flow
                confirmed = not publisher.pending and not self._source.intake.unread
        finally:
            self._check_responses(requests, confirmed=confirmed)

    def _check_responses(self, requests: Mapping[int, HTTPConnection], *, confirmed: bool) -> None:
        too_long = {number for number, body in enumerate(self._bodies()) if len(body) > self._limit}
        statuses = {number: _status(request) for number, request in requests.items()}
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
        self._source.intake.stall_seconds = ARRIVAL_SECONDS  # a short pause of the machine must not cause refusals
        self._source.answer_seconds = ARRIVAL_SECONDS  # all messages are sent before the first is confirmed
        return self._source

    def _bodies(self) -> Iterator[bytes]:
        if self._outbox.exists():
            for line in self._outbox.read_text("utf-8", "surrogateescape").splitlines():
                yield json.loads(line).encode("utf-8", "surrogateescape")

    def _post(self, number: int, body: bytes) -> HTTPConnection:
        before = self._source.intake.offered
        request = HTTPConnection("127.0.0.1", self._source.listen(), timeout=ARRIVAL_SECONDS)
        request.request("POST", self._path, body, dict(self._sign(number, body)))
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while self._source.intake.offered == before and not select.select([request.sock], [], [], 0.001)[0]:
            assert time.monotonic() < deadline, f"message {number} was neither accepted nor answered"
        return request


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _status(request: HTTPConnection) -> int:
    with closing(request):
        return request.getresponse().status


class PushConformance(Conformance):
    """The suite. A subclass provides the connector and its messages; its `options` must contain `port = 0`."""

    @abstractmethod
    def bodies(self) -> Sequence[bytes]:
        """Return the message bodies: valid, invalid, and with personal data."""

    @abstractmethod
    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        """Return the headers of the message `number`, signed with the current time."""

    def supply(self, directory: Path, part: int, parts: int) -> None:
        """Add part number `part`, from 0, of `parts` of the bodies to the outbox."""
        self._put(directory, take_part(self.bodies(), part, parts))

    def supply_hostile(self, directory: Path) -> None:
        """Add hostile bodies to the outbox, and copies of one body, with one hostile value each.

        This body is the first JSON object or, without one, the first body, as a form. Bodies of `LARGE_BYTES` are left out.
        """
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
        """Return a harness with a sender."""
        directory.mkdir(exist_ok=True)
        return PushHarness(self.connector, self.options(directory), directory, directory.parent / "keys", self.headers)
