"""Rows with more columns than a file without a header is said to have."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.table.config import TableConfig
from connectors.table.source import read_sample

OPTIONS: dict[str, Any] = {"id": "a", "events": [{"event": "email.received", "time": "b"}]}


def read(path: Path, **changes: Any) -> list[tuple[dict[str, Any], str]]:
    path.write_text("1,2\n1,2,3\n1\n", encoding="utf-8")
    config = TableConfig.model_validate(
        OPTIONS | {"files": str(path), "columns": ["a", "b"], "delimiter": ","} | changes
    )
    return [(dict(row.fields), row.problem) for row in read_sample(config, path)]


def test_further_columns_are_not_read(tmp_path: Path) -> None:
    first, longer, shorter = read(tmp_path / "calls.csv", more_columns=True)
    assert first == longer == ({"a": "1", "b": "2"}, "")
    assert shorter[1] == "1 columns instead of 2"


def test_a_row_with_further_columns_is_rejected_by_default(tmp_path: Path) -> None:
    assert read(tmp_path / "calls.csv")[1][1] == "3 columns instead of 2"


def test_the_columns_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="more_columns"):
        TableConfig.model_validate(OPTIONS | {"files": str(tmp_path / "calls.csv"), "more_columns": True})
