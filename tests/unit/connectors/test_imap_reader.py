"""Reading a mailbox when the server is slow or refuses folders or messages."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from connectors.imap import CONNECTOR
from connectors.imap.config import LONGEST_POLL_SECONDS
from connectors.imap.folders import PATIENCE_SECONDS
from connectors.imap.reader import MailboxReader
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.instance import STUCK_SECONDS
from connectors.sdk.testing import ConnectorHarness
from tests.support.imap_server import ScriptedServer, fetched, opened, serving

LONGEST_IDLE_SECONDS = 29 * 60
"""Longest IDLE that servers must accept (RFC 2177)."""
NO_MESSAGES = {r"EXAMINE .*": opened(1)}
ONE_MESSAGE = {
    r"EXAMINE .*": opened(2),
    r"UID SEARCH .*": "* SEARCH 1\r\n",
    r"UID FETCH 1 .*BODY.*": fetched(1),
    r"UID FETCH 1 .*": fetched(1, headers=False),
}
"""Each folder has one message."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving({}) as started:
        yield started


def read(reader: MailboxReader) -> tuple[list[tuple[str, bool]], str]:
    """Read once; return the folder of each message and whether it has headers, and the error text."""
    try:
        taken = reader.read(0.0)
    except SourceUnavailableError as error:
        return [], str(error)
    return [(folder.name, bool(message.headers)) for folder, message in taken], ""


