"""Expected SLA content of `/metrics`, board and reports of a simulated month."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from connectors.simulator.case_tallies import DimensionKey
from connectors.simulator.office_hours import midnight
from tests.support.expected_history import HistorySnapshot
from tests.support.expected_metrics import Series, day_of, name_series
from tests.support.plain_sla import (
    QUEUE_CHANNELS,
    TIME_UNITS,
    WRITTEN_CHANNELS,
    PlainSlaFile,
    PlainSlaTarget,
    applies_to,
    clock_kinds_at,
    next_change,
)
from tests.support.simulated_workers import milliseconds

SLA_FILE: Final = Path(__file__).with_name("month.sla.toml")
HORIZONS: Final = {"1h": 3600, "4h": 14_400, "1d": 86_400, "3d": 259_200, "7d": 604_800}
STATES: Final = ("running", "at_risk", "overdue", "paused")
RESULTS: Final = ("met", "breached", "cancelled")
FACTS: Final = ("started", "met", "breached", "cancelled", "late")
_CORRECTED: Final = {
    "contact_sla_started_total": "started",
    "contact_sla_late_total": "late",
    "contact_sla_completed_total": "",
}
"""Counter → fact in its correction counter; if empty, the result."""
_METRICS: Final = (
    *_CORRECTED,
    "contact_sla_corrected_total",
    "contact_sla_open_items",
    "contact_sla_due_items",
    "contact_sla_oldest_overdue_timestamp_seconds",
    "contact_sla_objective_ratio",
    "contact_sla_target_seconds",
    "contact_sla_policy_info",
    "contact_calendar_open",
    "contact_calendar_change_timestamp_seconds",
    "contact_queue_open",
    "contact_oldest_item_business_age_seconds",
    "pipeline_sla_file_last_reload_successful",
)
BUSINESS_TIME_HISTOGRAMS: Final = {
    "contact_first_response_business_seconds": "first_response",
    "contact_resolution_business_seconds": "resolution",
}
SLA_TABLES: Final = ("sla", "sla_by_service")
MAX_LISTED: Final = 12
"""Maximum number of lines for late and for due contacts on the board."""
FEWEST: Final = 5
"""Minimum number of contacts of a named line in a report."""
_FIVE_MINUTES_MS: Final = 300_000

T = TypeVar("T")
K = TypeVar("K")
SlaKey = tuple[str, str, str]
"""Policy, clock, channel."""


class SlaDimensions(NamedTuple):
    """Dimensions under which SLA targets are counted."""

    policy: str
    kind: str
    channel: str
    site: str
    service: str

    def series(self, sample: str, **labels: str) -> Series:
        """Return a series with these dimensions."""
        place = (self.channel, self.site, self.service, "")
        return name_series(sample, place, policy=self.policy, clock=self.kind, **labels)

    @property
    def sla_key(self) -> SlaKey:
        """Policy, clock and channel."""
        return self.policy, self.kind, self.channel


def dimensions_of(target: PlainSlaTarget) -> SlaDimensions:
    """Return the dimensions of an SLA target."""
    return SlaDimensions(target.policy, target.kind, *target.place[:3])


class ExpectedSla:
    """All SLA targets of a file, as of `now`."""

    def __init__(self, file: PlainSlaFile, history: HistorySnapshot, now: datetime) -> None:
        self.file = file
        self.now = now
        self.sla_targets: Sequence[PlainSlaTarget] = self.file.sla_targets(history.sla_items, now)
        self.in_force = list(self.file.in_force(milliseconds(now)))
        self.came_to = {
            target.place
            for target in (*history.facts, *history.open)
            if target.place[0] in (*QUEUE_CHANNELS, *WRITTEN_CHANNELS)
        }
        """Places with at least one contact."""
        self.by_place: dict[SlaDimensions, list[PlainSlaTarget]] = _group(self.sla_targets, dimensions_of)
        for place in self.came_to:
            if version := self.find(place):
                for kind in clock_kinds_at(version, place):
                    self.by_place.setdefault(SlaDimensions(version["name"], kind, *place[:3]), [])
        self._history = history
        by_contact = _group(self.sla_targets, lambda target: target.contact)
        self._experiences = {contact: _experience(own_targets) for contact, own_targets in by_contact.items()}

    def find(self, place: DimensionKey) -> dict[str, Any] | None:
        """Return the policy in force at a place."""
        return next((version for version in self.in_force if applies_to(version, place)), None)

    def experience(self, contact: str) -> str:
        """Return the overall SLA result of a contact, as used for opinions."""
        return self._experiences.get(contact, "no_promise")

    # ---------------------------------------------------------------------------------------------------------- /metrics
    def samples(self) -> dict[str, dict[Series, float]]:
        """Return metric → all of its series."""
        actual: dict[str, dict[Series, float]] = {name: {} for name in _METRICS}
        for at, sla_targets in self.by_place.items():
            number = _results(sla_targets)
            actual["contact_sla_started_total"][at.series("contact_sla_started_total")] = len(sla_targets)
            actual["contact_sla_late_total"][at.series("contact_sla_late_total")] = number["late"]
            for result in RESULTS:
                series = at.series("contact_sla_completed_total", result=result)
                actual["contact_sla_completed_total"][series] = number[result]
            for fact in FACTS:  # without late events, nothing is corrected
                actual["contact_sla_corrected_total"][at.series("contact_sla_corrected_total", fact=fact)] = 0
            for state in STATES:
                series = at.series("contact_sla_open_items", state=state)
                actual["contact_sla_open_items"][series] = sum(target.state == state for target in sla_targets)
            for horizon, seconds in HORIZONS.items():
                until = milliseconds(self.now + timedelta(seconds=seconds))
                due = sum(target.is_due and _five_minutes(target) < until for target in sla_targets)
                actual["contact_sla_due_items"][at.series("contact_sla_due_items", horizon=horizon)] = due
            if overdue := _oldest_overdue(sla_targets):
                name = "contact_sla_oldest_overdue_timestamp_seconds"
                actual[name][at.series(name)] = overdue / 1000
        self._put_policies(actual)
        self._put_calendars(actual)
        return actual

    def compare_incremental_metrics(
        self, actual: Mapping[str, Mapping[Series, float]]
    ) -> tuple[int, list[tuple[Series, float, float]]]:
        """Return the corrected amount, and the differences: series, actual, expected.

        With late events, counters contain the final numbers and the corrections. Series of a letter's former places
        remain.
        """
        expected, found = self.samples(), []
        taken = {series[1]: number for series, number in actual["contact_sla_corrected_total"].items()}
        for name, facts in _CORRECTED.items():
            for series in expected[name].keys() | actual[name].keys():
                labels = dict(series[1])
                fact = facts or labels.pop("result")
                number = expected[name].get(series, 0) + taken[frozenset((labels | {"fact": fact}).items())]
                if actual[name].get(series) != number:
                    found.append((series, actual[name].get(series, float("nan")), number))
        for name in ("contact_sla_open_items", "contact_sla_due_items", "contact_sla_oldest_overdue_timestamp_seconds"):
            for series in expected[name].keys() | actual[name].keys():
                number = expected[name].get(series, 0)
                if actual[name].get(series) != number:
                    found.append((series, actual[name].get(series, float("nan")), number))
        return int(sum(taken.values())), found

    def worked(self) -> dict[Series, list[float]]:
        """Return each series of the business time histograms with its durations in seconds."""
        found: dict[Series, list[float]] = {}
        for sample, kind in BUSINESS_TIME_HISTOGRAMS.items():
            for at, sla_targets in self.by_place.items():
                if at.kind == kind:
                    labels = {"channel": at.channel, "site": at.site, "service": at.service, "queue": ""}
                    series = sample, frozenset({**labels, "policy": at.policy}.items())
                    found[series] = [target.worked_ms / 1000 for target in sla_targets if target.worked_ms is not None]
        return found

    def _put_policies(self, actual: dict[str, dict[Series, float]]) -> None:
        for version in self.in_force:
            for kind, rule in version["clocks"].items():
                sla_key = {"policy": version["name"], "clock": kind}
                _put(actual, "contact_sla_objective_ratio", sla_key, rule.get("objective", 0.9))
                if rule["unit"] in TIME_UNITS:
                    _put(actual, "contact_sla_target_seconds", sla_key, rule["target"])
                calendar = rule.get("calendar") or version["calendar"]
                labels = sla_key | {"calendar": calendar, "unit": rule["unit"], "target": str(rule["target"])}
                _put(actual, "contact_sla_policy_info", labels, 1)

    def _put_calendars(self, actual: dict[str, dict[Series, float]]) -> None:
        now = milliseconds(self.now)
        for name, calendar in self.file.calendars.items():
            _put(actual, "contact_calendar_open", {"calendar": name}, calendar.is_open(now))
            if change := next_change(calendar, now):
                _put(actual, "contact_calendar_change_timestamp_seconds", {"calendar": name}, change / 1000)
        waits = _group(self._history.open, lambda item: item.place)
        for place in self.came_to:
            version = self.find(place)
            if not version:
                continue
            calendar, labels = self.file.calendars[version["calendar"]], dict(name_series("", place)[1])
            of_calendar = labels | {"calendar": version["calendar"]}
            _put(actual, "contact_queue_open", of_calendar, calendar.is_open(now))
            states = ("waiting",) if place[0] in QUEUE_CHANNELS else ("waiting", "in_progress")
            if since := [milliseconds(item.since) for item in waits.get(place, ()) if item.state in states]:
                opened = self.file.opened_ms(version["calendar"], min(since), now)
                _put(actual, "contact_oldest_item_business_age_seconds", labels, opened / 1000)
        _put(actual, "pipeline_sla_file_last_reload_successful", {}, 1)

    # ------------------------------------------------------------------------------------------------------------- board
    def calendar_at(self, place: DimensionKey) -> str:
        """Return the calendar at a place; empty without an SLA policy."""
        return (self.find(place) or {"calendar": ""})["calendar"]

    def calendars_of(self, service: str) -> set[str]:
        """Return the calendars of the written channels of a service; only the empty one if there are none."""
        places = (place for place in self.came_to if place[2] == service and place[0] in WRITTEN_CHANNELS)
        return {calendar for place in places if (calendar := self.calendar_at(place))} or {""}

    def compare_board(self, actual: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        """Return the differences between the board's SLA content and the expected one: name, actual, expected."""
        listed = [target for target in self.sla_targets if target.place[0] in WRITTEN_CHANNELS]
        late = _group((target for target in listed if target.state == "overdue"), at_of_service)
        due = _group((target for target in listed if target.is_due), at_of_service)
        at_risk = [
            target
            for target in listed
            if target.state == "at_risk" and (target.deadline_at or 0) > milliseconds(self.now)
        ]
        lines = [line for at, sla_targets in due.items() for line in self._lines_of_due(at, sla_targets)]
        expected = {
            "openings": self._openings(),
            "standing": self._standing(),
            "waiting": self._waiting(),
            "overdue_lines": len(late),
            "overdue_contacts": sum(map(len, late.values())),
            "at_risk_unknown": 0,
        }
        found = [(name, actual[name], value) for name, value in expected.items() if actual[name] != value]
        for name, all_of_them in (
            ("overdue", [self._line(at, "overdue", sla_targets) for at, sla_targets in late.items()]),
            ("due", lines),
            ("next_at_risk", [self._at_risk(target) for target in at_risk]),
        ):
            found += _compare_first(name, actual[name], all_of_them)
        assert actual.keys() == expected.keys() | {"overdue", "due", "next_at_risk"}
        return found

    def _openings(self) -> list[dict[str, Any]]:
        now = milliseconds(self.now)
        return [
            {
                "calendar": name,
                "is_open": self.file.calendars[name].is_open(now),
                "changes_at": next_change(self.file.calendars[name], now),
            }
            for name in dict.fromkeys(version["calendar"] for version in self.in_force)
        ]

    def _standing(self) -> list[dict[str, Any]]:
        by_which = _group(self.sla_targets, lambda target: dimensions_of(target).sla_key)
        order = [(version["name"], kind) for version in self.in_force for kind in version["clocks"]]
        lines = []
        for sla_key in sorted(by_which, key=lambda sla_key: (order.index(sla_key[:2]), sla_key)):
            sla_targets, today = by_which[sla_key], day_of(self.now)
            met = sum(target.state == "met" and _day(target.ended_at) == today for target in sla_targets)
            breached = sum(target.is_breached and _day(target.deadline_at) == today for target in sla_targets)
            oldest = _oldest_overdue(sla_targets)
            lines.append(
                {
                    **dict(zip(("policy", "clock", "channel"), sla_key, strict=True)),
                    **{state: sum(target.state == state for target in sla_targets) for state in STATES},
                    "oldest_overdue_at": oldest,
                    "overdue_by": oldest and self._working_time(sla_key, oldest, milliseconds(self.now)),
                    "kept": {"numerator": met, "denominator": met + breached},
                    "objective": self._rule(sla_key)[0].get("objective", 0.9),
                }
            )
        return lines

    def _waiting(self) -> list[dict[str, Any]]:
        queued = (
            target
            for target in self.sla_targets
            if target.place[0] in QUEUE_CHANNELS and target.state in {"at_risk", "overdue"}
        )
        lines = []
        for place, sla_targets in sorted(_group(queued, lambda target: target.place[:3]).items()):
            numbers = {state: sum(target.state == state for target in sla_targets) for state in ("at_risk", "overdue")}
            lines.append(dict(zip(("channel", "site", "service"), place, strict=True)) | numbers)
        return lines

    def _rule(self, sla_key: SlaKey) -> tuple[dict[str, Any], str]:
        version = next(policy for policy in self.in_force if policy["name"] == sla_key[0])
        rule = version["clocks"][sla_key[1]]
        return rule, rule.get("calendar") or version["calendar"]

    def _working_time(self, sla_key: SlaKey, begin: int, end: int) -> dict[str, int] | None:
        rule, calendar = self._rule(sla_key)
        return None if rule["unit"] == "elapsed" else self.file.working_time(calendar, begin, end)

    def _line(
        self, at: SlaDimensions, state: str, sla_targets: Sequence[PlainSlaTarget], due_at: int | None = None
    ) -> dict[str, Any]:
        due_at = due_at or min(target.deadline_at for target in sla_targets if target.deadline_at is not None)
        begin, end = sorted((due_at, milliseconds(self.now)))
        return {
            **dict(zip(("policy", "clock", "channel"), at.sla_key, strict=True)),
            "service": at.service,
            "state": state,
            "number": len(sla_targets),
            "due_at": due_at,
            "working_time": self._working_time(at.sla_key, begin, end),
        }

    def _lines_of_due(self, at: SlaDimensions, sla_targets: Sequence[PlainSlaTarget]) -> list[dict[str, Any]]:
        """Return due contacts in buckets of five minutes, and after today by day.

        The first ones are reported as at risk, up to the number at risk.
        """
        present = milliseconds(self.now) // _FIVE_MINUTES_MS * _FIVE_MINUTES_MS
        end_of_today = milliseconds(midnight(day_of(self.now) + timedelta(days=1)))

        def when(target: PlainSlaTarget) -> tuple[int, Any]:
            start = max(_five_minutes(target), present)
            if start <= end_of_today:
                return 0, start
            return 1, day_of(_moment(start) - timedelta(milliseconds=1))  # midnight belongs to the day before

        at_risk, lines = sum(target.state == "at_risk" for target in sla_targets), []
        for _, grouped in groupby(sorted(sla_targets, key=when), when):
            group = list(grouped)
            due_at = max(min(map(_five_minutes, group)), present)
            lines.append(self._line(at, "at_risk" if at_risk > 0 else "running", group, due_at))
            at_risk -= len(group)
        return lines

    def _at_risk(self, target: PlainSlaTarget) -> dict[str, Any]:
        now, due_at = milliseconds(self.now), target.deadline_at
        assert due_at is not None  # contacts at risk have a deadline
        channel, site, service, queue = target.place
        return {
            "channel": channel,
            "service": service,
            "site": site,
            "queue": queue,
            "policy": target.policy,
            "clock": target.kind,
            "due_at": due_at,
            "working_time": self._working_time(dimensions_of(target).sla_key, now, due_at),
        }

    # ------------------------------------------------------------------------------------------------------------ report
    def compare_tables(self, tables: Iterable[Any], first: Any, last: Any) -> tuple[int, list[tuple[Any, ...]]]:
        """Return the number of compared cells of a report's SLA tables, and the differences."""
        actual = {table.name: table for table in tables if table.name in SLA_TABLES}
        facts: list[tuple[PlainSlaTarget, str]] = []
        for target in self.sla_targets:
            ended = {"met": "met", "late": "met_late"}.get(target.state)
            dated = (("promised", target.started_at), (ended, target.ended_at), ("breached", target.deadline_at))
            facts += [
                (target, name)
                for name, at in dated
                if name and at is not None and (name != "breached" or target.is_breached) and first <= _day(at) <= last
            ]
        cells, found = 0, []
        for name, key in zip(SLA_TABLES, (_by_promise, _by_place), strict=True):
            expected = _rows_of_report(
                {place: Counter(what for _, what in own_targets) for place, own_targets in _group(facts, key).items()}
            )
            rows = (
                {row.dimensions: [value.value for value in row.values] for row in actual[name].rows}
                if name in actual
                else {}
            )
            for place in expected.keys() | rows.keys():
                cells += len(rows.get(place, ()))
                if rows.get(place) != expected.get(place):
                    found.append((name, place, rows.get(place), expected.get(place)))
        return cells, found


