"""Options of the SQL connector."""

from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from connectors.sql.config import SqlConfig
from connectors.sql.statements import Statements

MAPPING: dict[str, Any] = {
    "timezone": "Europe/Paris",
    "id": "call_id",
    "events": [{"event": "call.queued", "time": "queued_at", "queue": {"value": "social"}}],
}


def configured(**options: Any) -> SqlConfig:
    config = parse(SqlConfig, "appels", {"url": "sqlite:////srv/calls.db", "table": "calls", **MAPPING, **options})
    assert isinstance(config, SqlConfig)
    return config


def refusal(**options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        configured(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("calls.db", "must be as postgresql://"),
        ("postgresql://reader:geheim@db/calls", "without a password"),
        ("postgresql://db/calls?password=geheim", "without a password"),
        ("postgres://reader@db/calls", "did you mean postgresql?"),
        ("postgresql+asyncpg://reader@db/calls", "must begin with postgresql://"),
        ("mysql://reader@db", "name of the database"),
        ("postgresql://reader@db:port/calls", "must be as postgresql://"),
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url: str, problem: str) -> None:
    text = refusal(url=url)
    assert text.startswith("appels.url ")
    assert problem in text
    assert "geheim" not in text


def test_the_password_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim@/:\n")
    config = configured(url="mysql://reader@db.example.org/calls", password_file=str(tmp_path / "password"))
    assert config.location.password == "geheim@/:"
    assert config.location.drivername == "mysql+pymysql"
    assert config.server == "db.example.org/calls"
    assert "geheim" not in f"{config!r} {config.server} {config.model_dump(mode='json')}"


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM calls",
        "update calls set id = 1",
        "-- SELECT\nDROP TABLE calls",
        "/* select */ truncate calls",
        "selection",
    ],
)
def test_a_query_that_does_not_select_is_refused(query: str) -> None:
    assert refusal(table="", query=query) == "appels.query must be a SELECT: the database is only read"


@pytest.mark.parametrize(
    "query", ["SELECT 1;", " (select 1) ", "-- x\n/* y\n*/ WITH a AS (SELECT 1) SELECT * FROM a", "((SELECT 1))"]
)
def test_a_query_that_selects_is_accepted(query: str) -> None:
    assert not configured(table="", query=query).query.endswith(";")


def test_either_table_or_query_is_needed() -> None:
    assert "needs either table or query" in refusal(table="")
    assert "needs either table or query" in refusal(query="SELECT 1")


def test_only_columns_that_the_mapping_names_are_read() -> None:
    statement = Statements(configured(since="changed_at", phone="caller"))
    text = str(statement.rows(["call_id", "name", "caller"], is_continued=True))
    assert text.split("FROM", maxsplit=1)[0].split() == ["SELECT", "changed_at,", "call_id,", "caller,", "queued_at"]


def test_all_columns_are_read_if_an_expression_may_need_them() -> None:
    statement = Statements(configured(id="join('-', [year, number])"))
    assert "year, number, name" in str(statement.rows(["year", "number", "name"], is_continued=False))


def test_a_complete_query_has_no_cursor_column() -> None:
    assert "complete is for a query without since" in refusal(since="changed_at", complete=True)
    assert configured(complete=True).complete
