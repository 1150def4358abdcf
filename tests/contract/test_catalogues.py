"""Message catalogues: complete, compiled, with the same values as the messages."""

import ast
import gettext
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import click
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords
from babel.messages.pofile import read_po

from connectors.sdk.config import walk
from connectors.sdk.registry import installed, load
from models import locale
from models.locale import DIRECTORY, LANGUAGES, translate

ROOT = Path(__file__).parents[2]
FRENCH = DIRECTORY / "fr" / "LC_MESSAGES"
CATALOGUES = sorted(DIRECTORY.rglob("*.po"))
UNUSED_BY_COMMANDS = {
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


def read(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source)


def key_of(message: Message) -> tuple[str | None, str]:
    return message.context, message.id if isinstance(message.id, str) else message.id[0]


def extract_messages() -> set[tuple[str | None, str]]:
    """Return the context and text of every message in the code, as `make catalogues` finds them."""
    keywords = parse_keywords(
        ["_", *re.findall(r"-k (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))],
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    methods = [
        (pattern, mapping["method"])
        for mapping in project["tool"]["babel"]["mappings"]
        for pattern in mapping["pattern"]
    ]
    return {
        (context, text)
        for folder in ("models", "connectors", "streams", "grafana")
        for _path, _line, text, _comments, context in extract_from_dir(ROOT / folder, methods, {}, keywords)
    }


def names_in(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name is not None}


def test_every_message_is_translated_and_used() -> None:
    catalogue = {key_of(message) for message in read(FRENCH / "accueil.po") if message.id}
    extracted = extract_messages()
    assert {"missing": extracted - catalogue, "unused": catalogue - extracted} == {"missing": set(), "unused": set()}, (
        "run make catalogues, and translate the new messages"
    )


@pytest.mark.parametrize("name", [name for name, package, _version in installed() if package == "accueil"])
def test_every_option_of_a_connector_is_a_message(name: str) -> None:
    catalogue = read(FRENCH / "accueil.po")
    options = [*walk(load(name).config)]
    missing = [option.path for option in options if " ".join((option.field.description or "").split()) not in catalogue]
    assert missing == [], "add the module to the first mapping of Babel in pyproject.toml, and run make catalogues"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_no_translation_is_empty_or_fuzzy(path: Path) -> None:
    catalogue = read(path)
    assert [message.id for message in catalogue if message.id and (message.fuzzy or not all([*message.string]))] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_catalogue_is_compiled(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as source:
        compiled = gettext.GNUTranslations(source)
    for message in read(path):
        if message.id and isinstance(message.id, str):
            key = f"{message.context}\4{message.id}" if message.context else message.id
            assert compiled.gettext(key) == message.string, "run make catalogues"


def test_translations_have_the_values_of_their_message() -> None:
    for message in read(FRENCH / "accueil.po"):
        if "python-brace-format" in message.flags:
            assert names_in(message.string) == names_in(message.id), message.id


def test_context_chooses_the_translation_and_is_not_shown() -> None:
    contexts = [message for message in read(FRENCH / "accueil.po") if message.context]
    assert contexts
    for message in contexts:
        key = f"{message.context}\4{message.id}"
        assert [translate(key, language) for language in LANGUAGES] == [message.string, message.id]


def texts_of_click() -> Iterator[str]:
    """Yield every text that click translates."""
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "ngettext"}:
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value
    yield "required"


def test_texts_of_click_are_translated() -> None:
    translated = {
        text
        for message in read(FRENCH / "click.po")
        if message.id
        for text in ([message.id] if isinstance(message.id, str) else message.id)
    }
    texts = {text for text in texts_of_click() if text.strip("?:;,. ")}
    assert texts - translated == UNUSED_BY_COMMANDS
    assert translated <= texts


def test_empty_message_stays_empty() -> None:
    assert [translate("", language) for language in LANGUAGES] == ["", ""]


def test_documents_of_a_further_language_of_the_commands_are_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "user_language", lambda: "de")
    assert locale.document_language() == "en"
