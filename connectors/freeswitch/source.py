"""FreeSWITCH as a source. Its records are stored on disk and read from there until they are confirmed."""

from datetime import datetime
from functools import partial

import msgspec

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_filter import EventSocketRecord
from connectors.freeswitch.event_socket_session import EventSocketSession
from connectors.freeswitch.mapping import Context as MappingContext
from connectors.freeswitch.mapping import EventMapping
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import StayTracker
from connectors.sdk.contract import Context, Outcome, Reject, Source
from connectors.sdk.journaled_stream import Checkpoint, JournaledStream, JournalEntry, StreamPosition


class FreeswitchSource(JournaledStream[EventSocketRecord, StayTracker], Source[JournalEntry, StreamPosition]):
    """Source for one FreeSWITCH: the records of its event socket, journaled in the instance's directory `esl`."""

    checkpoint_seconds = 0.25

    def __init__(self, config: FreeswitchConfig, context: Context) -> None:
        self._cursor = context.cursor
        key = context.pseudonym_key(config.sector)
        super().__init__(
            context.directory / "esl",
            EventSocketRecord,
            partial(EventSocketSession, config, NameResolver(config, key)),
            self._cursor.load_as(Checkpoint[StayTracker]) or Checkpoint(0, StayTracker()),
            partial(EventMapping, context.source, config, key),
        )

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:
        """Return the events of a rejected record, mapped with the state saved in its rejection. Raises `UnusableRecord`."""
        tracker = msgspec.json.decode(reject.context, type=MappingContext).tracker
        return self.map_again(reject.record, tracker, read_at)

    def position(self) -> StreamPosition:
        """Return the number of the last mapped record, the memory at this point, and the position in the journal."""
        return StreamPosition(msgspec.json.encode(self.state), self.journal_position)

    def acknowledge(self, position: StreamPosition) -> None:
        """Save the position, and delete the records before it from the journal."""
        self._cursor.save(position.saved)
        if position.journal_position is not None:
            self.drop(position.journal_position)
