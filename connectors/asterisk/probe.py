"""Check that the log and the manager interface can be reached and read."""

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
"""Longest wait for new lines in the log, in seconds."""


def probe(config: AsteriskConfig, context: Context) -> Sequence[Outcome]:
    """Return the outcomes of the next log lines and of the queue status, as far as these interfaces are configured.

    Raises `SourceUnavailableError`.
    """
    outcomes = ProbedOutcomes()
    if config.path is not None:
        with closing(AsteriskSource(config.model_copy(update={"ami": None}), context)) as source:
            outcomes = read_available(source, WAIT_SECONDS)
    if config.ami is not None:
        outcomes.append(_probe_manager(config.ami, config, context))
    return outcomes


def _probe_manager(manager: Manager, config: AsteriskConfig, context: Context) -> Outcome:
    with closing(ManagerSession(manager, events=False)) as session:
        status = list_queues(session)
    mapping = ManagerMapping(
        context.source, config, context.pseudonym_key(config.sector), CallTracker(), with_log=False
    )
    return mapping.map(JournalEntry(msgspec.json.encode(status), datetime.now(UTC)))
