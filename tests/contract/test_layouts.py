"""Rows of figures are kept for years: a number may be added at the end of a layout, none may change its place."""

import json
from pathlib import Path

import pytest

from streams.core.layouts import CITIZENS, LAYOUTS

WRITTEN = Path(__file__).with_name("layouts.json")
"""The names in their order. Add new ones at its end."""


@pytest.mark.parametrize("channel", [*LAYOUTS, "citizen"])
def test_every_number_stays_in_its_place(channel: str) -> None:
    layout = LAYOUTS.get(channel, CITIZENS)
    written = json.loads(WRITTEN.read_text())[channel]
    assert written == {"counts": list(layout.counts), "stocks": list(layout.stocks)}
