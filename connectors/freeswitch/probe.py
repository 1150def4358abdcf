"""Check that the event socket can be reached and read."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import msgspec

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_socket_connection import list_all
from connectors.freeswitch.event_socket_session import EventSocketSession
from connectors.freeswitch.mapping import EventMapping
from connectors.freeswitch.stay_tracker import StayTracker
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.journaled_stream import JournalEntry


def probe(config: FreeswitchConfig, context: Context) -> Sequence[Outcome]:
    """Return the outcome of the current lists. Raises `SourceUnavailableError`, also if events may not be read."""
    with closing(EventSocketSession(config)) as session:
        status = list_all(session)
    mapping = EventMapping(context.source, config, context.pseudonym_key(config.sector), StayTracker())
    return [mapping.map(JournalEntry(msgspec.json.encode(status), datetime.now(UTC)))]
