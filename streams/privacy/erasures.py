"""Erase a citizen (GDPR, article 17), and prove it.

By events alone: each of the citizen's contacts gets one `personal_data.erased`, which the worker and the timelines fold as any
other, so that nothing comes back whatever is told later, or again. A request stands in the database before anything is told of
it, and its events have the same ids however often they are told: what was begun is finished by whoever asks next.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import msgspec

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
"""What tells them."""
SETTLED_MS: Final = 2 * DAY_MS
"""Kafka drops the older versions of a row within a day, and what is too old with the segment it is in, which is of a day."""


class Deliver(Protocol):
    """Kafka."""

    def __call__(self, events: Sequence[PersonalDataErased]) -> None:
        """Return once all in-sync replicas have the events. Raises `KafkaAway`: some may be there."""


class RetentionPeriods(NamedTuple):
    """How long what cannot be erased lasts. Milliseconds."""

    topics: int
    """The events, and the entries, of all time before."""
    dead_letters: int
    audit: int
    state: int
    """The row that knows a contact as erased, after it was closed."""
    erased: int
    """The timelines' knowledge of a contact as erased, after that was asked for."""


class Remnant(msgspec.Struct, frozen=True):
    """What is left, by what holds it, and until when."""

    what: str
    """A key of `texts.REMNANTS`."""
    until: str
    """A time, UTC, as ISO 8601 writes it; empty: until `accueil retention apply`."""


class Proof(msgspec.Struct, frozen=True):
    """What was found after an erasure; every number was counted then."""

    erasure: str
    """The request's id."""
    sector: str
    requested_at: str
    told_at: str
    proved_at: str
    contacts: int
    """So many were to be erased, with so many entries and links before."""
    entries_before: int
    links_before: int
    events: int
    """Accepted by all in-sync replicas."""
    rows: int
    """In the workers' state, of these contacts, each of them erased; one that was closed long ago may have left it."""
    rows_with_identities: int
    entries: int
    links: int
    revocations: int
    """Between identities of which nothing is kept."""
    kept_as_erased: int
    """Contacts of which the timelines take nothing any more."""
    remains: tuple[Remnant, ...]
    promises: int = 0
    """Rows of what is still to be kept; earlier releases had none."""


class Erasure(NamedTuple):
    """How far one is."""

    request: ErasureRequest
    proof: Proof | None
    """Once nothing is left."""
    sha256: str
    """Of the proof as JSON with its keys sorted, without spaces, in UTF-8: `jq -cjS .proof | sha256sum`; empty until then."""


