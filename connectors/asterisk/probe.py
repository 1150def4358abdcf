"""Check that the log and the manager interface can be reached and read."""

from collections.abc import Sequence
from contextlib import closing
from typing import Final

from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.source import AsteriskSource
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.probe import ProbedOutcomes, read_available, scratch

WAIT_SECONDS: Final = 2.0


def probe(config: AsteriskConfig, context: Context) -> Sequence[Outcome]:
    """Return the outcomes of the next log lines, then of the queue status. Saves nothing."""
    outcomes = ProbedOutcomes()
    for interface, other in (("path", "ami"), ("ami", "path")):
        if getattr(config, interface) is not None:
            alone = config.model_copy(update={other: None})
            with scratch(context) as own, closing(AsteriskSource(alone, own)) as source:
                read = read_available(source, WAIT_SECONDS)
            outcomes += read
            outcomes.has_more = outcomes.has_more or read.has_more
            outcomes.unread_bytes += read.unread_bytes
    return outcomes
