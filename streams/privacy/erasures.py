"""Erasures of citizens' data (GDPR, article 17) and their proofs.

Each of the citizen's contacts gets one event `personal_data.erased`, which the worker and the timelines fold like any other.
Duplicate or late events therefore do not restore erased data. A request is written to the database before its events are
published. The events' ids do not depend on the attempt, so a later request can complete an interrupted one.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import ConfigDict

from models.events import PersonalDataErased
from models.ids import event_id
from models.timestamps import milliseconds, to_datetime, to_iso
from models.topics import DAY_MS, Channel
from streams.core.contacts.contact import Contact
from streams.privacy.citizen_finder import CitizenFinder, Rows
from streams.timeline import erasures as requests
from streams.timeline.erasures import ErasureRequest, Remains
from streams.timeline.store import Timeline

SOURCE: Final = "accueil/erasures"
"""`source` of the erasure events."""
SETTLED_MS: Final = 2 * DAY_MS
"""Longest time until Kafka has deleted replaced or expired data, in milliseconds: old versions of rows go within a day, expired
records with their segment, which covers a day."""


Deliver = Callable[[Sequence[PersonalDataErased]], None]
"""Function that returns once all in-sync replicas have the events. Raises `KafkaUnavailable`: some may have been accepted."""


class RetentionPeriods(NamedTuple):
    """Lifetimes of data that an erasure cannot delete, in milliseconds."""

    topics: int
    dead_letters: int
    audit: int
    state: int
    """Lifetime of the workers' row that marks a contact as erased, from the end of the contact."""
    erased: int
    """Lifetime of the mark of an erased contact in the timelines, from the request."""


@dataclass(frozen=True, slots=True)
class Remnant:
    """Data that remains after an erasure, and until when."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    what: str
    until: str
    """UTC time; empty: until `accueil retention apply`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Numbers counted after an erasure."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True, json_schema_serialization_defaults_required=True)

    erasure: str
    sector: str
    requested_at: str
    told_at: str
    proved_at: str
    contacts: int
    entries_before: int
    links_before: int
    events: int
    """Accepted by all in-sync replicas."""
    rows: int
    """Erased rows of these contacts in the workers' state. Those of contacts closed long ago may be gone already."""
    rows_with_identities: int
    entries: int
    links: int
    promises: int = 0  # proofs of earlier releases have no such number
    """Running SLA targets."""
    revocations: int
    kept_as_erased: int
    remains: tuple[Remnant, ...]


class Erasure(NamedTuple):
    """Progress of an erasure."""

    request: ErasureRequest
    proof: Proof | None
    sha256: str
    """SHA-256 of the proof as JSON with sorted keys, without spaces, in UTF-8 (`jq -cjS .proof | sha256sum`); empty without
    a proof."""


