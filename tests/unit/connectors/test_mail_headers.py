"""Parsing of message headers, including malformed and hostile ones."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk.mail.headers import LIMIT_BYTES, MAX_RECIPIENTS, MAX_REFERENCES, SUBJECT_FIELDS, Headers, parse

NAMES = [name for names in SUBJECT_FIELDS for name in names]
WORDS = rb"""<a@example.org> a@example.org =?utf-8?q?=E9?= =?x-unknown?b?////?= ( ) " \ , ; <> @ : [ ] %s multipart/report bulk
auto-replied undisclosed-recipients:; <<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<""".split()
SEPARATORS = [*b"\r\n|\n|\r| |\t|\r\n |\xe9|\xff\xfe|\0|\x85|\xe2\x80\xa8".split(b"|"), "é🙂".encode()]
PIECES = st.sampled_from([*(f"{name}: ".encode() for name in NAMES), *WORDS, *SEPARATORS])
BLOCKS = st.lists(PIECES | st.binary(max_size=8), max_size=30).map(b"".join)


def parse_lines(*lines: str) -> Headers:
    return parse(("\r\n".join([*lines, "", ""]).encode("latin-1"),))


@given(st.lists(BLOCKS, max_size=3))
def test_any_headers_can_be_parsed(blocks: list[bytes]) -> None:
    headers = parse(tuple(blocks))
    assert headers == parse(tuple(blocks))
    texts = [headers.message_id, headers.date, headers.sender, headers.reply_to, *headers.references]
    assert all(text.encode() is not None for text in [*texts, *headers.recipients, *headers.delivered_to])
    assert all("@" in address for address in (*headers.recipients, *headers.delivered_to))


@pytest.mark.parametrize("name", ["From", "To", "Cc", "Reply-To", "Delivered-To", "Subject"])
@pytest.mark.parametrize(
    "value",
    [
        "(" * 30_000,
        "a:" * 15_000,
        "((" * 400 + "))" * 400 + "<a@example.org>",
        ")(" * 10_000,
        "(" + "a" * 30_000,
        "(" + "a@" * 15_000,
        ("(" + "a" * 1_000 + "\r\n ") * 30,
        '"' + "\\" * 30_000,
        "<" * 30_000,
        "@" * 30_000,
    ],
    ids=lambda value: value[:4],
)
def test_hostile_addresses_are_parsed_in_linear_time(name: str, value: str) -> None:
    before = time.process_time()
    headers = parse_lines("Message-ID: <a@example.org>", f"{name}: {value}")
    assert time.process_time() - before < 0.5
    assert headers.message_id == "a@example.org"


def test_addresses_next_to_deep_comments_are_found() -> None:
    deep = "(" * 490 + ")" * 490
    assert parse_lines(f"From: {deep} <Mireille@example.org>").sender == "mireille@example.org"
    assert parse_lines(f"To: {'g:' * 490} a@example.org, b@example.org;").recipients == (
        "a@example.org",
        "b@example.org",
    )


@pytest.mark.parametrize(
    ("line", "message_id"),
    [
        ("Message-ID: <a.b@example.org>", "a.b@example.org"),
        ("MESSAGE-ID:\r\n <a.b@example.org> (of a program)", "a.b@example.org"),
        ("Message-Id: a.b@example.org", "a.b@example.org"),
        ("Message-Id: ", ""),
        ("X-Message-Id: <a>", ""),
    ],
)
def test_message_id_is_found(line: str, message_id: str) -> None:
    assert parse_lines(line).message_id == message_id


def test_references_are_ordered_nearest_first() -> None:
    assert parse_lines("References: <1@x>\r\n\t<2@x> <3@x>", "In-Reply-To: Your mail <3@x> of Monday").references == (
        "3@x",
        "2@x",
        "1@x",
    )
    assert parse_lines("In-Reply-To: <2@x>").references == ("2@x",)
    many = parse_lines("References: " + " ".join(f"<{number}@x>" for number in range(900))).references
    assert (len(many), many[0], many[-1]) == (MAX_REFERENCES, "899@x", "0@x")


def test_addresses_are_found_in_all_notations() -> None:
    headers = parse_lines(
        'From: "Exemple, Mireille" <Mireille.Exemple@Example.ORG>',
        "Reply-To: =?iso-8859-1?q?R=E9ponse?= <reponse@example.org>",
        "To: Service: accueil@example.org, b@example.org;, <accueil@example.org>",
        "Cc: caf\xe9 <cafe@example.org>",
        "Delivered-To: mdph@example.org",
    )
    assert headers.sender == "mireille.exemple@example.org"
    assert headers.reply_to == "reponse@example.org"
    assert set(headers.recipients) == {"accueil@example.org", "b@example.org", "cafe@example.org"}
    assert headers.delivered_to == ("mdph@example.org",)
    assert parse_lines("From: Mairie, service <technique@example.org> x").sender == "technique@example.org"
    assert parse_lines("Sender: robot@example.org", "From: nobody").sender == "robot@example.org"


@pytest.mark.parametrize(
    ("line", "automatic", "report"),
    [
        ("Subject: Bonjour", False, False),
        ("Auto-Submitted: no", False, False),
        ("Auto-Submitted: auto-replied; owner-email=x", True, False),
        ("auto-submitted: Auto-Generated", True, False),
        ("Precedence: bulk", True, False),
        ("Precedence: list", False, False),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", True, False),
        ("X-Auto-Response-Suppress: DR, RN", False, False),
        ("X-Autoreply: yes", True, False),
        ("X-Autorespond: no", False, False),
        ("Return-Path: <>", True, False),
        ("Return-Path: <a@example.org>", False, False),
        ("Content-Type: multipart/report; report-type=delivery-status", True, True),
        ("Content-Type: Multipart/Report; report-type=disposition-notification", True, True),
        ("X-Failed-Recipients: a@example.org", True, True),
        ("From: Mail Delivery System <MAILER-DAEMON@example.org>", True, True),
        ("Content-Type: multipart/mixed", False, False),
    ],
)
def test_automatic_messages_and_reports_are_recognised(line: str, automatic: bool, report: bool) -> None:
    assert (parse_lines(line).automatic, parse_lines(line).report) == (automatic, report)


def test_truncated_address_is_dropped() -> None:
    crowd = ", ".join(f"usager{number:06}@example.org" for number in range(5000)).encode()
    headers = parse((b"From: a@example.org\r\n\r\n", (b"To: " + crowd)[:LIMIT_BYTES]))
    assert headers.sender == "a@example.org"
    assert len(headers.recipients) == MAX_RECIPIENTS
    short = (b"To: " + b"x" * (LIMIT_BYTES - 40) + b"@example.org, tronque@example.orga")[:LIMIT_BYTES]
    assert not [text for text in parse((short.ljust(LIMIT_BYTES, b"x"),)).recipients if "tronque" in text]


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("Demande", "Demande"),
        ("=?utf-8?Q?D=C3=A9chets?= verts", "Déchets verts"),
        ("=?utf-8?B?RMOpY2g=?=\r\n =?utf-8?B?ZXRz?=", "Déchets"),
        ("=?iso-8859-1?q?D=E9chets?=", "Déchets"),
        ("=?x-unknown?q?D=E9chets?=", "=?x-unknown?q?D=E9chets?="),
        ("=?utf-8?b?x?=", "=?utf-8?b?x?="),
        ("Déchets", "Déchets"),
        ("a" * 3_000, "a" * 2_000),
    ],
)
def test_subject_is_decoded(written: str, subject: str) -> None:
    assert parse_lines(f"Subject: {written}").subject == subject
