"""Demo: its token, and the phone number of a simulated citizen with a timeline."""

import asyncio
import stat
from contextlib import closing
from pathlib import Path

import pytest

from connectors.sdk.keys import load_key
from connectors.simulator.population import CITIZENS as POPULATION
from connectors.simulator.population import citizen, list_citizens
from models.identities import IdentityKind, normalise
from models.roles import Role
from streams.access.audit import read as read_audit
from streams.access.tokens import find
from streams.runtime.demo import CITIZENS, SECTOR, find_number, make_token
from streams.runtime.timeline_database import open_timeline
from streams.runtime.token_changes import open_tokens
from streams.runtime.up import Plan
from streams.settings.schema import Settings
from tests.support.api_harness import call, letter, now
from tests.support.timelines import entries_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def test_demo_token_is_created_once_and_private(settings: Settings) -> None:
    path = make_token(settings)
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = find(open_tokens(settings).list(), secret, now())
    assert token
    assert (token.role, token.sectors) == (Role.DPO, (SECTOR,))
    assert (make_token(settings), path.read_text().strip()) == (path, secret)
    records = [line.record or {} for line in read_audit(settings.data / "audit")]
    assert [record["result"] for record in records if record.get("whose") == "token:demo-1"] == ["begun", "done"]


def test_lost_or_revoked_demo_token_is_replaced(settings: Settings) -> None:
    path = make_token(settings)
    path.unlink()
    make_token(settings)
    open_tokens(settings).revoke("demo-1", 1)
    make_token(settings)
    tokens = open_tokens(settings).list()
    assert [(token.name, token.revoked_at) for token in tokens] == [("demo-1", 1), ("demo-2", None)]
    assert find(tokens, path.read_text().strip(), now())


def test_number_of_a_citizen_with_contacts_on_several_channels_is_found(settings: Settings) -> None:
    (settings.data / "access").mkdir()
    assert find_number(settings, settings.data) == "", "the simulation has not started"
    (settings.data / CITIZENS).write_text("0199000001\tabel@example.org\t100001\n0199000007\t\t100007\n")
    assert find_number(settings, settings.data) == "", "no database yet"
    with closing(open_timeline(settings)) as timeline:
        key = load_key(settings.data / "connectors" / "keys", SECTOR)

        def pseudonym(kind: IdentityKind, value: str) -> str:
            return key.pseudonym(kind, normalise(kind, value) or "")

        case, other = (pseudonym(IdentityKind.CASE, f"10000{number}") for number in (1, 7))
        shared, own = (pseudonym(IdentityKind.PHONE, f"019900000{number}") for number in (1, 7))
        for number, identities in enumerate((f"{case} {shared}", f"{other} {shared}", f"{other} {own}")):
            timeline.write(entries_of(letter(str(number), 0, identities, sector=SECTOR)))
        assert find_number(settings, settings.data) == "", (
            "one number is shared, the other citizen used only one channel"
        )
        timeline.write(entries_of(call("1", 100, own, sector=SECTOR)))
    assert find_number(settings, settings.data) == "01 99 00 00 07"
    assert (settings.data / "access" / "demo-number").read_text() == "01 99 00 00 07\n"


def test_simulation_lists_its_citizens_with_their_identities() -> None:
    lines = [line.split("\t") for line in list_citizens(7).splitlines()]
    assert (len(lines), len({case for *_, case in lines})) == (POPULATION, POPULATION)
    expected = citizen(7, 4711)
    assert lines[4711] == [expected.phone, expected.email, expected.case]


def test_demo_reports_the_number_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    found = ["", "01 99 00 00 07"]
    monkeypatch.setattr("streams.runtime.demo.find_number", lambda *_: found.pop(0))
    monkeypatch.setattr("streams.runtime.up.CITIZEN_SECONDS", 0.0)
    asyncio.run(Plan(Settings(data=tmp_path), None, tmp_path, demo=True)._name_citizen())
    assert capsys.readouterr().out == "accueil: a citizen with a timeline: 01 99 00 00 07\n"
