"""Message catalogues of click: compiled, complete, and with the same placeholders as click's texts."""

import ast
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.support.compile_translations import SOURCES, compile_catalogue

VALUES = re.compile(r"\{[^}]+\}")
UNSAID = {
    *("file", "directory", "path"),  # parts of messages, and placeholders in `--help`
    *("(dynamic)", "env var: {var}", "Value must be an iterable."),
    *("%(prog)s, version %(version)s", "Show the version and exit.", "Press any key to continue..."),
    *("{editor}: Editing failed", "{editor}: Editing failed: {e}"),
    "{text} {deprecated_message}",
    "DeprecationWarning: The command {name!r} is deprecated.{extra_message}",
    "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}",
    "Couldn't detect Bash version, shell completion is not supported.",
    "Shell completion is not supported for Bash versions older than 4.4.",
}
"""Texts of click that no command of Accueil or of a connector shows."""


def spoken() -> Iterator[str]:
    """Every text that click translates."""
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "ngettext"}:
                yield from (part.value for part in ast.walk(node) if _is_text(part))
    yield "required"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.parts[-3])
def test_catalogue_is_compiled(source: Path) -> None:
    assert source.with_suffix(".mo").read_bytes() == compile_catalogue(source.read_text(encoding="utf-8"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.parts[-3])
def test_texts_are_click_s_and_keep_its_values(source: Path) -> None:
    catalogue = gettext.GNUTranslations(io.BytesIO(compile_catalogue(source.read_text(encoding="utf-8"))))
    texts = {key: text for key, text in catalogue._catalog.items() if key}  # type: ignore[attr-defined]
    assert len(texts) > 20
    originals = {key if isinstance(key, str) else key[0] for key in texts}
    assert originals <= set(spoken())
    for key, text in texts.items():
        if isinstance(key, str):
            assert set(VALUES.findall(text)) <= set(VALUES.findall(key))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.parts[-3])
def test_every_text_of_click_is_translated(source: Path) -> None:
    written = source.read_text(encoding="utf-8")
    texts = {ast.literal_eval(text) for text in re.findall(r'^msgid(?:_plural)? (".*")$', written, re.MULTILINE)}
    assert {text for text in spoken() if text.strip("?:;,. ")} - texts == UNSAID


def test_singular_and_plural_differ() -> None:
    (french,) = (
        gettext.GNUTranslations(io.BytesIO(compile_catalogue(source.read_text(encoding="utf-8"))))
        for source in SOURCES
        if "fr" in source.parts
    )
    both = "Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"
    assert [french.ngettext(*both, count) for count in (1, 2)] == [
        "Argument de trop ({args}).",
        "Arguments de trop ({args}).",
    ]
