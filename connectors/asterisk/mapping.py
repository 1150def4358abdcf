"""Mapping of `queue_log` lines to events or rejects."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import COMPLETED, KNOWN, TRANSFERRED, LogLine, QueueLogRecord, parse
from connectors.asterisk.record_interpreter import RecordInterpreter
from connectors.sdk.contract import Reject
from connectors.sdk.telephony import AHEAD_SECONDS, SECONDS
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

_ANSWER: Final = re.compile("|".join(rf"\|{event}(?:\||$)" for event in ("CONNECT", *COMPLETED, *TRANSFERRED)).encode())


class QueueLogMapping:
    """Maps the lines of one log in order. `history` is the memory of earlier lines, which each line updates.

    With `again`, lines that were rejected are mapped, and times are not checked here.
    """

    def __init__(
        self, source: str, config: AsteriskConfig, key: PseudonymKey, history: CallHistory, *, again: bool = False
    ) -> None:
        self._names = NameResolver(config, key)
        self._history = history
        history.convert_queues(self._names.queue_key_of_saved)
        self._latest = SECONDS.stop if again else 0
        """Second up to which times are accepted without a check. For lines mapped `again`, the SDK checks the time."""
        self._known = KNOWN | {"DID", *config.custom_events}
        self._interpreter = RecordInterpreter(source, config, self._names, history)

    def map(self, line: LogLine) -> Sequence[Event]:
        """Return the events of `line`, none for a blank or ignored one, and update the memory.

        Raises `UnusableRecord` if it is malformed, from the future, lacks a name that its event needs, or has no meaning.
        """
        record = parse(line.content, self._known)
        if record is None:
            return ()
        if record.second > self._latest:
            self._check_time(record, line)
        return self._interpreter.interpret(record, line.read_at)

    def _check_time(self, record: QueueLogRecord, line: LogLine) -> None:
        """Raise `UnusableRecord` for a time more than `AHEAD_SECONDS` after the reading: it may be a telephone number.

        Accept later lines up to the same limit without a check.
        """
        self._latest = int(line.read_at.timestamp()) + AHEAD_SECONDS
        if record.second > self._latest:
            raise UnusableRecord(Reason.TIME_IN_FUTURE)

    def reject(self, line: LogLine, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the line mapped last, with the memory needed to map it again: none for an unreadable line."""
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
