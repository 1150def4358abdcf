"""Mapping of rejected records again, after the configuration or the connector was corrected.

Event ids depend on the records' contents, so an event that was already published counts once. Except for a dry run, the instance
must not run: the events go to its spool, which is sent first at the next start.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from connectors.sdk import rejects
from connectors.sdk.contact_reasons import ContactReasons
from connectors.sdk.contract import Outcome, Reject, Source
from connectors.sdk.flow import map_or_reject
from connectors.sdk.instance import Instance
from connectors.sdk.record import pack, to_record
from connectors.sdk.rejects import StoredReject
from connectors.sdk.spool import Spool
from models.reasons import Reason


class ReplayResult(NamedTuple):
    """Result of a replay."""

    used: int
    """Number of different records that now give events, or concern no contact."""
    events: int
    """Number of events that these records give."""
    unusable: Counter[Reason]
    """Number of different records that are still rejected, by reason."""


def replay(
    instance: Instance,
    directory: Path,
    chosen: Callable[[StoredReject], bool],
    *,
    dry_run: bool = False,
) -> ReplayResult:
    """Map the `chosen` records of `instance` again, and remove from storage those that are no longer rejected.

    Their events are appended to the instance's spool. `directory` contains the data of all connectors. With `dry_run` nothing is
    changed, and the instance may run. Raises the errors of opening the source, and `SpoolFullError` if the spool has no room
    (nothing is then changed). Raises `InstanceInUseError` if the instance runs; in a dry run, only if its source can be opened
    only once.
    """
    now = datetime.now(UTC)
    unusable, payloads = Counter[Reason](), list[bytes]()
    used: list[Sequence[StoredReject]] = []
    with (
        nullcontext(instance.context(directory, lasting=False)) if dry_run else instance.locked(directory) as context,
        closing(instance.connector.open(instance.config, context)) as source,
    ):
        for copies in _group(filter(chosen, rejects.read(context.directory))):
            outcome = _map_again(source, copies[0], now, instance.reasons_after_map)
            if isinstance(outcome, Reject):
                unusable[outcome.reason] += 1
            else:
                used.append(copies)
                payloads += [pack(replace(to_record(event), replayed=True)) for event in outcome]
        if used and not dry_run:
            with closing(Spool(context.directory / "spool")) as spool:
                spool.append(payloads)
            rejects.remove(context.directory, {kept.digest for copies in used for kept in copies})
    return ReplayResult(len(used), len(payloads), unusable)


def _group(found: Iterable[StoredReject]) -> Iterable[Sequence[StoredReject]]:
    """Return the copies of each record, oldest first: a record that is read again is stored again."""
    copies: dict[Reject, list[StoredReject]] = {}
    for kept in found:
        copies.setdefault(kept.reject, []).append(kept)
    return copies.values()


def _map_again(
    source: Source[object, object], stored: StoredReject, now: datetime, contact_reasons: ContactReasons
) -> Outcome:
    read_at = now if stored.reject.reason is Reason.TIME_IN_FUTURE else stored.read_at

    def map_one(reject: Reject) -> Outcome:
        return source.map_rejected(reject, read_at)

    def reject_again(reject: Reject, reason: Reason, detail: str) -> Reject:
        return Reject(reason, reject.record, detail, reject.context)

    return map_or_reject(map_one, reject_again, stored.reject, now, contact_reasons.add_and_check)
