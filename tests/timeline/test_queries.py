"""Text queries return the same rows from both databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, text

from streams.timeline.database import Unavailable
from streams.timeline.queries import Query
from streams.timeline.reader import Reader
from streams.timeline.store import Timeline

TEXTS = ["", "plain", 'qu"ote', "back\\slash", "line\nend\ttab", "é😀\u2028", "\x01\x7f", "[1, null]", "0123", "null"]
NUMBERS = [0, -1, (1 << 63) - 1, -(1 << 63), (1 << 53) + 1]
WHOLE = Query("SELECT number, value, absent FROM given WHERE number >= :least", "number", "value", "absent")
LATEST = Query("SELECT number FROM given ORDER BY number DESC LIMIT :most", "number")


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """Table with a text, numbers of each kind, and null."""
    engine = create_engine(url)
    with engine.connect() as opened:
        opened.execute(text("CREATE TABLE given (value text, number bigint, absent text)"))
        rows = [{"value": value, "number": number} for value in TEXTS for number in NUMBERS]
        opened.execute(text("INSERT INTO given VALUES (:value, :number, NULL)"), rows)
        yield opened
    engine.dispose()


def test_values_are_unchanged(connection: Connection) -> None:
    wanted = sorted((number, value, None) for value in TEXTS for number in NUMBERS)
    assert sorted(map(tuple, WHOLE.rows(connection, {"least": min(NUMBERS)}))) == wanted
    (row, *_) = WHOLE.mappings(connection, {"least": max(NUMBERS)})
    assert row == {"number": max(NUMBERS), "value": TEXTS[0], "absent": None}


def test_rows_are_in_order(connection: Connection) -> None:
    wanted = sorted(NUMBERS * len(TEXTS), reverse=True)
    for most in (0, 1, 23, 1000):
        assert [number for (number,) in LATEST.rows(connection, {"most": most})] == wanted[:most]


def test_error_of_a_query_contains_no_value(url: str) -> None:
    Timeline(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE links"))
    engine.dispose()
    reader = Reader(url, connections=1)
    with pytest.raises(Unavailable) as caught, reader.read_snapshot() as snapshot:
        snapshot.resolve_identities("case:a-secret")
    reader.close()
    assert str(caught.value) in {"OperationalError SQLITE_ERROR", "UndefinedTable 42P01"}
