"""Expected content of `/metrics`, counted from the facts, independent of figures, with the formulas of board and reports."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import product
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from connectors.simulator.case_tallies import DimensionKey
from models.topics import Channel
from tests.support.expected_history import MEASURED, HistoryFact, HistorySnapshot, OpenItem, SatisfactionAnswer

PARIS: Final = ZoneInfo("Europe/Paris")
TARGETS: Final = {"call": 20, "visit": 900}
"""Default service level target, in seconds."""
SHORT_SECONDS: Final = 10
Series = tuple[str, frozenset[tuple[str, str]]]
"""Name of a sample, and its labels."""
QUEUED: Final = ("call", "visit")
WRITTEN_CHANNELS: Final = ("mail", "email", "form")
_PLACE: Final = ("channel", "site", "service", "queue")


def name_series(sample: str, place: DimensionKey, **more: str) -> Series:
    """Return a series of a place; series of opinions and derived figures have the channel that they are about."""
    if place[0] == Channel.FEEDBACK:
        place = (place[3], place[1], place[2], "")
    channel, site, service, queue = place
    match channel:
        case "transfer":
            channel, queue, more["to"] = queue.split(":")
            place = (channel, site, service, queue)
        case "line" | "menu":
            more["line" if channel == "line" else "option"] = queue
            place = (Channel.CALL.value, site, service, "")
        case "post":
            more["direction"], more["class"] = queue.split(":")
            place = (Channel.MAIL.value, site, service, "")
        case "reason":
            channel, more["reason"] = queue.split(":")
            place = (channel, site, service, "")
        case "callback":
            place = (Channel.CALL.value, site, service, queue)
    return sample, frozenset({**dict(zip(_PLACE, place, strict=True)), **more}.items())


# ------------------------------------------------------------------------------------------------- what needs no time
class Counted(NamedTuple):
    """A counter and the facts that it counts."""

    sample: str
    label: str = ""
    prefix: str = ""
    """Prefix of the facts' names; the rest is the value of the label."""
    names: Mapping[str, str] = {}
    """Fact → value of the label, for facts without the prefix."""


DERIVED: Final = {
    "handed_on": "contact_transferred",
    "line_arrived": "contact_line_arrived",
    "line_queued": "contact_line_queued",
    "menu_chosen": "contact_menu_chosen",
    "message_left": "contact_voice_message_left",
    "message_heard": "contact_voice_message_heard",
    "callback_requested": "contact_callback_requested",
    "called_back": "contact_callback_made",
    "post_items": "post_items",
    "reason_contacts": "contact_reason",
}
"""Fact of derived figures → its metric, without suffix."""
COUNTERS: Final = (
    Counted("contact_received_total", names=dict.fromkeys(("offered", "received", "booked"), "")),
    Counted("contact_answered_total", names=dict.fromkeys(("answered", "responded"), "")),
    *(Counted(f"{metric}_total", names={name: ""}) for name, metric in DERIVED.items()),
    Counted("contact_left_queue_total", "reason", "left_"),
    Counted("contact_registered_total", names={"registered": ""}),
    Counted("contact_assigned_total", names={"assigned": ""}),
    Counted("contact_acknowledged_total", names={"acknowledged": ""}),
    Counted(
        "contact_form_correction_total", "step", names={"correction_requested": "requested", "corrected": "received"}
    ),
    Counted("contact_closed_total", "outcome", "closed_"),
    Counted("contact_sent_total", "postage", "sent_"),
    Counted("contact_reopened_total", names={"reopened": ""}),
    Counted(
        "contact_appointment_total",
        "outcome",
        names={name: name for name in ("attended", "missed", "cancelled_by_citizen", "cancelled_by_service")},
    ),
    Counted("contact_appointment_booked_total", "by", "booked_by_"),
    Counted("contact_appointment_moved_total", names={"moved": ""}),
    Counted("contact_appointment_checked_in_total", names={"checked_in": ""}),
    Counted("contact_survey_invited_total", names={"invited": ""}),
)


