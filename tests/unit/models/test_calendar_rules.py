"""Calendar rules in TOML, and the errors for invalid rules."""

from datetime import date
from typing import Any

import pytest
import tomli_w
from pydantic import ValidationError

from models.calendars import CalendarError, CalendarRules, read_rules
from models.calendars.spans import Span, merge, parse_span, subtract

WHOLE = """
timezone = "Europe/Paris"
holidays = "FR-57"
rest_days = ["sunday"]
roll_days = ["saturday", "sunday"]
closures = [
    2026-12-24,
    { from = 2026-08-10, to = 2026-08-14 },
    { on = 2026-12-31, hours = "12:00-24:00" },
]
extra = [{ on = 2026-11-01, hours = ["09:00-12:00"] }]

[[versions]]
from = 2026-01-01
monday = ["13:30-17:00", "08:30-12:00"]
saturday = "09:00-12:00"

[[versions]]
from = 2027-01-01
sunday = "00:00-24:00"
"""


def test_rules_are_read_with_all_keys() -> None:
    rules = read_rules(WHOLE)
    assert rules.versions[0].week[0] == (Span(510, 720), Span(810, 1020))
    assert rules.versions[1].week[6] == (Span(0, 1440),)
    single, row, afternoon = rules.closures
    assert (single.from_, single.to, single.hours) == (date(2026, 12, 24), date(2026, 12, 24), None)
    assert (row.from_, row.to, row.is_whole) == (date(2026, 8, 10), date(2026, 8, 14), True)
    assert (afternoon.from_, afternoon.spans, afternoon.is_whole) == (date(2026, 12, 31), (Span(720, 1440),), False)


def test_rules_survive_a_round_trip_through_toml() -> None:
    rules = read_rules(WHOLE)
    text = tomli_w.dumps(rules.model_dump(exclude_none=True))
    assert "08:30-12:00" in text
    assert read_rules(text) == rules


OPEN = {"monday": "09:00-12:00"}


@pytest.mark.parametrize(
    ("change", "key", "reason", "french"),
    [
        ({"timezone": "Europe/Pari"}, "timezone", "unknown time zone Europe/Pari", "fuseau horaire inconnu"),
        ({"timezone": "../etc/passwd"}, "timezone", "unknown time zone", "fuseau horaire inconnu"),
        ({"holidays": "FR-99"}, "holidays", "no holidays are known for FR-99", "jours fériés inconnus"),
        ({"versions": [{"monday": "8:30-12:00"}]}, "versions.0.monday.0", "must be HH:MM-HH:MM", "attend HH:MM"),
        ({"versions": [{"monday": "08:30-24:01"}]}, "versions.0.monday.0", "must be HH:MM-HH:MM", "attend HH:MM"),
        ({"versions": [{"monday": "22:00-06:00"}]}, "versions.0.monday.0", "22:00-06:00 ends before", "finit avant"),
        (
            {"versions": [{"monday": ["09:00-12:00", "11:59-13:00"]}]},
            *("versions.0.monday", "09:00-12:00 and 11:59-13:00 overlap", "se chevauchent"),
        ),
        ({"versions": []}, "versions", "at least 1", ""),
        ({"versions": [{}]}, "versions.0", "never opens", "n'ouvre jamais"),
        ({"versions": [OPEN, OPEN]}, "", "in the order of their first days", "dans l'ordre"),
        (
            {"versions": [OPEN | {"from": date(2027, 1, 1)}, OPEN | {"from": date(2026, 1, 1)}]},
            *("", "in the order of their first days", "dans l'ordre"),
        ),
        ({"versions": [OPEN | {"mondya": "09:00-12:00"}]}, "versions.0.mondya", "not permitted", ""),
        ({"rest_days": ["sonntag"]}, "rest_days.0", "should be 'monday'", ""),
        (
            {"roll_days": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]},
            *("roll_days", "must not list all seven days", "ne doit pas citer les sept jours"),
        ),
        ({"closures": [{"from": date(2026, 8, 2)}]}, "closures.0.to", "Field required", ""),
        (
            {"closures": [{"on": date(2026, 8, 2), "to": date(2026, 8, 3)}]},
            *("closures.0", "either on, or from", "soit on"),
        ),
        (
            {"closures": [{"from": date(2026, 8, 2), "to": date(2026, 8, 1)}]},
            *("closures.0", "to (2026-08-01) is before from (2026-08-02)", "est avant"),
        ),
        ({"closures": [date(1969, 12, 31)]}, "closures.0", "greater than", ""),
        ({"closures": [date(2101, 1, 1)]}, "closures.0", "less than", ""),
        ({"closures": ["soon"]}, "closures.0", "valid date", ""),
        ({"closures": [3]}, "closures.0", "must be a day such as", "attend un jour comme"),
        ({"closures": [{"on": date(2026, 8, 2), "hours": []}]}, "closures.0", "hours is empty", "est vide"),
        ({"extra": [date(2026, 8, 2)]}, "", "extra needs hours", "a besoin de hours"),
    ],
)
def test_invalid_rules_are_rejected_with_key_and_reason(
    change: dict[str, Any], key: str, reason: str, french: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError) as refused:
        CalendarRules.model_validate({"versions": [OPEN]} | change)
    detail, *others = refused.value.errors()
    assert {other["type"] for other in others} <= {"too_short"}  # raised for a list without valid items
    assert ".".join(map(str, detail["loc"])) == key
    assert reason in detail["msg"]
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    with pytest.raises(ValidationError) as refused:
        CalendarRules.model_validate({"versions": [OPEN]} | change)
    assert french in refused.value.errors()[0]["msg"]


def test_invalid_toml_is_rejected_with_its_line() -> None:
    with pytest.raises(CalendarError, match="line 2"):
        read_rules('timezone = "Europe/Paris"\nversions = x\n')


def test_spans_are_merged_and_subtracted() -> None:
    spans = [parse_span(text) for text in ("13:00-15:00", "08:00-12:00", "12:00-13:00", "14:00-14:30")]
    assert list(map(str, merge(spans))) == ["08:00-15:00"]
    holes = [parse_span("09:00-10:00"), parse_span("14:00-24:00")]
    assert list(map(str, subtract(merge(spans), holes))) == ["08:00-09:00", "10:00-14:00"]
    assert subtract(spans, [Span(0, 1440)]) == []