def _put(actual: dict[str, dict[Series, float]], name: str, labels: Mapping[str, str], value: float) -> None:
    actual[name][name, frozenset(labels.items())] = value


def _rows_of_report(counted: dict[DimensionKey, Counter[str]]) -> dict[DimensionKey, list[float | None]]:
    """Return the rows of a report.

    Small rows are merged into one, until it and each of the others reach `FEWEST`.
    """
    named = {place: number for place, number in counted.items() if number}
    others: Counter[str] = Counter()
    for place, number in sorted(counted.items(), key=lambda target: (max(target[1].values()), target[0])):
        if max(number.values()) < FEWEST or 0 < max(others.values(), default=0) < FEWEST:
            others += named.pop(place)
    columns = ("promised", "met", "met_late", "breached")
    rows = {**named, **({("", "", "", ""): others} if others else {})}
    return {
        place: [
            *(number[column] for column in columns),
            number["met"] / known if (known := number["met"] + number["breached"]) else None,
        ]
        for place, number in rows.items()
    }


def _by_place(fact: tuple[PlainSlaTarget, str]) -> DimensionKey:
    target, _ = fact
    channel, site, service, _ = target.place
    return "sla", site, service, f"{target.policy}:{target.kind}:{channel}"


def _by_promise(fact: tuple[PlainSlaTarget, str]) -> DimensionKey:
    return "sla", "", "", _by_place(fact)[3]


