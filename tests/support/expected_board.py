"""Expected content of the board, counted from the facts, independent of figures."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from connectors.simulator.case_tallies import DimensionKey
from models.topics import Channel
from tests.support.expected_history import HistoryFact, OpenItem
from tests.support.expected_metrics import (
    MEASURES,
    SHORT_SECONDS,
    TARGETS,
    WRITTEN_CHANNELS,
    ExpectedMetrics,
    count,
    day_of,
    mean,
    seconds,
    service_levels,
)

POST_DAYS = 7
"""Days of counted post on the board, with today."""


def _ratio(numerator: int, denominator: int) -> dict[str, int]:
    return {"numerator": numerator, "denominator": denominator}


def _rounded(numbers: Sequence[float]) -> float | None:
    number = mean(numbers)
    return None if number is None else round(number, 1)


def board_flows(facts: Sequence[HistoryFact], channel: str) -> dict[str, Any]:
    """Return the expected flows of a queue's day on the board."""
    given_up = seconds(facts, "abandon_wait")
    patient = sum(wait > SHORT_SECONDS for wait in given_up)
    return {
        "received": count(facts, "offered"),
        "answered": count(facts, "answered"),
        "abandoned": len(given_up),
        "abandoned_short": len(given_up) - patient,
        "left": count(facts, "left_"),
        "transferred": count(facts, "transferred"),
        "service_level": _ratio(*service_levels(facts, TARGETS[channel])["net_of_short"]),
        "abandonment": _ratio(patient, count(facts, "answered") + patient),
        "mean_wait_seconds": _rounded(seconds(facts, "wait")),
        "mean_handle_seconds": _rounded(seconds(facts, "handle")),
    }


def board_now(expected: ExpectedMetrics, channel: str, place: DimensionKey | None = None) -> dict[str, Any]:
    """Return the expected content of the board for a queue or a channel, without agents."""

    def is_here(one: HistoryFact | OpenItem) -> bool:
        return one.place == place if place else one.place[0] == channel

    waiting = [one.since for one in expected.open if is_here(one) and one.state == "waiting"]
    now = expected.now.timestamp()
    recent = [
        fact
        for fact in expected.facts
        if is_here(fact) and fact.at.timestamp() // 300 * 300 >= -(-(now - 1800) // 300) * 300
    ]
    return {
        "waiting": len(waiting),
        "oldest_waiting_at": min((round(at.timestamp() * 1000) for at in waiting), default=None),
        "in_progress": sum(is_here(one) and one.state == "in_progress" for one in expected.open),
        "today": board_flows([fact for fact in expected.facts_today if is_here(fact)], channel),
        "recent_service_level": _ratio(*service_levels(recent, TARGETS[channel])["net_of_short"]),
    }


def board_services(expected: ExpectedMetrics, service: str | None = None) -> dict[str, Any]:
    """Return the expected content of the board for a service, or for all, by channel; without channels that never had any."""

    def is_here(one: HistoryFact | OpenItem) -> bool:
        return service is None or one.place[2] == service

    content: dict[str, Any] = {}
    for channel in (*WRITTEN_CHANNELS, "appointment", "feedback"):
        facts = [fact for fact in expected.facts_today if is_here(fact) and fact.place[0] == channel]
        ever = [fact for fact in expected.facts if is_here(fact) and fact.place[0] == channel]
        left = [one for one in expected.open if is_here(one) and one.place[0] == channel]
        if not ever and not left:
            continue
        states = Counter(one.state for one in left)
        if channel in WRITTEN_CHANNELS:
            own = [one.since for one in left if one.state != "pending_citizen"]
            content[channel] = {
                "received": count(facts, "received"),
                "closed": count(facts, "closed_"),
                **{state: states[state] for state in ("waiting", "in_progress", "pending_citizen")},
                "oldest_open_at": min((round(at.timestamp() * 1000) for at in own), default=None),
                "responded": count(facts, "responded"),
                "mean_first_response_seconds": _rounded(seconds(facts, "first_response")),
            }
        elif channel == "appointment":
            names = ("booked", "attended", "missed", "cancelled_by_citizen", "cancelled_by_service")
            content[channel] = {name: count(facts, name) for name in names} | {
                "waiting": states["waiting"],
                "upcoming": states["pending_citizen"],
            }
        else:
            content[channel] = _board_opinions(facts, ever)
    return content


