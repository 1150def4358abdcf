"""The contract between a connector and the SDK: `Connector`, `Source`, `Publisher`.

A connector is one `Connector` object under the entry-point group `accueil.connectors`. For each configured instance the SDK
opens a `Source` and runs this loop:

    read → map → publish → acknowledged by the broker (or written to the spool) → acknowledge the source

A crash at any point loses no record. Records that are read twice give events with the same ids. The kinds of source differ
only in `read` and `acknowledge`:

| kind | `read` | `acknowledge` |
|---|---|---|
| tail | new lines of the file | save the position with `Context.cursor` |
| pull | the next page of the source system's list | save the position with `Context.cursor` |
| hot folder | complete files in the inbox, claimed by moving them | move them to the archive |
| push | received requests (a bounded queue; if full: 503 with Retry-After) | respond with 2xx |
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import click

from connectors.sdk.attempts import Attempts
from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.cursor import CURSOR_FILES, Cursor
from connectors.sdk.reconcile import ReconcileStats
from connectors.sdk.samples import SampleSupport
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

Raw = TypeVar("Raw")
Position = TypeVar("Position")
Config = TypeVar("Config", bound=ConnectorConfig)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that gives no events. The SDK counts it by `reason` and stores it in the instance's directory."""

    reason: Reason
    record: bytes = field(repr=False)
    """The record, as `map_rejected` reads it again: the unchanged bytes, an encoding of the parsed record, or the path of an
    archived file. It may contain personal data, so it is neither logged nor published."""
    detail: str = ""
    """Description of the error. Contains no value of the record, except the name of its type if that is one plain word."""
    context: bytes = field(default=b"", repr=False)
    """UTF-8 text with what `map_rejected` needs besides the record: information from earlier records, or the id of a message."""
    reports_answer: bool = False
    """True if the record may report that an agent answered a call, or that the conversation ended. Without such a record, the
    call looks unanswered or does not end. Only connectors of switchboards set it. `connector_answers_rejected_total` counts
    it."""


Outcome = Sequence[Event] | Reject
"""Result of mapping a record. An empty sequence is a record that concerns no contact; it is counted as ignored."""


@dataclass(frozen=True, slots=True)
class Context:
    """Resources that the SDK gives to a source."""

    source: str
    """`<connector>/<instance>`: the `source` of its events."""
    directory: Path
    """The instance's directory, mode 0700. In a probe or a dry run it may be a temporary copy, or missing."""
    cursor: Cursor
    """Saved position, for sources that have one."""
    pseudonym_key: Callable[[str], PseudonymKey]
    """Return the pseudonym key of a sector. Effects and errors are those of `connectors.sdk.keys.Keys.pseudonym_key`."""
    attempts: Attempts = field(default_factory=Attempts)
    """Notes which record is being parsed, for a source that parses records in `read`. The default notes nothing."""
    base: Path | None = None
    """In a probe, the instance's own directory, if `directory` lacks its `records.db`: that file may be read there."""
    contact_reasons: ContactReasons = NO_REASONS
    """Reasons for contact, for a source that checks or finds them itself. The SDK applies the rules to the events that `map`
    returns, except for a connector with `sets_reasons`."""


