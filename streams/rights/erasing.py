"""Erase a citizen (GDPR, article 17), and prove it.

By events alone: each of the citizen's contacts gets one `personal_data.erased`, which the worker and the timelines fold as any
other, so that nothing comes back whatever is told later, or again. A request stands in the database before anything is told of
it, and its events have the same ids however often they are told: what was begun is finished by whoever asks next.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from models.events import PersonalDataErased
from models.ids import event_id
from models.topics import DAY_MS, Channel
from streams.core import contact as core
from streams.core.contact import Contact
from streams.timeline import erasing as requests
from streams.timeline.erasing import Remains, Request
from streams.timeline.store import Timeline

SOURCE: Final = "accueil/erasures"
"""What tells them."""
SETTLED_MS: Final = 2 * DAY_MS
"""Kafka drops the older versions of a row within a day, and what is too old with the segment it is in, which is of a day."""
_CHANNELS: Final = frozenset(channel.encode() for channel in Channel)


class Rows(Protocol):
    """The workers' state."""

    def __call__(self, wanted: Callable[[bytes, bytes], bool]) -> Mapping[bytes, bytes]:
        """Return the rows, by contact id, whose key and value are wanted, as they were committed last. Raises `KafkaAway`."""


class Deliver(Protocol):
    """Kafka."""

    def __call__(self, events: Sequence[PersonalDataErased]) -> None:
        """Return once all in-sync replicas have the events. Raises `KafkaAway`: some may be there."""


class KafkaAway(Exception):  # noqa: N818 - says what it is
    """Kafka does not answer, or did not take all that it was told."""


class Shared(Exception):  # noqa: N818 - says what was asked for
    """A weak identity leads to several persons: whose contacts are to be erased cannot be known."""


class Unknown(Exception):  # noqa: N818
    """Nothing is known of whom was asked for."""


class SeveralSectors(Exception):  # noqa: N818
    """Known in these sectors, of which one is to be named."""


class Keeping(NamedTuple):
    """How long what cannot be erased lasts. Milliseconds."""

    topics: int
    """The events, and the entries, of all time before."""
    dead_letters: int
    audit: int
    state: int
    """The row that knows a contact as erased, after it was closed."""


class Remnant(msgspec.Struct, frozen=True):
    """What is left, by what holds it, and until when."""

    what: str
    """`events`, `state`, `dead_letters`, `audit`, `erased`: a key of `texts.REMNANTS`."""
    until: str
    """A time, UTC, as ISO 8601 writes it."""


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
    """Of links that are no more."""
    kept_as_erased: int
    """Contacts of which the timelines take nothing any more."""
    remains: tuple[Remnant, ...]


class Erasure(NamedTuple):
    """How far one is."""

    request: Request
    proof: Proof | None
    """Once nothing is left."""
    sha256: str
    """Of the proof as JSON; empty until then."""


