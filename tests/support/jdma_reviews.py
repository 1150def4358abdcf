"""Sample reviews of JeDonneMonAvis, and a simulated server that serves them from a file."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.jdma.simulate.server import JdmaServer, served

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
        {
            "field_code": code,
            "field_label": code,
            "answer_text": text,
            "answer_item_id": 1,
            "intention": intention,
            "kind": kind,
            "parent_answer_id": None,
            "parent": None,
        }
        for code, text, intention, kind in given
    ]
    base = {"id": number, "created_at": at(minute), "form_id": FORM, "button_id": BUTTON}
    return base | {"has_verbatim": bool(verbatim), "answers": answers} | fields


def store_reviews(path: Path, *reviews: Any) -> None:
    """Write the reviews to the file of the server."""
    path.write_text(json.dumps(reviews, ensure_ascii=False), encoding="utf-8")


class Served:
    """Running server that serves the reviews of a file."""

    def __init__(self, jdma: JdmaServer, url: str, load: Callable[[], None]) -> None:
        self.jdma = jdma
        self.url = url
        self.load = load


@contextmanager
def serving(path: Path, **options: Any) -> Iterator[Served]:
    """Serve the file at `path` until the end of the block."""
    jdma = JdmaServer(FORM, OTHER, **{"requests_per_minute": 100_000, **options})

    def load() -> None:
        jdma.reviews[:] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []

    jdma.before_answer = load
    with served(jdma) as url:
        yield Served(jdma, url, load)
