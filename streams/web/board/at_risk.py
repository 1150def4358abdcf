"""What is about to be late, contact by contact: the open warnings of `contact.sla.v1`.

Only what says that a promise is at risk is kept, and no more of a contact than whoever works on it needs to find it: the end of
its number, where it lies, and until when.
"""

import logging
import re
import threading
from collections.abc import Iterable
from datetime import datetime
from heapq import nsmallest
from typing import Final, NamedTuple

import msgspec

from models.policies import QUEUE_CHANNELS
from models.timestamps import milliseconds
from streams.web.view import ReaderState

log = logging.getLogger(__name__)

MAX_LISTED: Final = 12
"""So many are told."""
KEPT: Final = 20_000
"""More than so many warnings are not kept: those that fall due last are dropped."""
SHORT: Final = 4
"""Of a contact's number so many characters are told: who works on it recognises it, nobody else finds it by them."""
_BEGINNINGS: Final = re.compile(rb'"sla\.(at_risk|resumed|moved)"')


class AtRiskTarget(NamedTuple):
    """A promise that most of the time for is over."""

    due_at: int
    """Milliseconds since 1970."""
    contact: str
    """The whole id: it is never sent."""
    policy: str
    clock: str
    channel: str
    service: str
    site: str
    queue: str

    @property
    def contact_suffix(self) -> str:
        """The end of the contact's number, at most half of it."""
        number = self.contact.rpartition(":")[2]
        return number[-min(SHORT, len(number) // 2) :] if len(number) > 1 else ""


class AtRiskTargets(NamedTuple):
    """What is known to be at risk."""

    next: list[AtRiskTarget]
    """What of it falls due first."""
    number: int
    """How many promises that are: those too that are not told with the rest, or are late, which is yet to be told."""


NONE: Final = AtRiskTargets([], 0)


class _Data(msgspec.Struct):
    policy: str
    clock: str
    number: int = 0
    queue: str = ""
    deadline_at: datetime | None = None
    at_risk_at: datetime | None = None


class _Told(msgspec.Struct):
    type: str
    subject: str
    channel: str
    time: datetime
    data: _Data
    service: str = ""
    site: str = ""


_decode: Final = msgspec.json.Decoder(_Told).decode


def _is_at_risk(told: _Told) -> bool:
    if told.type in {"sla.resumed", "sla.moved"}:
        return told.data.at_risk_at is not None and told.data.at_risk_at <= told.time
    return told.type == "sla.at_risk"


class AtRiskView:
    """Events of clocks in, the next deadlines at risk out; any thread may call either.

    A clock is at risk from when that is told until anything else is told of it; and from when it goes on, or has another
    deadline, if it is at risk by then: that is not told again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._source = ReaderState.NO_BROKER
        self._risks: dict[bytes, dict[tuple[str, int], AtRiskTarget]] = {}

    @property
    def reader_state(self) -> ReaderState:
        """What the reader is doing."""
        return self._source

    def set_state(self, reader_state: ReaderState) -> None:
        """Take note of what the reader is doing now."""
        with self._lock:
            self._source = reader_state

    def begin(self, partitions: Iterable[int]) -> None:  # noqa: ARG002 - what a reader says
        """Read anew, from the beginning."""
        with self._lock:
            self._risks.clear()

    def apply_all(
        self,
        partition: int,  # noqa: ARG002 - a contact is in one partition
        rows: Iterable[tuple[bytes | None, bytes | None]],
        written_at: int = 0,  # noqa: ARG002 - what a reader says
    ) -> None:
        """Take in events by contact. What cannot be read is left out: it is told of elsewhere."""
        with self._lock:
            for key, value in rows:
                # Of most events nothing need be known: they are of contacts that are not at risk.
                if key is not None and value is not None and (key in self._risks or _BEGINNINGS.search(value)):
                    self._take(key, value)

    def next(self, now: int, most: int = MAX_LISTED) -> AtRiskTargets | None:
        """Return what falls due next, after `now` (milliseconds since 1970); None until all of it is read.

        Where the topic does not exist, nothing was ever promised.
        """
        with self._lock:
            if self._source is ReaderState.NO_TOPIC:
                return NONE
            if self._source is not ReaderState.FOLLOWING:
                return None
            risks = [risk for clocks in self._risks.values() for risk in clocks.values()]
        return AtRiskTargets(nsmallest(most, (risk for risk in risks if risk.due_at > now)), len(risks))

    def _take(self, key: bytes, value: bytes) -> None:
        try:
            told = _decode(value)
        except msgspec.MsgspecError:
            return
        if told.channel in QUEUE_CHANNELS:
            return  # a call at risk is one that waits: its queue shows it
        clocks, which = self._risks.get(key, {}), (told.data.clock, told.data.number)
        clocks.pop(which, None)
        if _is_at_risk(told) and told.data.deadline_at is not None:
            due_at = milliseconds(told.data.deadline_at)
            where = (told.channel, told.service, told.site, told.data.queue)
            clocks[which] = AtRiskTarget(due_at, told.subject, told.data.policy, told.data.clock, *where)
        if clocks:
            self._risks[key] = clocks
            if len(self._risks) > KEPT:
                self._drop_last()
        else:
            self._risks.pop(key, None)

    def _drop_last(self) -> None:
        log.warning("more than %s contacts are at risk: those that fall due last are not listed", KEPT)
        first = sorted(self._risks, key=lambda key: min(risk.due_at for risk in self._risks[key].values()))
        self._risks = {key: self._risks[key] for key in first[: KEPT // 2]}