class Erasures:
    """Erasures, on one database and one Kafka; for one thread at a time."""

    def __init__(
        self,
        timeline: Timeline,
        rows: Rows,
        deliver: Deliver,
        keeping: RetentionPeriods,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.finder: Final = CitizenFinder(timeline, rows)
        self._timeline, self._deliver, self._keeping = timeline, deliver, keeping
        self._clock = clock

    def read(self, name: str) -> ErasureRequest | None:
        """Return a request, None if there is none of that id. Raises `Unavailable`."""
        with self._timeline.read_connection() as connection:
            return requests.read(connection, name)

    def is_begun(self, name: str) -> bool:
        """Return whether a request stands, once nobody is about to write one. Raises `Unavailable`."""
        with self._timeline.write_transaction() as connection:
            return requests.read(connection, name) is not None

    def begin(self, name: str, contacts: Sequence[str], sector: str, by: str) -> ErasureRequest:
        """Write a request to erase these contacts, with an id of `make_id`; nothing is told of it yet.

        Raises `Unavailable`: whether it stands, `is_begun` says.
        """
        asked = ErasureRequest(name, sector, by, milliseconds(self._clock()), None, len(contacts), 0, 0, None)
        with self._timeline.write_transaction() as connection:
            return requests.begin(connection, asked, contacts)

    def publish_pending(self) -> int:
        """Tell Kafka of all requests of which it has not all events yet; return how many they were.

        Raises `KafkaAway`: then they stand, and another try finishes them; and `Unavailable`.
        """
        with self._timeline.read_connection() as connection:
            untold = [
                (request, requests.list_contacts(connection, request.id))
                for request in requests.read_unpublished(connection)
            ]
        for request, contacts in untold:
            self._deliver([make_event(contact, request.requested_at) for contact in contacts])
            with self._timeline.write_transaction() as connection:
                requests.mark_published(connection, request.id, milliseconds(self._clock()))
        return len(untold)

    def look(self, name: str, record: Callable[[str], None]) -> Erasure | None:
        """Return how far an erasure is, None if there is none of that id.

        If nothing is left, it is proved: `record` is called with the hash of the proof before that is kept. Raises what it
        raises, `KafkaAway` and `Unavailable`.
        """
        with self._timeline.read_connection() as connection:
            request = requests.read(connection, name)
            if request is None:
                return None
            contacts, there = requests.list_contacts(connection, name), requests.look(connection, name)
        if request.proof is None and request.told_at is not None and there == Remains(len(contacts), 0, 0, 0, 0):
            keys = {contact.encode() for contact in contacts}
            rows = [*self.finder.read_rows(lambda key, _: key in keys).values()]
            if all(row.is_erased and not row.identities for row in rows) and self._timeline.truncate_log():
                proof = msgspec.json.encode(self._make_proof(request, there, rows), order="sorted").decode()
                with self._timeline.write_transaction() as connection:  # one of several who look at once
                    request = requests.read(connection, name) or request
                    if request.proof is None:
                        record(_hash(proof))
                        request = requests.prove(connection, name, proof)
        if request.proof is None:
            return Erasure(request, None, "")
        return Erasure(request, msgspec.json.decode(request.proof, type=Proof), _hash(request.proof))

    def prove(self, record: Callable[[str, str], None]) -> tuple[int, int]:
        """Look at all requests that were told and are not proved; return how many are proved by that, and how many are not.

        Until then it is known whose contacts they are. `record` is called with id and hash. Raises what `look` does.
        """
        with self._timeline.read_connection() as connection:
            names = requests.read_unproved(connection)
        found = [self.look(name, partial(record, name)) for name in names]
        proved = sum(one is not None and one.proof is not None for one in found)
        return proved, len(names) - proved

    def _make_proof(self, request: ErasureRequest, there: Remains, rows: Sequence[Contact]) -> Proof:
        now, told_at, keeping = milliseconds(self._clock()), request.told_at or 0, self._keeping
        until = {
            "events": told_at + keeping.topics + SETTLED_MS,
            "state": told_at + SETTLED_MS,
            "dead_letters": told_at + keeping.dead_letters + SETTLED_MS,
            "audit": now + keeping.audit,
            "erased": max(
                request.requested_at + keeping.erased, told_at + max(keeping.topics, keeping.state) + SETTLED_MS
            ),
            "pages": 0,
        }
        return Proof(
            request.id,
            request.sector,
            to_iso(request.requested_at, "seconds"),
            to_iso(told_at, "seconds"),
            to_iso(now, "seconds"),
            request.contacts,
            request.entries,
            request.links,
            request.contacts,
            sum(row.is_erased for row in rows),
            sum(bool(row.identities) for row in rows),
            there.entries,
            there.links,
            there.revocations,
            there.erased,
            tuple(Remnant(what, to_iso(at, "seconds") if at else "") for what, at in until.items()),
            there.promises,
        )


def make_request_id() -> str:
    """Return the id of a request: random, so that it names nobody."""
    return secrets.token_hex(16)


def to_fields(found: Erasure) -> dict[str, Any]:
    """Return an erasure as JSON has it."""
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
    """Return the event that erases the person of a contact, told at `at`; it has the same id whenever that is.

    It goes where opinions go if the contact's id, which others may have made, names no channel.
    """
    kind = contact.partition(":")[0]
    channel = Channel(kind) if kind in {*Channel} else Channel.FEEDBACK
    time = to_datetime(at)
    return PersonalDataErased(id=event_id(SOURCE, contact), source=SOURCE, subject=contact, time=time, channel=channel)


def _hash(proof: str) -> str:
    return hashlib.sha256(proof.encode()).hexdigest()
