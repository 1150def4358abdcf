"""Lay out an export as chapters and tables, for HTML and PDF."""
# ruff: noqa: RUF001 - typographic apostrophes

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from models.locale import C_, N_
from models.sla import SLA_SOURCE
from streams.privacy.formatting import Formatter, format_entry
from streams.privacy.personal_data import ContactData, Fact, PersonalData

ABOUT: Final = (
    N_(
        "Telephone numbers, e-mail addresses, case and procedure numbers are stored only as pseudonyms, made with the "
        "sector’s key. Names, subjects and texts are not stored. Numbers given by the services are shown in clear, such "
        "as the registration number of a letter, and those of your contacts."
    ),
    N_("In this document, “the citizen” means you."),
)
HIDDEN_ACCESSES: Final = N_(
    "Employees are not named (Court of Justice of the EU, C-579/21). Accesses for security incidents, not listed: {count}."
)
SHARED_ACCESSES: Final = N_(
    "Some number here is shared by several people. Look-ups that showed its entries, for any of them: {count}."
)


class Section(NamedTuple):
    """A table with a caption and an optional note. Caption and columns are untranslated messages; the rest is translated."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


class Chapter(NamedTuple):
    """Chapter about one contact. `line` has its place, state and identities; `parts` are its tables that have rows."""

    title: str
    line: str
    parts: Sequence[Section]


class Document(NamedTuple):
    """Content of the HTML and PDF files: sections `before` and `after` the chapters of the contacts."""

    title: str
    about: Sequence[str]
    notice_title: str
    notice: Sequence[str]
    """Paragraphs."""
    before: Sequence[Section]
    contacts_title: str
    contacts: Iterator[Chapter]
    after: Sequence[Section]


def build_document(personal_data: PersonalData, language: str, zone: tzinfo) -> Document:
    """Return the document. Contacts are read while their chapters are iterated, which may raise `Unavailable`."""
    formatter = Formatter(
        language, zone, personal_data.services, queues=personal_data.queues, reasons=personal_data.reasons
    )
    translate, format_time = formatter.translate, formatter.format_time
    about = [
        translate(
            "Subject: {asked}, sector {sector}. Made on {made_at}. Time zone: {zone}.",
            asked=personal_data.asked,
            sector=personal_data.sector,
            made_at=format_time(personal_data.made_at),
            zone=str(zone),
        ),
        " ".join(map(translate, ABOUT)),
    ]
    if not personal_data.is_whole:
        about.append(
            translate("More identities are linked than are included here: ask again with one of the last identities.")
        )
    access_notes = [translate(HIDDEN_ACCESSES, count=personal_data.accesses_withheld)]
    if personal_data.accesses_shared:
        access_notes.append(translate(SHARED_ACCESSES, count=personal_data.accesses_shared))
    known = [
        (
            item.identity,
            formatter.name("kind", item.identity.partition(":")[0]),
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
            formatter.name("role", item.role) if item.role else translate("administrator at the command line"),
            formatter.name("result", item.result),
            item.subject_id,
        )
        for item in personal_data.accesses
    ]
    kept = [
        (item.what, item.until if item.days is None else f"{translate('{days} days', days=item.days)} {item.until}")
        for item in personal_data.retention
    ]
    return Document(
        translate("All data held about you"),
        about,
        translate("From the data controller"),
        [paragraph for part in re.split(r"\n\s*\n", personal_data.notice) if (paragraph := " ".join(part.split()))],
        [
            Section(
                N_("Your identities"),
                (N_("identity"), C_("export", "kind"), N_("linked to"), N_("contacts"), N_("since")),
                known,
            ),
            Section(N_("Withheld data and the reasons"), (N_("identity"), N_("reason"), N_("linked to")), withheld),
        ],
        translate("Your contacts: {count}", count=personal_data.contact_count),
        (_make_chapter(contact, formatter) for contact in personal_data.contacts),
        [
            Section(
                N_("Accesses to your data"),
                (N_("when"), N_("operation"), N_("purpose"), N_("role"), N_("result"), N_("identity or contact")),
                accesses,
                " ".join(access_notes),
            ),
            Section(N_("Retention periods"), (N_("data"), N_("duration")), kept),
        ],
    )


def _make_chapter(contact: ContactData, formatter: Formatter) -> Chapter:
    translate, format_time, where = formatter.translate, formatter.format_time, formatter.where
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
    sla_targets = [
        (
            formatter.with_detail(
                formatter.name("clock", item.clock), translate("policy {policy}", policy=item.policy)
            ),
            format_time(item.started_at),
            formatter.deadline(item.deadline_at),
            format_time(item.ended_at),
            translate(C_("export", "missed")) if item.is_breached else translate("met") if item.ended_at else "",
        )
        for item in contact.sla_targets
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
        Section(N_("Events"), (N_("when"), C_("page", "event"), N_("where"), N_("state"), N_("outcome")), entries),
        Section(
            N_("SLA targets"),
            (N_("target"), C_("export", "from"), N_("deadline"), N_("ended"), N_("result")),
            sla_targets,
        ),
        Section(
            N_("Waits"),
            (N_("when"), N_("queue"), N_("outcome"), N_("wait, s"), N_("conversation, s"), N_("transferred to")),
            stays,
        ),
        _make_facts(N_("Feedback"), contact.opinions, formatter),
        _make_facts(N_("Details"), contact.facts, formatter),
    ]
    title = f"{formatter.name('channel', contact.channel)} {contact.contact}"
    line = [where(contact.site, contact.service), formatter.name("state", contact.state), *contact.identities]
    return Chapter(title, ", ".join(filter(None, line)), [part for part in parts if part.rows])


def _make_facts(caption: str, facts: Iterable[Fact], formatter: Formatter) -> Section:
    rows = [
        (
            formatter.name("type", item.type.partition(":")[0]),
            formatter.format_time(item.first_at),
            formatter.format_time(item.last_at),
            formatter.data(item.data),
        )
        for item in facts
    ]
    return Section(caption, (C_("page", "event"), N_("first"), C_("export", "last"), N_("Details")), rows)
