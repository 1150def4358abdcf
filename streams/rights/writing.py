"""An export as a file: JSON for programs, HTML and PDF for people. All three tell the same, in pieces, as it is read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.sla import SOURCE
from streams.rights.holding import Entry, Held, Holding
from streams.rights.labels import put


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
    before: Sequence[Section]
    contacts_title: str
    contacts: Iterator[Chapter]
    after: Sequence[Section]


def _lay_out(holding: Holding, language: str, zone: tzinfo) -> Document:
    say, when = partial(put, language=language), partial(_when, zone=zone)

    def section(name: str, titles: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Section:
        return Section(name, say(name), titles, rows, note)

    about = [
        say("about", asked=holding.asked, sector=holding.sector, made_at=when(holding.made_at), zone=str(zone)),
        say("pseudonyms"),
        *([] if holding.is_whole else [say("not_whole")]),
    ]
    known = [
        (one.identity, say(_kind(one.identity)), one.linked_to, str(one.contacts or ""), when(one.since))
        for one in holding.identities
    ]
    withheld = [(one.identity, say(one.reason), one.linked_to) for one in holding.withheld]
    accesses = [
        (when(one.at), say(one.operation), say(one.purpose), say(one.role or "no_role"), say(one.result), one.whose)
        for one in holding.accesses
    ]
    kept = [
        (one.what, one.where, say("days", days=one.days) if one.days else "", one.until) for one in holding.retention
    ]
    return Document(
        about,
        [
            section("identities", ("identity", "what", "linked_to", "number", "since"), known),
            section("withheld", ("identity", "why", "linked_to"), withheld),
        ],
        say("contacts", count=holding.contact_count),
        (_tell(contact, say, when, holding.services) for contact in holding.contacts),
        [
            section(
                "accesses",
                ("when", "what", "why", "role", "result", "identity"),
                accesses,
                say("no_names", count=holding.accesses_withheld),
            ),
            section("retention", ("what", "where", "for_days", "until"), kept),
        ],
    )


def _tell(contact: Held, say: Callable[..., str], when: Callable[[str], str], services: Mapping[str, str]) -> Chapter:
    def where(site: str, service: str) -> str:
        name = services.get(service, service)
        return f"{name} ({site})" if name and site else name or site

    entries = [
        (
            when(one.happened_at),
            _name(one.type, _detail(one, say, when), say),
            where(one.site, one.service),
            *(("", "") if one.source == SOURCE else (say(one.state), say(one.outcome))),  # a promise is judged later
        )
        for one in contact.entries
    ]
    promises = [
        (
            _name(one.clock, one.policy, say),
            when(one.started_at),
            when(one.deadline_at),
            when(one.ended_at),
            say("broken") if one.is_breached else say("kept") if one.ended_at else "",
        )
        for one in contact.promises
    ]
    stays = [
        (when(one.queued_at), one.queue, say(one.outcome), f"{one.wait_seconds:g}", f"{one.handle_seconds:g}")
        for one in contact.stays
    ]
    parts = [
        Section("entries", "", ("when", "what", "where", "state", "outcome"), entries),
        Section("promises", "", ("what", "started", "deadline", "ended", "result"), promises),
        Section("stays", "", ("when", "queue", "outcome", "wait", "handle"), stays),
        *(
            Section(
                name,
                "",
                ("what", "first", "last", "facts"),
                [(_name(one.type, "", say), when(one.first_at), when(one.last_at), _data(one.data)) for one in facts],
            )
            for name, facts in (("opinions", contact.opinions), ("facts", contact.facts))
        ),
    ]
    title = f"{say(contact.channel)} {contact.contact}"
    line = ", ".join(filter(None, (where(contact.site, contact.service), say(contact.state), *contact.identities)))
    return Chapter(title, line, [part for part in parts if part.rows])


def _kind(identity: str) -> str:
    return identity.partition(":")[0]


def _detail(entry: Entry, say: Callable[..., str], when: Callable[[str], str]) -> str:
    """Return the detail of an entry; times as the house has them."""
    match entry.type.partition(".")[0]:
        case "appointment":
            return when(entry.detail)
        case "letter" if entry.detail:
            return f"{say('stamped')} {when(entry.detail)}"
    return entry.detail


def _name(kind: str, detail: str, say: Callable[..., str]) -> str:
    """Return what happened in words; of an opinion and of a promise with which it was, of an appointment with its time."""
    word, _, scale = kind.partition(":")
    policy, _, clock = detail.rpartition(":") if word.startswith("sla.") else (detail, "", "")
    return " ".join(filter(None, (say(word), scale, policy, say(clock))))


def _data(data: Any) -> str:
    return ", ".join(f"{name}: {value}" for name, value in data.items())


def _when(time: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(time).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if time else ""
