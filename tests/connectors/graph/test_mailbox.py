"""Reading of a mailbox of a fake Graph: each message once, in order, with the conversations and ids of the connector `imap`."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.graph.mailbox_store import MailboxStore
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons, ReasonRule
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.microsoft.graph import GraphClient
from connectors.sdk.testing import FakeBroker
from connectors.sdk.testing.harness import comparable_form
from connectors.sdk.testing.kill_injector import KillInjector, kill_point
from connectors.sdk.testing.leaks import contents
from models.events import Event
from models.reasons import Reason
from tests.support.dovecot import dovecot, needs_dovecot
from tests.support.fake_graph import PRIVATE, FakeGraph
from tests.support.graph_mails import GraphMailbox
from tests.support.imap_mails import (
    BEGIN,
    CITIZEN,
    MAILS,
    OTHER,
    OURS,
    PERSONAL,
    Mail,
    Mailbox,
    answer,
    check_conversation,
    check_reasons_by_subject,
    events_by_contact,
    mail,
)


def questions(number: int) -> list[Mail]:
    return [mail(f"q{n}", n, f"usager{n}@example.org") for n in range(number)]


def answers(number: int) -> list[Mail]:
    return [answer(f"r{n}", 500 + n, f"q{n}", to=f"usager{n}@example.org") for n in range(number)]


# -------------------------------------------------------------------------------------------------------------- conversations
def test_conversation_is_one_contact(mailbox: GraphMailbox) -> None:
    check_conversation(mailbox)


def test_words_of_the_subject_set_the_reason(mailbox: GraphMailbox) -> None:
    check_reasons_by_subject(mailbox)


def test_subjects_are_requested_as_soon_and_as_long_as_a_rule_needs_them(mailbox: GraphMailbox) -> None:
    rule = ContactReasons([ReasonRule("dechets", subject_words=("dechets",))])
    published = []
    for number, rules in enumerate((NO_REASONS, rule, rule, NO_REASONS)):
        mailbox.put(mail(f"q{number}", number, f"usager{number}@example.org", Subject="Dechets"))
        before = len(mailbox.fake.requests)
        published += mailbox.harness(rules).read_all(confirm=True)
        selects = [request.query_params.get("$select", "") for request in mailbox.fake.requests[before:]]
        restarted = {"subject" in select.split(",") for select in selects if select.startswith("internetMessageId")}
        assert restarted == [{False}, {True}, set(), {False}][number]
    assert events_by_contact(published) == [
        *((0, "received"), (1, "received"), (1, "reason_set"), (2, "received"), (2, "reason_set"), (3, "received"))
    ]


@needs_dovecot
def test_contacts_are_those_of_imap(fake: FakeGraph, tmp_path: Path) -> None:
    """The ids differ in the name of the source only."""
    mails = [one for one in MAILS if b"Message-ID: <" in one.content and b"Date: " in one.content]
    with dovecot() as server:
        by_imap, by_graph = Mailbox(server, tmp_path), GraphMailbox(fake, tmp_path)
        by_imap.put(*mails)
        by_graph.put(*mails)
        expected = facts(by_imap.read())
    assert len(expected) > 40
    assert facts(by_graph.read()) == expected


def facts(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    return [(event.type, event.subject.rpartition(":")[2], event.time, event.identities) for event in events]


def test_questions_come_before_their_answers(mailbox: GraphMailbox) -> None:
    """Graph returns each folder in several pages, and in any order."""
    mailbox.put(*questions(250), *answers(250))
    events = mailbox.read()
    assert events_by_contact(events) == [(n, "received") for n in range(250)] + [(n, "answered") for n in range(250)]
    assert sum("delta" in path for path in mailbox.fake.paths()) == 6


def test_answer_is_recognised_in_a_later_round(mailbox: GraphMailbox) -> None:
    mailbox.put(mail("a", 0))
    graph = mailbox.harness()
    first = graph.read_all(confirm=True)
    mailbox.put(answer("answered", 1, "a"), answer("of-its-own-accord", 2, to=OTHER))
    assert events_by_contact([*first, *graph.read_all(confirm=True)]) == [(0, "received"), (0, "answered")]


def test_copy_of_a_sent_message_counts_once(mailbox: GraphMailbox) -> None:
    """Graph returns the headers of the received copy only, and they may give the date in another time zone."""
    agent = "agent@departement.example.org"
    sent = answer("answered", 61, "a", sender=agent, Cc=OURS)
    copy = sent.content.replace(b"09:01:00 +0000", b"10:01:00 +0100")
    assert copy != sent.content
    mailbox.put(mail("a", 0), sent, Mail("INBOX", sent.at, copy))
    events = mailbox.read(domains=["departement.example.org"])
    assert events_by_contact(events) == [(0, "received"), (0, "answered")]


# -------------------------------------------------------------------------------------------------------------------- folders
def test_moved_messages_are_published_once(mailbox: GraphMailbox) -> None:
    first, second = mailbox.put(mail("a", 0), mail("b", 1))
    mailbox.content.folder("Dossiers")
    graph = mailbox.harness(folders=["inbox", "Dossiers/*"])
    assert len(graph.read_all(confirm=True)) == 2
    (third, _) = mailbox.put(mail("c", 3), mail("d", 4, folder="Dossiers/2026/Mars"))
    mailbox.content.move(first, "Dossiers/2026")
    mailbox.content.move(third, "Dossiers/2026/Mars")
    mailbox.content.delete(second)
    assert [event.time for event in graph.read_all(confirm=True)] == [BEGIN + timedelta(minutes=n) for n in (3, 4)]


def test_changed_and_removed_messages_give_no_events(mailbox: GraphMailbox) -> None:
    first, second = mailbox.put(mail("a", 0), mail("b", 1))
    graph = mailbox.harness()
    graph.read_all(confirm=True)
    mailbox.content.mark_read(first)
    mailbox.content.delete(second)
    mailbox.content.add("inbox", isDraft=True, receivedDateTime="2026-03-16T09:00:00Z")
    assert graph.read_all(confirm=True) == []
    assert graph.rejected() == {}


def test_missing_folder_does_not_block_the_others(mailbox: GraphMailbox) -> None:
    mailbox.put(mail("a", 0))
    graph = mailbox.harness(folders=["inbox", "Nulle part", "Ailleurs/*"])
    with graph.opened() as (flow, publisher):
        flow.step()
        assert events_by_contact(publisher.events) == [(0, "received")]
        assert flow.trouble == "the mailbox has no folder Nulle part"
    with pytest.raises(SourceUnavailableError, match="no folder Nulle part"):
        graph.probe()


def test_removed_folder_is_reported(mailbox: GraphMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox.put(mail("a", 0, folder="Dossiers"))
    graph = mailbox.harness(folders=["inbox", "Dossiers"], poll_seconds=5)
    monkeypatch.setattr("connectors.sdk.pull.Interval.due", True)
    with graph.opened() as (flow, publisher):
        flow.step()
        mailbox.content.remove_folder("Dossiers")
        mailbox.put(mail("b", 1))
        publisher.confirm()
        flow.step()
        assert len(publisher.events) == 2
        assert flow.trouble == "the mailbox has no folder Dossiers"


def test_mail_before_the_start_is_not_read(mailbox: GraphMailbox) -> None:
    """Graph's own filter is not used, since it returns 5,000 messages at most."""
    day = 24 * 60
    mailbox.put(mail("a", 0), mail("b", day), answer("answered", day + 1, "a"))
    events = mailbox.read(start=(BEGIN + timedelta(days=1)).date())
    assert events_by_contact(events) == [(0, "received")]
    assert not [request for request in mailbox.fake.requests if "$filter" in request.query_params]


