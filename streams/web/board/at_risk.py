"""Contacts at risk of missing an SLA target, from the clock events of `contact.sla.v1`.

The board shows only what the service needs to find a contact: the last characters of its id, its service, site and queue,
and its deadline. Calls and visits are left out, since the board shows their queues.
"""

import logging
import re
from collections.abc import Iterable
from datetime import datetime
from heapq import nsmallest
from typing import Final, NamedTuple

import msgspec

from models.policies import QUEUE_CHANNELS
from models.timestamps import milliseconds
from streams.web.topic_view import RawRows, ReaderState, TopicView

log = logging.getLogger(__name__)

MAX_LISTED: Final = 12
"""Maximum number of clocks at risk that the board lists."""
MAX_RETAINED: Final = 20_000
"""Maximum number of retained contacts. Beyond it, the half with the latest deadlines is dropped."""
SUFFIX_LENGTH: Final = 4
"""Last characters shown of a contact's id: enough for its agent to recognise it, too few for others to find it."""
_RISK_EVENTS: Final = re.compile(rb'"sla\.(at_risk|resumed|moved)"')


class AtRiskTarget(NamedTuple):
    """An SLA clock at risk, with its contact."""

    due_at: int
    """Deadline, in milliseconds since 1970."""
    contact: str
    """Full id of the contact, never sent to the board."""
    policy: str
    clock: str
    channel: str
    service: str
    site: str
    queue: str

    @property
    def contact_suffix(self) -> str:
        """Last characters of the contact's id: at most `SUFFIX_LENGTH`, and at most half of the part after its last colon.

        Empty if that part has only one character.
        """
        number = self.contact.rpartition(":")[2]
        return number[-min(SUFFIX_LENGTH, len(number) // 2) :] if len(number) > 1 else ""


class AtRiskTargets(NamedTuple):
    """Known SLA clocks at risk, without those of calls and visits."""

    next: list[AtRiskTarget]
    """Those with the next deadlines, the earliest first; without overdue ones, and limited in number."""
    number: int
    """Number of all known clocks at risk, including overdue ones whose breach has not been read yet."""


NONE: Final = AtRiskTargets([], 0)


class _Data(msgspec.Struct):
    policy: str
    clock: str
    number: int = 0
    queue: str = ""
    deadline_at: datetime | None = None
    at_risk_at: datetime | None = None


class _ClockEvent(msgspec.Struct):
    type: str
    subject: str
    channel: str
    time: datetime
    data: _Data
    service: str = ""
    site: str = ""


_decode: Final = msgspec.json.Decoder(_ClockEvent).decode


def _is_at_risk(event: _ClockEvent) -> bool:
    if event.type in {"sla.resumed", "sla.moved"}:
        return event.data.at_risk_at is not None and event.data.at_risk_at <= event.time
    return event.type == "sla.at_risk"


class _Risks:
    """Clocks at risk of one reading, by record key (the contact); not thread-safe."""

    def __init__(self) -> None:
        self._by_contact: dict[bytes, dict[tuple[str, int], AtRiskTarget]] = {}

    @property
    def all(self) -> list[AtRiskTarget]:
        return [risk for clocks in self._by_contact.values() for risk in clocks.values()]

    def put_all(self, partition: int, rows: RawRows, written_at: int) -> None:  # noqa: ARG002 - part of the protocol
        for key, value in rows:
            # Most events are of contacts that are not at risk: do not decode them.
            if key is not None and value is not None and (key in self._by_contact or _RISK_EVENTS.search(value)):
                self._apply(key, value)

    def _apply(self, key: bytes, value: bytes) -> None:
        try:
            event = _decode(value)
        except msgspec.MsgspecError:
            return  # other consumers report it
        if event.channel in QUEUE_CHANNELS:
            return  # the queue of the call or visit shows it
        clocks, clock_key = self._by_contact.get(key, {}), (event.data.clock, event.data.number)
        clocks.pop(clock_key, None)
        if _is_at_risk(event) and event.data.deadline_at is not None:
            due_at = milliseconds(event.data.deadline_at)
            place = (event.channel, event.service, event.site, event.data.queue)
            clocks[clock_key] = AtRiskTarget(due_at, event.subject, event.data.policy, event.data.clock, *place)
        if clocks:
            self._by_contact[key] = clocks
            if len(self._by_contact) > MAX_RETAINED:
                self._drop_last()
        else:
            self._by_contact.pop(key, None)

    def _drop_last(self) -> None:
        log.warning("more than %s contacts are at risk: those with the latest deadlines are not listed", MAX_RETAINED)
        first = sorted(self._by_contact, key=lambda key: min(risk.due_at for risk in self._by_contact[key].values()))
        self._by_contact = {key: self._by_contact[key] for key in first[: MAX_RETAINED // 2]}


class AtRiskView(TopicView[_Risks]):
    """Thread-safe view of clock events that returns the next deadlines at risk.

    A clock is at risk from its `sla.at_risk` event until its next event. A clock that resumes, or gets another deadline,
    may already be at risk; no further `sla.at_risk` follows then.
    """

    def __init__(self) -> None:
        super().__init__(_Risks())

    def next(self, now: int, limit: int = MAX_LISTED) -> AtRiskTargets | None:
        """Return the next `limit` deadlines at risk after `now` (milliseconds since 1970), and the number of all clocks at risk.

        None unless `reader_state` is `FOLLOWING`: while the topic is being read, or no broker answers. If the topic does not
        exist, no SLA clock has ever started: the result is then empty.
        """
        with self._lock:
            if self._reader_state is ReaderState.NO_TOPIC:
                return NONE
            if self._reader_state is not ReaderState.FOLLOWING:
                return None
            risks = self._current.all
        return AtRiskTargets(nsmallest(limit, (risk for risk in risks if risk.due_at > now)), len(risks))

    def _new_reading(self, partitions: Iterable[int]) -> _Risks:  # noqa: ARG002 - a contact is in one partition
        return _Risks()
