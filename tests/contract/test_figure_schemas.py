"""Stored figures stay readable: a count may be added at the end of a figure schema, none may change its place."""

import json
from pathlib import Path

import pytest

from streams.core.figures.figure_schemas import CITIZENS, FIGURE_SCHEMAS

STORED = Path(__file__).with_name("layouts.json")
"""Names in their order. Add new ones at the end."""


@pytest.mark.parametrize("channel", [*FIGURE_SCHEMAS, "citizen"])
def test_counts_keep_their_places(channel: str) -> None:
    figure_schema = FIGURE_SCHEMAS.get(channel, CITIZENS)
    stored = json.loads(STORED.read_text())[channel]
    assert stored == {"counts": list(figure_schema.counts), "stocks": list(figure_schema.stocks)}
