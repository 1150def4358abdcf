"""How one mailbox is read of which the server, or one of its folders, is not as it should be."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from connectors.imap.config import LONGEST_POLL_SECONDS
from connectors.imap.folders import PATIENCE_SECONDS
from connectors.imap.reader import MailboxReader
from connectors.sdk.errors import SourceUnavailableError
from tests.support.imap_server import TRICKLE, ScriptedServer, fetched, opened, serving
from tests.support.processes import wait_until

LONGEST_IDLE_SECONDS = 29 * 60
"""RFC 2177."""
EMPTY = {r"EXAMINE .*": opened(1)}
ONE_EACH = {
    r"EXAMINE .*": opened(2),
    r"UID SEARCH .*": "* SEARCH 1\r\n",
    r"UID FETCH 1 .*BODY.*": fetched(1),
    r"UID FETCH 1 .*": fetched(1, bare=True),
}
"""Every folder has one message."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving({}) as started:
        yield started


def read(reader: MailboxReader) -> tuple[list[tuple[str, bool]], str]:
    """Read once: of what was taken the folders, and whether there are headers; and why nothing was."""
    try:
        taken = reader.read(0.0)
    except SourceUnavailableError as error:
        return [], str(error)
    return [(folder.name, bool(one.headers)) for folder, one in taken], ""


