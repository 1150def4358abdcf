"""Try whether the event socket can be reached, and understood."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import msgspec

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.feed import list_all
from connectors.freeswitch.mapping import EventMapping
from connectors.freeswitch.session import Session
from connectors.freeswitch.watch import Watch
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.live import Heard


def probe(config: FreeswitchConfig, context: Context) -> Sequence[Outcome]:
    """Return who is in the queues, having asked for events too. Raises `SourceUnavailableError`."""
    with closing(Session(config)) as session:
        told = list_all(session)
    mapping = EventMapping(context.source, config, context.key_of(config.sector), Watch())
    return [mapping.map(Heard(msgspec.json.encode(told), datetime.now(UTC)))]
