"""A citizen who shares some numbers with others: his events, audit records and export."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.events import Event
from streams.cli.sla import EXAMPLE
from streams.core.contacts import contact as core
from streams.core.contacts.contact import Contact
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from streams.privacy.citizen_finder import CitizenFinder
from streams.privacy.personal_data import PersonalData, RetentionRule, collect_personal_data
from streams.privacy.writer import Format, write
from streams.settings.sla_file import load_policies
from streams.timeline.store import Timeline
from tests.support.events import CASE, PHONE, START_MS, make
from tests.support.timelines import call, entries_of

LANDLINE, OTHER, FORMER = "phone:k1-landline", "case:k1-other", "phone:k1-former"
NASTY = 'mail:mailroom/<img src=x onerror="alert(1)">:1'
ZONE = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 26, 5, tzinfo=UTC)


def events() -> list[Event]:
    letter = {"subject": NASTY, "site": "siege", "service": "mdph"}
    return [
        *call("call:a:own", 0, f"{CASE} {PHONE}"),
        make("feedback.given", 90, subject="call:a:own", scale="csat_1_5", score=2),
        make("letter.arrived", 10, **letter, pages=3, identities=CASE),
        make("letter.registered", 11, **letter, chrono="2026A/<b>7", identities=CASE),
        *call("call:a:landline", 20, f"{CASE} {LANDLINE}"),
        *call("call:a:former", 30, f"{CASE} {FORMER}"),
        *call("call:a:other", 40, f"{OTHER} {LANDLINE}"),
        *call("call:a:family", 50, LANDLINE),
    ]


def fill(timeline: Timeline, published: list[Event]) -> CitizenFinder:
    """Write the rows as the worker would, and return a finder for them."""
    policies, rows = load_policies(EXAMPLE), dict[bytes, Contact]()
    timeline.write(entries_of(published))
    for event in published:
        row = core.fold(rows.get(event.subject.encode()), event)
        row.clocks, _ = advance(row.clocks, clock_intervals(row), policies, START_MS)
        rows[event.subject.encode()] = row

    def read(wanted: Callable[[bytes, bytes], bool]) -> Mapping[bytes, bytes]:
        return {key: value for key, row in rows.items() if wanted(key, value := core.encode(row))}

    return CitizenFinder(timeline, read)


def records() -> list[dict[str, Any]]:
    about = {
        "at": "2026-11-25T08:00:00Z",
        "who": "camille.exemple",
        "role": "agent",
        "operation": "look_up",
        "result": "shown",
    }
    return [
        {**about, "whose": PHONE, "why": "contact"},
        {**about, "whose": "call:a:own", "why": "complaint"},
        {**about, "whose": CASE, "why": "security"},
        {**about, "whose": OTHER, "why": "contact"},
        {**about, "whose": LANDLINE, "why": "contact"},
        {**about, "whose": LANDLINE, "why": "contact", "result": "not_found"},
        {**about, "whose": LANDLINE, "why": "rights", "operation": "erase", "result": "begun"},
        {**about, "whose": FORMER, "why": "contact"},
        {"begin": 1},
    ]


def collect(timeline: Timeline, finder: CitizenFinder, asked: str) -> PersonalData:
    kept = [RetentionRule("timelines", "timeline.db", 92, "after it was closed")]
    return collect_personal_data(timeline, finder, asked, "", records, kept, NOW)


def written(timeline: Timeline, finder: CitizenFinder, kind: Format, language: str = "en", asked: str = PHONE) -> bytes:
    return b"".join(write(collect(timeline, finder, asked), kind, language, ZONE))
