"""Demo: its token, and the identities of a simulated citizen with a timeline."""

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
from streams.runtime.demo import CITIZENS, SECTOR, Citizen, find_citizen, make_token
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


def test_citizen_is_found_after_contacts_by_several_channels(settings: Settings) -> None:
    assert find_citizen(settings, settings.data) is None  # the simulation has not started
    (settings.data / CITIZENS).write_text(
        "0199000001\tabel@example.org\t100001\n0199000007\t\t100007\n0199000008\tjade@example.org\t100008\n"
    )
    assert find_citizen(settings, settings.data) is None  # no database yet
    with closing(open_timeline(settings)) as timeline:
        key = load_key(settings.data / "connectors" / "keys", SECTOR)

        def known(kind: IdentityKind, value: str) -> str:
            return key.pseudonym(kind, normalise(kind, value) or "")

        case, other = (known(IdentityKind.CASE, f"10000{number}") for number in (1, 7))
        shared, own = known(IdentityKind.PHONE, "0199000001"), known(IdentityKind.PHONE, "0199000007")
        for number, of in enumerate((f"{case} {shared}", f"{other} {shared}", f"{other} {own}")):
            timeline.write(entries_of(letter(str(number), 0, of, sector=SECTOR)))
        assert (
            find_citizen(settings, settings.data) is None
        )  # one number is shared, the other citizen used only one channel
        timeline.write(entries_of(call("1", 100, own, sector=SECTOR)))
        lone = Citizen("01 99 00 00 07", "", "100007")
        assert find_citizen(settings, settings.data) == lone
        whole, mail, phone = (
            known(kind, value)
            for kind, value in (
                (IdentityKind.CASE, "100008"),
                (IdentityKind.EMAIL, "jade@example.org"),
                (IdentityKind.PHONE, "0199000008"),
            )
        )
        timeline.write(entries_of(letter("8", 0, f"{whole} {mail} {phone}", sector=SECTOR)))
        timeline.write(entries_of(call("8", 100, phone, sector=SECTOR)))
    named = find_citizen(settings, settings.data)
    assert named == Citizen("01 99 00 00 08", "jade@example.org", "100008"), "the citizen with all three identities"


def test_simulation_lists_its_citizens_with_their_identities() -> None:
    lines = [line.split("\t") for line in list_citizens(7).splitlines()]
    assert (len(lines), len({case for *_, case in lines})) == (POPULATION, POPULATION)
    one = citizen(7, 4711)
    assert lines[4711] == [one.phone, one.email, one.case]


def test_demo_reports_a_better_citizen_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    lone, whole = Citizen("01 99 00 00 07", "", ""), Citizen("01 99 00 00 08", "jade@example.org", "100008")
    found = [None, lone, lone, whole]

    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr("streams.runtime.demo.find_citizen", lambda *_: found.pop(0))
    monkeypatch.setattr("streams.runtime.up.asyncio.sleep", sleep)
    (tmp_path / "access").mkdir()
    asyncio.run(Plan(Settings(data=tmp_path), None, tmp_path, demo=True)._name_citizen())
    assert capsys.readouterr().out.splitlines() == [
        "accueil: a citizen with a timeline: 01 99 00 00 07",
        "accueil: a citizen with a timeline: 01 99 00 00 08, jade@example.org, case 100008",
    ]
    assert (tmp_path / "access" / "demo-number").read_text() == "01 99 00 00 08\n"
