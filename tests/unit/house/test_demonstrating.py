"""Demo: its token, and the identities of a simulated citizen with a timeline."""

import asyncio
import sqlite3
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
from streams.cli.tokens import open_tokens
from streams.runtime.demo import CITIZENS, SECTOR, Citizen, find_citizen, is_one_citizen, make_token, save_demo_citizen
from streams.runtime.supervisor import Plan
from streams.runtime.timeline_database import open_timeline
from streams.settings.schema import Settings
from streams.timeline.store import Timeline
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
    assert [(one["whose"], one["result"]) for one in records if "whose" in one] == [
        ("token:demo-1", "begun"),
        ("token:demo-1", "done"),
    ]


def test_lost_or_revoked_demo_token_is_replaced(settings: Settings) -> None:
    path = make_token(settings)
    path.unlink()
    make_token(settings)
    open_tokens(settings).revoke("demo-1", 1)
    make_token(settings)
    tokens = open_tokens(settings).list()
    assert [(one.name, one.revoked_at) for one in tokens] == [("demo-1", 1), ("demo-2", None)]
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
    make_token(settings)
    save_demo_citizen(settings, named)
    saved = [(settings.data / "access" / f"demo-{name}").read_text() for name in ("number", "email", "case")]
    assert saved == ["01 99 00 00 08\n", "jade@example.org\n", "100008\n"]
    assert is_one_citizen(settings, named.phone)
    with closing(sqlite3.connect(settings.data / "timeline.db")) as connection, connection:
        connection.execute("DELETE FROM entries WHERE contact IN ('mail:ged:8', 'call:standard:8')")
        connection.execute("DELETE FROM links WHERE ? IN (one, other) OR ? IN (one, other)", (whole, phone))
    assert not is_one_citizen(settings, named.phone), "erased"
    assert find_citizen(settings, settings.data) == lone


def test_saved_citizen_is_found_again_while_the_number_is_unambiguous(settings: Settings) -> None:
    people = [Citizen(f"01 99 00 00 {number:02}", f"c{number}@example.org", f"{number}") for number in range(10, 70)]
    lines = (f"{one.phone.replace(' ', '')}\t{one.email}\t{one.case}\n" for one in people)
    (settings.data / CITIZENS).write_text("".join(lines))
    key = load_key(settings.data / "connectors" / "keys", SECTOR)

    def write_entries(timeline: Timeline, one: Citizen, *also: str, letters: int = 1) -> None:
        kinds = zip((IdentityKind.PHONE, IdentityKind.EMAIL, IdentityKind.CASE), one, strict=True)
        phone, *others = (key.pseudonym(kind, normalise(kind, value) or "") for kind, value in kinds)
        for number in range(letters):
            name = "-".join((one.case, *also, str(number)))
            timeline.write(entries_of(letter(name, 0, " ".join((phone, *(also or others))), sector=SECTOR)))
        timeline.write(entries_of(call(one.case, 100, phone, sector=SECTOR)))

    with closing(open_timeline(settings)) as timeline:
        write_entries(timeline, people[-1])
        named = find_citizen(settings, settings.data)
        assert named == people[-1]
        make_token(settings)
        save_demo_citizen(settings, named)
        for one in people[:-1]:
            write_entries(timeline, one, letters=2)
        assert find_citizen(settings, settings.data) == people[-1], "although many others have more entries"
        assert is_one_citizen(settings, named.phone)
        write_entries(timeline, named, key.pseudonym(IdentityKind.RDV_USER, "700069"))
        assert not is_one_citizen(settings, named.phone), "an account without a link to the case"
        assert find_citizen(settings, settings.data) in people[:-1]


def test_simulation_lists_its_citizens_with_their_identities() -> None:
    lines = [line.split("\t") for line in list_citizens(7).splitlines()]
    assert (len(lines), len({case for *_, case in lines})) == (POPULATION, POPULATION)
    one = citizen(7, 4711)
    assert lines[4711] == [one.phone, one.email, one.case]


def test_demo_names_another_citizen_after_an_erasure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    lone, whole, other = (
        Citizen("01 99 00 00 07", "", ""),
        Citizen("01 99 00 00 08", "jade@example.org", "100008"),
        Citizen("01 99 00 00 09", "", "100009"),
    )
    found, erased, waits = [None, lone, lone, whole, other], set[str](), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 6:
            erased.add(whole.phone)
        if not found:
            raise asyncio.CancelledError

    monkeypatch.setattr("streams.runtime.demo.find_citizen", lambda *_: found.pop(0))
    monkeypatch.setattr("streams.runtime.demo.is_one_citizen", lambda _, phone: phone not in erased)
    monkeypatch.setattr("streams.runtime.supervisor.asyncio.sleep", sleep)
    plan = Plan(Settings(data=tmp_path), None, tmp_path, demo=True)
    (tmp_path / "access").mkdir()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(plan._name_citizens())
    assert capsys.readouterr().out.splitlines() == [
        "accueil: a citizen with a timeline: 01 99 00 00 07",
        "accueil: a citizen with a timeline: 01 99 00 00 08, jade@example.org, case 100008",
        "accueil: a citizen with a timeline: 01 99 00 00 09, case 100009",
    ]
    assert (tmp_path / "access" / "demo-number").read_text() == "01 99 00 00 09\n"
    assert len(waits) == 7, "a citizen with all identities is replaced only after an erasure"
