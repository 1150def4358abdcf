"""An export as a file: JSON for programs, HTML and PDF for people. All three tell the same, in pieces, as it is read."""

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.sla import SOURCE
from streams.rights.holding import Held, Holding
from streams.rights.labels import put
from streams.rights.telling import Words, tell_entry


class Format(StrEnum):
    """How it is written."""

    JSON = "json"
    HTML = "html"
    PDF = "pdf"


MEDIA_TYPES: Final = {
    Format.JSON: "application/json",
    Format.HTML: "text/html; charset=utf-8",
    Format.PDF: "application/pdf",
}
_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), undefined=StrictUndefined, autoescape=True
)
_PIECE: Final = 16
"""So many pieces of a template are joined to one."""


def write(holding: Holding, kind: Format, language: str, zone: tzinfo) -> Iterator[bytes]:
    """Yield the pieces of a file. What a contact tells is read as it is written; then it may raise `Unavailable`."""
    match kind:
        case Format.JSON:
            yield from _write_json(holding)
        case Format.HTML:
            yield from _write_html(holding, _lay_out(holding, language, zone), language)
        case Format.PDF:
            from streams.rights.pdf import write_pdf  # noqa: PLC0415 - takes a while to import

            yield from write_pdf(_lay_out(holding, language, zone), language, put("title", language))


def _write_json(holding: Holding) -> Iterator[bytes]:
    fields = holding._asdict()
    del fields["contacts"], fields["services"]
    yield msgspec.json.encode(fields)[:-1] + b',"contacts":['
    for number, contact in enumerate(holding.contacts):
        yield (b",\n" if number else b"\n") + msgspec.json.encode(contact)
    yield b"\n]}\n"


def _write_html(holding: Holding, document: "Document", language: str) -> Iterator[bytes]:
    template = _ENVIRONMENT.get_template("export.html")
    stream = template.stream(holding=holding, document=document, language=language, put=partial(put, language=language))
    stream.enable_buffering(_PIECE)
    for piece in stream:
        yield piece.encode()


# ------------------------------------------------------------------------------------------------------------- for people
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


def _lay_out(holding: Holding, language: str, zone: tzinfo) -> Document:
    words = Words(language, zone, holding.services)
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
            words.with_detail(words.name("clock", one.clock), one.policy),
            when(one.started_at),
            when(one.deadline_at),
            when(one.ended_at),
            say("broken") if one.is_breached else say("kept") if one.ended_at else "",
        )
        for one in contact.promises
    ]
    stays = [
        (
            when(one.queued_at),
            one.queue,
            words.name("outcome", one.outcome),
            words.number(one.wait_seconds),
            words.number(one.handle_seconds),
            one.to_queue,
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
