"""Try whether log and manager interface can be reached, and understood."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.asterisk.config import AsteriskConfig, Manager
from connectors.asterisk.manager.mapping import ManagerMapping
from connectors.asterisk.manager.part import list_queues
from connectors.asterisk.manager.session import Session
from connectors.asterisk.manager.watch import Watch
from connectors.asterisk.source import AsteriskSource
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.live import Heard
from connectors.sdk.probe import Looked, read_on

WAIT_SECONDS: Final = 2.0
"""How long something new in the log is waited for."""


def probe(config: AsteriskConfig, context: Context) -> Sequence[Outcome]:
    """Return what the next lines of the log mean, and who is in the queues. Raises `SourceUnavailableError`."""
    outcomes = Looked()
    if config.path is not None:
        with closing(AsteriskSource(config.model_copy(update={"ami": None}), context)) as source:
            outcomes = read_on(source, WAIT_SECONDS)
    if config.ami is not None:
        outcomes.append(_ask(config.ami, config, context))
    return outcomes


def _ask(manager: Manager, config: AsteriskConfig, context: Context) -> Outcome:
    with closing(Session(manager, events=False)) as session:
        told = list_queues(session)
    mapping = ManagerMapping(context.source, config, context.key_of(config.sector), Watch(), beside_log=False)
    return mapping.map(Heard(msgspec.json.encode(told), datetime.now(UTC)))