# ----------------------------------------------------------------------------------------------------------------- time limits
def test_many_folders_are_polled_in_several_calls(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call takes long, and all folders are examined before the first message is taken."""
    ticks = count()  # each call of the clock advances it by a second
    monkeypatch.setattr("connectors.imap.reader.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    server.answers = ONE_MESSAGE
    names = [f"Dossier {number}" for number in range(8)]
    with closing(MailboxReader(server.config(folders=names, sent=["Sent"]), {}, str, 4)) as reader:
        seen = []
        while not (taken := read(reader)[0]):
            seen.append(server.count("EXAMINE .*"))
    assert seen[:2] == [4, 8]
    assert taken == [(name, True) for name in [*names, "Sent"]]


def test_check_examines_all_folders(server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if that takes longer than one call of a running connector."""
    ticks = count(step=6)
    clock = SimpleNamespace(monotonic=lambda: next(ticks), sleep=time.sleep)
    monkeypatch.setattr("connectors.imap.reader.time", clock)
    server.answers = ONE_MESSAGE
    config = server.config(folders=["INBOX", *(f"Dossier {number}" for number in range(8))], sent=["Sent"])
    options = config.model_dump(mode="json", exclude_unset=True) | {"password": "p"}
    found = ConnectorHarness(CONNECTOR, options, tmp_path / "data", tmp_path / "keys").probe()
    assert found.records == 1


def test_server_may_need_a_second_for_each_message(server: ScriptedServer) -> None:
    uids = range(1, 301)
    search = f"* SEARCH {' '.join(map(str, uids))}\r\n"
    server.answers = {"EXAMINE .*": opened(301), "UID SEARCH .*": search, "UID FETCH .*": "".join(map(fetched, uids))}
    with closing(MailboxReader(server.config(), {}, str)) as reader:
        read(reader)
    (command,) = (sent for sent in server.commands if sent.startswith("UID FETCH"))
    assert len(command.split()[2].split(",")) * 1.0 < STUCK_SECONDS


def test_idle_is_renewed_before_the_server_may_log_out(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds for the longest configurable interval with its longest jitter."""
    with pytest.raises(ValidationError):
        server.config(poll_seconds=LONGEST_POLL_SECONDS + 1)
    clock, ahead = time.monotonic, 0.0
    monkeypatch.setattr("connectors.sdk.pull.random.uniform", lambda _, longest: longest)
    monkeypatch.setattr("time.monotonic", lambda: clock() + ahead)
    server.answers = NO_MESSAGES | {"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", "IDLE": "+"}
    with closing(MailboxReader(server.config(poll_seconds=LONGEST_POLL_SECONDS), {}, str)) as reader:
        for _ in range(3):
            assert read(reader) == ([], "")
        assert server.commands[-1] == "IDLE"
        ahead = LONGEST_IDLE_SECONDS - 30.0
        assert read(reader) == ([], "")
        assert "DONE" in server.commands


# -------------------------------------------------------------------------------------------------------------------- refusals
UNREADABLE = {r"UID FETCH 7 .*BODY.*": "NO Server error", r"UID FETCH 7 .*": fetched(7, headers=False)}
"""Message 7 exists, but the server cannot read it."""


def folders(**last: int) -> dict[str, str]:
    """Server responses for folders with one message each; maps folder names to uids."""
    examine = {f'EXAMINE "?{name}"?': opened(uid + 1) for name, uid in last.items()}
    search = {f"UID SEARCH UID 1:{uid}": f"* SEARCH {uid}\r\n" for uid in last.values()}
    return examine | search | {f"UID FETCH {uid} .*": fetched(uid) for uid in last.values()}


def test_unreadable_message_does_not_block_other_folders(server: ScriptedServer) -> None:
    """It is retried, because the failure may be temporary, and skipped once a later message can be read."""
    server.answers = UNREADABLE | (folders(INBOX=7, Filed=1) | UNREADABLE)
    with closing(MailboxReader(server.config(folders=["INBOX", "Filed"]), {}, str)) as reader:
        assert read(reader) == ([("Filed", True)], "")
        assert read(reader) == ([], "the server does not read all mail in the folder INBOX")
        reader.close()
        server.answers = folders(INBOX=8, Filed=1) | {
            "UID SEARCH UID 1:8": "* SEARCH 7 8\r\n",
            "UID FETCH 7,8 .*BODY.*": fetched(8),
            "UID FETCH 7 .*": fetched(7, headers=False),
        }
        assert read(reader) == ([("INBOX", False), ("INBOX", True)], "")
        assert reader.trouble == ""


def test_message_unreadable_for_long_is_skipped(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first of several is skipped; reconnections do not restart the period."""
    clock, ahead = time.monotonic, 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock() + ahead)
    server.answers = {
        "EXAMINE .*": opened(9),
        "UID SEARCH .*": "* SEARCH 7 8\r\n",
        "UID FETCH .*BODY.*": "NO Server error",
        "UID FETCH 7 .*": fetched(7, headers=False),
        "UID FETCH 8 .*": fetched(8, headers=False),
    }
    with closing(MailboxReader(server.config(), {}, str)) as reader:
        for _ in range(3):
            assert read(reader)[1] == "the server does not read all mail in the folder INBOX"
            reader.close()
            ahead += PATIENCE_SECONDS / 3
        assert read(reader) == ([("INBOX", False)], "")
        assert read(reader)[1] == "the server does not read all mail in the folder INBOX"
        reader.close()
        server.answers = folders(INBOX=8) | {"UID SEARCH UID 8:8": "* SEARCH 8\r\n"}
        assert read(reader) == ([("INBOX", True)], "")
        assert read(reader) == ([], "")


def test_no_message_is_skipped_in_a_folder_that_cannot_be_read(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.imap.folders.PATIENCE_SECONDS", 0.0)
    server.answers = folders(INBOX=7) | {"UID FETCH 7 .*": "NO [UNAVAILABLE] later"}
    with closing(MailboxReader(server.config(), {}, str)) as reader:
        for _ in range(3):
            assert read(reader)[1]
            reader.close()
        server.answers = folders(INBOX=7)
        assert read(reader) == ([("INBOX", True)], "")


def test_folder_without_search_does_not_block_other_folders(server: ScriptedServer) -> None:
    server.answers = folders(INBOX=7, Filed=1) | {"UID SEARCH UID 1:7": "NO Server error"}
    with closing(MailboxReader(server.config(folders=["INBOX", "Filed"]), {}, str)) as reader:
        assert read(reader) == ([("Filed", True)], "")
        assert read(reader) == ([], "the server does not read all mail in the folder INBOX")
    assert server.count("LOGIN .*") == 1


def test_folder_matched_by_a_pattern_is_not_named(server: ScriptedServer) -> None:
    """Its name may be a citizen's."""
    listed = "".join(f'* LIST () "/" "Dossiers/{name}"\r\n' for name in ("Mme Exemple", "M. Modele"))
    server.answers = folders(INBOX=1) | {r"LIST .*Dossiers.*": listed, "EXAMINE .*Exemple.*": "NO refused"}
    server.answers |= {"EXAMINE .*": opened(1)}
    with closing(MailboxReader(server.config(folders=["INBOX", "Dossiers/*"]), {}, str)) as reader:
        assert read(reader) == ([("INBOX", True)], "")
        assert read(reader) == ([], "the server does not open the folder Dossiers/*")


def test_mailbox_without_access_is_named_instead_of_its_folders(server: ScriptedServer) -> None:
    server.answers = {r"EXAMINE .*": "BAD User is authenticated but not connected."}
    with closing(MailboxReader(server.config(sent=["Sent"]), {}, str)) as reader:
        assert "accepts the login, but not for this mailbox: give it to the user or application" in read(reader)[1]
