"""Lay out an export as chapters and tables, for HTML and PDF."""

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import NamedTuple

from models.sla import SLA_SOURCE
from streams.privacy.formatting import Formatter, format_entry
from streams.privacy.personal_data import ContactData, PersonalData


class Section(NamedTuple):
    """A table with an optional heading and note."""

    name: str
    """Key of its heading in `LABELS`, also for the caption of a table without `title`."""
    title: str
    titles: Sequence[str]
    """Keys of the column labels."""
    rows: Sequence[Sequence[str]]
    note: str = ""


class Chapter(NamedTuple):
    """Chapter about one contact."""

    title: str
    line: str
    parts: Sequence[Section]


class Document(NamedTuple):
    """Content of the HTML and PDF files."""

    about: Sequence[str]
    notice: Sequence[str]
    """Paragraphs."""
    before: Sequence[Section]
    contacts_title: str
    contacts: Iterator[Chapter]
    after: Sequence[Section]


def build_document(personal_data: PersonalData, language: str, zone: tzinfo) -> Document:
    """Return the document. Contacts are read while their chapters are iterated, which may raise `Unavailable`."""
    formatter = Formatter(language, zone, personal_data.services, queues=personal_data.queues)
    say, format_time = formatter.say, formatter.format_time

    def section(name: str, titles: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Section:
        return Section(name, say(name), titles, rows, note)

    about = [
        say(
            "about",
            asked=personal_data.asked,
            sector=personal_data.sector,
            made_at=format_time(personal_data.made_at),
            zone=str(zone),
        ),
        f"{say('pseudonyms')} {say('citizen')}",
        *([] if personal_data.is_whole else [say("not_whole")]),
    ]
    known = [
        (
            item.identity,
            formatter.name("kind", _kind(item.identity)),
            item.linked_to,
            str(item.contacts or ""),
            format_time(item.since),
        )
        for item in personal_data.identities
    ]
    withheld = [
        (item.identity, formatter.name("reason", item.reason), item.linked_to) for item in personal_data.withheld
    ]
    accesses = [
        (
            format_time(item.at),
            formatter.name("operation", item.operation),
            formatter.name("purpose", item.purpose),
            formatter.name("role", item.role) if item.role else say("no_role"),
            formatter.name("result", item.result),
            item.subject_id,
        )
        for item in personal_data.accesses
    ]
    kept = [
        (item.what, item.where, say("days", days=item.days) if item.days else "", item.until)
        for item in personal_data.retention
    ]
    return Document(
        about,
        [paragraph for part in re.split(r"\n\s*\n", personal_data.notice) if (paragraph := " ".join(part.split()))],
        [
            section("identities", ("identity", "what", "linked_to", "number", "since"), known),
            section("withheld", ("identity", "why", "linked_to"), withheld),
        ],
        say("contacts", count=personal_data.contact_count),
        (_make_chapter(contact, formatter) for contact in personal_data.contacts),
        [
            section(
                "accesses",
                ("when", "what", "why", "role", "result", "identity"),
                accesses,
                " ".join(
                    (
                        say("no_names", count=personal_data.accesses_withheld),
                        *(
                            [say("of_several", count=personal_data.accesses_shared)]
                            if personal_data.accesses_shared
                            else ()
                        ),
                    )
                ),
            ),
            section("retention", ("what", "where", "for_days", "until"), kept),
        ],
    )


def _make_chapter(contact: ContactData, formatter: Formatter) -> Chapter:
    say, format_time, where = formatter.say, formatter.format_time, formatter.where
    entries = [
        (
            format_time(item.happened_at),
            format_entry(item.type, item.detail, formatter),
            where(item.site, item.service),
            *(  # an SLA event may be later than the state
                ("", "")
                if item.source == SLA_SOURCE
                else (formatter.name("state", item.state), formatter.name("outcome", item.outcome))
            ),
        )
        for item in contact.entries
    ]
    promises = [
        (
            formatter.with_detail(formatter.name("clock", item.clock), say("policy", policy=item.policy)),
            format_time(item.started_at),
            formatter.deadline(item.deadline_at),
            format_time(item.ended_at),
            say("broken") if item.is_breached else say("kept") if item.ended_at else "",
        )
        for item in contact.promises
    ]
    stays = [
        (
            format_time(item.queued_at),
            formatter.queue(contact.channel, contact.site, item.queue),
            formatter.name("outcome", item.outcome),
            formatter.number(item.wait_seconds),
            formatter.number(item.handle_seconds),
            formatter.queue(contact.channel, contact.site, item.to_queue),
        )
        for item in contact.stays
    ]
    parts = [
        Section("entries", "", ("when", "what", "where", "state", "outcome"), entries),
        Section("promises", "", ("what", "started", "deadline", "ended", "result"), promises),
        Section("stays", "", ("when", "queue", "outcome", "wait", "handle", "to_queue"), stays),
        *(
            Section(
                part,
                "",
                ("what", "first", "last", "facts"),
                [
                    (
                        formatter.name("type", item.type.partition(":")[0]),
                        format_time(item.first_at),
                        format_time(item.last_at),
                        formatter.data(item.data),
                    )
                    for item in facts
                ],
            )
            for part, facts in (("opinions", contact.opinions), ("facts", contact.facts))
        ),
    ]
    title = f"{formatter.name('channel', contact.channel)} {contact.contact}"
    line = ", ".join(
        filter(
            None,
            (where(contact.site, contact.service), formatter.name("state", contact.state), *contact.identities),
        )
    )
    return Chapter(title, line, [part for part in parts if part.rows])


def _kind(identity: str) -> str:
    return identity.partition(":")[0]
