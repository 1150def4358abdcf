"""A month of the simulated département through the real connectors and the contacts agent to what people are shown of it.

What `/metrics`, the board and reports say is held against the chronicle: each number, and that there are no others.
"""

import shutil
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isclose
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from connectors.simulator.accounts import Numbers, Where
from connectors.simulator.departement import Departement
from connectors.simulator.plan import Plan
from connectors.simulator.playing import play_span
from connectors.simulator.stage import Stage
from connectors.simulator.working import midnight
from models.events import Event
from models.reasons import Reason
from models.topics import Channel
from streams.report.history import History, HistoryView
from streams.report.period import Kind, Period, period_of
from streams.report.tables import OTHERS, Table, make_report
from streams.web.app import create_app
from streams.web.options import WebOptions
from streams.web.view import FiguresView, Source
from tests.support.chronicle import Chronicle, Fact, Story
from tests.support.departement import READING, Folded, differences, read
from tests.support.processes import wait_until
from tests.support.simulated_workers import Workers, milliseconds
from tests.support.telling import Delivery
from tests.support.told_in_metrics import (
    COLUMNS,
    COUNTERS,
    HISTOGRAMS,
    PARIS,
    SCORES,
    TARGETS,
    WRITTEN,
    Expected,
    Series,
    board_now,
    board_satisfaction,
    board_services,
    day_of,
    name_series,
    series_of,
)

FIRST, LAST = date(2026, 3, 12), date(2026, 4, 10)
"""Clocks are put forward on 29 March, and a month ends; the last day is played until something waits after `LOOKED_AT`."""
LOOKED_AT, AT_LATEST = timedelta(hours=10), timedelta(hours=12)
SETTLES = timedelta(days=2)
WEEK = timedelta(days=7)
OPTIONS: Final = WebOptions(brokers="", fewest_answers=1)
PARTITIONS: Final = 2
Z: Final = 1.959963984540054
Labels = tuple[tuple[str, str], ...]

