"""The pages about mappings for newcomers: their files, commands and outputs are those that a reader gets."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from connectors.sdk import registry
from connectors.sdk.config import parse
from tests.support.commands import _no_settings, run  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
PAGES: Final = {
    "C": ("own-system.md", "mapping-recipes.md"),
    "fr_FR.UTF-8": ("own-system.fr.md", "mapping-recipes.fr.md"),
}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w-]+\.(csv|json|toml))`")
SAVE = re.compile(r"\b(save|enregistrer)\b", re.IGNORECASE)
APPEND = re.compile(r"\b(add this|ajouter ceci)\b", re.IGNORECASE)
SERVICES: Final = ("accueil up",)
"""Commands that this test does not run, as they start Kafka; the tests of `accueil up` do."""


class Block(NamedTuple):
    """A code block, and the text between it and the block before."""

    above: str
    language: str
    text: str


@pytest.fixture(params=PAGES)
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Block]:
    """Return the code blocks of both pages in one language; commands answer in that language."""
    monkeypatch.setenv("LC_ALL", request.param)
    page = "".join((ROOT / "docs/how-to" / name).read_text(encoding="utf-8") for name in PAGES[request.param])
    found, end = [], 0
    for match in BLOCK.finditer(page):
        found.append(Block(page[end : match.start()], match[1], match[2]))
        end = match.end()
    return found


def save_files(blocks: list[Block]) -> list[Path]:
    """Write the files that a reader is asked to save; return them in the order of the page."""
    saved, pending = [], []
    for block in blocks:
        if SAVE.search(block.above):
            paragraph = block.above.rstrip().rpartition("\n\n")[2]
            pending = [name for name, _suffix in FILE.findall(paragraph)]
        if pending and pending[0].endswith(block.language):
            saved.append(Path(pending.pop(0)))
            saved[-1].write_text(block.text, encoding="utf-8")
    return saved


def lines_of(output: str) -> list[str]:
    """Return the lines of an output, with plain spaces."""
    return output.replace("\N{NO-BREAK SPACE}", " ").splitlines()


def events_in(mapping: dict[str, Any]) -> set[str]:
    return {event["event"] for event in mapping["events"]}


def test_steps_give_what_the_page_shows(blocks: list[Block], tmp_path: Path) -> None:
    output, used = "", set()
    (tmp_path / "cdr").mkdir()
    for block in blocks[: next(index for index, block in enumerate(blocks) if "standard.csv" in block.above)]:
        name = (FILE.findall(block.above) or [("", "")])[-1][0]
        match block.language:
            case "csv" | "toml" if SAVE.search(block.above):
                Path(name).write_text(block.text, encoding="utf-8")
                used.add("save")
            case "toml" if APPEND.search(block.above):
                with Path("night.toml").open("a", encoding="utf-8") as file:
                    file.write(f"\n{block.text}")
                assert run("connectors", "try", "night.toml", "--with", "calls.csv").exit_code == 0
                used.add("append")
            case "toml" if "connectors.night" in block.text:
                settings = block.text.replace("/srv", str(tmp_path)).replace("/etc/accueil", str(tmp_path))
                Path("accueil.toml").write_text(settings, encoding="utf-8")
                (tmp_path / "cdr/calls.csv").write_bytes(Path("calls.csv").read_bytes())
                used.add("settings")
            case "toml" if Path("night.toml").exists():
                assert block.text == Path("night.toml").read_text(encoding="utf-8")
                used.add("proposed")
            case "sh":
                for command in block.text.splitlines():
                    assert command.startswith("accueil ")
                    if command not in SERVICES:
                        result = run(*command.split()[1:])
                        output = result.output
                        assert result.exit_code in {0, 1}, output
            case "text" if "A-1001" in block.text:
                assert lines_of(output) == lines_of(block.text)
                used.add("tried")
    assert used == {"save", "append", "settings", "proposed", "tried"}


def test_mappings_are_valid(blocks: list[Block], tmp_path: Path) -> None:
    Path("night.toml").write_text('events = [{ event = "email.received", time = "at" }]\n', encoding="utf-8")
    count = 0
    for block in blocks:
        if block.language != "toml":
            continue
        options = tomllib.loads(block.text.replace("/etc/accueil", str(tmp_path)))
        for name, instance in options.get("connectors", {}).items():
            parse(registry.load(instance.pop("connector")).config, name, instance)
        if "events" in options and options.pop("connector", "table") == "table":
            parse(registry.load("table").config, "night", {**options, "files": "/srv/*.csv"})
            count += 1
    assert count > 6


@pytest.mark.parametrize(
    "name",
    [
        "standard",
        "dossiers",
        "demandes",
        "contact",
        "registre",
        "guichet",
        "lignes",
        "rappels",
        "forms",
        "appointments",
    ],
)
def test_recipe_gives_each_of_its_events(blocks: list[Block], name: str) -> None:
    samples = [path for path in save_files(blocks) if path.stem == name and path.suffix != ".toml"]
    mapping = tomllib.loads(Path(f"{name}.toml").read_text(encoding="utf-8"))
    result = run("connectors", "try", f"{name}.toml", "--with", str(samples[0]))
    assert result.exit_code == 0, result.output
    assert set(re.findall(r"^  (\w+\.\w+) ", result.output, re.MULTILINE)) == events_in(mapping)
