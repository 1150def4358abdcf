"""The reference of mappings in the documentation is current."""

from pathlib import Path

import pytest

from connectors.sdk.mapping.reference import MARK, PAGES, render

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("page", "language"), PAGES.items(), ids=str)
def test_reference_is_current(page: Path, language: str) -> None:
    _introduction, mark, generated = (ROOT / page).read_text(encoding="utf-8").partition(f"{MARK}\n")
    assert mark
    assert generated.strip() == render(language).strip(), "run python -m connectors.sdk.mapping.reference"
