"""State of the notifier in one SQLite file: incidents, positions in the topic, and pending notifications.

All results of a batch of events are one transaction, so a crash neither loses nor repeats anything.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.sdk.database import Database
from models.locale import _
from models.sla import AnySlaEvent
from streams.notify.incidents import (
    BROKEN,
    Change,
    ChangeKind,
    ClockIncidents,
    Incident,
    IncidentKind,
    clock_key,
    fold,
    judge,
    release,
    resolve,
)
from streams.notify.schema import TABLES

FILE: Final = "notify.db"
DAY_MS: Final = 86_400_000
HOLD_MS: Final = 15_000
"""Delay of an incident that became known late, in milliseconds. A source that reports old contacts also reports their ends,
perhaps in the next records; an incident with an earlier end is not sent."""
_PUT_ALERT: Final = """
    INSERT INTO alerts (receiver, key, round, incident, ended) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET incident = excluded.incident, ended = excluded.ended, round = excluded.round,
    shown_at = CASE WHEN round = excluded.round THEN shown_at END,
    shown_by = CASE WHEN round = excluded.round THEN shown_by END,
    closed_at = NULL
"""


class Notice(msgspec.Struct, frozen=True):
    """Beginning or end of an incident, to be sent."""

    what: ChangeKind
    incident: Incident


class Message(NamedTuple):
    """Next message to a receiver; `number` is its id in the store."""

    number: int
    notices: tuple[Notice, ...]
    """Several notices are a digest."""
    queued_at: int
    """Time of queueing, of the first one for a digest, in milliseconds since 1970 like all times here."""


class Alert(NamedTuple):
    """State of an incident for one Alertmanager."""

    incident: Incident
    shown_at: int | None
    """Time at which Alertmanager received the beginning; None: not yet."""
    shown_by: int | None
    """Start time of the Alertmanager that received it; None: not yet."""
    closed_at: int | None
    """Time at which it received the end; None: not yet."""


class Receivers(NamedTuple):
    """Names of all receivers."""

    alertmanagers: tuple[str, ...] = ()
    queued: Mapping[str, tuple[str, ...]] = {}
    """Receivers of messages → kinds of incidents that they receive."""
    readers: Collection[str] = ()
    """Receivers that are people. If they get breaches, they do not get the end of an at-risk incident whose deadline passed."""


class Refused(NamedTuple):
    """Count of the messages that a receiver refused and that are set aside; reason of the last refusal, for people."""

    number: int
    reason: str


class Waiting(NamedTuple):
    """Count of the pending notifications of a receiver, and when the oldest message was queued (None for alerts)."""

    number: int
    oldest_at: int | None


_known: Final = msgspec.json.Decoder(ClockIncidents)
_incident: Final = msgspec.json.Decoder(Incident)
_notices: Final = msgspec.json.Decoder(tuple[Notice, ...])
_encode: Final = msgspec.json.Encoder().encode


class Store:
    """The file in `directory`. For one thread; it may be open several times.

    Incidents older than `max_age_ms` are not sent; None sends all. The constructor and all methods raise `ConnectorError` if the
    file is damaged or cannot be used.
    """

    def __init__(self, directory: Path, receivers: Receivers, max_age_ms: int | None = None) -> None:
        self._receivers = receivers
        self._max_age_ms = max_age_ms
        self._database = Database(
            directory / FILE,
            *TABLES,
            advice=_("move the file away; all open incidents are then sent again"),
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def register_receivers(self) -> None:
        """Queue open incidents for each Alertmanager, and refused messages again for the others, whose settings may have changed.

        Incidents that are not sent or held back are left out, and all of them before `start_sending`. Data of removed receivers
        is deleted.
        """
        known = [*self._receivers.alertmanagers, *self._receivers.queued]
        marks = ", ".join("?" * len(known))
        with self._transaction():
            for table in ("alerts", "messages", "refused"):
                self._database.execute(f"DELETE FROM {table} WHERE receiver NOT IN ({marks})", *known)  # noqa: S608 - ours
            if self.is_sending:
                for incident in self._open_incidents():
                    if not incident.unsent and not incident.held:
                        self._put_alerts(incident)
        for receiver in self._receivers.queued:
            self.requeue_refused(receiver)

    def topic(self, topic_id: str) -> dict[int, int]:
        """Return partition → next offset of a topic. Another id than before discards the offsets and starts a reread."""
        with self._transaction():
            known = self._database.find("SELECT id FROM topic")
            if known is None:
                self._database.execute("INSERT INTO topic VALUES (?, 0)", topic_id)
            elif known != (topic_id,):
                self._database.execute("DELETE FROM offsets")
                self._database.execute("UPDATE topic SET id = ?", topic_id)
                self.reread()
        return dict(self._database.execute("SELECT partition, next FROM offsets"))

    @property
    def is_rereading(self) -> bool:
        """True while events may be duplicates of earlier ones."""
        return self._database.find("SELECT 1 FROM rereading") is not None

    def reread(self) -> None:
        """Record that events may be duplicates from now on, until `catch_up`."""
        self._database.execute("INSERT OR IGNORE INTO rereading SELECT id FROM topic")

    def catch_up(self) -> None:
        """Record that the reread is complete: events are new from now on."""
        self._database.execute("DELETE FROM rereading")

    @property
    def is_sending(self) -> bool:
        """True if notifications are sent: not before the end of a topic was reached for the first time."""
        return self._database.find("SELECT 1 FROM topic WHERE telling") is not None

    def start_sending(self, now: int) -> None:
        """Queue the open incidents that are not too old, and from now on all changes. Ended incidents are not sent."""
        with self._transaction():
            self._database.execute("UPDATE topic SET telling = 1")
            for name, content in self._database.execute("SELECT name, known FROM clocks WHERE open"):
                known, changes = judge(_known.decode(content), now, self._max_age_ms)
                self._put_clock(name, known, now)
                for change in changes:
                    self._queue_change(name, change, now)

    def release(self, now: int) -> int:
        """Queue the incidents that were held back until `now` or earlier; return their number."""
        if self._database.find("SELECT 1 FROM held WHERE until <= ?", now) is None:
            return 0
        number = 0
        with self._transaction():
            for (name,) in self._database.execute("SELECT name FROM held WHERE until <= ?", now):
                if known := self._find(name):
                    known, changes = release(known)
                    self._put_clock(name, known, now)
                    for change in changes:
                        self._queue_change(name, change, now)
                    number += len(changes)
            self._database.execute("DELETE FROM held WHERE until <= ?", now)
        return number

    def take(self, events: Iterable[AnySlaEvent], offsets: Mapping[int, int], now: int) -> int:
        """Fold `events` in order, queue notifications, store the next offsets; return the number of changes."""
        before: dict[str, ClockIncidents | None] = {}
        after: dict[str, ClockIncidents | None] = {}
        with self._transaction():
            is_reread = self.is_rereading
            for event in events:
                name = clock_key(event)
                if name not in before:
                    before[name] = after[name] = self._find(name)
                after[name] = fold(after[name], event, is_reread=is_reread)
            changes: list[tuple[str, Change]] = []
            for name, known in after.items():
                if known is not None and known is not before[name]:
                    changes += ((name, change) for change in self._update_clock(name, before[name], known, now))
            if self.is_sending:
                for name, change in changes:
                    self._queue_change(name, change, now)
            for partition, following in offsets.items():
                self._database.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?)", partition, following)
        return len(changes)

    def forget(self, before: int) -> None:
        """Delete clocks without open incidents and without changes since `before`, and refused messages queued before it."""
        self._database.execute("DELETE FROM clocks WHERE NOT open AND changed_at < ?", before)
        self._database.execute("DELETE FROM refused WHERE queued_at < ?", before)

    # ------------------------------------------------------------------------------------------------------ Alertmanager
    def alerts(self, receiver: str) -> list[Alert]:
        """Return all alerts of the Alertmanager `receiver`, including ended ones until `drop_closed`."""
        found = self._database.execute(
            "SELECT incident, shown_at, shown_by, closed_at FROM alerts WHERE receiver = ?", receiver
        )
        return [Alert(_incident.decode(content), *marks) for content, *marks in found]

    def mark_shown(self, receiver: str, incidents: Iterable[Incident], started_at: int, now: int) -> None:
        """Record that `receiver`, started at `started_at`, received the beginning of `incidents`."""
        self._mark("shown_at = ?, shown_by = ?", (now, started_at), receiver, incidents)

    def mark_closed(self, receiver: str, incidents: Iterable[Incident], now: int) -> None:
        """Record that `receiver` received the end of `incidents`."""
        self._mark("closed_at = ?", (now,), receiver, incidents)

    def drop_closed(self, receiver: str, before: int) -> None:
        """Delete alerts whose end `receiver` received before `before`."""
        self._database.execute("DELETE FROM alerts WHERE receiver = ? AND closed_at < ?", receiver, before)

    # ---------------------------------------------------------------------------------------------------------- messages
    def next_message(self, receiver: str, digest_above: int, limit: int, *, after_outage: bool) -> Message | None:
        """Return the next message to `receiver`, counted as tried; None if none waits.

        The same one is returned until `mark_delivered` or `set_aside`.
        More than `digest_above` messages become a digest, at most `limit` of them; after an outage, more than one do. A message
        tried before stays unchanged, so that the receiver recognises a duplicate.
        """
        with self._transaction():
            rows = self._database.execute(
                "SELECT number, content, queued_at, tried FROM messages WHERE receiver = ? ORDER BY number LIMIT ?",
                receiver,
                limit,
            )
            if not rows:
                return None
            number, content, queued_at, tried = rows[0]
            notices = _notices.decode(content)
            if not tried and len(rows) > (1 if after_outage else digest_above):
                # For an incident that began and ended in between, the end is sufficient.
                joined = (notice for row in rows for notice in _notices.decode(row[1]))
                notices = tuple({notice.incident.id: notice for notice in joined}.values())
                last = rows[-1][0]
                self._database.execute(
                    "DELETE FROM messages WHERE receiver = ? AND number > ? AND number <= ?", receiver, number, last
                )
                self._database.execute("UPDATE messages SET content = ? WHERE number = ?", _encode(notices), number)
            self._database.execute("UPDATE messages SET tried = tried + 1 WHERE number = ?", number)
            return Message(number, notices, queued_at)

    def mark_delivered(self, message: Message) -> None:
        """Delete a delivered message; if it is a part of a longer one, delete only these notices."""
        with self._transaction():
            self._remove(message)

    def set_aside(self, message: Message, reason: str, now: int) -> None:
        """Move a message, or a part of it, that the receiver refused for `reason` to the refused messages."""
        with self._transaction():
            self._database.execute(
                "INSERT INTO refused (receiver, content, queued_at, refused_at, reason)"
                " SELECT receiver, ?, queued_at, ?, ? FROM messages WHERE number = ?",
                _encode(message.notices),
                now,
                reason,
                message.number,
            )
            self._remove(message)

    def requeue_refused(self, receiver: str, before: float = math.inf) -> None:
        """Queue the messages that `receiver` refused before `before` again, except beginnings of ended incidents."""
        source = "FROM refused WHERE receiver = ? AND refused_at < ?"
        with self._transaction():
            found = self._database.execute(f"SELECT content, queued_at {source} ORDER BY number", receiver, before)
            if not found:
                return
            open_ids = {incident.id for incident in self._open_incidents()}
            for content, queued_at in found:
                notices = _notices.decode(content)
                if remaining := tuple(
                    notice for notice in notices if notice.what is ChangeKind.ENDED or notice.incident.id in open_ids
                ):
                    self._put_message(receiver, remaining, queued_at)
            self._database.execute(f"DELETE {source}", receiver, before)

    # ----------------------------------------------------------------------------------------------------------- figures
    def count_open(self) -> dict[str, int]:
        """Return the number of open incidents by kind, including unsent ones; kinds without any are missing."""
        return Counter(incident.kind.value for incident in self._open_incidents())

    def unsent(self) -> dict[tuple[str, str], int]:
        """Return the number of incidents recorded but not sent since the file was created.

        A key has the incident's kind (`IncidentKind`) and the reason (`incidents.Unsent`).
        """
        return {(kind, reason): number for kind, reason, number in self._database.execute("SELECT * FROM unsent")}

    def waiting(self) -> dict[str, Waiting]:
        """Return the number of pending notifications and the time of the oldest by receiver, without receivers that have none."""
        messages = "SELECT receiver, count(*), min(queued_at) FROM messages GROUP BY receiver"
        alerts = (
            "SELECT receiver, count(*), NULL FROM alerts WHERE shown_at IS NULL OR"
            " (ended AND closed_at IS NULL) GROUP BY receiver"
        )
        found: Sequence[tuple[str, int, int | None]] = [
            *self._database.execute(messages),
            *self._database.execute(alerts),
        ]
        return {receiver: Waiting(number, oldest_at) for receiver, number, oldest_at in found}

    def refused(self) -> dict[str, Refused]:
        """Return the number of refused messages and the last reason, by receiver."""
        found = self._database.execute("SELECT receiver, count(*), reason, max(number) FROM refused GROUP BY receiver")
        return {receiver: Refused(number, reason) for receiver, number, reason, _ in found}

    # ------------------------------------------------------------------------------------------------------------- parts
    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _find(self, name: str) -> ClockIncidents | None:
        row = self._database.find("SELECT known FROM clocks WHERE name = ?", name)
        return _known.decode(row[0]) if row else None

    def _open_incidents(self) -> list[Incident]:
        found = self._database.execute("SELECT known FROM clocks WHERE open")
        incidents = (incident for (content,) in found for incident in _known.decode(content).incidents)
        return [incident for incident in incidents if incident.ended_at is None]

    def _update_clock(self, name: str, before: ClockIncidents | None, known: ClockIncidents, now: int) -> list[Change]:
        known, changes = resolve(before, known, self._max_age_ms)
        self._put_clock(name, known, now)
        return changes

    def _put_clock(self, name: str, known: ClockIncidents, now: int) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO clocks VALUES (?, ?, ?, ?)", name, _encode(known), known.open, now
        )

    def _queue_change(self, name: str, change: Change, now: int) -> None:
        kind, incident = change
        if incident.unsent:
            if kind is ChangeKind.STARTED:
                self._count_unsent(incident)
            return
        if incident.held:
            if kind is ChangeKind.HELD:
                self._database.execute("INSERT OR IGNORE INTO held VALUES (?, ?)", name, now + HOLD_MS)
            return
        if kind is not ChangeKind.CHANGED or incident.ended_at is None:  # a closed alert stays closed
            self._put_alerts(incident)
        self._queue(change, now)

    def _count_unsent(self, incident: Incident) -> None:
        self._database.execute(
            "INSERT INTO unsent VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET number = number + 1",
            incident.kind.value,
            incident.unsent,
        )

    def _put_alerts(self, incident: Incident) -> None:
        for receiver in self._receivers.alertmanagers:
            ended = incident.ended_at is not None
            self._database.execute(_PUT_ALERT, receiver, incident.key, incident.round, _encode(incident), ended)

    def _queue(self, change: Change, now: int) -> None:
        if change.what is ChangeKind.CHANGED:
            return
        for receiver, kinds in self._receivers.queued.items():
            is_known = (
                change.incident.end == BROKEN and IncidentKind.BREACHED in kinds and receiver in self._receivers.readers
            )
            if change.incident.kind in kinds and not (is_known and change.what is ChangeKind.ENDED):
                self._put_message(receiver, (Notice(change.what, change.incident),), now)

    def _put_message(self, receiver: str, notices: tuple[Notice, ...], queued_at: int) -> None:
        self._database.execute(
            "INSERT INTO messages (receiver, content, queued_at) VALUES (?, ?, ?)",
            receiver,
            _encode(notices),
            queued_at,
        )

    def _remove(self, message: Message) -> None:
        (content,) = self._database.find("SELECT content FROM messages WHERE number = ?", message.number)
        if rest := tuple(notice for notice in _notices.decode(content) if notice not in message.notices):
            self._database.execute("UPDATE messages SET content = ? WHERE number = ?", _encode(rest), message.number)
        else:
            self._database.execute("DELETE FROM messages WHERE number = ?", message.number)

    def _mark(self, marks: str, values: tuple[int, ...], receiver: str, incidents: Iterable[Incident]) -> None:
        command = f"UPDATE alerts SET {marks} WHERE receiver = ? AND key = ? AND round = ?"  # noqa: S608 - ours
        with self._transaction():
            for incident in incidents:  # the round excludes an incident that has begun again since
                self._database.execute(command, *values, receiver, incident.key, incident.round)