class Erasing:
    """Erasures, on one database and one Kafka; for one thread at a time."""

    def __init__(
        self,
        timeline: Timeline,
        rows: Rows,
        deliver: Deliver,
        keeping: Keeping,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._timeline, self._rows, self._deliver, self._keeping = timeline, rows, deliver, keeping
        self._clock = clock

    def find_sector(self, asked: str) -> str:
        """Return the sector of a contact or pseudonym. Raises `SeveralSectors`, `Unknown`, `KafkaAway` and `Unavailable`."""
        with self._timeline.reading() as connection:
            sectors = requests.find_sectors(connection, asked)
        if not sectors:
            sectors = sorted({core.decode(row).sector for row in self._rows(_tells({asked}, {asked})).values()})
        if not sectors:
            raise Unknown
        if len(sectors) > 1:
            raise SeveralSectors(*sectors)
        return sectors[0]

    def find(self, asked: str, sector: str) -> Sequence[str]:
        """Return the contacts of the citizen with the identity `asked` in a sector, or `asked` itself if it is a contact.

        What a weak identity that others share leads to is nobody's own, and not among them. Raises `Shared` if `asked` is such a
        one, `Unknown` if nothing is known of it, `KafkaAway` and `Unavailable`.
        """
        identities = {asked}
        if not _is_contact(asked):
            story = self._timeline.tell_story(asked)
            if not story.is_own:
                raise Shared
            identities = {*story.identities}
        with self._timeline.reading() as connection:
            if _is_contact(asked):
                known = {asked} if sector in requests.find_sectors(connection, asked) else set()
            else:
                known = {*requests.find_contacts(connection, identities, sector)}
        known |= {
            key.decode()
            for key, row in self._rows(_tells(identities, {asked})).items()  # what the timelines were not told yet
            if _concerns(core.decode(row), key.decode(), identities, sector)
        }
        if not known:
            raise Unknown
        return sorted(known)

    def begin(self, contacts: Sequence[str], sector: str, by: str) -> Request:
        """Write a request to erase these contacts, with a random id; nothing is told of it yet. Raises `Unavailable`."""
        asked = Request(secrets.token_hex(16), sector, by, _ms(self._clock()), None, len(contacts), 0, 0, None)
        with self._timeline.writing() as connection:
            return requests.begin(connection, asked, contacts)

    def tell(self) -> int:
        """Tell Kafka of all requests of which it has not all events yet; return how many they were.

        Raises `KafkaAway`: then they stand, and another try finishes them; and `Unavailable`.
        """
        with self._timeline.reading() as connection:
            untold = [
                (request, requests.contacts_of(connection, request.id)) for request in requests.read_untold(connection)
            ]
        for request, contacts in untold:
            self._deliver([make_event(contact, request.requested_at) for contact in contacts])
            with self._timeline.writing() as connection:
                requests.note_told(connection, request.id, _ms(self._clock()))
        return len(untold)

    def look(self, name: str, record: Callable[[str], None]) -> Erasure | None:
        """Return how far an erasure is, None if there is none of that id.

        If nothing is left, it is proved: `record` is called with the hash of the proof before that is kept. Raises what it
        raises, `KafkaAway` and `Unavailable`.
        """
        with self._timeline.reading() as connection:
            request = requests.read(connection, name)
            if request is None:
                return None
            contacts, there = requests.contacts_of(connection, name), requests.look(connection, name)
        if request.proof is None and request.told_at is not None and there == Remains(len(contacts), 0, 0, 0):
            rows = self._read_rows(contacts)
            if all(row.is_erased and not row.identities for row in rows):
                self._timeline.truncate_log()
                proof = msgspec.json.encode(self._prove(request, there, rows)).decode()
                record(_hash(proof))
                with self._timeline.writing() as connection:
                    request = requests.prove(connection, name, proof)
        if request.proof is None:
            return Erasure(request, None, "")
        return Erasure(request, msgspec.json.decode(request.proof, type=Proof), _hash(request.proof))

    def _read_rows(self, contacts: Sequence[str]) -> list[Contact]:
        keys = {contact.encode() for contact in contacts}
        return [core.decode(row) for row in self._rows(lambda key, _: key in keys).values()]

    def _prove(self, request: Request, there: Remains, rows: Sequence[Contact]) -> Proof:
        now, told_at, keeping = _ms(self._clock()), request.told_at or 0, self._keeping
        until = {
            "events": told_at + keeping.topics + SETTLED_MS,
            "state": told_at + SETTLED_MS,
            "dead_letters": told_at + keeping.dead_letters + SETTLED_MS,
            "audit": now + keeping.audit,
            "erased": told_at + max(keeping.topics, keeping.state),
        }
        return Proof(
            request.id,
            request.sector,
            _iso(request.requested_at),
            _iso(told_at),
            _iso(now),
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
            tuple(Remnant(what, _iso(at)) for what, at in until.items()),
        )


def to_fields(found: Erasure) -> dict[str, Any]:
    """Return an erasure as JSON has it."""
    request = found.request
    return {
        "id": request.id,
        "state": "proved" if found.proof else "begun" if request.told_at is None else "told",
        "requested_at": _iso(request.requested_at),
        "contacts": request.contacts,
        "proof": msgspec.to_builtins(found.proof),
        "sha256": found.sha256,
    }


def make_event(contact: str, at: int) -> PersonalDataErased:
    """Return the event that erases the person of a contact, told at `at`; it has the same id whenever that is."""
    channel = Channel(contact.partition(":")[0])
    time = datetime.fromtimestamp(at / 1000, UTC)
    return PersonalDataErased(id=event_id(SOURCE, contact), source=SOURCE, subject=contact, time=time, channel=channel)


def _is_contact(asked: str) -> bool:
    return asked.partition(":")[0] in {*Channel} and asked.count(":") > 1


def _tells(identities: Collection[str], contacts: Collection[str]) -> Callable[[bytes, bytes], bool]:
    values, keys = [one.encode() for one in identities], {one.encode() for one in contacts}
    return lambda key, value: (
        key in keys or (any(one in value for one in values) and key.partition(b":")[0] in _CHANNELS)
    )


def _concerns(row: Contact, contact: str, identities: Collection[str], sector: str) -> bool:
    return row.sector == sector and (row.citizen in identities or contact in identities)


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _hash(proof: str) -> str:
    return hashlib.sha256(proof.encode()).hexdigest()
