"""`accueil timeline erase` asks before it erases: what is not wanted is neither done nor recorded as begun."""

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.access.audit import read as read_audit
from streams.cli import main
from streams.configuration import load
from streams.engine.broker import EmbeddedKafka
from streams.timelines import open_timeline
from tests.support.timelines import call, entries_of

pytestmark = pytest.mark.broker

CASE = "case:0a1b-0000000000000000000001"


@pytest.fixture
def data(tmp_path: Path, own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    monkeypatch.setenv("ACCUEIL_BROKERS", own_kafka.bootstrap)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    with closing(open_timeline(load())) as timeline:
        timeline.write(entries_of(call("call:a:1", 0, CASE)))
    return tmp_path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=typed)


def recorded(data: Path) -> list[tuple[str, str]]:
    records = [line.record or {} for line in read_audit(data / "audit")]
    return [(one["operation"], one["result"]) for one in records if "whose" in one]


def test_what_is_answered_no_erases_nothing_and_is_recorded_as_looked_at(data: Path) -> None:
    done = run("timeline", "erase", CASE, typed="n\n")
    assert done.exit_code == 1, done.output
    assert "erase 1 contacts for ever?" in done.stderr
    assert "nothing was erased" in done.stderr
    assert recorded(data) == [("read_timeline", "begun")]


def test_what_is_answered_yes_is_recorded_before_it_is_told(data: Path) -> None:
    assert run("topics", "apply").exit_code == 0
    done = run("timeline", "erase", "call:a:1", "--wait", "0", typed="y\n")
    assert "begun" in done.stdout or "told" in done.stdout, done.output
    assert recorded(data) == [("read_timeline", "begun"), ("erase", "begun")]