def series_of(name: str, place: DimensionKey) -> list[Series]:
    found = []
    for counter in COUNTERS:
        if name in counter.names:
            value = counter.names[name]
        elif counter.prefix and name.startswith(counter.prefix):
            value = name.removeprefix(counter.prefix)
        else:
            continue
        found.append(name_series(counter.sample, place, **({counter.label: value} if counter.label else {})))
    return found


HISTOGRAMS: Final = {
    "contact_wait_seconds": "wait",
    "contact_abandon_wait_seconds": "abandon_wait",
    "contact_handle_seconds": "handle",
    "contact_scan_seconds": "scan",
    "contact_registration_seconds": "registration",
    "contact_assignment_seconds": "assignment",
    "contact_acknowledgement_seconds": "acknowledgement",
    "contact_first_response_seconds": "first_response",
    "contact_resolution_seconds": "resolution",
    "contact_appointment_lead_seconds": "lead",
    "contact_voice_message_hearing_seconds": "message_hearing",
    "contact_callback_seconds": "callback",
}
SCORES: Final = {
    "contact_satisfaction_score": ("csat_1_5",),
    "contact_recommendation_score": ("nps_0_10",),
    "contact_effort_score": ("ces_1_5", "ces_1_7"),
    "contact_jdma_score": ("jdma_0_10",),
}
AGES: Final = (("lt_1d", 1), ("lt_2d", 2), ("lt_5d", 5), ("lt_10d", 10), ("lt_15d", 15), ("lt_30d", 30))
STEPS: Final = {
    "mail": ("registered", "assigned", "acknowledged"),
    "email": ("acknowledged",),
    "form": ("assigned", "correction_requested", "corrected"),
}
MEASURES: Final = {
    "csat": ("csat_1_5", 4),
    "jdma": ("jdma_0_10", 8),
    "ces_1_5": ("ces_1_5", 4),
    "ces_1_7": ("ces_1_7", 5),
}
"""Measure → its scale, and from which score on an answer is a good one. Of `nps` the simulator has no answers."""
WINDOWS: Final = {"7d": 7, "28d": 28}


