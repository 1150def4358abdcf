"""Conversation, sender and routing of messages on a Dovecot server."""

import pytest

from connectors.sdk.errors import ConnectorError
from connectors.sdk.mail.headers import LIMIT_BYTES
from models.identities import IdentityKind
from tests.support.dovecot import needs_dovecot
from tests.support.imap_mails import (
    CITIZEN,
    OTHER,
    OURS,
    Mailbox,
    answer,
    check_conversation,
    check_reasons_by_subject,
    events_by_contact,
    mail,
)

pytestmark = needs_dovecot


def test_conversation_is_one_contact(mailbox: Mailbox) -> None:
    check_conversation(mailbox)


def test_words_of_the_subject_set_the_reason(mailbox: Mailbox) -> None:
    check_reasons_by_subject(mailbox)


def test_questions_come_before_their_answers(mailbox: Mailbox) -> None:
    """Each folder holds more messages than one fetch returns."""
    questions = [mail(f"q{n}", n, f"usager{n}@example.org") for n in range(120)]
    mailbox.put(*questions, *(answer(f"r{n}", 200 + n, f"q{n}", to=f"usager{n}@example.org") for n in range(120)))
    events = mailbox.read()
    assert events_by_contact(events) == [(n, "received") for n in range(120)] + [(n, "answered") for n in range(120)]


def test_mail_of_an_agent_to_others_is_no_answer(mailbox: Mailbox) -> None:
    colleague = "collegue@departement.example.org"
    mailbox.put(
        mail("a", 0),
        answer("forwarded", 1, "a", to=colleague),
        mail("internal", 2, colleague, follows=["a", "forwarded"]),
        answer("of-its-own-accord", 3, to=OTHER),
        mail("answered", 4, colleague, f"{CITIZEN}, {OURS}", follows=["a", "forwarded"]),
    )
    events = mailbox.read(domains=["departement.example.org"])
    assert events_by_contact(events) == [(0, "received"), (0, "answered")]


def test_replies_to_a_circular_are_one_contact_per_sender(mailbox: Mailbox) -> None:
    mailbox.put(
        answer("circular", 0, to="destinataires-caches@example.org"),
        mail("a", 1, follows=["circular"]),
        mail("b", 2, OTHER, follows=["circular"]),
        mail("a-again", 3, follows=["circular"]),
        answer("b-answered", 4, "circular", "b", to=OTHER),
    )
    events = mailbox.read()
    assert events_by_contact(events) == [(0, "received"), (1, "received"), (0, "received"), (1, "answered")]


def test_acknowledgement_may_come_before_its_message(mailbox: Mailbox) -> None:
    mailbox.put(answer("acknowledged", 0, "a", Auto_Submitted="auto-replied"), mail("a", 0.1))
    events = mailbox.read()
    assert events_by_contact(events) == [(0, "acknowledged"), (0, "received")]


def test_sender_of_a_form_is_in_reply_to(mailbox: Mailbox) -> None:
    form = "formulaire@example.org"
    mailbox.put(
        mail("a", 0, form, Reply_To=CITIZEN, Auto_Submitted="auto-generated"),
        answer("answered", 1, "a"),
        mail("b", 2, "autre-robot@example.org", Reply_To=CITIZEN, Auto_Submitted="auto-generated"),
    )
    events = mailbox.read(forms=[form])
    assert events_by_contact(events) == [(0, "received"), (0, "answered")]
    assert {event.identities for event in events} == {mailbox.pseudonym_key().pseudonym(IdentityKind.EMAIL, CITIZEN)}


def test_routing_follows_the_delivery_address(mailbox: Mailbox) -> None:
    addresses = {
        OURS: {"queue": "accueil", "aliases": ["contact@example.org"]},
        "mdph@example.org": {"queue": "mdph", "service": "mdph", "site": "nord", "sector": "social"},
        "mdph+enfants@example.org": {"queue": "enfants", "service": "mdph"},
    }
    recipients = ("CONTACT@example.org", "MDPH+adultes@example.org", "mdph+enfants@example.org", "x@example.org")
    mailbox.put(
        *(
            mail(f"{n}", n, to=f"Le Service <{recipient}>, Autre <autre@example.org>")
            for n, recipient in enumerate(recipients)
        ),
        mail("delivered", 5, to="liste@example.org", Delivered_To="mdph@example.org"),
        answer("answered", 6, "delivered"),
    )
    events = mailbox.read(addresses=addresses, service="autre")
    routings = [(event.model_dump()["data"].get("queue"), event.service, event.site, event.sector) for event in events]
    assert routings == [
        ("accueil", "autre", "", "general"),
        ("mdph", "mdph", "nord", "social"),
        ("enfants", "mdph", "", "general"),
        ("", "autre", "", "general"),
        ("mdph", "mdph", "nord", "social"),
        (None, "mdph", "nord", "social"),
    ]


def test_same_message_id_with_other_date_is_another_message(mailbox: Mailbox) -> None:
    mailbox.put(mail("scanner", 0, "scanner@example.org"), mail("scanner", 1, "scanner@example.org"))
    events = mailbox.read()
    assert events_by_contact(events) == [(0, "received"), (1, "received")]
    assert len({event.id for event in events}) == 2


def test_message_with_huge_headers_is_recognised(mailbox: Mailbox) -> None:
    crowd = ", ".join(f"usager{n}@example.org" for n in range(100_000))
    references = "\r\n ".join(f"<{n}.{'x' * 200}@example.org>" for n in range(20_000))
    assert min(len(crowd), len(references)) > 20 * LIMIT_BYTES
    mailbox.put(mail("a", 0, Cc=crowd, References=references), answer("answered", 1, "a"))
    events = mailbox.read()
    assert events_by_contact(events) == [(0, "received"), (0, "answered")]


def test_missing_or_damaged_store_stops_the_connector(mailbox: Mailbox) -> None:
    mailbox.put(mail("a", 0))
    imap = mailbox.harness()
    imap.read_all(confirm=True)
    (imap.directory / "threads.sqlite").unlink()
    with pytest.raises(ConnectorError, match=r"threads\.sqlite is not there, but was"):
        imap.read_all(confirm=True)
    (imap.directory / "threads.sqlite").write_bytes(b"no database, but something" * 500)
    with pytest.raises(ConnectorError, match=r"threads\.sqlite is damaged"):
        imap.read_all(confirm=True)
