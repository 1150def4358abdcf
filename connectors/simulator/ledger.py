"""The ledger of what was done: number for number what figures must say, by their names. It knows nothing of how they count."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Final

from connectors.asterisk.simulate import Ledger as CallLedger
from connectors.asterisk.simulate import Tally
from connectors.simulator.accounts import Account, Elsewhere, Numbers, Opinion, Stay, Where
from connectors.simulator.deeds import Deed, Matter, What
from connectors.simulator.house import HEADQUARTERS
from connectors.simulator.returns import Returns
from models.topics import Channel

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Ledger:
    """All that was done."""

    def __init__(self) -> None:
        self._accounts: list[Account] = []
        self._current: dict[int, Account] = {}
        """Matter → the account that it has now: another one if it turns up again when nobody knows it any more."""
        self._last_at = LONG_AGO
        self.calls = CallLedger()
        """What the switchboard knows of its calls."""
        self.returns = Returns()
        """Who came back, calls apart."""

    def note(self, deed: Deed) -> None:
        """Take down a deed; calls are told by `calls`."""
        self._last_at = max(self._last_at, deed.at)
        if deed.what is What.CALLED:
            return
        self.returns.note(deed)
        for matter in (deed.matter, *deed.others):
            self._account_of(matter, deed).note(deed)

    def numbers(self, at: datetime | None = None) -> dict[Where, Numbers]:
        """Return what figures must say as of `at`, which is not before the last deed; if not given, as of that."""
        found: defaultdict[Where, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for account in self._accounts:
            place = found[account.where()]
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

    def _account_of(self, matter: Matter, deed: Deed) -> Account:
        known = self._current.get(matter.number)
        if known is None or not known.is_known(deed.at):
            known = self._current[matter.number] = self._open(matter, deed, is_news=known is not None)
            self._accounts.append(known)
        return known

    def _open(self, matter: Matter, deed: Deed, *, is_news: bool) -> Account:
        match matter.channel:
            case Channel.VISIT:
                return Stay(matter, deed)
            case Channel.CALL:
                return Elsewhere(matter, deed)
            case Channel.FEEDBACK:
                about = None if is_news or matter.about is None else self._account_of(matter.about, deed)
                return Opinion(matter, deed, about)
        return Account(matter, deed, is_news=is_news)


def _names(tally: Tally) -> Numbers:
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