def test_probe_reads_one_page_of_each_folder(mailbox: GraphMailbox) -> None:
    mailbox.put(*questions(250), *answers(250))
    found = mailbox.harness().probe()
    assert found.events["email.received"] == 100
    assert sum("delta" in path for path in mailbox.fake.paths()) == 2


# ---------------------------------------------------------------------------------------------------------------------- links
def test_expired_link_restarts_the_folder_without_counting_twice(mailbox: GraphMailbox) -> None:
    mailbox.put(*questions(20), mail("", 40), *answers(10))
    graph = mailbox.harness()
    assert len(graph.read_all(confirm=True)) == 31
    mailbox.fake.expire_links()
    assert graph.read_all(confirm=True) == []
    assert "usager1@" not in contents(graph.directory)
    mailbox.fake.expire_links()
    mailbox.put(mail("later", 900))
    assert len(graph.read_all(confirm=True)) == 1
    mailbox.put(mail("last", 901))
    assert len(graph.read_all(confirm=True)) == 1


def test_link_may_expire_between_two_pages(mailbox: GraphMailbox) -> None:
    mailbox.put(*questions(250))
    numbers = count()

    def expire(_: Any) -> None:
        if next(numbers) == 3:
            mailbox.fake.expire_links()

    mailbox.fake.before_answer = expire
    events = mailbox.read()
    assert len(events) == 250
    assert len({event.id for event in events}) == 250