# -------------------------------------------------------------------------------------------------------------------- in time
def test_many_folders_are_looked_at_in_several_goes(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, no go takes long, and all are looked at before anything is taken."""
    ticks = count()  # each look at the clock takes a second, so does each look at a folder
    monkeypatch.setattr("connectors.imap.reader.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr("connectors.imap.reader.BUSY_SECONDS", 4)
    server.answers = ONE_EACH
    names = [f"Dossier {number}" for number in range(8)]
    with closing(MailboxReader(server.config(folders=names, sent=["Sent"]), {}, str)) as reader:
        seen = []
        while not (taken := read(reader)[0]):
            seen.append(server.count("EXAMINE .*"))
    assert seen[:2] == [4, 8]
    assert taken == [(name, True) for name in [*names, "Sent"]]


@pytest.mark.parametrize("command", ["LOGIN .+", "EXAMINE .+", "UID SEARCH .+", "UID FETCH .+"])
def test_a_server_that_answers_byte_by_byte_is_not_waited_for(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("connectors.imap.session.TOTAL_SECONDS", 0.3)
    server.answers = {command: TRICKLE} | ONE_EACH
    with closing(MailboxReader(server.config(), {}, str)) as reader:
        _, trouble = read(reader)
        assert "does not answer in time" in trouble
        server.answers = ONE_EACH
        wait_until(lambda: read(reader)[0] == [("INBOX", True)], "the message")


def test_less_and_less_is_asked_of_a_server_that_does_not_answer_in_time(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But never one message, if there are more: beside another it is seen whether it is damaged."""
    monkeypatch.setattr("connectors.imap.session.TOTAL_SECONDS", 0.2)
    monkeypatch.setattr("connectors.imap.folders.SLOW_SECONDS", 0.05)
    search = f"* SEARCH {' '.join(map(str, range(1, 100)))}\r\n"
    server.answers = {"EXAMINE .*": opened(100), "UID SEARCH .*": search, "UID FETCH .*": TRICKLE}
    with closing(MailboxReader(server.config(), {}, str)) as reader:
        wait_until(lambda: read(reader) and server.count("UID FETCH 1,2 .*") > 1, "two to be asked for, twice")
    assert server.count("UID FETCH 1 .*") == 0


def test_the_server_hears_of_us_before_it_may_log_us_off(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the longest interval that can be configured, and the longest turn of that."""
    with pytest.raises(ValidationError):
        server.config(poll_seconds=LONGEST_POLL_SECONDS + 1)
    clock, ahead = time.monotonic, 0.0
    monkeypatch.setattr("connectors.sdk.pull.random.uniform", lambda _, longest: longest)
    monkeypatch.setattr("time.monotonic", lambda: clock() + ahead)
    server.answers = EMPTY | {"CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE\r\n", "IDLE": "+"}
    with closing(MailboxReader(server.config(poll_seconds=LONGEST_POLL_SECONDS), {}, str)) as reader:
        for _ in range(3):
            assert read(reader) == ([], "")
        assert server.heard[-1] == "IDLE"
        ahead = LONGEST_IDLE_SECONDS - 30.0
        assert read(reader) == ([], "")
        assert "DONE" in server.heard


# ------------------------------------------------------------------------------------------------------------ what is refused
UNREADABLE = {r"UID FETCH 7 .*BODY.*": "NO Server error", r"UID FETCH 7 .*": fetched(7, bare=True)}
"""There is a message, but the server does not read it."""


def folders(**last: int) -> dict[str, str]:
    """Folders whose only message has this uid; of another uid nothing is known."""
    examine = {f'EXAMINE "?{name}"?': opened(uid + 1) for name, uid in last.items()}
    search = {f"UID SEARCH UID 1:{uid}": f"* SEARCH {uid}\r\n" for uid in last.values()}
    return examine | search | {f"UID FETCH {uid} .*": fetched(uid) for uid in last.values()}


def test_a_message_that_cannot_be_read_holds_up_no_other_folder(server: ScriptedServer) -> None:
    """It is tried anew, since it may be for lack of something that will be there again."""
    server.answers = UNREADABLE | (folders(INBOX=7, Filed=1) | UNREADABLE)
    with closing(MailboxReader(server.config(folders=["INBOX", "Filed"]), {}, str)) as reader:
        assert read(reader) == ([("Filed", True)], "")
        assert read(reader) == ([], "the server does not read all mail in the folder INBOX")
        reader.close()
        server.answers = folders(INBOX=7, Filed=1)
        assert read(reader) == ([("INBOX", True)], "")
        assert reader.trouble == ""


def test_a_message_that_could_not_be_read_for_long_is_gone_without(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It alone, of several, and though connections come and go meanwhile."""
    clock, ahead = time.monotonic, 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock() + ahead)
    server.answers = {
        "EXAMINE .*": opened(9),
        "UID SEARCH .*": "* SEARCH 7 8\r\n",
        "UID FETCH .*BODY.*": "NO Server error",
        "UID FETCH 7 .*": fetched(7, bare=True),
        "UID FETCH 8 .*": fetched(8, bare=True),
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


def test_of_a_folder_that_is_not_read_at_all_nothing_is_gone_without(
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


def test_a_folder_that_cannot_be_searched_holds_up_no_other(server: ScriptedServer) -> None:
    server.answers = folders(INBOX=7, Filed=1) | {"UID SEARCH UID 1:7": "NO Server error"}
    with closing(MailboxReader(server.config(folders=["INBOX", "Filed"]), {}, str)) as reader:
        assert read(reader) == ([("Filed", True)], "")
        assert read(reader) == ([], "the server does not read all mail in the folder INBOX")
    assert server.count("LOGIN .*") == 1


def test_a_folder_that_a_pattern_found_is_not_named(server: ScriptedServer) -> None:
    """It may be called after a citizen."""
    listed = "".join(f'* LIST () "/" "Dossiers/{name}"\r\n' for name in ("Mme Exemple", "M. Modele"))
    server.answers = folders(INBOX=1) | {r"LIST .*Dossiers.*": listed, "EXAMINE .*Exemple.*": "NO refused"}
    server.answers |= {"EXAMINE .*": opened(1)}
    with closing(MailboxReader(server.config(folders=["INBOX", "Dossiers/*"]), {}, str)) as reader:
        assert read(reader) == ([("INBOX", True)], "")
        assert read(reader) == ([], "the server does not open the folder Dossiers/*")
