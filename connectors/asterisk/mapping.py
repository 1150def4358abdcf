"""Mapping of `queue_log` lines to events or rejects."""

import re
from typing import Final

import msgspec

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import COMPLETED, KNOWN, TRANSFERRED, LogLine, QueueLogRecord, parse
from connectors.asterisk.record_interpreter import RecordInterpreter
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.telephony import AHEAD_SECONDS, LABEL, SECONDS
from models.codec import UnusableRecord
from models.identities import PseudonymKey
from models.locale import _
from models.reasons import Reason

_ANSWER: Final = re.compile("|".join(rf"\|{event}(?:\||$)" for event in ("CONNECT", *COMPLETED, *TRANSFERRED)).encode())


class QueueLogMapping:
    """Maps the lines of one log in order. `history` is the memory of earlier lines."""

    def __init__(
        self, source: str, config: AsteriskConfig, key: PseudonymKey, history: CallHistory, *, again: bool = False
    ) -> None:
        self._names = NameResolver(config, key)
        self._history = history
        self._latest = SECONDS.stop if again else 0
        """Latest accepted time of a line, in seconds since 1970; the limit is updated when a line exceeds it.

        For lines mapped `again`, the SDK checks the time."""
        self._known = KNOWN | {"DID", *config.custom_events}
        self._interpreter = RecordInterpreter(source, config, self._names, history)

    def map(self, line: LogLine) -> Outcome:
        """Return the events of `line`, or its rejection. Never raises."""
        try:
            record = parse(line.content, self._known)
            if record is None:
                return ()
            if record.second > self._latest:
                self._check_time(record, line)
            events = self._interpreter.interpret(record, line.read_at)
        except UnusableRecord as error:
            return self.reject(line, error.reason, error.detail)
        if events is None:
            return self.reject(line, Reason.UNKNOWN_RECORD, _missing_meaning(record.event))
        return events

    def _check_time(self, record: QueueLogRecord, line: LogLine) -> None:
        """Raise `UnusableRecord` for a line from the future before anything of it is remembered.

        An impossible time may really be a telephone number.
        """
        self._latest = int(line.read_at.timestamp()) + AHEAD_SECONDS
        if record.second > self._latest:
            raise UnusableRecord(Reason.TIME_IN_FUTURE)

    def reject(self, line: LogLine, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the line mapped last, with the memory needed to map it again."""
        try:
            record = parse(line.content, self._known)
        except UnusableRecord:
            record = None
        context = CallHistory()
        if record:
            call, agent = self._names.call(record.call, record.second), self._names.agent(record.agent)
            context = self._history.excerpt(record.second, call, agent)
        answer = _ANSWER.search(line.content) is not None
        return Reject(reason, line.content, detail, msgspec.json.encode(context), answer)


def _missing_meaning(event: str) -> str:
    """Return a hint about an event without a meaning; empty if its name may not be shown."""
    if not LABEL.fullmatch(event):
        return ""
    return _("{event} has no meaning in custom_events", event=event)