class ExpectedMetrics:
    """Expected samples as of a moment."""

    def __init__(self, snapshot: HistorySnapshot, now: datetime, experience: Callable[[str], str]) -> None:
        """`experience` returns the overall SLA result of a contact, as used for opinions."""
        self.now = now
        self._experience = experience
        self.today = now.astimezone(PARIS).date()
        self.facts: Sequence[HistoryFact] = snapshot.facts
        self.open: Sequence[OpenItem] = snapshot.open
        self.given: Sequence[SatisfactionAnswer] = snapshot.given
        self.facts_today = [fact for fact in self.facts if day_of(fact.at) == self.today]
        self.values: dict[Series, float] = defaultdict(float)
        """Samples with default 0: all except distributions and conditional series."""
        self.present: dict[str, dict[Series, float]] = {}
        """Sample → its conditional series; exactly these must exist."""
        self.durations = _collect(
            (HISTOGRAM_OF[MEASURED[fact.name]], fact) for fact in self.facts if fact.seconds is not None
        )
        """Series without the sample's suffix → all durations."""
        self.scores = _collect_scores(self.facts)
        for fact in self.facts:
            self._count(fact)
        self._count_abandoned()
        self._count_levels(self.facts, "contact_service_level_{}_total")
        self._count_levels(self.facts_today, "contact_today_service_level_{}")
        self._count_today()
        self._count_open()
        self._count_opinions()

    def _count(self, fact: HistoryFact) -> None:
        for series in series_of(fact.name, fact.place):
            self.values[series] += fact.number
        if fact.name == "post_items":
            self.values[name_series("post_cost_euros_total", fact.place)] += fact.cents / 100
        elif fact.cents:
            postage = fact.name.removeprefix("sent_")
            self.values[name_series("contact_postage_euros_total", fact.place, postage=postage)] += fact.cents / 100

    def _count_abandoned(self) -> None:
        for fact in self.facts:
            if fact.name == "abandoned":
                assert fact.seconds is not None
                short = str(fact.seconds <= SHORT_SECONDS).lower()
                self.values[name_series("contact_abandoned_total", fact.place, short=short)] += 1

    def _count_levels(self, facts: Iterable[HistoryFact], sample: str) -> None:
        for place, place_facts in by_place(facts, QUEUED).items():
            for formula, (numerator, denominator) in service_levels(place_facts, TARGETS[place[0]]).items():
                self.values[name_series(sample.format("numerator"), place, formula=formula)] = numerator
                self.values[name_series(sample.format("denominator"), place, formula=formula)] = denominator

    def _count_today(self) -> None:
        for fact in self.facts_today:
            for flow in flows_of(fact):
                self.values[name_series("contact_today_items", fact.place, flow=flow)] += 1
            if fact.seconds is not None and fact.place[0] != "callback":
                duration = MEASURED[fact.name]
                self.values[name_series("contact_today_duration_items", fact.place, duration=duration)] += 1
                self.values[name_series("contact_today_duration_seconds", fact.place, duration=duration)] += (
                    fact.seconds
                )

    def _count_open(self) -> None:
        oldest: dict[Series, float] = {}
        for one in self.open:
            self.values[name_series("contact_backlog_items", one.place, state=one.state)] += 1
            written = one.place[0] in WRITTEN_CHANNELS
            if (one.state == "waiting" and one.place[0] != "appointment") or (one.state == "in_progress" and written):
                series = name_series("contact_oldest_item_timestamp_seconds", one.place)
                oldest[series] = min(oldest.get(series, float("inf")), one.since.timestamp())
            if written and one.state != "pending_citizen":
                age = (self.today - day_of(one.since)).days
                band = next((name for name, below in AGES if age < below), "ge_30d")
                self.values[name_series("contact_backlog_by_age_items", one.place, age=band)] += 1
        self.present["contact_oldest_item_timestamp_seconds"] = oldest

    def _count_opinions(self) -> None:
        ratios = self.present["contact_satisfaction_ratio"] = {}
        for window, days in WINDOWS.items():
            first = self.today - timedelta(days - 1)
            verdicts_by_measure: defaultdict[tuple[DimensionKey, str], list[bool]] = defaultdict(list)
            for fact in self.facts:
                if day_of(fact.at) >= first:
                    for measure, is_good in verdicts_of(fact):
                        verdicts_by_measure[fact.place, measure].append(is_good)
            for (place, measure), verdicts in verdicts_by_measure.items():
                labels = {"measure": measure, "window": window}
                invited = count(
                    (fact for fact in self.facts if fact.place == place and day_of(fact.at) >= first), "invited"
                )
                number = invited if measure == "response" else len(verdicts)
                self.values[name_series("contact_satisfaction_answers", place, **labels)] = number
                ratios[name_series("contact_satisfaction_ratio", place, **labels)] = sum(verdicts) / number
        first = self.today - timedelta(27)
        for given in self.given:
            if day_of(given.at) >= first:
                for experience in (self._experience(given.contact), *wait_band(given.longest_wait_seconds)):
                    labels = {"experience": experience, "satisfied": str(given.score >= 4).lower()}
                    self.values[name_series("contact_satisfaction_after_items", given.place, **labels)] += 1


def verdicts_of(fact: HistoryFact) -> list[tuple[str, bool]]:
    """Return the measures and verdicts of a fact; for an answer to an invitation, that one exists."""
    if fact.name in ("invited", "invited_answered"):
        return [("response", fact.name == "invited_answered")]
    good = {f"given_{scale}": (measure, good) for measure, (scale, good) in MEASURES.items()}
    scale, _, score = fact.name.rpartition("_")
    return [(good[scale][0], int(score) >= good[scale][1])] if scale in good else []


def wait_band(seconds: float | None) -> list[str]:
    """Return the band of a wait, as used for opinions."""
    if seconds is None:
        return []
    return ["wait_le_60" if seconds <= 60 else "wait_le_300" if seconds <= 300 else "wait_gt_300"]


