"""What an export tells people of a citizen, laid out as chapters and tables: HTML and PDF both show it."""

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import NamedTuple

from models.sla import SLA_SOURCE
from streams.privacy.formatting import Formatter, format_entry
from streams.privacy.personal_data import ContactData, PersonalData


class Section(NamedTuple):
    """A table under a heading."""

    name: str
    """Of its words."""
    title: str
    titles: Sequence[str]
    """Words."""
    rows: Sequence[Sequence[str]]
    note: str = ""


class Chapter(NamedTuple):
    """One contact."""

    title: str
    line: str
    parts: Sequence[Section]


class Document(NamedTuple):
    """What HTML and PDF both show."""

    about: Sequence[str]
    notice: Sequence[str]
    """Paragraphs."""
    before: Sequence[Section]
    contacts_title: str
    contacts: Iterator[Chapter]
    after: Sequence[Section]


def build_document(personal_data: PersonalData, language: str, zone: tzinfo) -> Document:
    """Return the document; what a contact tells is read as its chapter is asked for, and may raise `Unavailable` then."""
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
            one.identity,
            formatter.name("kind", _kind(one.identity)),
            one.linked_to,
            str(one.contacts or ""),
            format_time(one.since),
        )
        for one in personal_data.identities
    ]
    withheld = [(one.identity, formatter.name("reason", one.reason), one.linked_to) for one in personal_data.withheld]
    accesses = [
        (
            format_time(one.at),
            formatter.name("operation", one.operation),
            formatter.name("purpose", one.purpose),
            formatter.name("role", one.role) if one.role else say("no_role"),
            formatter.name("result", one.result),
            one.subject_id,
        )
        for one in personal_data.accesses
    ]
    kept = [
        (one.what, one.where, say("days", days=one.days) if one.days else "", one.until)
        for one in personal_data.retention
    ]
    return Document(
        about,
        [paragraph for part in re.split(r"\n\s*\n", personal_data.notice) if (paragraph := " ".join(part.split()))],
        [
            section("identities", ("identity", "what", "linked_to", "number", "since"), known),
            section("withheld", ("identity", "why", "linked_to"), withheld),
        ],
        say("contacts", count=personal_data.contact_count),
        (_tell(contact, formatter) for contact in personal_data.contacts),
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


def _tell(contact: ContactData, formatter: Formatter) -> Chapter:
    say, format_time, where = formatter.say, formatter.format_time, formatter.where
    entries = [
        (
            format_time(one.happened_at),
            format_entry(one.type, one.detail, formatter),
            where(one.site, one.service),
            *(  # a promise is judged later
                ("", "")
                if one.source == SLA_SOURCE
                else (formatter.name("state", one.state), formatter.name("outcome", one.outcome))
            ),
        )
        for one in contact.entries
    ]
    promises = [
        (
            formatter.with_detail(formatter.name("clock", one.clock), say("policy", policy=one.policy)),
            format_time(one.started_at),
            formatter.deadline(one.deadline_at),
            format_time(one.ended_at),
            say("broken") if one.is_breached else say("kept") if one.ended_at else "",
        )
        for one in contact.promises
    ]
    stays = [
        (
            format_time(one.queued_at),
            formatter.queue(contact.channel, contact.site, one.queue),
            formatter.name("outcome", one.outcome),
            formatter.number(one.wait_seconds),
            formatter.number(one.handle_seconds),
            formatter.queue(contact.channel, contact.site, one.to_queue),
        )
        for one in contact.stays
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
                        formatter.name("type", one.type.partition(":")[0]),
                        format_time(one.first_at),
                        format_time(one.last_at),
                        formatter.data(one.data),
                    )
                    for one in facts
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
