"""The timeline agent: entries from Kafka into the timeline's read model, and into the figures of citizens.

Thin: what is written is the store's, what is counted `citizens`'. A batch is written in the store before its offsets are
committed, with what it counts; told again after a crash, it changes nothing in the store.

Of whom is erased counts what was told until the erasure was, by the time that the records bear: the workers', the same for all of
a step, as long as their clocks are not put back. So it matters neither which batch takes what, nor that the store may know an
erasure before what was told until then is counted: another partition took it, or a crash came between. Workers tell nothing more
of a contact for as long as they keep its row; what comes later, as a dead letter that is sent again does, counts nothing.
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
from streams.core.contacts.contact import ERASED
from streams.core.sla import open_targets
from streams.core.sla.open_targets import SLA_TARGETS_TYPE, SlaTargetsEntry
from streams.core.timeline.entries import Entry, decode
from streams.engine.job import Job, Record, Step, Table
from streams.engine.recovery import UnrecoverableStateError

GROUP: Final = "timeline"


class Store(TimelineLookup, Protocol):
    """Where entries go. What it raises ends the process, which tries again in its next life."""

    def write(
        self, entries: Sequence[Entry], promised: Sequence[SlaTargetsEntry], place: tuple[int, int] | None = None
    ) -> object:
        """Write a batch in one transaction; what is there already is left as it is.

        `place` is the partition that the batch is of, and the offset that follows it.
        """

    def find_missing(self, partition: int, committed: int) -> int | None:
        """Return from which offset on the store lacks what Kafka has handed over up to `committed`; None if it has all."""

    def find_erased(self, contacts: Collection[str] | None = None) -> Mapping[str, int]:
        """Return the contacts whose person was erased, of these or of all, and when, as the entry that told it first said."""

    def checkpoint(self, now: int) -> None:
        """Do what is left to do of what was written; called often, for each partition."""

    def expire(self, now: int) -> None:
        """Drop some of what was kept long enough at `now`, milliseconds since 1970."""


def make_job(app_id: str, store: Store, terms: RecontactTerms = RecontactTerms()) -> Job:  # noqa: B008 - never changed
    """Return the job of the timeline agent for the engine; citizens are counted by `terms`."""
    return Job(
        name=f"{app_id}-{GROUP}",
        sources=[topics.TIMELINE.name],
        states=[topic.name for topic in topics.TIMELINE_STATES],
        outputs=[],
        dead_letters=topics.DEAD_LETTERS.name,
        open=lambda partition: TimelineWriter(partition, store, terms),
    )


class TimelineWriter:
    """The entries of one partition."""

    def __init__(self, partition: int, store: Store, terms: RecontactTerms) -> None:
        self._partition = partition
        self._store = store
        self._citizens = CitizenCounter(terms)
        self.tables: Final[Sequence[Table[Any, Any]]] = self._citizens.tables

    def restore(self) -> None:
        """Begin anew with what is to be forgotten; what was written is in the store."""
        self._citizens.restore()

    def undo(self) -> None:
        """Do again what the last step did for citizens; what the store was given comes again."""
        self._citizens.undo()

    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        """Write what `records` tell, and count what was not told after an erasure; what is no entry is rejected."""
        self._citizens.begin()
        entries: list[Entry] = []
        told: list[tuple[int, Entry]] = []
        promised: list[SlaTargetsEntry] = []
        for record in records:
            if record.value is None:
                step.reject(topic, record, Reason.NULL_VALUE.value)
                continue
            try:
                entry = decode(record.value)
                if entry.type == SLA_TARGETS_TYPE:
                    promised.append(open_targets.decode(record.value))
                    continue
                if entry.type in reattribution.REATTRIBUTION_TYPES:
                    entry = reattribution.decode(record.value)
                else:
                    entries.append(with_record_time(entry, record) if entry.type == ERASED else entry)
                told.append((record.timestamp, entry))
            except msgspec.ValidationError:
                step.reject(topic, record, Reason.INVALID_FIELD.value)
            except msgspec.DecodeError:
                step.reject(topic, record, Reason.INVALID_JSON.value)
        place = self._place(topic, step)
        if entries or promised or place:
            self._store.write(entries, promised, place)
        erased = self._store.find_erased({entry.contact for _, entry in told}) if told else {}
        self._citizens.fold((entry for at, entry in told if at <= erased.get(entry.contact, at)), step.now)

    def reject_record(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        """Make a record that our own code fails on a dead letter."""
        step.reject(topic, record, Reason.INTERNAL_ERROR.value, type(error).__name__)
        if place := self._place(topic, step):
            self._store.write((), (), place)

    def check_positions(self, committed: Mapping[str, int]) -> None:
        """Raise `BeyondRepair` if the store lacks entries that were handed over, as one that is new or from a backup does."""
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
        """Have who owns the first partition drop what was kept long enough; of citizens each does so."""
        self._citizens.begin()
        self._store.checkpoint(step.now)
        if self._partition == 0:
            self._store.expire(step.now)
        self._citizens.tick(step, self._store)


def with_record_time(erasure: Entry, record: Record) -> Entry:
    """Return it as of when it was told here: its own time is that of whoever asked for it, before what was told meanwhile."""
    return msgspec.structs.replace(erasure, happened_at=to_datetime(record.timestamp))
