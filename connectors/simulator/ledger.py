"""Ledger of actions: the exact figures that the product must compute, independent of its code."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Final

from connectors.sdk.simulation.call_ledger import Ledger as CallLedger
from connectors.sdk.simulation.call_ledger import QueueTotals
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.case_tallies import (
    CaseTally,
    DimensionKey,
    FeedbackTally,
    FigureCounts,
    PostTally,
    VisitTally,
)
from connectors.simulator.organisation import CONTACT_REASONS, DIRECT_LINES, HEADQUARTERS
from models.topics import Channel

MENU_REASONS: Final = {option: name for name, reason in CONTACT_REASONS.items() for option in reason.menu_options}
"""Choice in the voice menu → reason for contact."""
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Ledger:
    """Figures of all recorded actions."""

    def __init__(self) -> None:
        self._tallies: list[CaseTally] = []
        self._current: dict[int, CaseTally] = {}
        """Case number → its current tally. A case that is reported after its retention gets a new tally."""
        self._last_at = NEVER
        self.calls = CallLedger()
        """Figures of the switchboard's calls, which the switchboard itself updates."""

    def record(self, action: Action) -> None:
        """Count an action for each of its cases, except a call: the switchboard counts that in `calls`."""
        self._last_at = max(self._last_at, action.at)
        if action.kind is ActionKind.CALLED:
            return
        for citizen_case in (action.citizen_case, *action.other_cases):
            self._tally_of(citizen_case, action).record(action)

    def numbers(self, at: datetime | None = None) -> dict[DimensionKey, FigureCounts]:
        """Return the expected figures without zeros, as of `at` or else of the last action. Those of calls are always current."""
        found: defaultdict[DimensionKey, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        found_reasons: Counter[DimensionKey] = Counter()
        for tally in self._tallies:
            channel, site, service, _ = tally.dimension_key()
            found_reasons.update([(channel, site, service, tally.reason)] * bool(tally.reason))
            place = found[tally.dimension_key()]
            for name, number in tally.numbers(at or self._last_at).items():
                place[name] += number
        figures = {place: dict(numbers) for place, numbers in found.items()}
        for queue, totals in self.calls.queues.items():
            figures[Channel.CALL.value, HEADQUARTERS, queue, queue] = _figures(totals)
            figures["line", HEADQUARTERS, queue, queue] = dict.fromkeys(("line_arrived", "line_queued"), totals.dialled)
            figures["menu", HEADQUARTERS, "", queue] = {"menu_chosen": totals.chosen}
            figures["callback", HEADQUARTERS, queue, queue] = _callback_figures(totals)
            for target, number in totals.transferred_to.items():
                figures["transfer", HEADQUARTERS, queue, f"{Channel.CALL.value}:{queue}:{target}"] = {
                    "handed_on": number
                }
        for option, queue in self.calls.menu_calls.values():
            found_reasons["call", HEADQUARTERS, queue, MENU_REASONS[option]] += 1
        for (channel, site, service, reason), number in found_reasons.items():
            figures["reason", site, service, f"{channel}:{reason}"] = {"reason_contacts": number}
        for line, number in self.calls.direct_calls.items():
            figures["line", HEADQUARTERS, DIRECT_LINES[line].service, line] = {"line_arrived": number}
        nonzero = (
            (place, {name: value for name, value in numbers.items() if value}) for place, numbers in figures.items()
        )
        return {place: numbers for place, numbers in nonzero if numbers}

    def to_json(self, at: datetime | None = None) -> str:
        """Return the figures of `numbers` as JSON: a list of dimensions, sorted, each with its counts."""
        places = [
            dict(zip(("channel", "site", "service", "queue"), place, strict=True), numbers=numbers)
            for place, numbers in sorted(self.numbers(at).items())
        ]
        return json.dumps(places, indent=2)

    def _tally_of(self, citizen_case: CitizenCase, action: Action) -> CaseTally:
        tally = self._current.get(citizen_case.number)
        if tally is None or not tally.is_known(action.at):
            tally = self._current[citizen_case.number] = self._open(citizen_case, action, is_orphan=tally is not None)
            self._tallies.append(tally)
        return tally

    def _open(self, citizen_case: CitizenCase, action: Action, *, is_orphan: bool) -> CaseTally:
        if action.kind is ActionKind.POST_FRANKED:
            return PostTally(citizen_case, action)
        match citizen_case.channel:
            case Channel.VISIT:
                return VisitTally(citizen_case, action)
            case Channel.FEEDBACK:
                parent = (
                    None if is_orphan or citizen_case.parent is None else self._tally_of(citizen_case.parent, action)
                )
                return FeedbackTally(citizen_case, action, parent)
        return CaseTally(citizen_case, action, is_orphan=is_orphan)


def _figures(totals: QueueTotals) -> FigureCounts:
    return {
        "offered": totals.offered,
        "answered": totals.answered,
        "abandoned": totals.abandoned,
        **{f"left_{reason}": number for reason, number in totals.left.items()},
        "left_forgotten": totals.forgotten,
        "waiting": totals.waiting,
        "transferred": totals.transferred,
        "ended": totals.ended,
        "in_progress": totals.in_progress,
        "ring_unanswered": totals.ring_unanswered,
        "wait_milliseconds": totals.wait_seconds * 1000,
        "abandon_wait_milliseconds": totals.abandon_wait_seconds * 1000,
        "handle_milliseconds": totals.handle_seconds * 1000,
    }


def _callback_figures(totals: QueueTotals) -> FigureCounts:
    return {
        "message_left": totals.messages,
        "message_heard": totals.heard,
        "message_hearing_milliseconds": totals.hearing_seconds * 1000,
        "callback_requested": totals.callback_requests,
        "called_back": totals.called_back,
        "callback_milliseconds": totals.callback_seconds * 1000,
    }
