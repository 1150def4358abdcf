"""The connector of e-mail as a whole, on a real Dovecot."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import connectors.imap as imap
from connectors.imap.config import ImapConfig
from connectors.imap.headers import LIMIT_BYTES
from connectors.imap.session import Session
from connectors.sdk.errors import ConnectorError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.keys import Keys
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import Bench, Conformance, HeldPublisher, identity
from models.events import Event
from models.identities import IdentityKind
from models.reasons import Reason
from tests.support.dovecot import Dovecot, dovecot, needs_dovecot, token_of
from tests.support.processes import wait_until

pytestmark = needs_dovecot

BEGIN = datetime(2026, 3, 16, 8, tzinfo=UTC)
OURS = "accueil@example.org"
CITIZEN = "mireille.exemple@example.org"
OTHER = "jean.modele@example.org"
PERSONAL = ("Mireille", "Exemple", CITIZEN, OTHER, "06 39 98 55 11", "dossier 48210")
ADDRESSES: dict[str, Any] = {OURS: {"queue": "accueil", "service": "accueil", "site": "siege"}}
NUMBERS = count()


class Mail(NamedTuple):
    folder: str
    at: datetime
    content: bytes


def mail(
    name: str,
    minute: float,
    sender: str = CITIZEN,
    to: str = OURS,
    *,
    follows: Sequence[str] = (),
    folder: str = "INBOX",
    **headers: str,
) -> Mail:
    """A message as it comes: `name` makes its id, `headers` come before all others."""
    at = BEGIN + timedelta(minutes=minute)
    lines = [f"{header.replace('_', '-')}: {value}" for header, value in headers.items()]
    lines += [f"Message-ID: <{name}.{CITIZEN}>"] if name else []
    lines += [f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000", f"From: Mireille Exemple <{sender}>", f"To: {to}"]
    lines += [f"Subject: dossier 48210 de Mireille Exemple, {PERSONAL[4]}", "Content-Type: text/plain; charset=utf-8"]
    if follows:
        ids = [f"<{one}.{CITIZEN}>" for one in follows]
        lines += [f"In-Reply-To: {ids[-1]}", f"References: {' '.join(ids)}"]
    return Mail(folder, at, "\r\n".join([*lines, "", f"Bonjour, rappelez le {PERSONAL[4]}.", ""]).encode())


def answer(name: str, minute: float, *follows: str, sender: str = OURS, to: str = CITIZEN, **headers: str) -> Mail:
    return mail(name, minute, sender, to, follows=follows, folder="Sent", **headers)


def away(name: str, minute: float, *follows: str) -> Mail:
    return mail(name, minute, follows=follows, Auto_Submitted="auto-replied")


def bounce(name: str, minute: float, *follows: str) -> Mail:
    report = {"Return_Path": "<>", "Content_Type": "multipart/report; report-type=delivery-status; boundary=x"}
    return mail(name, minute, "MAILER-DAEMON@example.org", follows=follows, **report)


MAILS = [
    mail("a", 0),
    answer("a-acknowledged", 0.2, "a", Auto_Submitted="auto-replied"),
    mail("b", 1, OTHER),
    mail("a", 0),
    answer("a-answered", 2, "a"),
    away("a-away", 2.1, "a", "a-answered"),
    mail("a-again", 3, follows=["a-answered"]),
    bounce("a-bounced", 4, "a", "a-answered"),
    mail("", 5),
    Mail("INBOX", BEGIN + timedelta(minutes=6), b"Subject: dossier 48210\r\n\r\nBonjour\r\n"),
    mail("b-again", 7, OTHER, follows=["b"], X_Latin_1="\xe9"),
    Mail("INBOX", datetime(1999, 1, 1, tzinfo=UTC), mail("old", 8).content),
    Mail("INBOX", BEGIN + timedelta(minutes=9), b"From: \xe9t\xe9 <ete@example.org>\nMessage-ID: <latin>\n\nBonjour\n"),
    Mail("INBOX", BEGIN + timedelta(minutes=10), b"\xff\xfe: x\r\n\r\n\r\n"),
    *(mail(f"more-{n}", 11 + n, f"usager{n}@example.org") for n in range(30)),
    *(answer(f"more-{n}-answered", 50 + n, f"more-{n}", to=f"usager{n}@example.org") for n in range(0, 30, 2)),
]
"""In the order in which they came."""


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as started:
        yield started


@pytest.fixture
def user(server: Dovecot) -> str:
    return server.add_user(f"essai{next(NUMBERS)}")


def put(server: Dovecot, user: str, *mails: Mail) -> None:
    """Let the mailbox have these messages, one after the other."""
    with server.client(user) as client:
        for folder in dict.fromkeys(one.folder for one in mails):
            if not client.folder_exists(folder):
                client.create_folder(folder)
        for folder, at, content in mails:
            client.append(folder, content, msg_time=at)


def bench(server: Dovecot, user: str, tmp_path: Path, data: str = "data", **more: Any) -> Bench:
    options = server.options(user, **{"addresses": ADDRESSES, "poll_seconds": 1500, **more})
    return Bench(imap.CONNECTOR, options, tmp_path / data, tmp_path / "keys")


def told(events: Sequence[Event]) -> list[tuple[int, str]]:
    """The number of each event's contact, in the order in which they came up, and what happened to it."""
    numbers = {subject: number for number, subject in enumerate(dict.fromkeys(event.subject for event in events))}
    return [(numbers[event.subject], event.type.partition(".")[2]) for event in events]


