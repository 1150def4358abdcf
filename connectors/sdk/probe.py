"""Try whether a source can be reached and understood, and leave everything as it is."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from connectors.sdk.contract import Context, Outcome, Reject
from connectors.sdk.flow import judge
from connectors.sdk.lane import Instance
from models.reasons import Reason

WAIT_SECONDS = 2.0


class Found(NamedTuple):
    """What the first records of a source are, without any of their values."""

    records: int
    ignored: int
    """Those that say nothing about contacts."""
    events: Counter[str]
    """How many events of each type."""
    rejected: Counter[Reason]
    """Why the others give none."""


def probe(instance: Instance, directory: Path) -> Found:
    """Read once from where `instance` is, and tell what came. Nothing is published, kept, or acknowledged.

    What it keeps below `directory` is made if it is not there: it is its own run, which ends before anything is confirmed.
    Raises `SourceUnavailableError` and what opening a source raises, `InstanceInUseError` if it runs.
    """
    look = instance.connector.probe
    with instance.occupied(directory) as context:
        return _sum_up(look(instance.config, context) if look else _read_once(instance, context))


def _read_once(instance: Instance, context: Context) -> Sequence[Outcome]:
    now = datetime.now(UTC)
    with closing(instance.connector.open(instance.config, context)) as source:
        return [judge(source.map, source.reject, raw, now) for raw in source.read(WAIT_SECONDS)]


def _sum_up(outcomes: Sequence[Outcome]) -> Found:
    rejected = Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Reject))
    events = [event.type for outcome in outcomes if not isinstance(outcome, Reject) for event in outcome]
    ignored = sum(not isinstance(outcome, Reject) and not outcome for outcome in outcomes)
    return Found(len(outcomes), ignored, Counter(events), rejected)