NOT_COMPARED: Final = {
    "contact_agents": "the switchboard also says how its agents are when it is asked, which no plan knows: test_agent_properties",
    "contact_collect_duration_seconds": "how long this scrape took",
    "contact_pipeline_build_info": "which release this is: test_collector",
    **dict.fromkeys(
        (
            "contact_sla_started_total",
            "contact_sla_completed_total",
            "contact_sla_late_total",
            "contact_sla_open_items",
            "contact_sla_oldest_overdue_timestamp_seconds",
            "contact_sla_corrected_total",
            "contact_sla_due_items",
            "contact_sla_objective_ratio",
            "contact_sla_target_seconds",
            "contact_sla_policy_info",
            "contact_first_response_business_seconds",
            "contact_resolution_business_seconds",
            "contact_calendar_open",
            "contact_calendar_change_timestamp_seconds",
            "contact_queue_open",
            "contact_oldest_item_business_age_seconds",
            "pipeline_sla_file_last_reload_successful",
        ),
        "nothing is promised here, so there is none: test_clock_properties, test_collector_promises",
    ),
    **dict.fromkeys(
        (
            "contact_citizens",
            "contact_citizens_of_all_services",
            "contact_citizen_contacts",
            "contact_citizen_hops",
            "contact_citizen_unidentified",
            "contact_citizen_handled",
            "contact_citizen_pending",
            "contact_citizen_recontact_days",
            "contact_citizen_withheld",
            "contact_citizen_period_start_timestamp_seconds",
        ),
        "counted by the writer of timelines, from another topic: test_simulator_citizens",
    ),
}
"""Metric → why it is not held against the chronicle, and which test looks at it."""
BOARD_NOT_COMPARED: Final = {
    "version": "of the page",
    "agents_available": "as contact_agents",
    "agents_on_contact": "as contact_agents",
    "agents_paused": "as contact_agents",
    "label_fr": "words",
    "label_en": "words",
    "thresholds": "a setting",
    "calendar": "nothing is promised here",
    "promises": "nothing is promised here",
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


@dataclass
class Month:
    """Days that were played in the real systems, and read by the real connectors until figures and ledger agreed."""

    since: datetime
    until: datetime
    keys: Path
    events: Sequence[Event]
    ledger: dict[Where, Numbers]
    figures: dict[Where, Numbers]
    week_ledger: dict[Where, Numbers]
    """As of `SETTLES` after the first week."""
    story: Story
    workers: Workers


class NoReader:
    """The view is written here."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def play_month(
    directory: Path,
    per_year: float,
    *,
    seed: int = 1,
    first: date = FIRST,
    last: date = LAST,
    keys: Path | None = None,
    patience_seconds: float = 120,
) -> Month:
    """Play from the beginning of a day until the late morning of another, and read it."""
    own_keys = directory / "data" / "keys"
    if keys:  # ids of agents are made of pseudonyms
        shutil.copytree(keys, own_keys)
    since, until = midnight(first), midnight(last) + LOOKED_AT
    stage, chronicle = Stage(directory / "stage"), Chronicle()
    departement = Departement(stage, Plan(seed, per_year))
    departement.ledger = chronicle
    stage.write_settings(departement.connectors())
    week_ledger: dict[Where, Numbers] = {}

    def note_week(at: datetime) -> None:
        if at == since + WEEK:
            week_ledger.update(chronicle.numbers(at + SETTLES))

    with read(stage, directory / "data") as collected, departement.opened(since):
        assert play_span(departement, since, until, threading.Event(), tell=note_week)
        while until < midnight(last) + AT_LATEST and not any(
            tally.waiting for tally in chronicle.calls.queues.values()
        ):
            until += timedelta(seconds=20)
            departement.play_until(until)
        folded, ledger = Folded(until), chronicle.numbers(until)

        def disagree() -> list[object]:
            departement.settle()
            return [*differences(folded.numbers(collected.events), ledger)]

        wait_until(lambda: not disagree(), "the figures to be the ledger's", patience_seconds, otherwise=disagree)
    events = list(collected.events)
    workers = Workers(until - READING, PARTITIONS)
    # Each row is counted once, what opinions are about before they are told: so nothing is taken back.
    in_turn = sorted(events, key=lambda event: (event.channel is Channel.FEEDBACK, event.channel))
    workers.live([Delivery(workers.now, event) for event in in_turn], until)
    return Month(
        since=since,
        until=until,
        keys=own_keys,
        events=events,
        ledger=ledger,
        figures=workers.numbers(),
        week_ledger=week_ledger,
        story=chronicle.tell(stage.root / "queue_log", until),
        workers=workers,
    )


# ------------------------------------------------------------------------------------------------------- what is shown
def serve(workers: Workers) -> TestClient:
    """Return the web application as of the time that `workers` have come to."""
    now, rows = workers.now, workers.rows_of_figures()
    view = FiguresView(PARIS, now)
    view.begin(range(len(rows)))
    for partition, several in enumerate(rows):
        view.apply_all(partition, several, milliseconds(now))
    view.tell(Source.FOLLOWING)
    app = create_app(view, NoReader(), OPTIONS, lambda: now)
    return TestClient(app, base_url="http://127.0.0.1")


def samples_of(text: str) -> dict[str, dict[Series, float]]:
    """Return what an exposition says: metric, as the catalogue names it → series → value."""
    found: dict[str, dict[Series, float]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        told = found.setdefault(name, {})
        for sample in family.samples:
            series = sample.name, frozenset(sample.labels.items())
            assert series not in told, f"{series} is told twice"
            told[series] = sample.value
    return found


class Comparison:
    """The metrics of a month beside its chronicle."""

    def __init__(self, month: Month, text: str) -> None:
        self.told = samples_of(text)
        self.compared: set[str] = set()
        self.values = 0
        """How many samples were held against what they must be."""
        self.differences: list[tuple[Series, float, float]] = []
        """Series, told, expected."""
        self._month = month
        self._expected = Expected(month.story, month.until)
        self._compare_values()
        self._compare_distributions(HISTOGRAMS, self._expected.durations)
        self._compare_distributions(SCORES, self._expected.scores)
        self._compare_present()
        self._compare_bounds()
        self._compare_constants()
        self._compare_pipeline()

    def _hold(self, series: Series, told: float, expected: float) -> None:
        self.values += 1
        if not isclose(told, expected, rel_tol=1e-9, abs_tol=1e-6):
            self.differences.append((series, told, expected))

    def _compare_values(self) -> None:
        """Of these, all that is not expected must be there as 0."""
        expected = dict(self._expected.values)
        names = {name for name, _ in expected} | {counter.sample for counter in COUNTERS}
        names |= {"contact_corrected_total", "contact_postage_corrected_euros_total"}  # each row was counted once
        self.compared |= names
        for name in names:
            for series, told in self.told.get(name, {}).items():
                self._hold(series, told, expected.pop(series, 0.0))
        self.differences += [(series, float("nan"), value) for series, value in expected.items() if value]

    def _compare_distributions(self, names: Iterable[str], expected: Mapping[Series, Sequence[float]]) -> None:
        self.compared |= set(names)
        counted: set[Series] = set()
        for name in names:
            for (sample, labels), told in self.told.get(name, {}).items():
                bound = dict(labels).get("le", "")
                series = name, frozenset(pair for pair in labels if pair[0] != "le")
                measured = expected.get(series, ())
                counted.add(series)
                match sample.removeprefix(name):
                    case "_bucket":
                        self._hold((sample, labels), told, sum(one <= float(bound) for one in measured))
                    case "_count":
                        self._hold((sample, labels), told, len(measured))
                    case "_sum":
                        self._hold((sample, labels), told, sum(measured))
                    case other:
                        raise AssertionError(other)
        self.differences += [
            (series, float("nan"), len(told)) for series, told in expected.items() if series not in counted
        ]

    def _compare_present(self) -> None:
        for name, expected in self._expected.present.items():
            told = self.told.get(name, {})
            self.compared.add(name)
            for series in told.keys() | expected.keys():
                self._hold(series, told.get(series, float("nan")), expected.get(series, float("nan")))

    def _compare_bounds(self) -> None:
        """Wilson's bounds are where the share differs from what was found by just as much as chance makes it differ."""
        answers = self.told["contact_satisfaction_answers"]
        ratios = self.told["contact_satisfaction_ratio"]
        for side in ("lower", "upper"):
            name = f"contact_satisfaction_{side}_ratio"
            self.compared.add(name)
            for (_, labels), bound in self.told[name].items():
                ratio = ratios["contact_satisfaction_ratio", labels]
                number = answers["contact_satisfaction_answers", labels]
                self._hold((name, labels), (bound - ratio) ** 2, Z * Z * bound * (1 - bound) / number)
                self._hold((name, labels), bound <= ratio, side == "lower" or bound == ratio)
            assert {labels for _, labels in self.told[name]} == {labels for _, labels in ratios}

    def _compare_constants(self) -> None:
        name = "contact_service_level_target_seconds"
        self.compared |= {name, "contact_satisfaction_minimum_answers"}
        for series, told in self.told[name].items():
            self._hold(series, told, TARGETS[dict(series[1])["channel"]])
        self._compare_all("contact_satisfaction_minimum_answers", {(): OPTIONS.fewest_answers})
        self._compare_all("contact_expected_gap_seconds", {(("channel", channel),): 3600.0 for channel in TARGETS})

    def _compare_pipeline(self) -> None:
        month, parts = self._month, range(PARTITIONS)
        ids = {event.id: event for event in month.events}
        until = month.until.timestamp()
        name, told = "pipeline_events_processed_total", self.told["pipeline_events_processed_total"]
        self.compared.add(name)
        ok, duplicate, dead = (told[name, frozenset({("result", one)})] for one in ("ok", "duplicate", "dead"))
        self._hold((name, frozenset({("result", "dead")})), dead, 0)
        self._hold((name, frozenset()), ok + duplicate, len(month.events))
        # How an agent was before what is known already changes nothing, and counts as told again.
        agents = sum(event.type == "agent.state_changed" for event in ids.values())
        self._hold((name, frozenset({("result", "ok")})), len(ids) - agents <= ok <= len(ids), True)
        self._compare_all("pipeline_dead_letters_total", {(("reason", reason.value),): 0 for reason in Reason})
        as_of: dict[Labels, float] = {(("partition", str(part)),): until for part in parts}
        self._compare_all("contact_figures_timestamp_seconds", as_of)
        self._compare_all("contact_figures_written_timestamp_seconds", as_of)
        self._compare_all("contact_sla_file_in_force", dict.fromkeys(as_of, 1))
        latest: defaultdict[int, float] = defaultdict(float)
        for event in ids.values():
            part = month.workers.partition_of(event)
            latest[part] = max(latest[part], event.time.timestamp())
        self._compare_all(
            "contact_event_timestamp_seconds", {(("partition", str(part)),): at for part, at in latest.items()}
        )
        self._compare_all("pipeline_expected_partitions", {(): PARTITIONS})
        self._compare_all("contact_collect_errors_total", {(): 0})
        self._compare_all("contact_history_timestamp_seconds", {})

    def _compare_all(self, name: str, expected: Mapping[Labels, float]) -> None:
        """Compare a metric whose series are all known."""
        self.compared.add(name)
        told = {labels: value for (_, labels), value in self.told.get(name, {}).items()}
        wanted = {frozenset(labels): value for labels, value in expected.items()}
        for labels in told.keys() | wanted.keys():
            self._hold((name, labels), told.get(labels, float("nan")), wanted.get(labels, float("nan")))


def compare_counters(text: str, ledger: Mapping[Where, Numbers]) -> tuple[int, list[tuple[Series, float, float]]]:
    """Return how much was taken back, and the counters that are not what a ledger has and what was taken back, together."""
    told = samples_of(text)
    corrected = {
        (series[1] - {pair}, pair[1]): value
        for series, value in told["contact_corrected_total"].items()
        for pair in series[1]
        if pair[0] == "fact"
    }
    wanted: defaultdict[Series, float] = defaultdict(float)
    for place, numbers in ledger.items():
        for name, number in numbers.items():
            wanted.update(dict.fromkeys(series_of(name, place), number))
    called = {"offered": "received", "booked": "received", "responded": "answered"}
    found = []
    for place in ledger:
        _, where = name_series("", place)
        for name in {name for counter in COUNTERS for name in counter.names} | set(ledger[place]):
            for series in series_of(name, place):
                taken = corrected.get((where, called.get(name, name)), 0.0)
                value = told[series[0]].get(series, 0.0)
                if series in told[series[0]] and value != wanted[series] + taken:
                    found.append((series, value, wanted[series] + taken))
    return int(sum(corrected.values())), found


# ------------------------------------------------------------------------------------------------------------ the board
def compare_board(month: Month, message: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return where the board says something else than the chronicle: what, told, expected."""
    expected = Expected(month.story, month.until)
    board, found = message["board"], []

    def hold(about: str, told: Any, wanted: Any) -> None:
        if isinstance(told, dict) and isinstance(wanted, dict):
            for name in sorted(
                (told.keys() | wanted.keys()) - BOARD_NOT_COMPARED.keys() | (wanted.keys() & told.keys())
            ):
                hold(f"{about}.{name}", told.get(name), wanted.get(name))
        elif told != wanted:
            found.append((about, told, wanted))

    hold("all", board["all"], board_now(expected, "call"))
    places = {fact.place for fact in expected.facts if fact.place[0] in TARGETS}
    queues = {
        tuple(queue[name] for name in ("channel", "site", "service", "queue")): queue for queue in board["queues"]
    }
    assert len(queues) == len(board["queues"])
    for place in sorted(places | queues.keys()):
        names = dict(zip(("channel", "site", "service", "queue"), place, strict=True))
        hold(f"queues {place}", queues.get(place, {}), names | board_now(expected, place[0], place))
    hold("all_services", board["all_services"], board_services(expected))
    written = (*WRITTEN, "appointment", "feedback")
    services = {fact.place[2] for fact in expected.facts if fact.place[0] in written}
    told = {service["service"]: service for service in board["services"]}
    for service in sorted(services | told.keys()):
        hold(f"services {service}", told.get(service, {}), {"service": service} | board_services(expected, service))
    hold("arrivals", sorted(map(str, board["arrivals"])), sorted(map(str, _arrivals(expected))))
    hold("day", board["day"], _curve(expected))
    hold("usual", board["usual"], _usual(expected))
    opinions = {f"{told['measure']} {told['service']}": told for told in board["satisfaction"]}
    wanted_opinions = {f"{wanted['measure']} {wanted['service']}": wanted for wanted in board_satisfaction(expected)}
    assert len(opinions) == len(board["satisfaction"])
    for name in opinions.keys() | wanted_opinions.keys():
        hold(f"satisfaction {name}", opinions.get(name, {}), wanted_opinions.get(name, {}))
    hold("history", board["history"], {})
    hold("recent", board["recent"], _recent(month.until))
    until = milliseconds(month.until)
    clock = {
        "now": until,
        "as_of": until,
        "event_at": max(milliseconds(event.time) for event in month.events),
        "state": "live",
        "stale_after_seconds": OPTIONS.stale_after_seconds,
    }
    hold("clock", message["clock"], clock)
    known = {"all", "queues", "all_services", "services", "arrivals", "day", "usual", "satisfaction"}
    known |= {"history", "recent"}
    assert board.keys() == known | (board.keys() & BOARD_NOT_COMPARED.keys())
    return found


def _recent(until: datetime) -> dict[str, str]:
    """Return the whole five minutes of the last half hour, the present ones with them."""
    now = int(until.timestamp())
    since, end = -(-(now - 1800) // 300) * 300, (now // 300 + 1) * 300
    told = (datetime.fromtimestamp(at, PARIS).isoformat(timespec="minutes") for at in (since, end))
    return dict(zip(("since", "until"), told, strict=True))


def _arrivals(expected: Expected) -> list[dict[str, Any]]:
    """Return when somebody last came to each site, as the end of five minutes; of today, or of half an hour before midnight."""
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


def _usual(expected: Expected) -> dict[str, Any]:
    """Return what the same weekdays were like, but for the first day; within an hour, calls are taken to come evenly."""
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
        "days": [day.isoformat() for day in days],
        "by_hour": [round(sum(hour) / len(days), 1) for hour in zip(*by_hour, strict=True)],
        "by_now": round(by_now, 1),
        "rest": round(sum(map(sum, by_hour)) / len(days) - by_now, 1),
    }


def _curve(expected: Expected) -> dict[str, Any]:
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


# -------------------------------------------------------------------------------------------------------------- reports
def read_history(month: Month) -> History:
    """Return what reports read of the topic of figures."""
    view = HistoryView(PARIS, FIRST - timedelta(days=400), LAST)
    rows = month.workers.rows_of_figures()
    view.begin(range(len(rows)))
    for partition, several in enumerate(rows):
        view.apply_all(partition, several)
    return view.history()


def periods_of(month: Month) -> list[Period]:
    """Return all days, weeks and months that the days played lie in."""
    first, last = day_of(month.since), day_of(month.until)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    kinds = (Kind.DAY, Kind.WEEK, Kind.MONTH, Kind.YEAR)
    return [*dict.fromkeys(period_of(kind, day) for kind in kinds for day in days)]


KEPT_BY: Final[Mapping[str, tuple[int, ...]]] = {
    "call": (1, 2, 3),
    "visit": (1, 2, 3),
    **dict.fromkeys(("mail", "email", "form"), (2, 3)),
    "sent": (2,),
    "appointment": (2,),
}
"""Table of a report → which parts of a place, beside the channel, tell its rows apart; of opinions service and channel."""


def compare_report(month: Month, history: History, period: Period) -> tuple[int, list[tuple[Any, ...]]]:
    """Return how many cells were compared, and those that say something else: table, row, column, told, expected."""
    report = make_report(history, period, OPTIONS)
    facts = [fact for fact in month.story.facts if period.first <= day_of(fact.at) <= period.last]
    found: list[tuple[Any, ...]] = []
    cells = 0
    for table in report.tables:
        channel = {"sent": "mail"}.get(table.name, table.name if table.name in KEPT_BY else "feedback")
        kept = KEPT_BY.get(table.name, (2, 3))
        of_table = [fact for fact in facts if fact.place[0] == channel]
        for row in table.rows:
            if row.place == OTHERS:
                continue
            place = row.place
            of_row = [fact for fact in of_table if not place or all(fact.place[part] == place[part] for part in kept)]
            for column, value in zip(table.columns, row.values, strict=True):
                wanted = COLUMNS[column](of_row, table.name)
                cells += 1
                if value.value != wanted and not (
                    value.value is not None and wanted is not None and isclose(value.value, wanted, rel_tol=1e-9)
                ):
                    found.append((period.name, table.name, place, column, value.value, wanted))
    found += _compare_courses(report, facts, period)
    return cells, found + _compare_tables(report.tables, facts)


def _compare_courses(report: Any, facts: Sequence[Fact], period: Period) -> list[tuple[Any, ...]]:
    found = []
    courses = {course.channel: course for course in report.courses}
    for channel, came in (
        ("call", "offered"),
        ("visit", "offered"),
        ("appointment", "booked"),
        *((one, "received") for one in WRITTEN),
    ):
        times = [fact.at.astimezone(PARIS) for fact in facts if fact.place[0] == channel and fact.name == came]
        course = courses.get(channel)
        by_day = {day.day: day.number for day in course.by_day if day.number} if course else {}
        by_hour = list(course.by_hour) if course else [0] * 24
        wanted_days = {day: sum(at.date() == day for at in times) for day in {at.date() for at in times}}
        wanted_hours = [sum(at.hour == hour for at in times) for hour in range(24)]
        if (by_day, by_hour) != (wanted_days, wanted_hours):
            found.append((period.name, channel, "course", by_day, wanted_days, by_hour, wanted_hours))
    return found


def _compare_tables(tables: Sequence[Table], facts: Sequence[Fact]) -> list[tuple[Any, ...]]:
    """Return the channels that have a table and nothing happened, or the other way round."""
    told = {table.name for table in tables}
    return [
        (channel, "has a table", channel in told)
        for channel in ("call", "visit", "mail", "email", "form", "appointment")
        if (channel in told) != bool([fact for fact in facts if fact.place[0] == channel])
    ]