def unavailable(one: Bench) -> str:
    """Why the mailbox is not read."""
    with one.opened() as (flow, _), pytest.raises(SourceUnavailableError) as trouble:
        flow.turn()
    return str(trouble.value)


class TestConformance(Conformance):
    connector = imap.CONNECTOR
    readme = Path(imap.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _users(self, server: Dovecot) -> None:
        self._server = server
        self._of: dict[Path, str] = {}

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._of:
            self._of[directory] = self._server.add_user(f"essai{next(NUMBERS)}")
        return self._server.options(self._of[directory], addresses=ADDRESSES)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(MAILS) // parts)
        mails = MAILS[part * size : (part + 1) * size]
        put(self._server, self._of[directory], *mails)
        (directory / f"supplied-{part}.eml").write_bytes(b"\n".join(one.content for one in mails))


def test_a_conversation_is_one_contact(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS[:8])
    one = bench(server, user, tmp_path)
    events = one.read_all(confirm=True)
    expected = [(0, "received"), (0, "acknowledged"), (1, "received"), (0, "answered"), (0, "received")]
    assert told(events) == expected
    assert [event.time for event in events] == [BEGIN + timedelta(minutes=minute) for minute in (0, 0.2, 1, 2, 3)]
    assert {(event.service, event.site) for event in events} == {("accueil", "siege")}
    assert events[0].model_dump()["data"] == {"queue": "accueil"}
    key = Keys(tmp_path / "keys", one.directory).key_of("general")
    mine, others = (key.pseudonym(IdentityKind.EMAIL, address) for address in (CITIZEN, OTHER))
    assert [event.identities for event in events] == [mine, mine, others, mine, mine]


def test_a_question_is_before_its_answer_whichever_folder_is_read_first(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    """Also far more of one than are fetched at a time."""
    questions = [mail(f"q{n}", n, f"usager{n}@example.org") for n in range(120)]
    put(server, user, *questions, *(answer(f"r{n}", 200 + n, f"q{n}", to=f"usager{n}@example.org") for n in range(120)))
    events = bench(server, user, tmp_path).read_all(confirm=True)
    assert told(events) == [(n, "received") for n in range(120)] + [(n, "answered") for n in range(120)]


def test_what_an_agent_sends_to_somebody_else_is_no_answer(server: Dovecot, user: str, tmp_path: Path) -> None:
    colleague = "collegue@departement.example.org"
    put(
        server,
        user,
        mail("a", 0),
        answer("forwarded", 1, "a", to=colleague),
        mail("internal", 2, colleague, follows=["a", "forwarded"]),
        answer("of-its-own-accord", 3, to=OTHER),
        mail("answered", 4, colleague, f"{CITIZEN}, {OURS}", follows=["a", "forwarded"]),
    )
    events = bench(server, user, tmp_path, domains=["departement.example.org"]).read_all(confirm=True)
    assert told(events) == [(0, "received"), (0, "answered")]


def test_a_circular_that_many_answer_makes_as_many_contacts(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(
        server,
        user,
        answer("circular", 0, to="destinataires-caches@example.org"),
        mail("a", 1, follows=["circular"]),
        mail("b", 2, OTHER, follows=["circular"]),
        mail("a-again", 3, follows=["circular"]),
        answer("b-answered", 4, "circular", "b", to=OTHER),
    )
    events = bench(server, user, tmp_path).read_all(confirm=True)
    assert told(events) == [(0, "received"), (1, "received"), (0, "received"), (1, "answered")]


def test_an_acknowledgement_may_be_there_before_what_it_acknowledges(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    put(server, user, answer("acknowledged", 0, "a", Auto_Submitted="auto-replied"), mail("a", 0.1))
    events = bench(server, user, tmp_path).read_all(confirm=True)
    assert told(events) == [(0, "acknowledged"), (0, "received")]


def test_a_form_writes_for_who_is_to_be_replied_to(server: Dovecot, user: str, tmp_path: Path) -> None:
    form = "formulaire@example.org"
    put(
        server,
        user,
        mail("a", 0, form, Reply_To=CITIZEN, Auto_Submitted="auto-generated"),
        answer("answered", 1, "a"),
        mail("b", 2, "autre-robot@example.org", Reply_To=CITIZEN, Auto_Submitted="auto-generated"),
    )
    one = bench(server, user, tmp_path, forms=[form])
    events = one.read_all(confirm=True)
    assert told(events) == [(0, "received"), (0, "answered")]
    key = Keys(tmp_path / "keys", one.directory).key_of("general")
    assert {event.identities for event in events} == {key.pseudonym(IdentityKind.EMAIL, CITIZEN)}


def test_mail_is_for_whom_it_was_delivered_to(server: Dovecot, user: str, tmp_path: Path) -> None:
    addresses = {
        OURS: {"queue": "accueil", "aliases": ["contact@example.org"]},
        "mdph@example.org": {"queue": "mdph", "service": "mdph", "site": "nord", "sector": "social"},
        "mdph+enfants@example.org": {"queue": "enfants", "service": "mdph"},
    }
    recipients = ("CONTACT@example.org", "MDPH+adultes@example.org", "mdph+enfants@example.org", "x@example.org")
    put(
        server,
        user,
        *(mail(f"{n}", n, to=f"Le Service <{one}>, Autre <autre@example.org>") for n, one in enumerate(recipients)),
        mail("delivered", 5, to="liste@example.org", Delivered_To="mdph@example.org"),
        answer("answered", 6, "delivered"),
    )
    events = bench(server, user, tmp_path, addresses=addresses, service="autre").read_all(confirm=True)
    places = [(event.model_dump()["data"].get("queue"), event.service, event.site, event.sector) for event in events]
    assert places == [
        ("accueil", "autre", "", "general"),
        ("mdph", "mdph", "nord", "social"),
        ("enfants", "mdph", "", "general"),
        ("", "autre", "", "general"),
        ("mdph", "mdph", "nord", "social"),
        (None, "mdph", "nord", "social"),
    ]


def test_what_is_filed_elsewhere_is_not_told_again(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, mail("a", 0), mail("b", 1), mail("draft", 2)._replace(folder="Brouillons"))
    one = bench(server, user, tmp_path, folders=["INBOX", "Dossiers*"])
    assert len(one.read_all(confirm=True)) == 2
    put(server, user, mail("c", 3), mail("d", 4, folder="Dossiers.2026"))
    with server.client(user) as client:
        client.select_folder("INBOX")
        client.move(client.search(), "Dossiers.2026")
    events = one.read_all(confirm=True)
    assert {event.time for event in events} == {BEGIN + timedelta(minutes=minute) for minute in (3, 4)}
    assert len(events) == 2


def test_renumbered_nothing_is_told_again_and_nothing_is_missed(server: Dovecot, user: str, tmp_path: Path) -> None:
    """What comes after it may have a smaller uid than what was read before."""
    put(server, user, *(mail(f"{n}", n) for n in range(70)))
    one = bench(server, user, tmp_path)
    assert len(one.read_all(confirm=True)) == 70
    with server.client(user) as client:
        before = client.select_folder("INBOX")
        client.delete_messages(client.search()[:40])
        client.expunge()
    server.renumber(user)
    put(server, user, mail("after", 99))
    with server.client(user) as client:
        after = client.select_folder("INBOX")
    assert after[b"UIDVALIDITY"] != before[b"UIDVALIDITY"]
    assert after[b"UIDNEXT"] < before[b"UIDNEXT"]
    assert [event.time for event in one.read_all(confirm=True)] == [BEGIN + timedelta(minutes=99)]
    assert one.read_all(confirm=True) == []


def test_read_again_from_the_beginning_all_is_as_it_was(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS)
    one = bench(server, user, tmp_path)
    first = one.read_all(confirm=True)
    for path in one.directory.glob("cursor-*.json"):
        path.unlink()
    server.renumber(user)
    assert identity(one.read_all(confirm=True)) == identity(first)


def test_two_messages_with_the_same_id_are_two_if_they_are_of_two_times(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    put(server, user, mail("scanner", 0, "scanner@example.org"), mail("scanner", 1, "scanner@example.org"))
    events = bench(server, user, tmp_path).read_all(confirm=True)
    assert told(events) == [(0, "received"), (1, "received")]
    assert len({event.id for event in events}) == 2


def test_however_long_the_headers_are_a_message_is_known(server: Dovecot, user: str, tmp_path: Path) -> None:
    crowd = ", ".join(f"usager{n}@example.org" for n in range(100_000))
    references = "\r\n ".join(f"<{n}.{'x' * 200}@example.org>" for n in range(20_000))
    assert min(len(crowd), len(references)) > 20 * LIMIT_BYTES
    put(server, user, mail("a", 0, Cc=crowd, References=references), answer("answered", 1, "a"))
    events = bench(server, user, tmp_path).read_all(confirm=True)
    assert told(events) == [(0, "received"), (0, "answered")]


@pytest.mark.parametrize("window", [1, 3])
def test_uids_far_apart_are_found(
    server: Dovecot, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """Whether there are many in a row that are not there any more, or none at all."""
    monkeypatch.setattr("connectors.imap.folders.WINDOW", window)
    put(server, user, *(mail(f"{n}", n, folder="INBOX" if n % 9 == 0 else "Sent") for n in range(40)))
    with server.client(user) as client:
        client.select_folder("Sent")
        client.delete_messages(client.search())
        client.expunge()
        client.select_folder("INBOX")
        client.delete_messages([1, 2, 4])
        client.expunge()
    one = bench(server, user, tmp_path)
    events = one.read_all(confirm=True)
    assert [event.time for event in events] == [BEGIN + timedelta(minutes=minute) for minute in (18, 36)]
    read_up_to = {name: mark["uid"] for name, mark in json.loads(one.positions[-1])["marks"].items()}
    assert read_up_to == {"INBOX": 5, "Sent": 35}
    assert one.read_all(confirm=True) == []


def test_nothing_is_changed_in_the_mailbox(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS)
    with server.client(user) as client:
        folders = client.list_folders()
        client.select_folder("INBOX", readonly=True)
        flags = client.get_flags(client.search())
    bench(server, user, tmp_path).read_all(confirm=True)
    with server.client(user) as client:
        assert client.list_folders() == folders
        client.select_folder("INBOX", readonly=True)
        assert client.get_flags(client.search()) == flags


def test_what_came_before_the_start_is_not_read(server: Dovecot, user: str, tmp_path: Path) -> None:
    day = 24 * 60
    put(server, user, mail("a", 0), mail("b", day), answer("answered", day + 1, "a"))
    one = bench(server, user, tmp_path, start=(BEGIN + timedelta(days=1)).date())
    assert told(one.read_all(confirm=True)) == [(0, "received")]


@pytest.mark.parametrize("tls", ["none", "implicit"])
def test_mail_is_told_as_it_comes(server: Dovecot, user: str, tmp_path: Path, tls: str) -> None:
    """Long before the next turn."""
    port = server.tls_port if tls == "implicit" else server.port
    one = bench(server, user, tmp_path, tls=tls, port=port, ca_file=str(server.ca_file))
    with one.opened() as (flow, publisher):
        for number in range(3):
            put(server, user, mail(f"{number}", number), answer(f"{number}-answered", number, f"{number}"))
            until(flow, publisher, 2 * number + 1)
        put(server, user, mail("last", 9))
        until(flow, publisher, 7)
        assert Counter(kind for _, kind in told(publisher.events)) == {"received": 4, "answered": 3}


@pytest.mark.parametrize("tls", ["none", "implicit"])
def test_mail_that_comes_between_a_look_and_the_watch_is_told_at_once(server: Dovecot, user: str, tls: str) -> None:
    port = server.tls_port if tls == "implicit" else server.port
    options = server.options(user, addresses=ADDRESSES, tls=tls, port=port, ca_file=str(server.ca_file))
    with closing(Session(ImapConfig(**options))) as session:
        for name in ("a", "b"):
            session.look("INBOX")
            put(server, user, mail(name, 0))
            assert session.wait(20.0)
        session.look("INBOX")
        assert not session.wait(0.1)


def until(flow: Flow, publisher: HeldPublisher, count: int) -> None:
    """Let `flow` turn until it has told `count` events."""

    def are_told() -> bool:
        publisher.confirm()  # while something is held, the source does not wait for more
        flow.turn()
        return len(publisher.events) >= count

    wait_until(are_told, f"{count} events", 30, lambda: told(publisher.events))


def test_a_server_that_cannot_tell_of_mail_is_asked(tmp_path: Path) -> None:
    with dovecot(capability="IMAP4rev1 SPECIAL-USE") as plain:
        user = plain.add_user("essai")
        with bench(plain, user, tmp_path, poll_seconds=5).opened() as (flow, publisher):
            flow.turn()
            put(plain, user, mail("a", 0))
            until(flow, publisher, 1)


def test_a_server_that_goes_away_is_named_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    with dovecot() as own:
        user = own.add_user("essai")
        put(own, user, mail("a", 0))
        with bench(own, user, tmp_path).opened() as (flow, publisher):
            flow.turn()
            own.stop()
            troubles = []
            for _ in range(3):
                with pytest.raises(SourceUnavailableError) as trouble:
                    until(flow, publisher, 2)
                troubles.append(str(trouble.value))
            assert f"127.0.0.1:{own.port}" in troubles[-1]
            assert "cannot be reached" in troubles[-1]
            own.start()
            put(own, user, mail("b", 1))
            until(flow, publisher, 2)


def test_a_folder_that_is_not_there_does_not_hold_up_the_others(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, mail("a", 0))
    one = bench(server, user, tmp_path, folders=["INBOX", "Nulle part"])
    with one.opened() as (flow, publisher):
        flow.turn()
        assert told(publisher.events) == [(0, "received")]
        with pytest.raises(SourceUnavailableError, match="folder Nulle part"):
            flow.turn()
    with pytest.raises(SourceUnavailableError, match="folder Nulle part"):
        one.probe()


def test_a_probe_tells_what_the_first_messages_are(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS[:8])
    found = bench(server, user, tmp_path).probe()
    assert found.events == {"email.received": 3, "email.acknowledged": 1, "email.answered": 1}
    assert found.ignored == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "un-autre"}, "refuses the user name, or the password"),
        ({"tls": "implicit", "port": "tls"}, "certificate that is not trusted here"),
        ({"tls": "implicit"}, "does not speak TLS in this way"),
        ({"tls": "implicit", "port": "tls", "ca_file": "/nulle/part.pem"}, "/nulle/part.pem is not there"),
        ({"token_command": ["false"]}, "token_command failed"),
        ({"token_command": ["echo", "faux.jeton.x"]}, "refuses the user name, or the password or token"),
        ({"host": "nulle-part.example.org", "tls": "starttls"}, "is not known"),
    ],
)
def test_a_wrong_configuration_is_named(
    server: Dovecot, user: str, tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    given = more | ({"port": server.tls_port} if more.get("port") == "tls" else {})
    assert words in unavailable(bench(server, user, tmp_path, **given))
    with pytest.raises(SourceUnavailableError) as trouble:
        bench(server, user, tmp_path, **given).probe()
    assert isinstance(trouble.value, SourceRefusedError) == ("refuses" in words)


def test_who_is_refused_does_not_try_again_soon(
    server: Dovecot, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    with bench(server, user, tmp_path, password="un-autre").opened() as (flow, _):
        for _ in range(5):
            with pytest.raises(SourceUnavailableError, match="refuses"):
                flow.turn()
    wait_until(lambda: f"user=<{user}>" in server.log(), "the server to tell of it")
    assert server.log().count(f"user=<{user}>") == 1


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_it_is_read_over_tls(server: Dovecot, user: str, tmp_path: Path, tls: str) -> None:
    put(server, user, mail("a", 0))
    port = server.tls_port if tls == "implicit" else server.port
    one = bench(server, user, tmp_path, tls=tls, port=port, ca_file=str(server.ca_file))
    assert told(one.read_all(confirm=True)) == [(0, "received")]


def test_a_token_takes_the_place_of_a_password(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, mail("a", 0))
    one = bench(server, user, tmp_path, password=None, token_command=["echo", token_of(user)])
    assert told(one.read_all(confirm=True)) == [(0, "received")]


def test_conversations_that_are_lost_are_not_begun_anew(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, mail("a", 0))
    one = bench(server, user, tmp_path)
    one.read_all(confirm=True)
    (one.directory / "threads.sqlite").unlink()
    with pytest.raises(ConnectorError, match=r"threads\.sqlite is not there, but was"):
        one.read_all(confirm=True)
    (one.directory / "threads.sqlite").write_bytes(b"no database, but something" * 500)
    with pytest.raises(ConnectorError, match=r"threads\.sqlite is damaged"):
        one.read_all(confirm=True)


def test_what_cannot_be_used_is_kept_with_where_it_is(server: Dovecot, user: str, tmp_path: Path) -> None:
    put(server, user, *MAILS)
    one = bench(server, user, tmp_path)
    one.read_all(confirm=True)
    kept = [kept.reject for kept in read_rejects(one.directory)]
    assert [reject.reason for reject in kept] == [Reason.UNREADABLE_LINE, Reason.TIME_IN_PAST, Reason.UNREADABLE_LINE]
    assert b'"folder":"INBOX","uid":' in kept[0].record
    with one.opened() as (flow, _):
        again = flow._source.map_again(kept[1], datetime.now(UTC))
    assert [event.type for event in again] == ["email.received"]
