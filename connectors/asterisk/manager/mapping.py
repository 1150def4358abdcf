"""What messages of the manager interface mean, and that a connection began."""

from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.facts import Facts
from connectors.asterisk.manager import wire
from connectors.asterisk.manager.kept import Told
from connectors.asterisk.manager.records import hear
from connectors.asterisk.manager.snapshot import Snapshot
from connectors.asterisk.manager.translation import Translation
from connectors.asterisk.manager.watch import Watch
from connectors.asterisk.manager.wire import seconds_of
from connectors.asterisk.names import Names
from connectors.asterisk.records import Record
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.live import Heard
from connectors.sdk.words import say
from models.codec import Unusable
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

ANSWERS: Final = frozenset({"AgentConnect", "AgentComplete"})
TOO_LONG: Final = say(f"more than {wire.MAX_MESSAGE_BYTES} bytes", f"plus de {wire.MAX_MESSAGE_BYTES} octets")


_decode: Final = msgspec.json.Decoder(Told).decode


class ManagerMapping:
    """Maps the messages of one switchboard, in order; what earlier ones said is in `watch`."""

    def __init__(
        self, source: str, config: AsteriskConfig, key: PseudonymKey, watch: Watch, *, beside_log: bool
    ) -> None:
        self._names = Names(config, key)
        self._watch = watch
        self._snapshot = Snapshot(self._names, watch, beside_log=beside_log)
        self._translation = Translation(config, self._names, watch)
        self._facts = Facts(source, config, self._names, watch.memory)

    def map(self, raw: Heard) -> Outcome:
        """Return what a message means, or why it means nothing; raises nothing."""
        events: list[Event] = []
        try:
            for record in self._records(_decode(raw.content)):
                events += self._facts.tell(record, raw.read_at) or ()
        except Unusable as error:
            return self.reject(raw, error.reason, error.detail)
        return events

    def reject(self, raw: Heard, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the message that was mapped last, with what is to be known of earlier ones."""
        told = _decode(raw.content)
        said = hear(told.message, _second(told), self._names)
        context = Context(self._watch.excerpt(said.second, said.call, said.agent))
        return Reject(reason, raw.content, detail, msgspec.json.encode(context), said.event in ANSWERS)

    def _records(self, told: Told) -> Sequence[Record]:
        match told.message["Event"]:
            case wire.CONNECTED:
                self._snapshot.begin(_second(told))
                return ()
            case wire.LISTED:
                return list(self._snapshot.compare(_second(told), told.members, told.entries))
            case wire.OVERSIZED:
                raise Unusable(Reason.OVERSIZED, TOO_LONG)
        said = hear(told.message, _second(told), self._names)
        if said.call and not self._snapshot.is_watched(said.unique_id):
            return ()
        return self._translation.translate(said)


class Context(msgspec.Struct):
    """What a rejected message depends on."""

    manager: Watch


def _second(told: Told) -> int:
    return int(seconds_of(told.message, told.received_at))
