"""French texts have a space before double punctuation marks, in the catalogues and in documents."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from models.locale import DIRECTORY

ROOT = Path(__file__).parents[2]
NO_SPACE_BEFORE_MARK = re.compile(r"[^\s:;?!][:;?!](?=\s|$)")
"""A mark without a space before it, at the end of a word: not `12:30`, `http://` or `::`."""
PLACE = re.compile(r"^\{\w+\}: ")
"""A place before an error, such as `file:line: `, which is the same in both languages."""
CODE = re.compile(r"^ *```.*?^ *```|`[^`]*`|<br>[^|]*|<!--.*?-->|\[!\w+\]", re.DOTALL | re.MULTILINE)
"""Parts of a document that are code, and types and labels of metrics."""
DOCUMENTS = [
    *ROOT.glob("*.fr.md"),
    *(path for name in ("deploy", "docs", "connectors") for path in (ROOT / name).rglob("*.fr.md")),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_have_a_space_before_double_punctuation(document: Path) -> None:
    lines = CODE.sub("x", document.read_text(encoding="utf-8")).splitlines()
    assert [line for line in lines if NO_SPACE_BEFORE_MARK.search(line)] == []


@pytest.mark.parametrize("name", ["accueil", "click"])
def test_translations_have_a_space_before_double_punctuation(name: str) -> None:
    with (DIRECTORY / "fr" / "LC_MESSAGES" / f"{name}.po").open("rb") as source:
        strings = [message.string for message in read_po(source) if message.id]
    texts = [text for string in strings for text in ([string] if isinstance(string, str) else string)]
    assert [text for text in texts if NO_SPACE_BEFORE_MARK.search(PLACE.sub("", text))] == []
