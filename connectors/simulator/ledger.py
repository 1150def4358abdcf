"""The ledger of what was done: number for number what figures must say, by their names. It knows nothing of how they count."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Final

from connectors.asterisk.simulate import Ledger as CallLedger
from connectors.asterisk.simulate import QueueTotals
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.case_tallies import (
    CaseTally,
    DimensionKey,
    FeedbackTally,
    FigureCounts,
    SwitchboardCall,
    VisitTally,
)
from connectors.simulator.citizen_contacts import CitizenContacts
from connectors.simulator.organisation import HEADQUARTERS
from models.topics import Channel

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Ledger:
    """All that was done."""

    def __init__(self) -> None:
        self._accounts: list[CaseTally] = []
        self._current: dict[int, CaseTally] = {}
        """Matter → the account that it has now: another one if it turns up again when nobody knows it any more."""
        self._last_at = LONG_AGO
        self.calls = CallLedger()
        """What the switchboard knows of its calls."""
        self.citizen_contacts = CitizenContacts()
        """Who came back, calls apart."""

    def record(self, action: Action) -> None:
        """Take down a deed; calls are told by `calls`."""
        self._last_at = max(self._last_at, action.at)
        if action.kind is ActionKind.CALLED:
            return
        self.citizen_contacts.record(action)
        for citizen_case in (action.citizen_case, *action.other_cases):
            self._account_of(citizen_case, action).record(action)

    def numbers(self, at: datetime | None = None) -> dict[DimensionKey, FigureCounts]:
        """Return what figures must say as of `at`, which is not before the last deed; if not given, as of that."""
        found: defaultdict[DimensionKey, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for account in self._accounts:
            place = found[account.dimension_key()]
            for name, number in account.numbers(at or self._last_at).items():
                place[name] += number
        told = {place: dict(numbers) for place, numbers in found.items()}
        for queue, tally in self.calls.queues.items():
            told[Channel.CALL.value, HEADQUARTERS, queue, queue] = _names(tally)
            for to, number in tally.transferred_to.items():
                told["transfer", HEADQUARTERS, queue, f"{Channel.CALL.value}:{queue}:{to}"] = {"handed_on": number}
        counted = ((place, {name: one for name, one in numbers.items() if one}) for place, numbers in told.items())
        return {place: numbers for place, numbers in counted if numbers}

    def to_json(self, at: datetime | None = None) -> str:
        """Return it as JSON, as of `at` as `numbers` has it: a list of places, each with its numbers."""
        places = [
            dict(zip(("channel", "site", "service", "queue"), place, strict=True), numbers=numbers)
            for place, numbers in sorted(self.numbers(at).items())
        ]
        return json.dumps(places, indent=2)

    def _account_of(self, citizen_case: CitizenCase, action: Action) -> CaseTally:
        known = self._current.get(citizen_case.number)
        if known is None or not known.is_known(action.at):
            known = self._current[citizen_case.number] = self._open(citizen_case, action, is_orphan=known is not None)
            self._accounts.append(known)
        return known

    def _open(self, citizen_case: CitizenCase, action: Action, *, is_orphan: bool) -> CaseTally:
        match citizen_case.channel:
            case Channel.VISIT:
                return VisitTally(citizen_case, action)
            case Channel.CALL:
                return SwitchboardCall(citizen_case, action)
            case Channel.FEEDBACK:
                parent = (
                    None if is_orphan or citizen_case.parent is None else self._account_of(citizen_case.parent, action)
                )
                return FeedbackTally(citizen_case, action, parent)
        return CaseTally(citizen_case, action, is_orphan=is_orphan)


def _names(tally: QueueTotals) -> FigureCounts:
    """Return a queue's tally by the names of figures."""
    return {
        "offered": tally.offered,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        **{f"left_{reason}": number for reason, number in tally.left.items()},
        "left_forgotten": tally.forgotten,
        "waiting": tally.waiting,
        "transferred": tally.transferred,
        "ended": tally.ended,
        "in_progress": tally.in_progress,
        "ring_unanswered": tally.ring_unanswered,
        "wait_milliseconds": tally.wait_seconds * 1000,
        "abandon_wait_milliseconds": tally.abandon_wait_seconds * 1000,
        "handle_milliseconds": tally.handle_seconds * 1000,
    }