def at_of_service(target: PlainSlaTarget) -> SlaDimensions:
    """Return the dimensions of a target without the site."""
    return dimensions_of(target)._replace(site="")


def _results(sla_targets: Iterable[PlainSlaTarget]) -> Counter[str]:
    """Return the number of targets by result, as soon as it is known, and the number of late ones."""
    number: Counter[str] = Counter()
    for target in sla_targets:
        number["late"] += target.state == "late"
        if target.is_breached:
            number["breached"] += 1
        elif target.state in ("met", "cancelled"):
            number[target.state] += 1
    return number


def _experience(sla_targets: Sequence[PlainSlaTarget]) -> str:
    if any(target.is_breached for target in sla_targets):
        return "promise_missed"
    return "promise_kept" if any(not target.is_open and target.is_completed for target in sla_targets) else "no_promise"


def _compare_first(name: str, actual: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return where a list differs from the first `MAX_LISTED` expected lines; the order within one moment is free."""
    words = {"label_fr", "label_en", "contact"}
    lines = [{key: value for key, value in line.items() if key not in words} for line in actual]
    left, found = list(expected), []
    for line in lines:
        if line in left:
            left.remove(line)
        else:
            found.append((name, line, [target for target in expected if target["policy"] == line["policy"]]))
    times = [line["due_at"] for line in lines]
    if times != sorted(times) or (left and times and times[-1] > min(line["due_at"] for line in left)):
        found.append((name, times, sorted(line["due_at"] for line in expected)))
    if len(lines) != min(MAX_LISTED, len(expected)):
        found.append((name, len(lines), len(expected)))
    return found


def _oldest_overdue(sla_targets: Iterable[PlainSlaTarget]) -> int | None:
    return min(
        (target.deadline_at for target in sla_targets if target.state == "overdue" and target.deadline_at), default=None
    )


def _five_minutes(target: PlainSlaTarget) -> int:
    assert target.deadline_at is not None
    return target.deadline_at // _FIVE_MINUTES_MS * _FIVE_MINUTES_MS


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _day(at: int | None) -> Any:
    return at is not None and day_of(_moment(at))


def _group(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return dict(found)
