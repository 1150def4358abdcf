"""The simulated server of Maarch, over a file of rows, that refuses what a test tells it to."""

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
    """Serves what is in `path`: `{"<table>": [<row>, …]}`."""

    def __init__(self, path: Path) -> None:
        super().__init__(Database())
        self.path = path
        self.url = ""
        self.asked: list[str] = []
        """The routes that were asked, in order."""
        self.questions: list[dict[str, Any]] = []
        """What lists were asked for."""
        self.refusals: dict[str, Response] = {}
        """What is answered instead, by route."""
        self.before_answer: Callable[[int], object] = lambda _: None
        """Called with the number of the request, from 0 on, before it is answered."""
        self.instead = b""
        """What is answered instead to the next question for letters."""
        self.shuffle = False
        """Whether lists come in the wrong order."""
        self._loaded = ""

    def content(self) -> dict[str, list[dict[str, Any]]]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def hold(self, *letters: dict[str, Any], **tables: list[dict[str, Any]]) -> None:
        """Let it have these letters, and these rows of other tables beside those that it has."""
        self.path.write_text(json.dumps(self.content() | {"res_view_letterbox": letters} | tables, ensure_ascii=False))

    def _let_in(self, request: Request, route: str) -> None:
        self.asked.append(route)
        self.before_answer(len(self.asked) - 1)
        self._load()
        super()._let_in(request, route)
        if route in self.refusals:
            refusal = Refusal(0, "")
            refusal.response = self.refusals[route]
            raise refusal

    def _list(self, request: Request, body: dict[str, Any]) -> Any:
        self.questions.append(body)
        if self.instead and body["select"] != "res_id":
            refusal = Refusal(0, "")
            refusal.response, self.instead = Response(self.instead), b""
            raise refusal
        answer = super()._list(request, body)
        return {**answer, "resources": answer["resources"][::-1]} if self.shuffle else answer

    def _load(self) -> None:
        text = self.path.read_text() if self.path.exists() else ""
        if text == self._loaded:
            return
        self.database.close()
        self.database, self._loaded = Database(), text
        for table, rows in json.loads(text).items():
            for row in rows:
                self.database.insert(table, row)


@contextmanager
def served(path: Path) -> Iterator[MaarchServer]:
    """Serve the file at `path` until the end of the block."""
    server = MaarchServer(path)
    with serving(server.app()) as server.url:
        yield server
    server.database.close()
