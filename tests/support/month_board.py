"""Comparison of the board of a simulated month with its actions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from connectors.simulator.office_hours import midnight
from tests.support.expected_board import board_details, board_now, board_satisfaction, board_services
from tests.support.expected_metrics import PARIS, TARGETS, WRITTEN_CHANNELS, ExpectedMetrics, day_of
from tests.support.month import HEARTBEAT_SECONDS, OPTIONS, Month
from tests.support.month_sla_board import SlaBoard
from tests.support.simulated_workers import milliseconds

BOARD_NOT_COMPARED: Final = {
    "version": "of the page",
    "rejected": "by the connectors; the simulated records are usable",
    "agents_available": "as contact_agents",
    "agents_on_contact": "as contact_agents",
    "agents_paused": "as contact_agents",
    "label_fr": "words",
    "label_en": "words",
    "thresholds": "a setting",
    "formula": "a setting",
    "target_seconds": "a setting",
    "desk_target_seconds": "a setting",
    "short_abandon_seconds": "a setting",
    "service_level": "a setting, at the head of the board",
    "abandonment": "a setting, at the head of the board",
    "backlog_age_seconds": "a setting",
    "fewest_answers": "a setting",
    "quiet_after_seconds": "a setting",
    "low": "how far a forecast may be off, or a share: test_forecast, test_satisfaction",
    "high": "the same",
    "lower": "the same",
    "upper": "the same",
}


def compare_board(month: Month, message: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return the differences between the board and the actions: name, actual, expected."""
    expected, expected_sla = (
        ExpectedMetrics(month.history, month.until, month.expected_sla.experience),
        month.expected_sla,
    )
    board, found = message["board"], []

    def compare(path: str, actual: Any, expected_value: Any) -> None:
        if isinstance(actual, dict) and isinstance(expected_value, dict):
            for name in sorted(
                (actual.keys() | expected_value.keys()) - BOARD_NOT_COMPARED.keys()
                | (expected_value.keys() & actual.keys())
            ):
                compare(f"{path}.{name}", actual.get(name), expected_value.get(name))
        elif actual != expected_value:
            found.append((path, actual, expected_value))

    compare("all", board["all"], board_now(expected, "call"))
    places = {fact.place for fact in expected.facts if fact.place[0] in TARGETS}
    queues = {
        tuple(queue[name] for name in ("channel", "site", "service", "queue")): queue for queue in board["queues"]
    }
    assert len(queues) == len(board["queues"])
    for place in sorted(places | queues.keys()):
        names = dict(zip(("channel", "site", "service", "queue"), place, strict=True))
        names["calendar"] = expected_sla.calendar_at(place)
        compare(f"queues {place}", queues.get(place, {}), names | board_now(expected, place[0], place))
    compare("all_services", board["all_services"], board_services(expected))
    written = (*WRITTEN_CHANNELS, "appointment", "feedback")
    services = {fact.place[2] for fact in expected.facts if fact.place[0] in written}
    actual = {service["service"]: service for service in board["services"]}
    for service in sorted(services | actual.keys()):
        calendar = actual.get(service, {}).get("calendar")
        compare(f"calendar {service}", calendar in expected_sla.calendars_of(service), True)
        identity = {"service": service, "calendar": calendar}
        compare(f"services {service}", actual.get(service, {}), identity | board_services(expected, service))
    for name, wanted in board_details(expected).items():
        compare(name, sorted(map(str, board[name])), sorted(map(str, wanted)))
    compare("arrivals", sorted(map(str, board["arrivals"])), sorted(map(str, _arrivals(expected))))
    compare("day", board["day"], _curve(expected))
    compare("usual", board["usual"], _usual(expected))
    opinions = {f"{actual['measure']} {actual['service']}": actual for actual in board["satisfaction"]}
    wanted_opinions = {
        f"{expected_value['measure']} {expected_value['service']}": expected_value
        for expected_value in board_satisfaction(expected)
    }
    assert len(opinions) == len(board["satisfaction"])
    for name in opinions.keys() | wanted_opinions.keys():
        compare(f"satisfaction {name}", opinions.get(name, {}), wanted_opinions.get(name, {}))
    compare("history", board["history"], {})
    found += SlaBoard(expected_sla).compare(board["promises"])
    compare("recent", board["recent"], _recent(month.until))
    until, as_of = milliseconds(month.until), message["clock"]["as_of"]
    compare("as_of", 0 <= until - as_of < 1000 * HEARTBEAT_SECONDS, True)
    clock = {
        "now": until,
        "as_of": as_of,
        "event_at": max(milliseconds(event.time) for event in month.events),
        "state": "live",
        "stale_after_seconds": OPTIONS.stale_after_seconds,
    }
    compare("clock", message["clock"], clock)
    compared = {"all", "queues", "all_services", "services", "arrivals", "day", "usual", "satisfaction"}
    compared |= {"history", "recent", "promises", "reasons", "lines", "menu", "callbacks", "post"}
    assert board.keys() == compared | (board.keys() & BOARD_NOT_COMPARED.keys())
    return found


