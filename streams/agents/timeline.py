"""Timeline agent: writes timeline entries from Kafka to the timeline database, and counts the figures of citizens.

A batch is written to the database before its offsets and counts are committed. When it is read again after a crash, the database
does not change.

Entries of an erased contact count in the figures only if their record's timestamp is not after that of the erasure. Timestamps
come from the workers, and all records of a step have the same one. The result therefore does not depend on batches, crashes, or
the order in which partitions learn of an erasure. Workers write no further entries while they have the contact's row; later
entries, for example from a replayed dead letter, do not count.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from models import topics
from models.reasons import Reason
from models.timestamps import to_datetime
from streams.agents.citizens import CitizenCounter, TimelineLookup
from streams.core.citizens import reattribution
from streams.core.citizens.citizen import RecontactTerms
from streams.core.contacts.contact import REMOVALS
from streams.core.sla import open_targets
from streams.core.sla.open_targets import SLA_TARGETS_TYPE, SlaTargetsEntry
from streams.core.timeline.entries import Entry, decode
from streams.engine.job import Job, Step, Table
from streams.engine.partition_start import UnrecoverableStateError
from streams.kafka.record import Record

GROUP: Final = "timeline"


class Store(TimelineLookup, Protocol):
    """The timeline database. After `job.Busy` the step is tried again; `job.Unavailable` ends the process.

    After any other error of `write`, the records that cause it are rejected.
    """

    def write(
        self, entries: Sequence[Entry], sla_entries: Sequence[SlaTargetsEntry], place: tuple[int, int] | None = None
    ) -> object:
        """Write a batch in one transaction. Existing entries stay, unless the batch withdraws or erases them.

        `place` is the partition of the batch, and the next offset after it.
        """

    def find_missing(self, partition: int, committed: int) -> int | None:
        """Return the partition's first offset before `committed` that the database lacks.

        Returns None if it has all of them, and if an earlier release wrote it without positions.
        """

    def find_erased(self, contacts: Collection[str] | None = None) -> Mapping[str, int]:
        """Return erased contact → timestamp of its first erasure record (milliseconds), among these contacts; None means all."""

    def checkpoint(self, now: int) -> None:
        """Complete work that earlier writes left, such as moving a log into the tables. Called at each tick of each partition."""

    def expire(self, now: int) -> None:
        """Delete some of the entries that have expired at `now`, in milliseconds since 1970."""


def make_job(app_id: str, store: Store, terms: RecontactTerms = RecontactTerms()) -> Job:  # noqa: B008 - never changed
    """Return the job `<app_id>-timeline` of the timeline agent. `terms` are the parameters of the figures of citizens."""
    return Job(
        name=f"{app_id}-{GROUP}",
        sources=[topics.TIMELINE.name],
        states=[topic.name for topic in topics.TIMELINE_STATES],
        outputs=[],
        dead_letters=topics.DEAD_LETTERS.name,
        open=lambda partition: TimelineWriter(partition, store, terms),
    )


class TimelineWriter:
    """Writer of one partition's entries and figures of citizens."""

    def __init__(self, partition: int, store: Store, terms: RecontactTerms) -> None:
        self._partition = partition
        self._store = store
        self._citizens = CitizenCounter(terms)
        self.tables: Final[Sequence[Table[Any, Any]]] = self._citizens.tables

    def restore(self) -> None:
        """Restart the sweep of citizens. Entries need no restoring: they are in the database."""
        self._citizens.restore()

    def undo(self) -> None:
        """Restore the sweep of citizens before a failed step. The database does not change, and the entries are read again."""
        self._citizens.undo()

    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        """Write the entries and open SLA targets in `records` to the database. Reject invalid records.

        Entries and reattributions count in the figures of citizens, unless their record is later than their contact's erasure.
        """
        self._citizens.begin()
        entries: list[Entry] = []
        counted: list[tuple[int, Entry]] = []
        sla_entries: list[SlaTargetsEntry] = []
        for record in records:
            if record.value is None:
                step.reject(topic, record, Reason.NULL_VALUE.value)
                continue
            try:
                entry = decode(record.value)
                if entry.type == SLA_TARGETS_TYPE:
                    sla_entries.append(open_targets.decode(record.value))
                    continue
                if entry.type in reattribution.REATTRIBUTION_TYPES:
                    entry = reattribution.decode(record.value)
                else:
                    entries.append(with_record_time(entry, record) if entry.type in REMOVALS else entry)
                counted.append((record.timestamp, entry))
            except msgspec.ValidationError:
                step.reject(topic, record, Reason.INVALID_FIELD.value)
            except msgspec.DecodeError:
                step.reject(topic, record, Reason.INVALID_JSON.value)
        place = self._place(topic, step)
        if entries or sla_entries or place:
            self._store.write(entries, sla_entries, place)
        erased = self._store.find_erased({entry.contact for _, entry in counted}) if counted else {}
        self._citizens.fold((entry for at, entry in counted if at <= erased.get(entry.contact, at)), step.now)

    def reject_record(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        """Reject a record whose processing raised an unexpected error, and write the step's position to the database."""
        step.reject(topic, record, Reason.INTERNAL_ERROR.value, type(error).__name__)
        if place := self._place(topic, step):
            self._store.write((), (), place)

    def check_positions(self, committed: Mapping[str, int]) -> None:
        """Raise `UnrecoverableStateError` if the database lacks committed entries, as a new one or a backup does."""
        topic = topics.TIMELINE.name
        if (following := committed.get(topic)) is None:
            return
        missing = self._store.find_missing(self._partition, following)
        if missing is not None:
            raise UnrecoverableStateError(f"the timelines' database lacks entries of {topic}: {missing} to {following}")

    def _place(self, topic: str, step: Step) -> tuple[int, int] | None:
        following = step.taken.get(topic)
        return None if following is None else (self._partition, following)

    def tick(self, step: Step) -> None:
        """Checkpoint the database, expire some of its entries (in partition 0 only), and sweep the partition's citizens."""
        self._citizens.begin()
        self._store.checkpoint(step.now)
        if self._partition == 0:
            self._store.expire(step.now)
        self._citizens.tick(step, self._store)


def with_record_time(erasure: Entry, record: Record) -> Entry:
    """Return the erasure with the record's timestamp as its time. The event's own time may be earlier than entries to keep."""
    return msgspec.structs.replace(erasure, happened_at=to_datetime(record.timestamp))
