"""Rows of figures are kept for years: a number may be added at the end of a layout, none may change its place."""

import json
from pathlib import Path

import pytest

from streams.core.figures.figure_schemas import CITIZENS, FIGURE_SCHEMAS

WRITTEN = Path(__file__).with_name("layouts.json")
"""The names in their order. Add new ones at its end."""


@pytest.mark.parametrize("channel", [*FIGURE_SCHEMAS, "citizen"])
def test_every_number_stays_in_its_place(channel: str) -> None:
    figure_schema = FIGURE_SCHEMAS.get(channel, CITIZENS)
    written = json.loads(WRITTEN.read_text())[channel]
    assert written == {"counts": list(figure_schema.counts), "stocks": list(figure_schema.stocks)}
