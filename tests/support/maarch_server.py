"""Simulated Maarch server that serves rows from a file and scripted refusals."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from connectors.maarch.simulate.database import Database
from connectors.maarch.simulate.server import MaarchRestApi, Refusal
from connectors.sdk.simulation.http_app import serving


class MaarchServer(MaarchRestApi):
    """Serve the rows in the JSON file `path`: `{"<table>": [<row>, …]}`."""

    def __init__(self, path: Path) -> None:
        super().__init__(Database())
        self.path = path
        self.url = ""
        self.requested: list[str] = []
        """Requested routes, in order."""
        self.queries: list[dict[str, Any]] = []
        """Bodies of the list requests."""
        self.refusals: dict[str, Response] = {}
        """Scripted responses by route."""
        self.before_answer: Callable[[int], object] = lambda _: None
        """Callback before each response, with the number of the request from 0."""
        self.next_response = b""
        """Scripted body of the next response to a list request for letters."""
        self.reverses_lists = False
        """Whether to reverse the order of lists."""
        self._loaded = ""

    def content(self) -> dict[str, list[dict[str, Any]]]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def set_letters(self, *letters: dict[str, Any], **tables: list[dict[str, Any]]) -> None:
        """Replace the letters and the rows of these tables; keep the other tables."""
        self.path.write_text(json.dumps(self.content() | {"res_view_letterbox": letters} | tables, ensure_ascii=False))

    def _check_access(self, request: Request, route: str) -> None:
        self.requested.append(route)
        self.before_answer(len(self.requested) - 1)
        self._load()
        super()._check_access(request, route)
        if route in self.refusals:
            raise _scripted(self.refusals[route])

    def _list(self, request: Request, body: dict[str, Any]) -> Any:
        self.queries.append(body)
        if self.next_response and body["select"] != "res_id":
            content, self.next_response = self.next_response, b""
            raise _scripted(Response(content))
        answer = super()._list(request, body)
        return {**answer, "resources": answer["resources"][::-1]} if self.reverses_lists else answer

    def _load(self) -> None:
        text = self.path.read_text() if self.path.exists() else ""
        if text == self._loaded:
            return
        self.database.close()
        self.database, self._loaded = Database(), text
        for table, rows in json.loads(text).items():
            for row in rows:
                self.database.insert(table, row)


def _scripted(response: Response) -> Refusal:
    refusal = Refusal(0, "")
    refusal.response = response
    return refusal


@contextmanager
def served(path: Path) -> Iterator[MaarchServer]:
    """Serve the file at `path` until the end of the block."""
    server = MaarchServer(path)
    with serving(server.app()) as server.url:
        yield server
    server.database.close()
