"""Map again what was rejected, after the configuration or the connector was mended.

Ids of events are made of what records say, so what is told a second time counts once. The instance must not run meanwhile, but
for a dry run: its events go to its spool, which is sent first when it starts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from connectors.sdk import rejects
from connectors.sdk.contract import Outcome, Reject, Source
from connectors.sdk.flow import map_or_reject
from connectors.sdk.instance import Instance
from connectors.sdk.record import pack, to_record
from connectors.sdk.rejects import StoredReject
from connectors.sdk.spool import DEFAULT_LIMIT_BYTES, Spool
from models.reasons import Reason


class ReplayResult(NamedTuple):
    """What became of the records that were chosen."""

    used: int
    """How many mean something by now, or surely nothing."""
    events: int
    """How many events that were."""
    unusable: Counter[Reason]
    """Why the others still give none."""


def replay(
    instance: Instance,
    directory: Path,
    chosen: Callable[[StoredReject], bool],
    *,
    dry_run: bool = False,
    spool_limit_bytes: int = DEFAULT_LIMIT_BYTES,
) -> ReplayResult:
    """Map again those of the records kept for `instance` that are `chosen`, and keep no longer those that can be used.

    `directory` is that of all connectors. With `dry_run` nothing is changed, and the instance may run. Raises
    `InstanceInUseError` if it runs, or has a source that can be opened only once, `SpoolFullError` if its spool has no room
    (then nothing is changed), and what opening its source raises.
    """
    now = datetime.now(UTC)
    unusable, payloads = Counter[Reason](), list[bytes]()
    used: list[Sequence[StoredReject]] = []
    with (
        nullcontext(instance.context(directory, lasting=False)) if dry_run else instance.locked(directory) as context,
        closing(instance.connector.open(instance.config, context)) as source,
    ):
        for copies in _group(filter(chosen, rejects.read(context.directory))):
            outcome = _map_again(source, copies[0], now)
            if isinstance(outcome, Reject):
                unusable[outcome.reason] += 1
            else:
                used.append(copies)
                payloads += [pack(replace(to_record(event), replayed=True)) for event in outcome]
        if used and not dry_run:
            with closing(Spool(context.directory / "spool", spool_limit_bytes)) as spool:
                spool.append(payloads)
            rejects.remove(context.directory, {kept.digest for copies in used for kept in copies})
    return ReplayResult(len(used), len(payloads), unusable)


def _group(found: Iterable[StoredReject]) -> Iterable[Sequence[StoredReject]]:
    """Return the copies of each record: one that is read again is kept again."""
    copies: dict[Reject, list[StoredReject]] = {}
    for kept in found:
        copies.setdefault(kept.reject, []).append(kept)
    return copies.values()


def _map_again(source: Source[object, object], kept: StoredReject, now: datetime) -> Outcome:
    def map_one(reject: Reject) -> Outcome:
        return source.map_rejected(reject, kept.read_at)

    def stay(reject: Reject, reason: Reason, detail: str) -> Reject:
        return Reject(reason, reject.record, detail, reject.context)

    return map_or_reject(map_one, stay, kept.reject, now)
