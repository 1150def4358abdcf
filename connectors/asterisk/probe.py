"""Try whether log and manager interface can be reached, and understood."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.asterisk.config import AsteriskConfig, Manager
from connectors.asterisk.manager.call_tracker import CallTracker
from connectors.asterisk.manager.manager_input import list_queues
from connectors.asterisk.manager.manager_session import ManagerSession
from connectors.asterisk.manager.mapping import ManagerMapping
from connectors.asterisk.source import AsteriskSource
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.journaled_stream import JournalEntry
from connectors.sdk.probe import ProbedOutcomes, read_available

WAIT_SECONDS: Final = 2.0
"""How long something new in the log is waited for."""


def probe(config: AsteriskConfig, context: Context) -> Sequence[Outcome]:
    """Return what the next lines of the log mean, and who is in the queues. Raises `SourceUnavailableError`."""
    outcomes = ProbedOutcomes()
    if config.path is not None:
        with closing(AsteriskSource(config.model_copy(update={"ami": None}), context)) as source:
            outcomes = read_available(source, WAIT_SECONDS)
    if config.ami is not None:
        outcomes.append(_ask(config.ami, config, context))
    return outcomes


def _ask(manager: Manager, config: AsteriskConfig, context: Context) -> Outcome:
    with closing(ManagerSession(manager, events=False)) as session:
        told = list_queues(session)
    mapping = ManagerMapping(
        context.source, config, context.pseudonym_key(config.sector), CallTracker(), beside_log=False
    )
    return mapping.map(JournalEntry(msgspec.json.encode(told), datetime.now(UTC)))
