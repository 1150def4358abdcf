"""Test of a source for `accueil connectors check`: whether it can be reached and understood. Changes nothing."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.contract import Connector, Context, Outcome, Reject, Source
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConnectorError, SourceUnavailableError, safe_error_text
from connectors.sdk.flow import map_or_reject
from connectors.sdk.instance import LOCK, Instance
from connectors.sdk.record_store import ASIDE, FILE
from models.codec import UnusableRecord
from models.events import Event
from models.reasons import Reason

WAIT_SECONDS: Final = 2.0
"""Longest wait for the first record."""
MOST_RECORDS: Final = 10_000
"""Number of records after which a probe stops. The last batch is counted in full, so the total may be higher."""
READING_SECONDS: Final = 2.0
"""Time after which a probe reads no further records."""
MAX_DETAILS: Final = 3
"""Number of different details in a `ProbeResult` for each reason."""
NOT_COPIED: Final = (LOCK, "spool", "rejects*.jsonl")
"""Files in the instance's directory that no source needs, as patterns; they may be large."""


class ProbedOutcomes(list[Outcome]):
    """The outcomes of a source's records, oldest first."""

    has_more = False
    """True if the source has newer records that were not read."""
    extent = ""
    """What a source read that cannot know whether it has newer records; empty for other sources."""
    trouble = ""
    """Reason why part of the source is not read; empty if all parts are."""
    unread_bytes = 0
    """Size of what was not read, as `Source.unread_bytes`; 0 if it is unknown or nothing."""
    has_checked_reasons = False
    """True if the reasons for contact were checked when the outcomes were stored, as `Source.has_checked_reasons`."""


class ProbeResult(NamedTuple):
    """Summary of a source's first records, without any of their values."""

    records: int
    ignored: int
    """Number of records that concern no contact."""
    events: Counter[str]
    """Number of events by type. Events with the same id count once."""
    rejected: Counter[Reason]
    """Number of rejected records by reason."""
    details: Mapping[Reason, Sequence[tuple[str, int]]] = {}
    """Most frequent details by reason, without values, each with its number of records."""
    has_more: bool | None = None
    """True if newer records were not read; None if unknown."""
    extent: str = ""
    """What was read, in words; empty if `has_more` says it."""
    trouble: str = ""
    """Reason why part of the source is not read; empty if all parts are."""
    unread_bytes: int = 0
    """Size of the files, or parts of files, with newer records; 0 if it is unknown."""

    @property
    def mostly_rejected(self) -> bool:
        """True if more records are rejected than give events."""
        rejected = self.rejected.total()
        return rejected > self.records - self.ignored - rejected


def probe(instance: Instance, directory: Path) -> ProbeResult:
    """Read for a short time from the position of `instance`, and return a summary. Publishes, stores and acknowledges nothing.

    Files below `directory` stay unchanged, except for state that a source exchanges with its system and needs at the next start.
    Raises `SourceUnavailableError` where a run would try again, `InstanceInUseError` if the instance runs, and other
    `ConnectorError`s.
    """
    with instance.locked(directory, lasting=False) as context:
        return sum_up(read_first(instance.connector, instance.config, context), instance.reasons_after_map)


def read_first(connector: Connector[Any], config: ConnectorConfig, context: Context) -> Sequence[Outcome]:
    """Return the outcomes of the first records from the position of `context`, and change nothing.

    Raises the source's `ConnectorError`s, and `SourceUnavailableError` for any other error of the source.
    """
    try:
        return (connector.probe or partial(_open_and_read, connector))(config, context)
    except ConnectorError:
        raise
    except Exception as error:  # noqa: BLE001 - as in a run; the error's own text may contain values of records
        raise SourceUnavailableError(safe_error_text(error)) from None


def _open_and_read(connector: Connector[Any], config: ConnectorConfig, context: Context) -> ProbedOutcomes:
    with scratch(context) as own, closing(connector.open(config, own)) as source:
        return read_available(source, WAIT_SECONDS)


def read_available(source: Source[Any, Any], wait_seconds: float) -> ProbedOutcomes:
    """Return the outcomes of new records, until none comes, or `MOST_RECORDS` or `READING_SECONDS` are reached.

    Wait up to `wait_seconds` for the first record only.
    """
    outcomes = ProbedOutcomes()
    outcomes.has_checked_reasons = source.has_checked_reasons
    now, deadline = datetime.now(UTC), time.monotonic() + READING_SECONDS
    while (raws := source.read(0.0 if outcomes else wait_seconds)) or not source.is_at_end:
        outcomes += [map_or_reject(source.map, source.reject, raw, now) for raw in raws]
        if len(outcomes) >= MOST_RECORDS or time.monotonic() > deadline:
            unread_bytes = source.unread_bytes
            if source.read(0.0) or not source.is_at_end:
                outcomes.has_more, outcomes.unread_bytes = True, unread_bytes
            break
    outcomes.trouble = source.trouble
    return outcomes


@contextmanager
def scratch(context: Context, *without: str) -> Iterator[Context]:
    """Yield a context with a temporary copy of the instance's directory, for a source that writes there when it is opened.

    Files and folders with the names `without`, or that match `NOT_COPIED`, are not copied. A `records.db`, which may be large, is
    read where it is, unless a process was killed: part of it is then in a second file.
    """
    home = context.directory
    is_read_there = FILE not in without and (home / FILE).exists() and not (home / f"{FILE}-wal").exists()
    if is_read_there:
        without = (*without, f"{FILE}*", ASIDE)
    with TemporaryDirectory() as name:
        directory = Path(name)
        if home.exists():
            copytree(home, directory, ignore=ignore_patterns(*NOT_COPIED, *without), dirs_exist_ok=True)
        base = home if is_read_there else None
        yield replace(context, directory=directory, cursor=Cursor(directory), base=base)


def sum_up(read: Sequence[Outcome], contact_reasons: ContactReasons = NO_REASONS) -> ProbeResult:
    """Return the summary of a source's first records, with the reasons for contact that their events set."""
    probed = read if isinstance(read, ProbedOutcomes) else None
    add_reasons = contact_reasons.add if probed and probed.has_checked_reasons else contact_reasons.add_and_check
    outcomes = [_complete(outcome, add_reasons) for outcome in read]
    rejects = [outcome for outcome in outcomes if isinstance(outcome, Reject)]
    details: dict[Reason, list[tuple[str, int]]] = {}
    for (reason, detail), count in Counter(
        (reject.reason, reject.detail) for reject in rejects if reject.detail
    ).most_common():
        known = details.setdefault(reason, [])
        if len(known) < MAX_DETAILS:
            known.append((detail, count))
    # A contact with states gives an event again, with the same id, if other values change. Accueil counts it once.
    events = {event.id: event.type for outcome in outcomes if not isinstance(outcome, Reject) for event in outcome}
    ignored = sum(not isinstance(outcome, Reject) and not outcome for outcome in outcomes)
    rejected = Counter(reject.reason for reject in rejects)
    found = ProbeResult(len(outcomes), ignored, Counter(events.values()), rejected, details)
    if probed is None:
        return found
    return found._replace(
        has_more=probed.has_more, extent=probed.extent, trouble=probed.trouble, unread_bytes=probed.unread_bytes
    )


def _complete(outcome: Outcome, add_reasons: Callable[[Sequence[Event]], Sequence[Event]]) -> Outcome:
    if isinstance(outcome, Reject):
        return outcome
    try:
        return add_reasons(outcome)
    except UnusableRecord as error:
        return Reject(error.reason, b"", error.detail)
