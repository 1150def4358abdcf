"""What a line of `queue_log` means, or why it means nothing."""

import re
from typing import Final

import msgspec

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import COMPLETED, KNOWN, TRANSFERRED, LogLine, QueueLogRecord, parse
from connectors.asterisk.record_interpreter import RecordInterpreter
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.i18n import say
from connectors.sdk.telephony import AHEAD_SECONDS, LABEL, SECONDS
from models.codec import UnusableRecord
from models.identities import PseudonymKey
from models.reasons import Reason

_ANSWER: Final = re.compile("|".join(rf"\|{event}(?:\||$)" for event in ("CONNECT", *COMPLETED, *TRANSFERRED)).encode())


class QueueLogMapping:
    """Maps the lines of one log, in order; what earlier lines said is in `memory`."""

    def __init__(
        self, source: str, config: AsteriskConfig, key: PseudonymKey, memory: CallHistory, *, again: bool = False
    ) -> None:
        self._names = NameResolver(config, key)
        self._memory = memory
        self._latest = SECONDS.stop if again else 0
        """Latest time of a line, as far as it was computed. The SDK judges the time of a line that is mapped `again`."""
        self._known = KNOWN | {"DID", *config.custom_events}
        self._facts = RecordInterpreter(source, config, self._names, memory)

    def map(self, line: LogLine) -> Outcome:
        """Return what `line` means, or why it means nothing; raises nothing."""
        try:
            record = parse(line.content, self._known)
            if record is None:
                return ()
            if record.second > self._latest:
                self._check_time(record, line)
            events = self._facts.interpret(record, line.read_at)
        except UnusableRecord as error:
            return self.reject(line, error.reason, error.detail)
        if events is None:
            return self.reject(line, Reason.UNKNOWN_RECORD, _no_meaning_of(record.event))
        return events

    def _check_time(self, record: QueueLogRecord, line: LogLine) -> None:
        """Raise `Unusable` for a line of the future, before anything of it is remembered: its time may be a telephone number."""
        self._latest = int(line.read_at.timestamp()) + AHEAD_SECONDS
        if record.second > self._latest:
            raise UnusableRecord(Reason.TIME_IN_FUTURE)

    def reject(self, line: LogLine, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the line that was mapped last, with what is to be known of earlier ones."""
        try:
            record = parse(line.content, self._known)
        except UnusableRecord:
            record = None
        context = CallHistory()
        if record:
            call, agent = self._names.call(record.call, record.second), self._names.agent(record.agent)
            context = self._memory.excerpt(record.second, call, agent)
        answer = _ANSWER.search(line.content) is not None
        return Reject(reason, line.content, detail, msgspec.json.encode(context), answer)


def _no_meaning_of(event: str) -> str:
    """Return what to do about an event of no meaning; empty if its name is not one that can be shown."""
    if not LABEL.fullmatch(event):
        return ""
    return say(f"{event} has no meaning in custom_events", f"{event} n'a pas de sens dans custom_events")
