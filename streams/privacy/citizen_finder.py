"""Find a citizen's contacts in one sector, in the timelines and in the workers' state, which may be ahead of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from models.topics import Channel
from streams.core.citizens.identity_resolution import IdentityCluster
from streams.core.contacts import contact as core
from streams.core.contacts.contact import Contact
from streams.timeline import erasures as requests
from streams.timeline.store import Timeline

MAX_IDENTITIES: Final = 1000
"""Maximum of identities followed for one citizen. It is higher than for a look-up, because a privacy request covers all data."""
_OTHER_ROWS: Final = (b"agent:", b"\0")
"""Prefixes of the keys of rows that belong to no contact: those of agents, and the workers' positions in their topics."""


class KafkaUnavailable(Exception):  # noqa: N818 - says what it is
    """Kafka does not answer, or did not accept all events."""


class SharedIdentity(Exception):  # noqa: N818 - names the condition
    """A weak identity leads to several people, or counts as shared by `LinkLimits`, so the requested contacts are ambiguous."""


class TooManyIdentities(Exception):  # noqa: N818
    """More identities are linked to a citizen than are followed. An erasure would leave data that nothing leads to any more."""


class UnknownSubject(Exception):  # noqa: N818
    """No data exists about the subject in the searched sector, or in any."""


class AmbiguousSector(Exception):  # noqa: N818
    """The subject is known in several sectors, which are the arguments; the request must name one."""


Rows = Callable[[Callable[[bytes, bytes], bool]], Mapping[bytes, bytes]]
"""Function from `wanted(key, value)` to those committed rows of the workers' state: key → value, both undecoded. The key of a
contact's row is the contact id. Raises `KafkaUnavailable`."""


class Found(NamedTuple):
    """A citizen's data in one sector."""

    sector: str
    story: IdentityCluster
    """The citizen's identities with their links, and shared ones; for a search by contact id, the contact id alone."""
    contacts: Sequence[str]
    """Contact ids, sorted."""
    rows: Mapping[str, Contact]
    """Contact id → row in the workers' state; contacts without a row are missing."""


class CitizenFinder:
    """Search for citizens. For one thread at a time."""

    def __init__(self, timeline: Timeline, rows: Rows) -> None:
        self._timeline, self._rows = timeline, rows

    def find_sector(self, subject: str) -> str:
        """Return the only sector of a subject; empty if its data has no sector.

        Raises `AmbiguousSector`, `UnknownSubject`, `KafkaUnavailable` and `Unavailable`.
        """
        with self._timeline.read_connection() as connection:
            sectors = requests.find_sectors(connection, subject)
        if not sectors:
            found = {row.sector for row in self.read_rows(_contains({subject}, {subject})).values()}
            sectors = sorted(found - {""} or found)
        if not sectors:
            raise UnknownSubject
        if len(sectors) > 1:
            raise AmbiguousSector(*sectors)
        return sectors[0]

    def find(self, subject: str, sector: str) -> Found:
        """Return the citizen with the identity `subject` in a sector; for a contact id, the contact alone.

        Contacts of a shared weak identity are not included. A contact without a sector belongs to its citizen's sector. Raises
        `SharedIdentity` if `subject` is shared, `UnknownSubject`, `KafkaUnavailable` and `Unavailable`.
        """
        story, known = IdentityCluster({subject: None}, {}), set[str]()
        if not is_contact(subject):
            story = self._timeline.resolve_identities(subject, MAX_IDENTITIES)
            if not story.is_own:
                raise SharedIdentity
        with self._timeline.read_connection() as connection:
            if not is_contact(subject):
                known |= {*requests.find_contacts(connection, story.identities, sector)}
            elif sector in requests.find_sectors(connection, subject):
                known.add(subject)
        rows = {
            contact: row
            for contact, row in self.read_rows(_contains(story.identities, {subject, *known})).items()
            if row.sector in {sector, ""}
            and (contact in known or row.citizen in story.identities or contact == subject)
        }
        known |= rows.keys()  # contacts that have not reached the timelines yet
        if not known:
            raise UnknownSubject
        return Found(sector, story, sorted(known), rows)

    def find_for_erasure(self, subject: str, sector: str) -> Found:
        """Return the citizen as `find` does. Raise `TooManyIdentities` too, if `find` has left out linked identities."""
        found = self.find(subject, sector)
        if not found.story.is_whole:
            raise TooManyIdentities
        return found

    def read_rows(self, wanted: Callable[[bytes, bytes], bool]) -> dict[str, Contact]:
        """Return contact id → row in the workers' state, of contacts with `wanted(key, value)`. Raises `KafkaUnavailable`."""
        found = self._rows(lambda key, value: not key.startswith(_OTHER_ROWS) and wanted(key, value))
        return {key.decode(): core.decode(value) for key, value in found.items()}


def is_contact(subject: str) -> bool:
    """Return whether `subject` has the form of a contact id, not of a pseudonym."""
    return subject.partition(":")[0] in {*Channel} and subject.count(":") > 1


def _contains(identities: Collection[str], contacts: Collection[str]) -> Callable[[bytes, bytes], bool]:
    values, keys = [identity.encode() for identity in identities], {contact.encode() for contact in contacts}
    return lambda key, value: key in keys or any(identity in value for identity in values)