class Erasures:
    """Erasures with one database and one Kafka cluster. For one thread at a time."""

    def __init__(
        self,
        timeline: Timeline,
        rows: Rows,
        deliver: Deliver,
        periods: RetentionPeriods,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.finder: Final = CitizenFinder(timeline, rows)
        self._timeline, self._deliver, self._periods = timeline, deliver, periods
        self._clock = clock

    def read(self, name: str) -> ErasureRequest | None:
        """Return the request with this id, or None. Raises `Unavailable`."""
        with self._timeline.read_connection() as connection:
            return requests.read(connection, name)

    def is_begun(self, name: str) -> bool:
        """Return whether the request with this id exists, after waiting for running writes. Raises `Unavailable`."""
        with self._timeline.write_transaction() as connection:
            return requests.read(connection, name) is not None

    def begin(self, name: str, contacts: Sequence[str], sector: str, by: str) -> ErasureRequest:
        """Write a request of the client `by` with the id `name` to erase these contacts, and return it; publish nothing.

        After `Unavailable`, `is_begun` returns the outcome.
        """
        new = ErasureRequest(name, sector, by, milliseconds(self._clock()), None, len(contacts), 0, 0, None)
        with self._timeline.write_transaction() as connection:
            return requests.begin(connection, new, contacts)

    def publish_pending(self) -> int:
        """Publish the events of all requests whose events Kafka does not all have; return the number of requests.

        Raises `Unavailable` and `KafkaUnavailable`; another call then publishes the rest.
        """
        with self._timeline.read_connection() as connection:
            unpublished = [
                (request, requests.list_contacts(connection, request.id))
                for request in requests.read_unpublished(connection)
            ]
        for request, contacts in unpublished:
            self._deliver([make_event(contact, request.requested_at) for contact in contacts])
            with self._timeline.write_transaction() as connection:
                requests.mark_published(connection, request.id, milliseconds(self._clock()))
        return len(unpublished)

    def look(self, name: str, record: Callable[[str], None]) -> Erasure | None:
        """Return the progress of the erasure with the id `name`, and prove it if no data remains; None if no request has this id.

        `record` is called with the hash of a new proof before it is stored. Raises the errors of `record`, `KafkaUnavailable`
        and `Unavailable`.
        """
        with self._timeline.read_connection() as connection:
            request = requests.read(connection, name)
            if request is None:
                return None
            contacts, remains = requests.list_contacts(connection, name), requests.look(connection, name)
        if request.proof is None and request.told_at is not None and remains == Remains(len(contacts), 0, 0, 0, 0):
            keys = {contact.encode() for contact in contacts}
            rows = [*self.finder.read_rows(lambda key, _: key in keys).values()]
            if all(row.is_erased and not row.identities for row in rows) and self._timeline.truncate_log():
                proof = msgspec.json.encode(self._make_proof(request, remains, rows), order="sorted").decode()
                with self._timeline.write_transaction() as connection:  # another process may prove it at the same time
                    request = requests.read(connection, name) or request
                    if request.proof is None:
                        record(_hash(proof))
                        request = requests.prove(connection, name, proof)
        if request.proof is None:
            return Erasure(request, None, "")
        return Erasure(request, msgspec.json.decode(request.proof, type=Proof), _hash(request.proof))

    def prove(self, record: Callable[[str, str], None]) -> tuple[int, int]:
        """Try to prove all requests whose events are published, as `look` does; return the numbers of proved and unproved ones.

        `record` gets the id of the request and the hash of the proof.
        """
        with self._timeline.read_connection() as connection:
            names = requests.read_unproved(connection)
        found = [self.look(name, partial(record, name)) for name in names]
        proved = sum(erasure is not None and erasure.proof is not None for erasure in found)
        return proved, len(names) - proved

    def _make_proof(self, request: ErasureRequest, remains: Remains, rows: Sequence[Contact]) -> Proof:
        now, told_at, periods = milliseconds(self._clock()), request.told_at or 0, self._periods
        until = {
            "events": told_at + periods.topics + SETTLED_MS,
            "state": told_at + SETTLED_MS,
            "dead_letters": told_at + periods.dead_letters + SETTLED_MS,
            "audit": now + periods.audit,
            "erased": max(
                request.requested_at + periods.erased, told_at + max(periods.topics, periods.state) + SETTLED_MS
            ),
            "pages": 0,
        }
        return Proof(
            erasure=request.id,
            sector=request.sector,
            requested_at=to_iso(request.requested_at, "seconds"),
            told_at=to_iso(told_at, "seconds"),
            proved_at=to_iso(now, "seconds"),
            contacts=request.contacts,
            entries_before=request.entries,
            links_before=request.links,
            events=request.contacts,
            rows=sum(row.is_erased for row in rows),
            rows_with_identities=sum(bool(row.identities) for row in rows),
            entries=remains.entries,
            links=remains.links,
            promises=remains.sla_targets,
            revocations=remains.revocations,
            kept_as_erased=remains.erased,
            remains=tuple(Remnant(what, to_iso(at, "seconds") if at else "") for what, at in until.items()),
        )


def make_request_id() -> str:
    """Return a random id for a request, without personal data."""
    return secrets.token_hex(16)


def to_fields(found: Erasure) -> dict[str, Any]:
    """Return an erasure as the fields of its JSON form, which has no contact ids."""
    request = found.request
    return {
        "id": request.id,
        "state": "proved" if found.proof else "begun" if request.told_at is None else "told",
        "requested_at": to_iso(request.requested_at, "seconds"),
        "contacts": request.contacts,
        "proof": msgspec.to_builtins(found.proof),
        "sha256": found.sha256,
    }


def make_event(contact: str, at: int) -> PersonalDataErased:
    """Return the event that erases a contact's personal data at `at` (milliseconds since 1970).

    Its id depends on the contact only. It is published to the feedback topic if the contact's id, which may be foreign, names
    no channel.
    """
    kind = contact.partition(":")[0]
    channel = Channel(kind) if kind in {*Channel} else Channel.FEEDBACK
    time = to_datetime(at)
    return PersonalDataErased(id=event_id(SOURCE, contact), source=SOURCE, subject=contact, time=time, channel=channel)


def _hash(proof: str) -> str:
    return hashlib.sha256(proof.encode()).hexdigest()
