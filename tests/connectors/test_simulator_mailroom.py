"""Simulated letters, read by the real connector."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.mailroom import CONNECTOR
from connectors.mailroom.simulate import scans
from connectors.mailroom.simulate.mailroom import Mailroom
from connectors.sdk.testing import ConnectorHarness

SCANNED_AT = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)


def harness(directory: Path) -> ConnectorHarness:
    services = {"mdph": "mdph", "rsa": "rsa"}
    options = {"settle_seconds": 0, "pair_seconds": 0, "services": services, "separators": services, "site": "siege"}
    for name in ("inbox", "archive"):
        (directory / name).mkdir(parents=True)
        options[name] = str(directory / name)
    return ConnectorHarness(CONNECTOR, options, directory / "data", directory / "keys")


def test_letters_and_stacks_give_the_written_events(tmp_path: Path) -> None:
    connector = harness(tmp_path)
    mailroom = Mailroom(tmp_path / "inbox", tmp_path / "archive")
    came_at = SCANNED_AT - timedelta(hours=20)
    fields = {"reference": "R1", "service": "rsa", "arrived_at": came_at.isoformat(), "email": "a.b@example.org"}
    mailroom.drop_letter("one", scanned_at=SCANNED_AT, pages=3, fields=fields)
    for code in ("code128", "qr"):
        mailroom.drop_stack(code, scanned_at=SCANNED_AT, letters=[("mdph", 1), ("rsa", 2)], code=code)
    mailroom.refresh()
    assert mailroom.chronos("one") == []
    arrived = [event for event in connector.read_all(confirm=True) if event.type == "letter.arrived"]
    assert Counter((event.service, event.data.pages) for event in arrived) == {
        ("rsa", 3): 1,
        ("mdph", 1): 2,
        ("rsa", 2): 2,
    }
    assert {event.time for event in arrived} == {SCANNED_AT}
    assert [event.data.admitted_at for event in arrived if event.data.pages == 3] == [came_at]

    mailroom.refresh()
    assert [len(mailroom.chronos(name)) for name in ("one", "code128", "qr")] == [1, 2, 2]
    numbers = [number for name in ("one", "code128", "qr") for number in mailroom.chronos(name)]
    assert {event.subject.rpartition(":")[2] for event in arrived} == {*numbers}
    second = mailroom.chronos("qr")[1]
    answered_at = SCANNED_AT + timedelta(days=2)
    step = {"step": "answered", "chrono": second, "at": answered_at.isoformat(), "service": "rsa"}
    mailroom.write_steps("steps", written_at=answered_at, steps=[step])
    (answered,) = connector.read_all(confirm=True)
    assert (answered.type, answered.subject.rpartition(":")[2], answered.time) == (
        "letter.answered",
        second,
        answered_at,
    )
    assert connector.rejected() == {}


def test_same_letter_gives_the_same_bytes() -> None:
    assert scans.letter("one", 2) == scans.letter("one", 2) != scans.letter("two", 2)
    sheets = [("mdph", 1)]
    assert scans.stack(sheets, SCANNED_AT, "qr") == scans.stack(sheets, SCANNED_AT, "qr")
