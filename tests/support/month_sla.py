"""Expected SLA content of `/metrics`, the board and reports of a simulated month."""

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
_TAKEN_BACK: Final = {
    "contact_sla_started_total": "started",
    "contact_sla_late_total": "late",
    "contact_sla_completed_total": "",
}
"""Facts of the correction counter by counter; the default is the result."""
_METRICS: Final = (
    *_TAKEN_BACK,
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
"""Lines for late and for next due contacts on the board."""
FEWEST: Final = 5
"""Fewest contacts of a report row with its own name."""
_FIVE_MINUTES_MS: Final = 300_000

One = TypeVar("One")
Key = TypeVar("Key")
Which = tuple[str, str, str]
"""Policy, clock and channel."""


class At(NamedTuple):
    """Labels under which SLA targets are counted."""

    policy: str
    kind: str
    channel: str
    site: str
    service: str

    def series(self, sample: str, **more: str) -> Series:
        """Return a series with these labels."""
        place = (self.channel, self.site, self.service, "")
        return name_series(sample, place, policy=self.policy, clock=self.kind, **more)

    @property
    def which(self) -> Which:
        """Policy, clock and channel of the labels."""
        return self.policy, self.kind, self.channel


def at_of(promise: PlainSlaTarget) -> At:
    """Return the labels of an SLA target."""
    return At(promise.policy, promise.kind, *promise.place[:3])


class ExpectedSla:
    """SLA targets of a file as of a moment."""

    def __init__(self, file: PlainSlaFile, story: HistorySnapshot, now: datetime) -> None:
        self.file = file
        self.now = now
        self.sla_targets: Sequence[PlainSlaTarget] = self.file.sla_targets(story.sla_items, now)
        self.in_force = list(self.file.in_force(milliseconds(now)))
        self.came_to = {
            one.place for one in (*story.facts, *story.open) if one.place[0] in (*QUEUE_CHANNELS, *WRITTEN_CHANNELS)
        }
        """Places with any contact."""
        self.by_place: dict[At, list[PlainSlaTarget]] = _group(self.sla_targets, at_of)
        for place in self.came_to:
            if version := self.find(place):
                for kind in clock_kinds_at(version, place):
                    self.by_place.setdefault(At(version["name"], kind, *place[:3]), [])
        self._story = story
        by_contact = _group(self.sla_targets, lambda promise: promise.contact)
        self._experiences = {contact: _experience(own) for contact, own in by_contact.items()}

    def find(self, place: DimensionKey) -> dict[str, Any] | None:
        """Return the policy that applies to a place now."""
        return next((version for version in self.in_force if applies_to(version, place)), None)

    def experience(self, contact: str) -> str:
        """Return the SLA result of a contact, by which opinions are grouped."""
        return self._experiences.get(contact, "no_promise")

    # ---------------------------------------------------------------------------------------------------------- /metrics
    def samples(self) -> dict[str, dict[Series, float]]:
        """Return all expected series by metric."""
        told: dict[str, dict[Series, float]] = {name: {} for name in _METRICS}
        for at, sla_targets in self.by_place.items():
            number = _results(sla_targets)
            told["contact_sla_started_total"][at.series("contact_sla_started_total")] = len(sla_targets)
            told["contact_sla_late_total"][at.series("contact_sla_late_total")] = number["late"]
            for result in RESULTS:
                series = at.series("contact_sla_completed_total", result=result)
                told["contact_sla_completed_total"][series] = number[result]
            for fact in FACTS:  # events without delay cause no corrections
                told["contact_sla_corrected_total"][at.series("contact_sla_corrected_total", fact=fact)] = 0
            for state in STATES:
                series = at.series("contact_sla_open_items", state=state)
                told["contact_sla_open_items"][series] = sum(one.state == state for one in sla_targets)
            for horizon, seconds in HORIZONS.items():
                until = milliseconds(self.now + timedelta(seconds=seconds))
                due = sum(one.is_due and _five_minutes(one) < until for one in sla_targets)
                told["contact_sla_due_items"][at.series("contact_sla_due_items", horizon=horizon)] = due
            if overdue := _oldest_overdue(sla_targets):
                name = "contact_sla_oldest_overdue_timestamp_seconds"
                told[name][at.series(name)] = overdue / 1000
        self._put_policies(told)
        self._put_calendars(told)
        return told

    def compare_incremental_metrics(
        self, told: Mapping[str, Mapping[Series, float]]
    ) -> tuple[int, list[tuple[Series, float, float]]]:
        """Return the reversed counts and the differences: series, exposed value, expected value.

        After late events, counters hold the true counts plus the reversed ones. Earlier places of letters have series too.
        """
        wanted, found = self.samples(), []
        taken = {series[1]: number for series, number in told["contact_sla_corrected_total"].items()}
        for name, facts in _TAKEN_BACK.items():
            for series in wanted[name].keys() | told[name].keys():
                labels = dict(series[1])
                fact = facts or labels.pop("result")
                number = wanted[name].get(series, 0) + taken[frozenset((labels | {"fact": fact}).items())]
                if told[name].get(series) != number:
                    found.append((series, told[name].get(series, float("nan")), number))
        for name in ("contact_sla_open_items", "contact_sla_due_items", "contact_sla_oldest_overdue_timestamp_seconds"):
            for series in wanted[name].keys() | told[name].keys():
                number = wanted[name].get(series, 0)
                if told[name].get(series) != number:
                    found.append((series, told[name].get(series, float("nan")), number))
        return int(sum(taken.values())), found

    def worked(self) -> dict[Series, list[float]]:
        """Return the durations in opening hours by series of the distribution."""
        found: dict[Series, list[float]] = {}
        for sample, kind in BUSINESS_TIME_HISTOGRAMS.items():
            for at, sla_targets in self.by_place.items():
                if at.kind == kind:
                    labels = {"channel": at.channel, "site": at.site, "service": at.service, "queue": ""}
                    series = sample, frozenset({**labels, "policy": at.policy}.items())
                    found[series] = [one.worked_ms / 1000 for one in sla_targets if one.worked_ms is not None]
        return found

    def _put_policies(self, told: dict[str, dict[Series, float]]) -> None:
        for version in self.in_force:
            for kind, rule in version["clocks"].items():
                which = {"policy": version["name"], "clock": kind}
                _put(told, "contact_sla_objective_ratio", which, rule.get("objective", 0.9))
                if rule["unit"] in TIME_UNITS:
                    _put(told, "contact_sla_target_seconds", which, rule["target"])
                calendar = rule.get("calendar") or version["calendar"]
                said = which | {"calendar": calendar, "unit": rule["unit"], "target": str(rule["target"])}
                _put(told, "contact_sla_policy_info", said, 1)

    def _put_calendars(self, told: dict[str, dict[Series, float]]) -> None:
        now = milliseconds(self.now)
        for name, calendar in self.file.calendars.items():
            _put(told, "contact_calendar_open", {"calendar": name}, calendar.is_open(now))
            if change := next_change(calendar, now):
                _put(told, "contact_calendar_change_timestamp_seconds", {"calendar": name}, change / 1000)
        waits = _group(self._story.open, lambda one: one.place)
        for place in self.came_to:
            version = self.find(place)
            if not version:
                continue
            calendar, labels = self.file.calendars[version["calendar"]], dict(name_series("", place)[1])
            of_calendar = labels | {"calendar": version["calendar"]}
            _put(told, "contact_queue_open", of_calendar, calendar.is_open(now))
            states = ("waiting",) if place[0] in QUEUE_CHANNELS else ("waiting", "in_progress")
            if since := [milliseconds(one.since) for one in waits.get(place, ()) if one.state in states]:
                opened = self.file.opened_ms(version["calendar"], min(since), now)
                _put(told, "contact_oldest_item_business_age_seconds", labels, opened / 1000)
        _put(told, "pipeline_sla_file_last_reload_successful", {}, 1)

    # ------------------------------------------------------------------------------------------------------------- board
    def calendar_at(self, place: DimensionKey) -> str:
        """Return the calendar of a place, or an empty name without an SLA target."""
        return (self.find(place) or {"calendar": ""})["calendar"]

    def calendars_of(self, service: str) -> set[str]:
        """Return the calendars of the written channels of a service, or only an empty name if there are none."""
        places = (place for place in self.came_to if place[2] == service and place[0] in WRITTEN_CHANNELS)
        return {calendar for place in places if (calendar := self.calendar_at(place))} or {""}

    def compare_board(self, told: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        """Return the differences of the board's SLA content: name, shown value, expected value."""
        listed = [promise for promise in self.sla_targets if promise.place[0] in WRITTEN_CHANNELS]
        late = _group((one for one in listed if one.state == "overdue"), at_of_service)
        due = _group((one for one in listed if one.is_due), at_of_service)
        at_risk = [one for one in listed if one.state == "at_risk" and (one.deadline_at or 0) > milliseconds(self.now)]
        lines = [line for at, sla_targets in due.items() for line in self._lines_of_due(at, sla_targets)]
        wanted = {
            "openings": self._openings(),
            "standing": self._standing(),
            "waiting": self._waiting(),
            "overdue_lines": len(late),
            "overdue_contacts": sum(map(len, late.values())),
            "at_risk_unknown": 0,
        }
        found = [(name, told[name], value) for name, value in wanted.items() if told[name] != value]
        for name, all_of_them in (
            ("overdue", [self._line(at, "overdue", sla_targets) for at, sla_targets in late.items()]),
            ("due", lines),
            ("next_at_risk", [self._at_risk(one) for one in at_risk]),
        ):
            found += _compare_first(name, told[name], all_of_them)
        assert told.keys() == wanted.keys() | {"overdue", "due", "next_at_risk"}
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
        by_which = _group(self.sla_targets, lambda one: at_of(one).which)
        order = [(version["name"], kind) for version in self.in_force for kind in version["clocks"]]
        lines = []
        for which in sorted(by_which, key=lambda which: (order.index(which[:2]), which)):
            sla_targets, today = by_which[which], day_of(self.now)
            met = sum(one.state == "met" and _day(one.ended_at) == today for one in sla_targets)
            breached = sum(one.is_breached and _day(one.deadline_at) == today for one in sla_targets)
            oldest = _oldest_overdue(sla_targets)
            lines.append(
                {
                    **dict(zip(("policy", "clock", "channel"), which, strict=True)),
                    **{state: sum(one.state == state for one in sla_targets) for state in STATES},
                    "oldest_overdue_at": oldest,
                    "overdue_by": oldest and self._working_time(which, oldest, milliseconds(self.now)),
                    "kept": {"numerator": met, "denominator": met + breached},
                    "objective": self._rule(which)[0].get("objective", 0.9),
                }
            )
        return lines

    def _waiting(self) -> list[dict[str, Any]]:
        queued = (
            one for one in self.sla_targets if one.place[0] in QUEUE_CHANNELS and one.state in {"at_risk", "overdue"}
        )
        lines = []
        for where, sla_targets in sorted(_group(queued, lambda one: one.place[:3]).items()):
            numbers = {state: sum(one.state == state for one in sla_targets) for state in ("at_risk", "overdue")}
            lines.append(dict(zip(("channel", "site", "service"), where, strict=True)) | numbers)
        return lines

    def _rule(self, which: Which) -> tuple[dict[str, Any], str]:
        version = next(one for one in self.in_force if one["name"] == which[0])
        rule = version["clocks"][which[1]]
        return rule, rule.get("calendar") or version["calendar"]

    def _working_time(self, which: Which, begin: int, end: int) -> dict[str, int] | None:
        rule, calendar = self._rule(which)
        return None if rule["unit"] == "elapsed" else self.file.working_time(calendar, begin, end)

    def _line(
        self, at: At, state: str, sla_targets: Sequence[PlainSlaTarget], due_at: int | None = None
    ) -> dict[str, Any]:
        due_at = due_at or min(one.deadline_at for one in sla_targets if one.deadline_at is not None)
        begin, end = sorted((due_at, milliseconds(self.now)))
        return {
            **dict(zip(("policy", "clock", "channel"), at.which, strict=True)),
            "service": at.service,
            "state": state,
            "number": len(sla_targets),
            "due_at": due_at,
            "working_time": self._working_time(at.which, begin, end),
        }

    def _lines_of_due(self, at: At, sla_targets: Sequence[PlainSlaTarget]) -> list[dict[str, Any]]:
        """Return the due targets by five minutes, and by day after today; targets at risk come first."""
        present = milliseconds(self.now) // _FIVE_MINUTES_MS * _FIVE_MINUTES_MS
        end_of_today = milliseconds(midnight(day_of(self.now) + timedelta(days=1)))

        def when(one: PlainSlaTarget) -> tuple[int, Any]:
            start = max(_five_minutes(one), present)
            if start <= end_of_today:
                return 0, start
            return 1, day_of(_moment(start) - timedelta(milliseconds=1))  # midnight belongs to the previous day

        at_risk, lines = sum(one.state == "at_risk" for one in sla_targets), []
        for _, together in groupby(sorted(sla_targets, key=when), when):
            those = list(together)
            due_at = max(min(map(_five_minutes, those)), present)
            lines.append(self._line(at, "at_risk" if at_risk > 0 else "running", those, due_at))
            at_risk -= len(those)
        return lines

    def _at_risk(self, promise: PlainSlaTarget) -> dict[str, Any]:
        now, due_at = milliseconds(self.now), promise.deadline_at
        assert due_at is not None  # the target is at risk, so it has a deadline
        channel, site, service, queue = promise.place
        return {
            "channel": channel,
            "service": service,
            "site": site,
            "queue": queue,
            "policy": promise.policy,
            "clock": promise.kind,
            "due_at": due_at,
            "working_time": self._working_time(at_of(promise).which, now, due_at),
        }

    # ------------------------------------------------------------------------------------------------------------ report
    def compare_tables(self, tables: Iterable[Any], first: Any, last: Any) -> tuple[int, list[tuple[Any, ...]]]:
        """Return the number of compared cells of a report's SLA tables, and the differences."""
        told = {table.name: table for table in tables if table.name in SLA_TABLES}
        facts: list[tuple[PlainSlaTarget, str]] = []
        for one in self.sla_targets:
            ended = {"met": "met", "late": "met_late"}.get(one.state)
            dated = (("promised", one.started_at), (ended, one.ended_at), ("breached", one.deadline_at))
            facts += [
                (one, name)
                for name, at in dated
                if name and at is not None and (name != "breached" or one.is_breached) and first <= _day(at) <= last
            ]
        cells, found = 0, []
        for name, key in zip(SLA_TABLES, (_by_promise, _by_place), strict=True):
            wanted = _rows_of_report(
                {place: Counter(what for _, what in own) for place, own in _group(facts, key).items()}
            )
            rows = {row.place: [value.value for value in row.values] for row in told[name].rows} if name in told else {}
            for place in wanted.keys() | rows.keys():
                cells += len(rows.get(place, ()))
                if rows.get(place) != wanted.get(place):
                    found.append((name, place, rows.get(place), wanted.get(place)))
        return cells, found


def _put(told: dict[str, dict[Series, float]], name: str, labels: Mapping[str, str], value: float) -> None:
    told[name][name, frozenset(labels.items())] = value


def _rows_of_report(counted: dict[DimensionKey, Counter[str]]) -> dict[DimensionKey, list[float | None]]:
    """Return the rows, with the smallest merged until each row has enough contacts."""
    named = {place: number for place, number in counted.items() if number}
    others: Counter[str] = Counter()
    for place, number in sorted(counted.items(), key=lambda one: (max(one[1].values()), one[0])):
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
    promise, _ = fact
    channel, site, service, _ = promise.place
    return "sla", site, service, f"{promise.policy}:{promise.kind}:{channel}"


def _by_promise(fact: tuple[PlainSlaTarget, str]) -> DimensionKey:
    return "sla", "", "", _by_place(fact)[3]


def at_of_service(promise: PlainSlaTarget) -> At:
    """Return the labels of an SLA target without the site."""
    return at_of(promise)._replace(site="")


def _results(sla_targets: Iterable[PlainSlaTarget]) -> Counter[str]:
    """Return the number of targets by result as soon as it is known, and the number of late ones."""
    number: Counter[str] = Counter()
    for promise in sla_targets:
        number["late"] += promise.state == "late"
        if promise.is_breached:
            number["breached"] += 1
        elif promise.state in ("met", "cancelled"):
            number[promise.state] += 1
    return number


def _experience(sla_targets: Sequence[PlainSlaTarget]) -> str:
    if any(promise.is_breached for promise in sla_targets):
        return "promise_missed"
    return (
        "promise_kept" if any(not promise.is_open and promise.is_completed for promise in sla_targets) else "no_promise"
    )


def _compare_first(name: str, told: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the differences between a list and the first `MOST` expected lines, which may be in any order within one moment."""
    words = {"label_fr", "label_en", "contact"}
    lines = [{key: value for key, value in line.items() if key not in words} for line in told]
    left, found = list(wanted), []
    for line in lines:
        if line in left:
            left.remove(line)
        else:
            found.append((name, line, [one for one in wanted if one["policy"] == line["policy"]]))
    times = [line["due_at"] for line in lines]
    if times != sorted(times) or (left and times and times[-1] > min(line["due_at"] for line in left)):
        found.append((name, times, sorted(line["due_at"] for line in wanted)))
    if len(lines) != min(MAX_LISTED, len(wanted)):
        found.append((name, len(lines), len(wanted)))
    return found


def _oldest_overdue(sla_targets: Iterable[PlainSlaTarget]) -> int | None:
    return min((one.deadline_at for one in sla_targets if one.state == "overdue" and one.deadline_at), default=None)


def _five_minutes(promise: PlainSlaTarget) -> int:
    assert promise.deadline_at is not None
    return promise.deadline_at // _FIVE_MINUTES_MS * _FIVE_MINUTES_MS


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _day(at: int | None) -> Any:
    return at is not None and day_of(_moment(at))


def _group(many: Iterable[One], key: Callable[[One], Key]) -> dict[Key, list[One]]:
    found: defaultdict[Key, list[One]] = defaultdict(list)
    for one in many:
        found[key(one)].append(one)
    return dict(found)
