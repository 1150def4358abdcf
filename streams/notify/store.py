"""What notify remembers, in one file of SQLite: incidents, how far the topic is read, and what is still to be told to whom.

All that comes of a batch of events is one transaction: killed anywhere, nothing is lost and nothing counts twice.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.sdk.database import Database
from connectors.sdk.i18n import say
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

FILE: Final = "notify.db"
DAY_MS: Final = 86_400_000
HOLD_MS: Final = 15_000
"""An incident that became known late is sent after this long, if no end follows that was earlier: a source that reports old
contacts reports their ends too, perhaps in the next records."""
TABLES: Final = tuple(
    f"CREATE {what}"
    for what in (
        "TABLE IF NOT EXISTS topic (id TEXT NOT NULL, telling INTEGER NOT NULL)",
        "TABLE IF NOT EXISTS rereading (topic TEXT PRIMARY KEY)",
        "TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)",
        """TABLE IF NOT EXISTS clocks (
            name TEXT PRIMARY KEY, known BLOB NOT NULL, open INTEGER NOT NULL, changed_at INTEGER NOT NULL
        ) WITHOUT ROWID""",
        "INDEX IF NOT EXISTS clocks_by_age ON clocks (open, changed_at)",
        """TABLE IF NOT EXISTS alerts (
            receiver TEXT, key TEXT, round INTEGER NOT NULL, incident BLOB NOT NULL, ended INTEGER NOT NULL,
            shown_at INTEGER, shown_by INTEGER, closed_at INTEGER, PRIMARY KEY (receiver, key)
        ) WITHOUT ROWID""",
        """TABLE IF NOT EXISTS messages (
            number INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, content BLOB NOT NULL,
            queued_at INTEGER NOT NULL, tried INTEGER NOT NULL DEFAULT 0
        )""",
        "INDEX IF NOT EXISTS messages_by_receiver ON messages (receiver, number)",
        """TABLE IF NOT EXISTS refused (
            number INTEGER PRIMARY KEY, receiver TEXT NOT NULL, content BLOB NOT NULL, queued_at INTEGER NOT NULL,
            refused_at INTEGER NOT NULL, reason TEXT NOT NULL
        )""",
        "TABLE IF NOT EXISTS held (name TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID",
        """TABLE IF NOT EXISTS unsent (
            kind TEXT, reason TEXT, number INTEGER NOT NULL, PRIMARY KEY (kind, reason)
        ) WITHOUT ROWID""",
    )
)
_PUT_ALERT: Final = """
    INSERT INTO alerts (receiver, key, round, incident, ended) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET incident = excluded.incident, ended = excluded.ended, round = excluded.round,
    shown_at = CASE WHEN round = excluded.round THEN shown_at END,
    shown_by = CASE WHEN round = excluded.round THEN shown_by END,
    closed_at = NULL
"""


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell: an incident began, or ended."""

    what: ChangeKind
    incident: Incident


class Message(NamedTuple):
    """What a receiver is to be told next."""

    number: int
    notices: tuple[Notice, ...]
    """Several are a digest."""
    queued_at: int
    """Milliseconds since 1970, as all times here."""


class Alert(NamedTuple):
    """An incident as one Alertmanager is to know it."""

    incident: Incident
    shown_at: int | None
    """Since when Alertmanager knows that it began; None: it does not."""
    shown_by: int | None
    """Which Alertmanager knows it: when that one started."""
    closed_at: int | None
    """Since when it knows that it ended."""


class Receivers(NamedTuple):
    """Who is told, by name."""

    alertmanagers: tuple[str, ...] = ()
    queued: Mapping[str, tuple[str, ...]] = {}
    """Those who are told in messages, and of which kinds of incidents."""
    readers: Collection[str] = ()
    """Those of them who are people: who hears that a promise is broken need not hear that it is not at risk any more."""


class Refused(NamedTuple):
    """What one receiver refused."""

    number: int
    reason: str
    """Of the last of them, for people."""


class Waiting(NamedTuple):
    """What is still to be told to one receiver."""

    number: int
    oldest_at: int | None


_known: Final = msgspec.json.Decoder(ClockIncidents)
_incident: Final = msgspec.json.Decoder(Incident)
_tellings: Final = msgspec.json.Decoder(tuple[Notice, ...])
_encode: Final = msgspec.json.Encoder().encode


