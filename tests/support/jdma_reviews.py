"""Sample reviews of JeDonneMonAvis, and a simulated server of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.jdma.simulate import JdmaServer, served

FORM = 7001
OTHER = 7002
BUTTON = 910
BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)


def at(minute: float) -> str:
    """Return a time in the format of the server."""
    return (BEGIN + timedelta(minutes=minute)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def review(number: int, minute: float, *satisfaction: str | None, verbatim: str = "", **fields: Any) -> dict[str, Any]:
    """Return a review with answers to all questions of its form."""
    given = [("satisfaction", f"réponse {answer}", answer, "radio") for answer in satisfaction]
    given += [("comprehension", "4", "good", "radio"), ("contact_email", verbatim, "neutral", "text")]
    given += [("verbatim", verbatim, "neutral", "text")] if verbatim else []
    answers = [
        {"field_code": code, "answer_text": text, "intention": intention, "kind": kind}
        for code, text, intention, kind in given
    ]
    base = {"id": number, "created_at": at(minute), "form_id": FORM, "button_id": BUTTON}
    return base | {"has_verbatim": bool(verbatim), "answers": answers} | fields


class ReviewServer(JdmaServer):
    """Server whose reviews a test replaces."""

    url = ""

    def set_reviews(self, *reviews: Any) -> None:
        self.reviews[:] = reviews


@contextmanager
def serving_reviews(*forms: int, requests_per_minute: int = 100_000) -> Iterator[ReviewServer]:
    """Run a server of these forms (default: `FORM` and `OTHER`), at first without reviews, until the end of the block."""
    server = ReviewServer(*(forms or (FORM, OTHER)), requests_per_minute=requests_per_minute)
    with served(server) as server.url:
        yield server
