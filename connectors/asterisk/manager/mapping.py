"""Mapping of manager interface messages to events or rejects."""

from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.manager import ami_protocol
from connectors.asterisk.manager.ami_protocol import seconds_of
from connectors.asterisk.manager.call_tracker import CallTracker
from connectors.asterisk.manager.manager_event import read_message
from connectors.asterisk.manager.message_filter import ManagerRecord
from connectors.asterisk.manager.message_translator import MessageTranslator
from connectors.asterisk.manager.queue_status import QueueStatusComparison
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import QueueLogRecord
from connectors.asterisk.record_interpreter import RecordInterpreter
from connectors.sdk.contract import Reject
from connectors.sdk.journaled_stream import JournalEntry
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from models.locale import _
from models.reasons import Reason

HANDLED_BY_AGENT: Final = frozenset({"AgentConnect", "AgentComplete"})
TOO_LONG: Final = _("more than {max_message_bytes} bytes", max_message_bytes=ami_protocol.MAX_MESSAGE_BYTES)

_decode: Final = msgspec.json.Decoder(ManagerRecord).decode


class ManagerMapping:
    """Maps the messages of one switchboard in order. `tracker`, the memory of earlier messages, is updated."""

    def __init__(self, source: str, config: AsteriskConfig, key: PseudonymKey, tracker: CallTracker) -> None:
        self._names = NameResolver(config, key)
        self._tracker = tracker
        tracker.convert_queues(self._names.queue_key_of_saved)
        self._queue_status = QueueStatusComparison(self._names, tracker, with_log=config.path is not None)
        self._translator = MessageTranslator(config, self._names, tracker)
        self._interpreter = RecordInterpreter(source, config, self._names, tracker.memory)

    def map(self, raw: JournalEntry) -> Sequence[Event]:
        """Return the events of a message, often none, and update the memory. Raises `UnusableRecord`."""
        records = self._records(_decode(raw.content))
        return [event for record in records for event in self._interpreter.interpret(record, raw.read_at)]

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the message mapped last, with the memory needed to map it again."""
        record = _decode(raw.content)
        ami_event = read_message(record.message, _second(record), self._names)
        context = Context(self._tracker.excerpt(ami_event.second, ami_event.call, ami_event.agent))
        return Reject(reason, raw.content, detail, msgspec.json.encode(context), ami_event.name in HANDLED_BY_AGENT)

    def _records(self, record: ManagerRecord) -> Sequence[QueueLogRecord]:
        match record.message["Event"]:
            case ami_protocol.CONNECTED:
                self._queue_status.begin(_second(record))
                return ()
            case ami_protocol.LISTED:
                return list(self._queue_status.compare(_second(record), record.members, record.entries))
            case ami_protocol.OVERSIZED:
                raise UnusableRecord(Reason.OVERSIZED, TOO_LONG)
        ami_event = read_message(record.message, _second(record), self._names)
        if ami_event.call and not self._queue_status.is_watched(ami_event.unique_id):
            return ()
        return self._translator.translate(ami_event)


class Context(msgspec.Struct):
    """Memory needed to map a rejected message again, as stored in its rejection."""

    manager: CallTracker


def _second(record: ManagerRecord) -> int:
    return int(seconds_of(record.message, record.received_at))
