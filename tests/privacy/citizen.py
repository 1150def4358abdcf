"""Sample citizen who shares some numbers with others: events, audit records and export."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.events import Event
from streams.cli.sla import EXAMPLE
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from streams.privacy.citizen_finder import CitizenFinder
from streams.privacy.personal_data import PersonalData, RetentionRule, collect_personal_data
from streams.privacy.writer import Format, write
from streams.settings.sla_file import load_policies
from streams.timeline.store import Timeline
from tests.support.events import CASE, PHONE, START_MS, make
from tests.support.timelines import call, entries_of
from tests.support.worker_state import WorkerState

LANDLINE, OTHER, FORMER = "phone:k1-landline", "case:k1-other", "phone:k1-former"
HOSTILE_CONTACT = 'mail:mailroom/<img src=x onerror="alert(1)">:1'
ZONE = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 26, 5, tzinfo=UTC)


def events() -> list[Event]:
    letter = {"subject": HOSTILE_CONTACT, "site": "siege", "service": "mdph"}
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
    """Write the timelines and the rows of these events, with their SLA clocks, and return a finder for them."""
    policies, state = load_policies(EXAMPLE), WorkerState()
    timeline.write(entries_of(published))
    for event in published:
        state.fold([event])
        row = state.rows[event.subject.encode()]
        row.clocks, _ = advance(row.clocks, clock_intervals(row), policies, START_MS)
    return CitizenFinder(timeline, state.read)


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


def collect(timeline: Timeline, finder: CitizenFinder, subject: str) -> PersonalData:
    rules = [RetentionRule("timelines", 92, "after it was closed")]
    return collect_personal_data(timeline, finder, subject, "", records, rules, NOW)


def written(
    timeline: Timeline, finder: CitizenFinder, kind: Format, language: str = "en", subject: str = PHONE
) -> bytes:
    return b"".join(write(collect(timeline, finder, subject), kind, language, ZONE))
