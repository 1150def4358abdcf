"""Simulated JeDonneMonAvis that accepts opinions like its forms and serves reviews like its open API.

Its refusals follow the published code (`webapp-backoffice/src/server/trpc.ts`, `open-api/reviews-list.ts`,
`webapp-form/src/server/routers/review`): unknown key or form, page of more than 100, invalid day or cursor, too many requests.
"""

import base64
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sdk.simulation.http_app import serving
from models.timestamps import milliseconds, to_iso

TOKEN: Final = "simulation"  # noqa: S105 - opens nothing
BASE: Final = "/api/open-api"
LARGEST_PAGE: Final = 100
MINUTE_SECONDS: Final = 60.0
DAYS_BEGIN: Final = timedelta(hours=1)
"""Start of the days of `start_date` in winter, after midnight UTC; the days of `end_date` end at midnight."""

Review = dict[str, Any]


class JdmaServer:
    """Server with these forms, initially without reviews. Methods may be called while it serves."""

    def __init__(self, *forms: int, requests_per_minute: int = 60) -> None:
        self.reviews: list[Review] = []
        """All reviews, in the format of the API."""
        self.requests: list[dict[str, str]] = []
        """Parameters of all requests, in order."""
        self.before_answer: Callable[[], Response | None] = lambda: None
        """Hook called for each request before any check; returns the response to send instead, or None."""
        self._forms = forms
        self._limit = requests_per_minute
        self._request_times: deque[float] = deque()
        self._lock = Lock()

    def give_opinion(self, form: int, button: int, at: datetime, satisfaction: str) -> None:
        """Add a review with a satisfaction of `good`, `medium` or `bad`."""
        answer = {"field_code": "satisfaction", "answer_text": satisfaction, "intention": satisfaction, "kind": "radio"}
        review = {"created_at": to_iso(milliseconds(at)), "form_id": form, "button_id": button, "has_verbatim": False}
        with self._lock:
            self.reviews.append(review | {"id": len(self.reviews) + 1, "answers": [answer]})

    @property
    def app(self) -> Starlette:
        """Application with the API route."""
        return Starlette(routes=[Route(f"{BASE}/avis", self._list, methods=["GET"])])

    async def _list(self, request: Request) -> Response:
        self.requests.append(dict(request.query_params))
        if instead := self.before_answer():
            return instead
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refuse(401, "UNAUTHORIZED", "Please provide a valid API key")
        if wait_seconds := self._wait_seconds(time.monotonic()):
            return _refuse(429, "TOO_MANY_REQUESTS", "Too many requests", {"retry-after": str(wait_seconds)})
        return self._page(dict(request.query_params))

    def _wait_seconds(self, now: float) -> int:
        while self._request_times and self._request_times[0] <= now - MINUTE_SECONDS:
            self._request_times.popleft()
        if len(self._request_times) >= self._limit:
            return max(1, round(self._request_times[0] + MINUTE_SECONDS - now))
        self._request_times.append(now)
        return 0

    def _page(self, parameters: dict[str, str]) -> Response:
        try:
            form, limit = int(parameters["form_id"]), int(parameters.get("limit", "50"))
            first, last = (_day(parameters.get(name)) for name in ("start_date", "end_date"))
            after = _decode_cursor(parameters["cursor"]) if "cursor" in parameters else None
            is_valid = 1 <= limit <= LARGEST_PAGE and not (first and last and first > last)
        except (ValueError, KeyError, TypeError):
            is_valid = False
        if not is_valid:
            return _refuse(400, "BAD_REQUEST", "Input validation failed")
        if form not in self._forms:
            return _refuse(404, "NOT_FOUND", "Formulaire introuvable ou inaccessible")
        with self._lock:
            keyed = [
                (review["created_at"], review["id"], review) for review in self.reviews if review["form_id"] == form
            ]
        rows = [row for row in keyed if (after is None or row[:2] < after) and _is_within(row[0], first, last)]
        rows.sort(key=lambda row: row[:2], reverse=True)
        page = rows[:limit]
        more = len(rows) > limit
        metadata = {"next_cursor": _encode_cursor(*page[-1][:2]) if more else None, "has_more": more, "limit": limit}
        return JSONResponse({"data": [review for _, _, review in page], "metadata": metadata})


@contextmanager
def served(jdma: JdmaServer, port: int = 0) -> Iterator[str]:
    """Serve `jdma` on this machine until the end of the block, and yield its address. Raises `OSError`."""
    with serving(jdma.app, port) as address:
        yield f"{address}{BASE}"


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError
    return date.fromisoformat(text)


def _is_within(created_at: str, first: date | None, last: date | None) -> bool:
    try:
        at = datetime.fromisoformat(created_at)
    except ValueError:
        return True
    begin, end = (datetime(*day.timetuple()[:3], tzinfo=UTC) if day else None for day in (first, last))
    return (begin is None or at >= begin + DAYS_BEGIN) and (end is None or at < end + timedelta(days=1))


def _encode_cursor(created_at: str, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"ts": created_at, "id": number}).encode()).decode().rstrip("=")


def _decode_cursor(raw: str) -> tuple[str, int]:
    decoded = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    return str(decoded["ts"]), int(decoded["id"])


def _refuse(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": message, "code": code}, status, headers)
