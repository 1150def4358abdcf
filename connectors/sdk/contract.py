"""What a connector is, for the built-in ones and for anyone's.

A connector is one `Connector` object under the entry-point group `accueil.connectors`. For each configured instance the SDK
opens a `Source` and drives it, always in this order:

    read → map → publish → acknowledged by the broker (or on disk in the spool) → acknowledge the source

so nothing is lost whenever the process ends, and what is told twice has the same event ids. The kinds of source differ only in
what they do in `read` and `acknowledge`:

| kind | `read` | `acknowledge` |
|---|---|---|
| tail | what was added to the file | save the position with `Context.cursor` |
| pull | the next page of the other system's list | the same |
| hot folder | the files that were dropped and are whole, claimed by moving them | move them to where they are kept |
| push | requests that have come in (a bounded queue; full: 503 and Retry-After) | answer them with 2xx |
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
from connectors.sdk.cursor import CURSOR_FILES, Cursor
from connectors.sdk.reconcile import ReconcileStats
from models.events import Event
from models.identities import PseudonymKey
from models.reasons import Reason

Raw = TypeVar("Raw")
Position = TypeVar("Position")
Config = TypeVar("Config", bound=ConnectorConfig)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that gives no events: counted by `reason`, and `record` kept in the connector's own directory."""

    reason: Reason
    record: bytes = field(repr=False)
    """The record as it came. It may hold personal data, so it is neither logged nor published."""
    detail: str = ""
    """What is wrong, without any of the record's values but the name of its kind, if that is one plain word."""
    context: bytes = field(default=b"", repr=False)
    """UTF-8 text: what earlier records said that this one depends on, so that it can be mapped again alone."""
    reports_answer: bool = False
    """Whether the record reports an answer or its end: without it, a contact looks unanswered or does not end."""


Outcome = Sequence[Event] | Reject
"""What a record means. No events: it says nothing about contacts, and is counted as ignored."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the SDK lends to a source."""

    source: str
    """`<connector>/<instance>`: the `source` of its events."""
    directory: Path
    """The instance's own directory, mode 0700."""
    cursor: Cursor
    """Where it was; for sources that have a position."""
    pseudonym_key: Callable[[str], PseudonymKey]
    """The pseudonym key of a sector, see `connectors.sdk.keys.Keys.key_of`; raises `KeyFileError`."""
    attempts: Attempts = field(default_factory=Attempts)
    """Names the record at work, for a source that parses records in `read`."""


class Source(ABC, Generic[Raw, Position]):
    """One open source. All its methods are called from one thread; any error closes it, and it is opened anew."""

    checkpoint_seconds: float = 0.0
    """How often `position` is asked for at most: more often costs more, less often repeats more after a crash."""

    @abstractmethod
    def read(self, wait_seconds: float) -> Sequence[Raw]:
        """Return what is new, in order, a few thousand records at most; nothing after `wait_seconds` without any.

        It takes records apart and does not parse them: after an error here, the instance begins anew at the same record.
        Raises `SourceUnavailableError`.
        """

    @abstractmethod
    def map(self, raw: Raw) -> Outcome:
        """Return what `raw` means. Raises `Unusable`, which is as good as `reject`, and nothing else, whatever it holds.

        Depends on the records before it and on nothing else: no clock, no I/O, no chance. So the same records from the same
        position give the same event ids. Whether an event's time can be is judged later, by the SDK.
        """

    def reject(self, raw: Raw, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of what `map` was given last, with all that `map_again` needs. Raises nothing.

        As it is here, it is for records that are bytes and mean the same whatever came before.
        """
        return Reject(reason, raw if isinstance(raw, bytes) else repr(raw).encode(), detail)

    def map_rejected(self, reject: Reject, read_at: datetime) -> Outcome:  # noqa: ARG002 - other sources need it
        """Return what a record means by now that was read and rejected at `read_at`, by what `reject` holds and nothing else.

        Nothing is read, and the position stays what it is. As it is here, it is for the same records as `reject`.
        """
        return self.map(cast("Raw", reject.record))

    @abstractmethod
    def position(self) -> Position:
        """Return where the source is after what was read and mapped, as a value that later reading does not change."""

    @abstractmethod
    def acknowledge(self, position: Position) -> None:
        """Take note that all up to `position` is safe. Called in order."""

    @property
    def trouble(self) -> str:
        """Why a part of the source is not read now, though the rest is, in words for people; empty if all of it is."""
        return ""

    @property
    def reconcile_stats(self) -> ReconcileStats | None:
        """How well the source pushes, as far as it is acknowledged; None if it is not also asked."""
        return None

    @property
    def response_counts(self) -> Mapping[int, int]:
        """How many requests were answered with which HTTP status since it was opened; nothing if it is not posted to."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""


@dataclass(frozen=True, slots=True)
class Connector(Generic[Config]):
    """A kind of source system."""

    name: str
    """As in `asterisk`: first part of the `source` of its events."""
    config: type[Config]
    open: Callable[[Config, Context], Source[Any, Any]]
    """Changes nothing that a process relies on which runs the same instance, or raises `InstanceInUseError`."""
    simulate: click.Command | None = None
    """Writes what such a system would, for demonstrations and tests: `accueil simulate <name>`."""
    descriptions: tuple[str, str] = ("", "")
    """What it connects, in a line of English and one of French: `accueil connectors list`."""
    probe: Callable[[Config, Context], Sequence[Outcome]] | None = None
    """Reaches the source and returns what its first records mean, some or none, and changes nothing there: `accueil connectors
    check`. Raises `SourceUnavailableError`, whose text says what to do.

    If it is not given, the source is opened and read for a moment. Nothing is acknowledged: as if the process had been killed."""
    position_files: Callable[[Config], Sequence[str]] = lambda _: CURSOR_FILES
    """Files of the instance's directory without which a source with that configuration is read from its beginning; none if its
    records are sent to it once, and cannot be read again."""


class Publisher(Protocol):
    """Where events go: `connectors.sdk.publisher` in operation, `connectors.sdk.testing` in tests."""

    @property
    def ready(self) -> bool:
        """Whether it takes events now. If not, the source is not read: call `poll` until it is."""

    @property
    def trouble(self) -> str:
        """Why Kafka refuses events, in words for people; empty if it does not. They are kept meanwhile."""

    @property
    def pending(self) -> bool:
        """Whether something that was published is not safe yet."""

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        """Take events, and call `confirmed` from `publish` or `poll` once they and all before them are safe."""

    def poll(self, wait_seconds: float) -> None:
        """Go on with the work, waiting up to `wait_seconds` for the next confirmation if there is one to wait for."""

    def close(self) -> None:
        """Let go of the broker. What was not confirmed is not."""