HISTOGRAM_OF: Final = {duration: sample for sample, duration in HISTOGRAMS.items()}


def _collect(found: Iterable[tuple[str, HistoryFact]]) -> dict[Series, list[float]]:
    durations: defaultdict[Series, list[float]] = defaultdict(list)
    for sample, fact in found:
        assert fact.seconds is not None
        durations[name_series(sample, fact.place)].append(fact.seconds)
    return durations


def _collect_scores(facts: Iterable[HistoryFact]) -> dict[Series, list[float]]:
    scores: defaultdict[Series, list[float]] = defaultdict(list)
    for fact, (sample, scales) in product(facts, SCORES.items()):
        for scale in scales:
            if fact.name.startswith(f"given_{scale}_"):
                more = {"scale": scale} if len(scales) > 1 else {}
                scores[name_series(sample, fact.place, **more)].append(float(fact.name.rpartition("_")[2]))
    return scores


# ------------------------------------------------------------------------------------------------------------- formulas
def service_levels(facts: Iterable[HistoryFact], target_seconds: int) -> dict[str, tuple[int, int]]:
    """Return numerator and denominator by each of the four formulas, from the waits of all contacts."""
    all_facts = list(facts)
    waits = [fact.seconds for fact in all_facts if fact.name == "answered" and fact.seconds is not None]
    given_up = [fact.seconds for fact in all_facts if fact.name == "abandoned" and fact.seconds is not None]
    left = sum(fact.name.startswith("left_") for fact in all_facts)
    in_time = sum(wait <= target_seconds for wait in waits)
    return {
        "answered_share": (in_time, len(waits)),
        "removed_share": (in_time + sum(wait <= target_seconds for wait in given_up), len(waits) + len(given_up)),
        "offered_share": (in_time, len(waits) + len(given_up) + left),
        "net_of_short": (in_time, len(waits) + sum(wait > SHORT_SECONDS for wait in given_up)),
    }


def flows_of(fact: HistoryFact) -> list[str]:
    """Return the name of one of today's facts in `contact_today_items`."""
    channel, name = fact.place[0], fact.name
    if channel in ("transfer", "line", "menu", "callback", "post", "reason"):
        return []
    if channel in QUEUED:
        if name.startswith("left_"):
            return ["left"]
        if name == "abandoned":
            assert fact.seconds is not None
            return ["abandoned", *(["abandoned_short"] if fact.seconds <= SHORT_SECONDS else [])]
        return {"offered": ["received"], "answered": ["answered"], "transferred": ["transferred"]}.get(name, [])
    if channel in WRITTEN_CHANNELS:
        if name.startswith("closed_"):
            return ["closed"]
        if name.startswith("sent_"):
            return ["sent"]
        if name == "responded":
            return ["answered"]
        return [name] if name in ("received", "reopened", *STEPS[channel]) else []
    if channel == Channel.FEEDBACK:
        return ["given"] if name.startswith("given_") else [name] if name == "invited" else []
    return ["received" if name == "booked" else name]


def day_of(at: datetime) -> date:
    return at.astimezone(PARIS).date()


def by_place(facts: Iterable[HistoryFact], channels: Iterable[str]) -> dict[DimensionKey, list[HistoryFact]]:
    found: defaultdict[DimensionKey, list[HistoryFact]] = defaultdict(list)
    for fact in facts:
        if fact.place[0] in channels:
            found[fact.place].append(fact)
    return found


def count(facts: Iterable[HistoryFact], *names: str) -> int:
    """Return the number of facts with one of these names; a name that ends with `_` is a prefix."""
    return sum(
        any(fact.name.startswith(name) if name.endswith("_") else fact.name == name for name in names) for fact in facts
    )


def seconds(facts: Iterable[HistoryFact], duration: str) -> list[float]:
    """Return the durations of the facts that have one."""
    return [fact.seconds for fact in facts if fact.seconds is not None and MEASURED[fact.name] == duration]


def mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
