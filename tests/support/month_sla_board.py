"""Expected SLA content of the board of a simulated month."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from connectors.simulator.office_hours import midnight
from tests.support.expected_metrics import day_of
from tests.support.month_sla import (
    FIVE_MINUTES_MS,
    STATES,
    ExpectedSla,
    SlaDimensions,
    SlaKey,
    day_at,
    dimensions_of,
    five_minutes_of,
    group_by,
    moment_at,
    oldest_overdue,
)
from tests.support.plain_sla import QUEUE_CHANNELS, WRITTEN_CHANNELS, PlainSlaTarget, next_change
from tests.support.simulated_workers import milliseconds

MAX_LISTED: Final = 12
"""Maximum number of lines for late and for due contacts on the board."""


class SlaBoard:
    """Expected content of the board from all SLA targets of a file."""

    def __init__(self, sla: ExpectedSla) -> None:
        self._sla = sla

    def compare(self, actual: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        """Return the differences between the board's SLA content and the expected one: name, actual, expected."""
        listed = [target for target in self._sla.sla_targets if target.place[0] in WRITTEN_CHANNELS]
        late = group_by((target for target in listed if target.state == "overdue"), at_of_service)
        due = group_by((target for target in listed if target.is_due), at_of_service)
        at_risk = [
            target
            for target in listed
            if target.state == "at_risk" and (target.deadline_at or 0) > milliseconds(self._sla.now)
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
        now = milliseconds(self._sla.now)
        return [
            {
                "calendar": name,
                "is_open": self._sla.file.calendars[name].is_open(now),
                "changes_at": next_change(self._sla.file.calendars[name], now),
            }
            for name in dict.fromkeys(version["calendar"] for version in self._sla.in_force)
        ]

    def _standing(self) -> list[dict[str, Any]]:
        by_key = group_by(self._sla.sla_targets, lambda target: dimensions_of(target).sla_key)
        order = [(version["name"], kind) for version in self._sla.in_force for kind in version["clocks"]]
        lines = []
        for sla_key in sorted(by_key, key=lambda sla_key: (order.index(sla_key[:2]), sla_key)):
            sla_targets, today = by_key[sla_key], day_of(self._sla.now)
            met = sum(target.state == "met" and day_at(target.ended_at) == today for target in sla_targets)
            breached = sum(target.is_breached and day_at(target.deadline_at) == today for target in sla_targets)
            oldest = oldest_overdue(sla_targets)
            lines.append(
                {
                    **dict(zip(("policy", "clock", "channel"), sla_key, strict=True)),
                    **{state: sum(target.state == state for target in sla_targets) for state in STATES},
                    "oldest_overdue_at": oldest,
                    "overdue_by": oldest and self._working_time(sla_key, oldest, milliseconds(self._sla.now)),
                    "kept": {"numerator": met, "denominator": met + breached},
                    "objective": self._rule(sla_key)[0].get("objective", 0.9),
                }
            )
        return lines

    def _waiting(self) -> list[dict[str, Any]]:
        queued = (
            target
            for target in self._sla.sla_targets
            if target.place[0] in QUEUE_CHANNELS and target.state in {"at_risk", "overdue"}
        )
        lines = []
        for place, sla_targets in sorted(group_by(queued, lambda target: target.place[:3]).items()):
            numbers = {state: sum(target.state == state for target in sla_targets) for state in ("at_risk", "overdue")}
            lines.append(dict(zip(("channel", "site", "service"), place, strict=True)) | numbers)
        return lines

    def _rule(self, sla_key: SlaKey) -> tuple[dict[str, Any], str]:
        version = next(policy for policy in self._sla.in_force if policy["name"] == sla_key[0])
        rule = version["clocks"][sla_key[1]]
        return rule, rule.get("calendar") or version["calendar"]

    def _working_time(self, sla_key: SlaKey, begin: int, end: int) -> dict[str, int] | None:
        rule, calendar = self._rule(sla_key)
        return None if rule["unit"] == "elapsed" else self._sla.file.working_time(calendar, begin, end)

    def _line(
        self, at: SlaDimensions, state: str, sla_targets: Sequence[PlainSlaTarget], due_at: int | None = None
    ) -> dict[str, Any]:
        due_at = due_at or min(target.deadline_at for target in sla_targets if target.deadline_at is not None)
        begin, end = sorted((due_at, milliseconds(self._sla.now)))
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
        present = milliseconds(self._sla.now) // FIVE_MINUTES_MS * FIVE_MINUTES_MS
        end_of_today = milliseconds(midnight(day_of(self._sla.now) + timedelta(days=1)))

        def bucket_of(target: PlainSlaTarget) -> tuple[int, Any]:
            start = max(five_minutes_of(target), present)
            if start <= end_of_today:
                return 0, start
            return 1, day_of(moment_at(start) - timedelta(milliseconds=1))  # midnight belongs to the day before

        at_risk, lines = sum(target.state == "at_risk" for target in sla_targets), []
        for _, grouped in groupby(sorted(sla_targets, key=bucket_of), bucket_of):
            group = list(grouped)
            due_at = max(min(map(five_minutes_of, group)), present)
            lines.append(self._line(at, "at_risk" if at_risk > 0 else "running", group, due_at))
            at_risk -= len(group)
        return lines

    def _at_risk(self, target: PlainSlaTarget) -> dict[str, Any]:
        now, due_at = milliseconds(self._sla.now), target.deadline_at
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


def at_of_service(target: PlainSlaTarget) -> SlaDimensions:
    return dimensions_of(target)._replace(site="")


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
