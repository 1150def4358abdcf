"""French typography: all program texts have a space before `:`, `;`, `?` and `!`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for room in ("models", "streams", "connectors") for path in (ROOT / room).rglob("*.py"))
CATALOGUES = sorted((ROOT / "streams" / "locale" / "fr").rglob("*.po"))
WORDLESS = re.compile(r"[^\s:;?!][:;?!](?=\s|$)")
"""A mark that follows a word and ends there: not `12:30`, `http://` or `::`."""
BEGINS_WITH_A_MARK = re.compile(r"[:;?!](\s|$)")
FRENCH = re.compile(
    r"[àâçéèêëîïôùûœ«]|\b(?:[cdjlmnst]|qu)['\u2019]"
    r"|\b(?:le|la|les|des|du|une?|est|sont|pas|ne|pour|ou|et|aucune?|sur|par|qui|que)\b",
    re.IGNORECASE,
)
ENGLISH = re.compile(r"\b(?:the|of|is|are|not|and|an?|by|for|to|at|with|it|its|what|which|Services Publics)\b")


def as_text(node: ast.AST) -> str:
    """Return what a literal says, `X` for each value in it; empty if it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(as_text(part) if isinstance(part, ast.Constant) else "X" for part in parts)


def literals(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield texts that are whole: neither documentation nor a part of another one."""
    nodes = [*ast.walk(tree)]
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts | documentation:
            yield node


def says(node: ast.AST) -> bool:
    """Return whether the node contains a localized text."""
    return any(is_call(part, "say", "word") for part in ast.walk(node))


def is_call(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    """Return whether the node calls one of the functions `names`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def mistakes(source: str) -> Iterator[tuple[int, str]]:
    """Yield French that has no space before a mark, and marks that are the same in both languages, with their lines."""
    tree = ast.parse(source)
    said = {id(node.args[1]) for node in ast.walk(tree) if is_call(node, "say") and len(node.args) == 2}
    for node in literals(tree):
        text = as_text(node)
        is_french = id(node) in said or (FRENCH.search(text) and not ENGLISH.search(text))
        if is_french and WORDLESS.search(text):
            yield node.lineno, text  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        pairs: list[tuple[ast.AST, ast.AST]] = []
        if isinstance(node, ast.JoinedStr):
            pairs = [*zip(node.values, node.values[1:], strict=False)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            right = node.right.body if isinstance(node.right, ast.IfExp) else node.right
            pairs = [(node.left, right)]
        for before, after in pairs:
            if says(before) and BEGINS_WITH_A_MARK.match(as_text(after)):
                yield node.lineno, ast.unparse(node)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("say('rejected', 'rejetés :')", False),
        ("say('rejected:', 'rejetés:')", True),
        ("say('lines:', 'lignes:')", True),
        ("f\"{say('rejected', 'rejetés')}: {n}\"", True),
        ("f\"{say('rejected', 'rejetés')}{say(':', ' :')} {n}\"", False),
        ("say('a', 'b') + (f': {n}' if n else '')", True),
        ("say(f'{a}: no', f'{a}: pas là')", True),
        ("say('when?', 'été\\u00a0?')", False),
        ("'jamais à 12:30, et http://a/b::c'", False),
        ("'It is late: what is it?'", False),
    ],
)
def test_missing_spaces_are_found(source: str, *, wrong: bool) -> None:
    assert bool([*mistakes(source)]) is wrong


def test_program_texts_have_a_space_before_these_marks() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}": text
        for path in SOURCES
        for line, text in mistakes(path.read_text(encoding="utf-8"))
    }
    assert found == {}


def test_texts_of_click_have_a_space_before_these_marks() -> None:
    for path in CATALOGUES:
        texts = re.findall(r'^msgstr(?:\[\d\])? (".*")$', path.read_text(encoding="utf-8"), re.MULTILINE)
        assert [text for text in map(ast.literal_eval, texts[1:]) if WORDLESS.search(text)] == []