class Source(ABC, Generic[Raw, Position]):
    """One open source. The SDK calls its methods from one thread.

    After a `SourceUnavailableError` it calls `read` again. An error in `map` rejects the record. After any other error it closes
    the source and opens a new one.
    """

    checkpoint_seconds: float = 0.0
    """Shortest time between two calls of `position`, except at a stop and after a `SourceUnavailableError`.

    A shorter time costs more; a longer one repeats more after a crash."""
    has_checked_reasons: bool = False
    """True if `read` returns stored events whose reasons for contact were checked before. The SDK then does not check them again:
    the list in the settings may have changed, and a rejection could not be mapped again."""

    is_at_end: bool = True
    """False after a `read` that returned no records because those that it found are known: the next call may return new ones."""

    @abstractmethod
    def read(self, wait_seconds: float) -> Sequence[Raw]:
        """Return new records in order, at most a few thousand. Return none after at most `wait_seconds` without new records.

        Split the input into records, but do not parse them: after an error here, the instance restarts at the same record.
        Raises `SourceUnavailableError`.
        """

    def pause(self) -> None:
        """Do what a pause requires, such as to end a transaction. Called instead of `read` while no events are accepted."""

    @abstractmethod
    def map(self, raw: Raw) -> Outcome:
        """Return the outcome of `raw`: its events, or a rejection.

        Raises `UnusableRecord`, which has the effect of `reject`, and no other error.

        The result depends on this and earlier records only: no clock, no I/O, no random values. The same records from the same
        position therefore give the same event ids. The SDK checks the times of the events.
        """

    def reject(self, raw: Raw, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the record last given to `map`, with all data that `map_rejected` needs. Raises nothing.

        This implementation is for records that are bytes and do not depend on earlier records.
        """
        return Reject(reason, raw if isinstance(raw, bytes) else repr(raw).encode(), detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:  # noqa: ARG002 - other sources need it
        """Map a rejected record again, using only the data in `reject`.

        `read_at` is the time at which it was read; for a record with a time in the future, the time of the replay.
        Reads nothing and leaves the position unchanged. Raises `UnusableRecord`. This implementation is for the same records as
        `reject`.
        """
        return self.map(cast("Raw", reject.record))

    @abstractmethod
    def position(self) -> Position:
        """Return the position after the records read and mapped, as a value that later reads do not change."""

    @abstractmethod
    def acknowledge(self, position: Position) -> None:
        """Confirm that all records up to `position` are stored safely. Positions arrive in order."""

    @property
    def trouble(self) -> str:
        """Reason why part of the source is not being read, for the operator; empty if all parts are read."""
        return ""

    @property
    def unread_bytes(self) -> int:
        """Size of the files, or parts of files, that were not read yet; 0 if it is unknown."""
        return 0

    @property
    def reconcile_stats(self) -> ReconcileStats | None:
        """Comparison of pushed records with polled ones, up to the acknowledged position; None if the source is not polled."""
        return None

    @property
    def response_counts(self) -> Mapping[int, int]:
        """Number of HTTP responses by status since the source was opened; empty if it receives no requests."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Release files and connections."""


@dataclass(frozen=True, slots=True)
class Connector(Generic[Config]):
    """A kind of source system."""

    name: str
    """For example `asterisk`. First part of the `source` of its events."""
    config: type[Config]
    open: Callable[[Config, Context], Source[Any, Any]]
    """Open a source. If this would disturb a process that runs the same instance, it must raise `InstanceInUseError` instead."""
    simulate: click.Command | None = None
    """Command that simulates such a system, for demonstrations and tests: `accueil simulate <name>`."""
    description: str = ""
    """One-line description for `accueil connectors list`."""
    probe: Callable[[Config, Context], Sequence[Outcome]] | None = None
    """Test the source for `accueil connectors check`: return the outcomes of its next records, and change nothing there.

    Raises `SourceUnavailableError`, whose text says what to do. Without a probe, the SDK opens the source and reads from it
    for a short time, and acknowledges nothing."""
    sample: SampleSupport | None = None
    """How to read a sample file, for connectors with a mapping; else None."""
    position_files: Callable[[Config], Sequence[str]] = lambda _: CURSOR_FILES
    """Return the names of the files in the instance's directory that contain the position. Without them the source is read as
    on its first start. Return none if the source sends each record once and cannot send it again."""

    sets_reasons: bool = False
    """True if `map` applies the rules for reasons for contact, because only it knows which events begin a contact."""


class Publisher(Protocol):
    """Destination of events: `connectors.sdk.publisher` in production, `connectors.sdk.testing` in tests."""

    @property
    def ready(self) -> bool:
        """True if it accepts events. While it does not, the SDK calls `poll` and does not read the source."""

    @property
    def trouble(self) -> str:
        """Reason why Kafka refuses events, for the operator; empty if it does not, also while no broker responds.

        Refused events stay in the spool.
        """

    @property
    def pending(self) -> bool:
        """True if published events wait for confirmation."""

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        """Publish events, possibly none. Call `on_confirmed` from `publish` or `poll` once these and all earlier ones are safe.

        Raises `SpoolFullError` if the events must be spooled and do not fit.
        """

    def poll(self, wait_seconds: float) -> None:
        """Process confirmations, and wait up to `wait_seconds` for the next if events are pending. Raises as `publish` does."""

    def close(self) -> None:
        """Close the connection. Unconfirmed events remain unconfirmed."""