def test_folder_whose_links_always_expire_is_reported(mailbox: GraphMailbox) -> None:
    mailbox.put(*questions(250))
    mailbox.fake.before_answer = lambda _: mailbox.fake.expire_links()
    with mailbox.harness().opened() as (flow, _), pytest.raises(SourceUnavailableError, match="410 SyncStateNotFound"):
        flow.step()


def test_folder_is_restarted_again_after_a_pause(mailbox: GraphMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.graph.source.REFUSED_SECONDS", 0.0)
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    mailbox.put(*questions(250))
    requests = count()
    mailbox.fake.before_answer = lambda _: mailbox.fake.expire_links() if next(requests) < 9 else None
    refusals = 0
    with mailbox.harness().opened() as (flow, publisher):
        while len(publisher.events) < 250:
            try:
                flow.step()
            except SourceUnavailableError:
                refusals += 1
        assert len({event.id for event in publisher.events}) == len(publisher.events) == 250
    assert refusals


def test_kill_between_any_two_steps_loses_nothing(
    fake: FakeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills before and after each request, and before and after each write of a page or a position."""
    for holder, name in ((GraphClient, "get"), (MailboxStore, "add_page"), (MailboxStore, "start_round")):
        monkeypatch.setattr(holder, name, mortal(name, getattr(holder, name)))
    for name in ("finish_round", "acknowledge"):
        monkeypatch.setattr(MailboxStore, name, mortal(name, getattr(MailboxStore, name)))
    monkeypatch.setattr("connectors.graph.source.PAGE_MESSAGES", 4)
    monkeypatch.setattr("connectors.graph.source.BATCH_MESSAGES", 3)
    mails = [*MAILS[:14], *questions(6), *answers(6)]
    original = GraphMailbox(fake, tmp_path)
    original.put(*mails)
    whole = comparable_form(original.read())
    kills, before = KillInjector(tmp_path), -1
    for run in map("run-{}".format, count()):
        (tmp_path / run).mkdir()
        fake.mailboxes[original.user] = GraphMailbox(fake, tmp_path).content
        mailbox = GraphMailbox(fake, tmp_path / run)
        mailbox._directory.joinpath("keys").symlink_to(tmp_path / "keys")
        mailbox.put(*mails)
        graph, broker = mailbox.harness(), FakeBroker()
        graph.run_with_kills(broker, kills)
        assert list(dict.fromkeys(comparable_form(broker.events))) == whole
        assert graph.read_all(confirm=True) == []
        if kills.count == before:
            break
        before = kills.count
    assert kills.count > 40


def mortal(name: str, method: Any) -> Any:
    def act(*args: Any, **kwargs: Any) -> Any:
        kill_point(f"before {name}")
        result = method(*args, **kwargs)
        kill_point(f"after {name}")
        return result

    return act


# -------------------------------------------------------------------------------------------------------------------- privacy
def test_only_used_properties_are_requested(mailbox: GraphMailbox) -> None:
    mailbox.put(*MAILS)
    mailbox.read()
    selected = {request.query_params.get("$select", "") for request in mailbox.fake.requests}
    names = {name for select in selected for name in select.split(",")}
    assert names.isdisjoint({"subject", "hasAttachments", *PRIVATE})
    first_requests = [request for request in mailbox.fake.requests if request.url.path.endswith("delta")]
    assert all(request.query_params.keys() & {"$select", "$skiptoken", "$deltatoken"} for request in first_requests)
    assert {request.method for request in mailbox.fake.requests} == {"GET"}


def test_published_messages_leave_no_personal_data_in_files(mailbox: GraphMailbox) -> None:
    mailbox.put(*questions(30), *MAILS[:8])
    graph = mailbox.harness()
    with graph.opened() as (flow, publisher):
        flow.step()
        held = contents(graph.directory)
        assert CITIZEN in held
        assert not [value for value in ("dossier 48210", PERSONAL[4], "Bonjour") if value in held]
        publisher.confirm()
    with ExitStack() as stack:
        flow, _ = stack.enter_context(graph.opened())
        flow.step()
    assert not [value for value in (*PERSONAL, "usager1@") if value in contents(graph.directory)]


def test_rejected_messages_are_recorded_with_folder_and_id(mailbox: GraphMailbox) -> None:
    mailbox.put(*MAILS)
    mailbox.content.add("inbox", receivedDateTime="yesterday")
    graph = mailbox.harness()
    graph.read_all(confirm=True)
    assert graph.rejected() == {Reason.UNREADABLE_LINE: 3, Reason.TIME_IN_PAST: 1}
    assert '"folder":"inbox","uid":"AAMk-' in (graph.directory / "rejects.jsonl").read_text().replace('\\"', '"')
