"""Import of closures from iCalendar."""

import pytest

from models.calendars import CalendarError, DateRange
from models.calendars.ical import read_days


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
