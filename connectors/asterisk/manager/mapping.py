"""What messages of the manager interface mean, and that a connection began."""

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
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.i18n import say
from connectors.sdk.journaled_stream import JournalEntry
from models.codec import UnusableRecord
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

ANSWERS: Final = frozenset({"AgentConnect", "AgentComplete"})
TOO_LONG: Final = say(
    f"more than {ami_protocol.MAX_MESSAGE_BYTES} bytes", f"plus de {ami_protocol.MAX_MESSAGE_BYTES} octets"
)


_decode: Final = msgspec.json.Decoder(ManagerRecord).decode


class ManagerMapping:
    """Maps the messages of one switchboard, in order; what earlier ones said is in `watch`."""

    def __init__(
        self, source: str, config: AsteriskConfig, key: PseudonymKey, watch: CallTracker, *, beside_log: bool
    ) -> None:
        self._names = NameResolver(config, key)
        self._watch = watch
        self._snapshot = QueueStatusComparison(self._names, watch, beside_log=beside_log)
        self._translation = MessageTranslator(config, self._names, watch)
        self._facts = RecordInterpreter(source, config, self._names, watch.memory)

    def map(self, raw: JournalEntry) -> Outcome:
        """Return what a message means, or why it means nothing; raises nothing."""
        events: list[Event] = []
        try:
            for record in self._records(_decode(raw.content)):
                events += self._facts.interpret(record, raw.read_at) or ()
        except UnusableRecord as error:
            return self.reject(raw, error.reason, error.detail)
        return events

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the message that was mapped last, with what is to be known of earlier ones."""
        told = _decode(raw.content)
        said = read_message(told.message, _second(told), self._names)
        context = Context(self._watch.excerpt(said.second, said.call, said.agent))
        return Reject(reason, raw.content, detail, msgspec.json.encode(context), said.event in ANSWERS)

    def _records(self, told: ManagerRecord) -> Sequence[QueueLogRecord]:
        match told.message["Event"]:
            case ami_protocol.CONNECTED:
                self._snapshot.begin(_second(told))
                return ()
            case ami_protocol.LISTED:
                return list(self._snapshot.compare(_second(told), told.members, told.entries))
            case ami_protocol.OVERSIZED:
                raise UnusableRecord(Reason.OVERSIZED, TOO_LONG)
        said = read_message(told.message, _second(told), self._names)
        if said.call and not self._snapshot.is_watched(said.unique_id):
            return ()
        return self._translation.translate(said)


class Context(msgspec.Struct):
    """What a rejected message depends on."""

    manager: CallTracker


def _second(told: ManagerRecord) -> int:
    return int(seconds_of(told.message, told.received_at))