class Store:
    """The file in `directory`. For one thread; several may be open at once. Raises `ConnectorError` as its database does."""

    def __init__(self, directory: Path, receivers: Receivers, max_age_ms: int | None = None) -> None:
        self._receivers = receivers
        self._max_age_ms = max_age_ms
        self._database = Database(
            directory / FILE,
            *TABLES,
            advice=say(
                "set it aside; all that goes on is then told again",
                "le mettre de côté ; tout ce qui dure sera alors redit",
            ),
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def register_receivers(self) -> None:
        """Have each Alertmanager know of all that is open, and all others again of what they refused: settings may be mended.

        Receivers that there are no more are forgotten.
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
        """Return by partition what is to be read next of the topic of that id; of another one than before, all of it.

        That one may hold what the former held.
        """
        with self._transaction():
            known = self._database.execute("SELECT id FROM topic").fetchone()
            if known is None:
                self._database.execute("INSERT INTO topic VALUES (?, 0)", topic_id)
            elif known != (topic_id,):
                self._database.execute("DELETE FROM offsets")
                self._database.execute("UPDATE topic SET id = ?", topic_id)
                self.reread()
        return dict(self._database.execute("SELECT partition, next FROM offsets"))

    @property
    def is_rereading(self) -> bool:
        """Whether what is taken may have been taken before."""
        return self._database.execute("SELECT 1 FROM rereading").fetchone() is not None

    def reread(self) -> None:
        """Take note that what is taken from now on may have been taken before, until `catch_up`."""
        self._database.execute("INSERT OR IGNORE INTO rereading SELECT id FROM topic")

    def catch_up(self) -> None:
        """Take note that all that was taken before was read again: what comes from now on is news."""
        self._database.execute("DELETE FROM rereading")

    @property
    def is_sending(self) -> bool:
        """Whether what is taken is told: not before a topic was read to its end for the first time."""
        return self._database.execute("SELECT 1 FROM topic WHERE telling").fetchone() is not None

    def start_sending(self, now: int) -> None:
        """Send what goes on, unless it is too old, and all that comes from now on; what is over by now is history."""
        with self._transaction():
            self._database.execute("UPDATE topic SET telling = 1")
            for name, content in self._database.execute("SELECT name, known FROM clocks WHERE open").fetchall():
                known, changes = judge(_known.decode(content), now, self._max_age_ms)
                self._put_clock(name, known, now)
                for change in changes:
                    self._tell(name, change, now)

    def release(self, now: int) -> int:
        """Send the incidents that were held back long enough. Returns how many."""
        if self._database.execute("SELECT 1 FROM held WHERE until <= ?", now).fetchone() is None:
            return 0
        number = 0
        with self._transaction():
            for (name,) in self._database.execute("SELECT name FROM held WHERE until <= ?", now).fetchall():
                if known := self._find(name):
                    known, changes = release(known)
                    self._put_clock(name, known, now)
                    for change in changes:
                        self._tell(name, change, now)
                    number += len(changes)
            self._database.execute("DELETE FROM held WHERE until <= ?", now)
        return number

    def take(self, events: Iterable[AnySlaEvent], offsets: Mapping[int, int], now: int) -> int:
        """Fold `events`, in their order, and take note of what is to be told and of what is to be read next.

        Returns how many incidents changed.
        """
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
                    changes += ((name, change) for change in self._keep(name, before[name], known, now))
            if self.is_sending:
                for name, change in changes:
                    self._tell(name, change, now)
            for partition, following in offsets.items():
                self._database.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?)", partition, following)
        return len(changes)

    def forget(self, before: int) -> None:
        """Forget the clocks of which nothing goes on, and nothing was heard since `before`; and what was refused so long ago."""
        self._database.execute("DELETE FROM clocks WHERE NOT open AND changed_at < ?", before)
        self._database.execute("DELETE FROM refused WHERE queued_at < ?", before)

    # ------------------------------------------------------------------------------------------------------ Alertmanager
    def alerts(self, receiver: str) -> list[Alert]:
        """Return all that `receiver` is to know."""
        found = self._database.execute(
            "SELECT incident, shown_at, shown_by, closed_at FROM alerts WHERE receiver = ?", receiver
        )
        return [Alert(_incident.decode(content), *marks) for content, *marks in found]

    def mark_shown(self, receiver: str, incidents: Iterable[Incident], started_at: int, now: int) -> None:
        """Take note that `receiver`, which runs since `started_at`, knows of their beginning."""
        self._mark("shown_at = ?, shown_by = ?", (now, started_at), receiver, incidents)

    def mark_closed(self, receiver: str, incidents: Iterable[Incident], now: int) -> None:
        """Take note that `receiver` knows of their end."""
        self._mark("closed_at = ?", (now,), receiver, incidents)

    def drop_closed(self, receiver: str, before: int) -> None:
        """Forget what `receiver` knows to have ended since `before`."""
        self._database.execute("DELETE FROM alerts WHERE receiver = ? AND closed_at < ?", receiver, before)

    # ---------------------------------------------------------------------------------------------------------- messages
    def next_message(self, receiver: str, digest_above: int, limit: int, *, after_outage: bool) -> Message | None:
        """Return what `receiver` is told next; whoever asks will try to, and asks again until `told`.

        More than `digest_above` messages are made one, at most `limit` of them, and so are several of them after an outage. But
        what may have arrived already, since it was tried, is left as it is, so that it is known again.
        """
        with self._transaction():
            rows = self._database.execute(
                "SELECT number, content, queued_at, tried FROM messages WHERE receiver = ? ORDER BY number LIMIT ?",
                receiver,
                limit,
            ).fetchall()
            if not rows:
                return None
            number, content, queued_at, tried = rows[0]
            notices = _tellings.decode(content)
            if not tried and len(rows) > (1 if after_outage else digest_above):
                # Of what began and ended meanwhile, the end tells all.
                notices = tuple({one.incident.id: one for row in rows for one in _tellings.decode(row[1])}.values())
                last = rows[-1][0]
                self._database.execute(
                    "DELETE FROM messages WHERE receiver = ? AND number > ? AND number <= ?", receiver, number, last
                )
                self._database.execute("UPDATE messages SET content = ? WHERE number = ?", _encode(notices), number)
            self._database.execute("UPDATE messages SET tried = tried + 1 WHERE number = ?", number)
            return Message(number, notices, queued_at)

    def mark_delivered(self, message: Message) -> None:
        """Take note that it arrived: all of a message, or a part of it."""
        with self._transaction():
            self._remove(message)

    def set_aside(self, message: Message, reason: str, now: int) -> None:
        """Take note that its receiver refused it, a whole message or a part of one, for a `reason`."""
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
        """Have `receiver` be told again of what it refused `before`; but not that what is over began: the end tells all."""
        which = "FROM refused WHERE receiver = ? AND refused_at < ?"
        with self._transaction():
            found = self._database.execute(
                f"SELECT content, queued_at {which} ORDER BY number", receiver, before
            ).fetchall()
            if not found:
                return
            going_on = {incident.id for incident in self._open_incidents()}
            for content, queued_at in found:
                notices = _tellings.decode(content)
                if kept := tuple(one for one in notices if one.what is ChangeKind.ENDED or one.incident.id in going_on):
                    self._put_message(receiver, kept, queued_at)
            self._database.execute(f"DELETE {which}", receiver, before)

    # ----------------------------------------------------------------------------------------------------------- figures
    def count_open(self) -> dict[str, int]:
        """Return how many incidents of each kind go on."""
        return Counter(incident.kind.value for incident in self._open_incidents())

    def unsent(self) -> dict[tuple[str, str], int]:
        """Return how many incidents were not sent since the file was made, by kind and reason (`incidents.Unsent`)."""
        return {(kind, reason): number for kind, reason, number in self._database.execute("SELECT * FROM unsent")}

    def waiting(self) -> dict[str, Waiting]:
        """Return what is still to be told, by receiver."""
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
        """Return what was refused, by receiver."""
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
        row = self._database.execute("SELECT known FROM clocks WHERE name = ?", name).fetchone()
        return _known.decode(row[0]) if row else None

    def _open_incidents(self) -> list[Incident]:
        found = self._database.execute("SELECT known FROM clocks WHERE open").fetchall()
        incidents = (incident for (content,) in found for incident in _known.decode(content).incidents)
        return [incident for incident in incidents if incident.ended_at is None]

    def _keep(self, name: str, before: ClockIncidents | None, known: ClockIncidents, now: int) -> list[Change]:
        known, changes = resolve(before, known, self._max_age_ms)
        self._put_clock(name, known, now)
        return changes

    def _put_clock(self, name: str, known: ClockIncidents, now: int) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO clocks VALUES (?, ?, ?, ?)", name, _encode(known), known.open, now
        )

    def _tell(self, name: str, change: Change, now: int) -> None:
        what, incident = change
        if incident.unsent:
            if what is ChangeKind.STARTED:
                self._count_unsent(incident)
            return
        if incident.held:
            if what is ChangeKind.HELD:
                self._database.execute("INSERT OR IGNORE INTO held VALUES (?, ?)", name, now + HOLD_MS)
            return
        if what is not ChangeKind.CHANGED or incident.ended_at is None:  # what is closed stays so
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
        (content,) = self._database.execute("SELECT content FROM messages WHERE number = ?", message.number).fetchone()
        if rest := tuple(one for one in _tellings.decode(content) if one not in message.notices):
            self._database.execute("UPDATE messages SET content = ? WHERE number = ?", _encode(rest), message.number)
        else:
            self._database.execute("DELETE FROM messages WHERE number = ?", message.number)

    def _mark(self, marks: str, values: tuple[int, ...], receiver: str, incidents: Iterable[Incident]) -> None:
        command = f"UPDATE alerts SET {marks} WHERE receiver = ? AND key = ? AND round = ?"  # noqa: S608 - ours
        with self._transaction():
            for incident in incidents:  # of one that has begun anew since, it is not so
                self._database.execute(command, *values, receiver, incident.key, incident.round)