def _recent(until: datetime) -> dict[str, str]:
    """Return the span of the last half hour in whole buckets of five minutes, including the current one."""
    now = int(until.timestamp())
    since, end = -(-(now - 1800) // 300) * 300, (now // 300 + 1) * 300
    times = (datetime.fromtimestamp(at, PARIS).isoformat(timespec="minutes") for at in (since, end))
    return dict(zip(("since", "until"), times, strict=True))


def _arrivals(expected: ExpectedMetrics) -> list[dict[str, Any]]:
    """Return the last arrival at each site, as the end of its bucket of five minutes; today or in the half hour before
    midnight.
    """
    latest: dict[tuple[str, str], int | None] = {}
    for fact in expected.facts:
        if fact.place[0] in TARGETS and fact.name == "offered":
            source = fact.place[:2]
            end = (int(fact.at.timestamp()) // 300 + 1) * 300_000 if day_of(fact.at) == expected.today else 0
            latest[source] = max(latest.get(source) or 0, end) or None
    return [
        {"channel": channel, "site": site, "until": until, "quiet_after_seconds": OPTIONS.quiet_after_seconds}
        for (channel, site), until in latest.items()
    ]


def _usual(expected: ExpectedMetrics) -> dict[str, Any]:
    """Return the averages of the same weekdays, without holidays and without the first one. Calls are assumed even within an
    hour.
    """
    calls = [fact.at.astimezone(PARIS) for fact in expected.facts if fact.place[0] == "call" and fact.name == "offered"]
    days = sorted(
        day
        for day in {at.date() for at in calls}
        if day.weekday() == expected.today.weekday() and min(calls).date() < day < expected.today
    )
    by_hour = [[sum(at.date() == day and at.hour == hour for at in calls) for hour in range(24)] for day in days]
    now = expected.now.astimezone(PARIS)
    part = now.minute // 5 * 5 / 60
    by_now = sum(sum(hours[: now.hour]) + hours[now.hour] * part for hours in by_hour) / len(days)
    return {
        "of_sundays": False,
        "days": [day.isoformat() for day in days],
        "by_hour": [round(sum(hour) / len(days), 1) for hour in zip(*by_hour, strict=True)],
        "by_now": round(by_now, 1),
        "rest": round(sum(map(sum, by_hour)) / len(days) - by_now, 1),
    }


def _curve(expected: ExpectedMetrics) -> dict[str, Any]:
    begin = midnight(expected.today)
    end = midnight(expected.today + timedelta(days=1))
    steps = (int((expected.now - begin).total_seconds())) // 300 + 1
    curve = {name: [0] * steps for name in ("offered", "answered", "abandoned")}
    for fact in expected.facts_today:
        if fact.place[0] == "call" and fact.name in curve:
            curve[fact.name][int((fact.at - begin).total_seconds()) // 300] += 1
    return {
        "start": int(begin.timestamp()),
        "end": int(end.timestamp()),
        "step": 300,
        "received": curve["offered"],
        "answered": curve["answered"],
        "abandoned": curve["abandoned"],
    }
