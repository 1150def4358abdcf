"""Import of closures from iCalendar, and export of openings and closures."""

from datetime import UTC, date, datetime
from typing import Any

import icalendar
import pytest

from models.calendars import Calendar, CalendarError, DateRange
from models.calendars.ical import read_days, write_closures, write_openings
from tests.support.calendars import OFFICE, make

WRITTEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday"), OFFICE)


def feed(*lines: str, head: str = "") -> str:
    event = "\r\n".join(lines)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def days(first: str, last: str | None = None, hours: str | None = None) -> DateRange:
    return DateRange.model_validate({"from": first, "to": last or first, "hours": hours})


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["DTSTART;VALUE=DATE:20260810"], [days("2026-08-10")]),
        (["DTSTART;VALUE=DATE:20260810", "DTEND;VALUE=DATE:20260815"], [days("2026-08-10", "2026-08-14")]),
        (["DTSTART;VALUE=DATE:20260810", "DURATION:P2D"], [days("2026-08-10", "2026-08-11")]),
        (["DTSTART:20260810T120000Z", "DTEND:20260810T130000Z"], [days("2026-08-10", hours="14:00-15:00")]),
        (["DTSTART:20260810T120000", "DTEND:20260810T130000"], [days("2026-08-10", hours="12:00-13:00")]),
        (
            ["DTSTART;TZID=Indian/Reunion:20260810T120000", "DTEND;TZID=Indian/Reunion:20260810T130000"],
            [days("2026-08-10", hours="10:00-11:00")],
        ),
        (["DTSTART;TZID=Europe/Paris:20260810T120000", "DURATION:PT12H"], [days("2026-08-10", hours="12:00-24:00")]),
        (
            ["DTSTART:20260810T160000Z", "DTEND:20260812T060000Z"],
            [
                days("2026-08-10", hours="18:00-24:00"),
                days("2026-08-11", hours="00:00-24:00"),
                days("2026-08-12", hours="00:00-08:00"),
            ],
        ),
        (["DTSTART;VALUE=DATE:20260810", "STATUS:CANCELLED"], []),
    ],
)
def test_events_are_read_as_days(lines: list[str], found: list[DateRange]) -> None:
    assert list(read_days(feed(*lines), "Europe/Paris")) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not an iCalendar"),
        ("BEGIN:VCALENDAR", "not an iCalendar"),
        (feed("UID:1").replace("VERSION", "BEGIN:VTIMEZONE\r\nTZID:x\r\nEND:VTIMEZONE\r\nVERSION"), "not an iCalendar"),
        (feed("UID:1"), "event 1 has no DTSTART"),
        (feed("DTSTART;VALUE=DATE:20260810", "DTSTART;VALUE=DATE:20260811"), "event 1"),
        (feed("DTSTART;VALUE=DATE:20260810", "RRULE:FREQ=YEARLY"), "event 1 has RRULE"),
        (feed("DTSTART:20260810T120000Z"), "does not end"),
        (feed("DTSTART:20260810T120000Z", "DTEND:20260810T110000Z"), "does not end"),
        (feed("DTSTART:20260810T120000Z", "DTEND;VALUE=DATE:20260811"), "event 1"),
        (feed("DTSTART:20260810T120000Z", "DTEND:20260810T130000"), "event 1"),
        (feed("DTSTART:20260810T120030Z", "DTEND:20260810T130000Z"), "seconds"),
        (feed("DTSTART;TZID=Mars/Olympus:20260810T120000", "DURATION:PT1H"), "unknown time zone: Mars/Olympus"),
        (feed("DTSTART:20261025T013000Z", "DTEND:20261025T050000Z"), "second occurrence"),
        (feed("DTSTART;VALUE=DATE:19690101"), "is outside the years"),
    ],
)
def test_unsupported_events_are_rejected(text: str, reason: str) -> None:
    with pytest.raises(CalendarError, match=reason):
        read_days(text, "Europe/Paris")


def test_error_messages_do_not_contain_texts_of_events() -> None:
    text = feed("UID:camille@example.org", "SUMMARY:Absence de Camille", "DTSTART:20260810T120000Z", "RRULE:FREQ=DAILY")
    with pytest.raises(CalendarError) as refused:
        read_days(text, "Europe/Paris")
    assert "amille" not in str(refused.value)


@pytest.mark.parametrize(
    ("zone", "week"),
    [
        ("Europe/Paris", WEEK),
        ("Europe/Paris", WEEK | {"sunday": ["00:30-02:30", "02:45-24:00"], "monday": "00:00-24:00"}),
        ("Australia/Lord_Howe", WEEK | {"sunday": "01:45-02:15"}),
        ("America/Havana", WEEK | {"saturday": "20:00-24:00", "sunday": "00:00-00:45"}),
    ],
)
def test_exported_openings_can_be_imported(zone: str, week: dict[str, Any]) -> None:
    calendar = make(
        timezone=zone,
        versions=[week],
        closures=[date(2026, 8, 10), {"on": date(2026, 8, 11), "hours": "10:00-14:00"}],
        extra=[{"on": date(2026, 12, 25), "hours": "10:00-11:00"}],
    )
    openings = read_days(write_openings(calendar, 2026, "siege", WRITTEN_AT), zone)
    again = make(timezone=zone, closures=[{"from": date(2026, 1, 1), "to": date(2026, 12, 31)}], extra=openings)
    assert joined(again) == joined(calendar)


def joined(calendar: Calendar) -> list[tuple[int, int]]:
    """Return the openings of the year, joined where the change to summer time makes two of them touch."""
    found: list[tuple[int, int]] = []
    for opens, closes in calendar.openings(2026):
        if found and found[-1][1] == opens:
            opens = found.pop()[0]
        found.append((opens, closes))
    return found


def test_exported_closures_can_be_imported() -> None:
    calendar = make(versions=[WEEK], closures=[{"from": date(2026, 8, 10), "to": date(2026, 8, 14)}])
    text = write_closures(calendar, 2026, "siege", WRITTEN_AT)
    closures = read_days(text, "Europe/Paris")
    assert days("2026-08-07", "2026-08-16") in closures
    again = make(holidays=None, closures=closures, versions=[WEEK | dict.fromkeys(("friday", "sunday"), "10:00-12:00")])
    assert list(again.openings(2026)) == list(calendar.openings(2026))


def test_export_is_a_deterministic_icalendar() -> None:
    text = write_openings(make(versions=[WEEK]), 2026, "siege", WRITTEN_AT)
    assert text == write_openings(make(versions=[WEEK]), 2026, "siege", WRITTEN_AT)
    assert uids(text).isdisjoint(uids(write_openings(make(versions=[WEEK]), 2026, "annexe", WRITTEN_AT)))
    (parsed,) = icalendar.Calendar.from_ical(text, multiple=True)
    assert parsed["VERSION"] == "2.0"
    assert all({"UID", "DTSTAMP", "DTSTART", "DTEND"} <= event.keys() for event in parsed.events)
    assert len(uids(text)) == len(parsed.events)


def uids(text: str) -> set[str]:
    return {event["UID"] for event in icalendar.Calendar.from_ical(text).events}
