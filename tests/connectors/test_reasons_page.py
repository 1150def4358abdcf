"""The page about reasons for contact: its files and commands give what it shows."""

import re
from pathlib import Path

import pytest

from connectors.sdk.contact_reasons import ContactReasons, ReasonRule
from connectors.sdk.testing import ConnectorHarness
from connectors.table import CONNECTOR
from tests.support.commands import _no_settings, run  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
PAGES = {"reasons.md": "C", "reasons.fr.md": "fr_FR.UTF-8"}
BLOCK = re.compile(r"`([\w-]+\.(?:toml|csv))`[^`]*?\n\n```\w+\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"^```text\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_files_and_commands_give_what_the_page_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", PAGES[name])
    page = (ROOT / "docs/how-to" / name).read_text(encoding="utf-8")
    files = dict(BLOCK.findall(page))
    assert files.keys() == {"accueil.toml", "calls.csv", "desk.toml"}
    for path, text in files.items():
        Path(path).write_text(text, encoding="utf-8")
    outputs = []
    for command in "".join(COMMANDS.findall(page)).splitlines():
        result = run(*command.split()[1:])
        assert result.exit_code == 0, result.output
        outputs.append(result.stdout)
    tried, checked = outputs
    assert tried.count("contact.reason_set") == 3  # that of a rule, that of a record, and their line in the summary
    (shown,) = OUTPUT.findall(page)
    assert shown in checked


def test_unknown_code_rejects_the_whole_record_unless_the_table_accepts_all(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("call;time;code\nA-1;2026-03-16T09:00:00+01:00;99\n", encoding="utf-8")
    queued = {"event": "call.queued", "time": "time", "queue": {"value": "general"}}
    code = {"event": "contact.reason_set", "time": "time", "contact_reason": "code"}
    options = {"id": "call", "events": [queued, code], "files": str(path), "sector": "social"}

    def read(name: str, codes: dict[str, str]) -> list[str]:
        reasons = ContactReasons([ReasonRule("other")])
        mapped = options | {"values": {"contact_reason": codes}}
        harness = ConnectorHarness(CONNECTOR, mapped, tmp_path / name, tmp_path / "keys", reasons)
        return [event.type for event in harness.read_all(confirm=True)]

    assert read("closed", {"13": "other"}) == []
    assert read("open", {"13": "other", "*": "other"}) == ["call.queued", "contact.reason_set"]


def test_both_languages_show_the_same_settings() -> None:
    english, french = ((ROOT / "docs/how-to" / name).read_text(encoding="utf-8") for name in PAGES)
    without_comments = [
        {path: re.sub(r" *#.*", "", text) for path, text in BLOCK.findall(page)} for page in (english, french)
    ]
    assert without_comments[0] == without_comments[1]
