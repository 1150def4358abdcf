"""What an export tells people of a citizen, laid out as chapters and tables: HTML and PDF both show it."""

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import NamedTuple

from models.sla import SOURCE
from streams.rights.holding import Held, Holding
from streams.rights.telling import Words, tell_entry


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


def lay_out(holding: Holding, language: str, zone: tzinfo) -> Document:
    """Return the document; what a contact tells is read as its chapter is asked for, and may raise `Unavailable` then."""
    words = Words(language, zone, holding.services, queues=holding.queues)
    say, when = words.say, words.when

    def section(name: str, titles: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Section:
        return Section(name, say(name), titles, rows, note)

    about = [
        say("about", asked=holding.asked, sector=holding.sector, made_at=when(holding.made_at), zone=str(zone)),
        f"{say('pseudonyms')} {say('citizen')}",
        *([] if holding.is_whole else [say("not_whole")]),
    ]
    known = [
        (one.identity, words.name("kind", _kind(one.identity)), one.linked_to, str(one.contacts or ""), when(one.since))
        for one in holding.identities
    ]
    withheld = [(one.identity, words.name("reason", one.reason), one.linked_to) for one in holding.withheld]
    accesses = [
        (
            when(one.at),
            words.name("operation", one.operation),
            words.name("purpose", one.purpose),
            words.name("role", one.role) if one.role else say("no_role"),
            words.name("result", one.result),
            one.whose,
        )
        for one in holding.accesses
    ]
    kept = [
        (one.what, one.where, say("days", days=one.days) if one.days else "", one.until) for one in holding.retention
    ]
    return Document(
        about,
        [paragraph for part in re.split(r"\n\s*\n", holding.notice) if (paragraph := " ".join(part.split()))],
        [
            section("identities", ("identity", "what", "linked_to", "number", "since"), known),
            section("withheld", ("identity", "why", "linked_to"), withheld),
        ],
        say("contacts", count=holding.contact_count),
        (_tell(contact, words) for contact in holding.contacts),
        [
            section(
                "accesses",
                ("when", "what", "why", "role", "result", "identity"),
                accesses,
                " ".join(
                    (
                        say("no_names", count=holding.accesses_withheld),
                        *([say("of_several", count=holding.accesses_shared)] if holding.accesses_shared else ()),
                    )
                ),
            ),
            section("retention", ("what", "where", "for_days", "until"), kept),
        ],
    )


def _tell(contact: Held, words: Words) -> Chapter:
    say, when, where = words.say, words.when, words.where
    entries = [
        (
            when(one.happened_at),
            tell_entry(one.type, one.detail, words),
            where(one.site, one.service),
            *(  # a promise is judged later
                ("", "")
                if one.source == SOURCE
                else (words.name("state", one.state), words.name("outcome", one.outcome))
            ),
        )
        for one in contact.entries
    ]
    promises = [
        (
            words.with_detail(words.name("clock", one.clock), say("policy", policy=one.policy)),
            when(one.started_at),
            words.deadline(one.deadline_at),
            when(one.ended_at),
            say("broken") if one.is_breached else say("kept") if one.ended_at else "",
        )
        for one in contact.promises
    ]
    stays = [
        (
            when(one.queued_at),
            words.queue(contact.channel, contact.site, one.queue),
            words.name("outcome", one.outcome),
            words.number(one.wait_seconds),
            words.number(one.handle_seconds),
            words.queue(contact.channel, contact.site, one.to_queue),
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
                        words.name("type", one.type.partition(":")[0]),
                        when(one.first_at),
                        when(one.last_at),
                        words.data(one.data),
                    )
                    for one in facts
                ],
            )
            for part, facts in (("opinions", contact.opinions), ("facts", contact.facts))
        ),
    ]
    title = f"{words.name('channel', contact.channel)} {contact.contact}"
    line = ", ".join(
        filter(
            None,
            (where(contact.site, contact.service), words.name("state", contact.state), *contact.identities),
        )
    )
    return Chapter(title, line, [part for part in parts if part.rows])


def _kind(identity: str) -> str:
    return identity.partition(":")[0]