def _board_opinions(facts: Sequence[HistoryFact], ever: Sequence[HistoryFact]) -> dict[str, Any]:
    invited_places = {fact.place for fact in ever if fact.name == "invited"}
    scores: dict[str, dict[str, int]] = {}
    if any(fact.name.startswith("given_csat_1_5_") for fact in ever):
        satisfied = count(facts, "given_csat_1_5_4", "given_csat_1_5_5")
        scores["csat_1_5"] = _ratio(satisfied, count(facts, "given_csat_1_5_"))
    if any(fact.name.startswith("given_jdma_0_10_") for fact in ever):
        given = [int(fact.name.rpartition("_")[2]) for fact in facts if fact.name.startswith("given_jdma_0_10_")]
        scores["jdma_0_10"] = _ratio(sum(given), len(given))
    after_invitation = [fact for fact in facts if fact.place in invited_places]
    return {
        "invited": count(facts, "invited"),
        "given": count(facts, "given_"),
        "response": _ratio(count(after_invitation, "given_"), count(after_invitation, "invited"))
        if invited_places
        else None,
        "scores": scores,
    }


def board_satisfaction(expected: ExpectedMetrics) -> list[dict[str, Any]]:
    """Return the expected opinions of four weeks on the board: of all services, then of each."""
    first = expected.today - timedelta(27)
    given: defaultdict[str, list[HistoryFact]] = defaultdict(list)
    for fact in expected.facts:
        if fact.place[0] == Channel.FEEDBACK and day_of(fact.at) >= first:
            given[fact.place[2]].append(fact)
    lines = []
    for service, facts in ((None, [fact for some in given.values() for fact in some]), *sorted(given.items())):
        for measure, (scale, good) in MEASURES.items():
            scores = [int(fact.name.rpartition("_")[2]) for fact in facts if fact.name.startswith(f"given_{scale}_")]
            if scores:
                ratio = round(sum(score >= good for score in scores) / len(scores), 4)
                lines.append({"measure": measure, "service": service, "answers": len(scores), "ratio": ratio})
    return lines[:24]


def board_details(expected: ExpectedMetrics) -> dict[str, list[dict[str, Any]]]:
    """Return the expected tables of reasons, lines, menu choices, callbacks and post."""
    places = defaultdict(list)
    for fact in expected.facts_today:
        if fact.place[0] in ("line", "menu", "callback"):
            places[fact.place].append(fact)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("reasons", "lines", "menu", "callbacks", "post")}
    for (channel, site, service, name), facts in places.items():
        match channel:
            case "line":
                numbers = {"arrived": count(facts, "line_arrived"), "queued": count(facts, "line_queued")}
                found["lines"].append({"site": site, "line": name, "label": name, **numbers})
            case "menu":
                chosen = count(facts, "menu_chosen")
                found["menu"].append({"site": site, "option": name, "label": name, "chosen": chosen})
            case _:
                found["callbacks"].append(_callbacks(site, service, name, facts))
    if len(found["callbacks"]) > 1:
        facts = [fact for fact in expected.facts_today if fact.place[0] == "callback"]
        found["callbacks"].append(_callbacks("", "", None, facts))
    found["reasons"] = _reasons(expected)
    found["post"] = _post(expected)
    return found


def _reasons(expected: ExpectedMetrics) -> list[dict[str, Any]]:
    by_reason: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for fact in expected.facts_today:
        if fact.place[0] == "reason":
            channel, reason = fact.place[3].split(":")
            by_reason[reason][channel] += 1
    return [
        {
            "reason": reason,
            "label_fr": reason,
            "label_en": reason,
            "contacts": channels.total(),
            "by_channel": dict(channels),
        }
        for reason, channels in by_reason.items()
    ]


def _post(expected: ExpectedMetrics) -> list[dict[str, Any]]:
    """Return the post of the last `POST_DAYS` days."""
    first = expected.today - timedelta(POST_DAYS - 1)
    rows: dict[str, dict[str, Any]] = {}
    for fact in expected.facts:
        if fact.place[0] == "post" and day_of(fact.at) >= first:
            direction, post_class = fact.place[3].split(":")
            new = {"direction": direction, "post_class": post_class, "today": 0, "items": 0, "cost_cents": 0}
            row = rows.setdefault(fact.place[3], new)
            row["today"] += fact.number if day_of(fact.at) == expected.today else 0
            row["items"] += fact.number
            row["cost_cents"] += fact.cents
    return [*rows.values()]


def _callbacks(site: str, service: str, queue: str | None, facts: Sequence[HistoryFact]) -> dict[str, Any]:
    label = queue or ""
    return {
        "site": site,
        "service": service,
        "queue": queue,
        "label_fr": label,
        "label_en": label,
        "messages_left": count(facts, "message_left"),
        "messages_heard": count(facts, "message_heard"),
        "mean_hearing_seconds": _rounded(seconds(facts, "message_hearing")),
        "requested": count(facts, "callback_requested"),
        "called_back": count(facts, "called_back"),
        "mean_callback_seconds": _rounded(seconds(facts, "callback")),
    }
