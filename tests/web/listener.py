"""A client of the event stream."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.web.served import Served


class Listener:
    """An open stream, read message by message."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def event(self) -> dict[str, str]:
        """Return the fields of the next event, without comments."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                return fields
        raise EOFError

    def message(self) -> Any:
        return json.loads(self.event()["data"])

    def read_to_end(self) -> None:
        """Read until the stream ends, which raises EOFError."""
        while True:
            self.event()

    def board(self) -> Any:
        """Return the next board; messages with only the clock are skipped."""
        while "board" not in (message := self.message()):
            pass
        return message["board"]


@contextmanager
def listening(served: Served) -> Iterator[Listener]:
    with httpx.stream("GET", f"{served.url}/events", timeout=60) as response:
        yield Listener(response)
