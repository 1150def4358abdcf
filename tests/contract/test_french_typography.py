"""French typography of the catalogues and of texts in the code, such as descriptions of options: spaces before marks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from models.locale import DIRECTORY

ROOT = Path(__file__).parents[2]
NO_SPACE_BEFORE_MARK = re.compile(r"[^\s:;?!][:;?!](?=\s|$)")
"""A mark without a space before it, at the end of a word: not `12:30`, `http://` or `::`."""
PLACE = re.compile(r"^\{\w+\}: ")
"""A place before an error, such as `file:line: `, which is the same in both languages."""
FRENCH = re.compile(
    r"[àâçéèêëîïôùûœ«]|\b(?:[cdjlmnst]|qu)['\u2019]"
    r"|\b(?:le|la|les|des|du|une?|est|sont|pas|ne|pour|ou|et|aucune?|sur|par|qui|que)\b",
    re.IGNORECASE,
)
ENGLISH = re.compile(r"\b(?:the|of|is|are|not|and|an?|by|for|to|at|with|it|its|what|which|Services Publics)\b")


def mistakes(source: str) -> Iterator[tuple[int, str]]:
    """Yield the French texts without a space before a mark, with their lines."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            is_french = FRENCH.search(node.value) and not ENGLISH.search(node.value)
            if is_french and NO_SPACE_BEFORE_MARK.search(node.value):
                yield node.lineno, node.value


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("x = 'rejetés, les lignes:'", True),
        ("x = 'été\\u00a0?'", False),
        ("x = 'jamais à 12:30, et http://a/b::c'", False),
        ("x = 'It is late: what is it?'", False),
    ],
)
def test_missing_spaces_are_found(source: str, *, wrong: bool) -> None:
    assert bool([*mistakes(source)]) is wrong


def test_french_texts_have_a_space_before_double_punctuation() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}": text
        for room in ("models", "streams", "connectors")
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, text in mistakes(path.read_text(encoding="utf-8"))
    }
    assert found == {}


@pytest.mark.parametrize("name", ["accueil", "click"])
def test_translations_have_a_space_before_double_punctuation(name: str) -> None:
    with (DIRECTORY / "fr" / "LC_MESSAGES" / f"{name}.po").open("rb") as source:
        strings = [message.string for message in read_po(source) if message.id]
    texts = [text for string in strings for text in ([string] if isinstance(string, str) else string)]
    assert [text for text in texts if NO_SPACE_BEFORE_MARK.search(PLACE.sub("", text))] == []
