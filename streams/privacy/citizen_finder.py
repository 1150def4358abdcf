"""Whose contacts are a citizen's, in one sector: by the timelines, and by the workers' state, which may know more as yet."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from models.topics import Channel
from streams.core.citizens.identity_resolution import IdentityCluster
from streams.core.contacts import contact as core
from streams.core.contacts.contact import Contact
from streams.timeline import erasures as requests
from streams.timeline.store import Timeline

MAX_IDENTITIES: Final = 1000
"""So many of a citizen's are followed: a right concerns all that is held, and nobody waits for it as for a page."""
_OTHER_ROWS: Final = (b"agent:", b"\0")
"""Of agents, and of how far the workers are."""


class KafkaUnavailable(Exception):  # noqa: N818 - says what it is
    """Kafka does not answer, or did not take all that it was told."""


class SharedIdentity(Exception):  # noqa: N818 - says what was asked for
    """A weak identity leads to several persons: whose contacts are meant cannot be known."""


class TooManyIdentities(Exception):  # noqa: N818
    """More identities are linked to a citizen than are followed: a part would stay, and nothing would lead to it any more."""


class UnknownSubject(Exception):  # noqa: N818
    """Nothing is known of whom was asked for."""


class AmbiguousSector(Exception):  # noqa: N818
    """Known in these sectors, of which one is to be named."""


class Rows(Protocol):
    """The workers' state."""

    def __call__(self, wanted: Callable[[bytes, bytes], bool]) -> Mapping[bytes, bytes]:
        """Return the rows, by contact id, whose key and value are wanted, as they were committed last. Raises `KafkaAway`."""


class Found(NamedTuple):
    """A citizen."""

    sector: str
    story: IdentityCluster
    """Which identities are this citizen's and why, and which are others' too."""
    contacts: Sequence[str]
    """In order of their ids."""
    rows: Mapping[str, Contact]
    """What the workers' state has of them."""


class CitizenFinder:
    """For one thread at a time."""

    def __init__(self, timeline: Timeline, rows: Rows) -> None:
        self._timeline, self._rows = timeline, rows

    def find_sector(self, asked: str) -> str:
        """Return the sector of a contact or pseudonym. Raises `SeveralSectors`, `Unknown`, `KafkaAway` and `Unavailable`."""
        with self._timeline.read_connection() as connection:
            sectors = requests.find_sectors(connection, asked)
        if not sectors:
            told = {row.sector for row in self.read_rows(_tells({asked}, {asked})).values()}
            sectors = sorted(told - {""} or told)
        if not sectors:
            raise UnknownSubject
        if len(sectors) > 1:
            raise AmbiguousSector(*sectors)
        return sectors[0]

    def find(self, asked: str, sector: str) -> Found:
        """Return the citizen with the identity `asked` in a sector; of a contact, the contact alone.

        What a weak identity that others share leads to is nobody's own, and not among them. What no sector was told of is of the
        one that its citizen is of. Raises `Shared` if `asked` is shared, `Unknown` if nothing is known of it, `KafkaAway`
        and `Unavailable`.
        """
        story, known = IdentityCluster({asked: None}, {}), set[str]()
        if not is_contact(asked):
            story = self._timeline.resolve_identities(asked, MAX_IDENTITIES)
            if not story.is_own:
                raise SharedIdentity
        with self._timeline.read_connection() as connection:
            if not is_contact(asked):
                known |= {*requests.find_contacts(connection, story.identities, sector)}
            elif sector in requests.find_sectors(connection, asked):
                known.add(asked)
        rows = {
            contact: row
            for contact, row in self.read_rows(_tells(story.identities, {asked, *known})).items()
            if row.sector in {sector, ""} and (contact in known or row.citizen in story.identities or contact == asked)
        }
        known |= rows.keys()  # what the timelines were not told yet
        if not known:
            raise UnknownSubject
        return Found(sector, story, sorted(known), rows)

    def find_for_erasure(self, asked: str, sector: str) -> Found:
        """Return what `find` does, to erase it. Raises what that raises, and `TooMany`."""
        found = self.find(asked, sector)
        if not found.story.is_whole:
            raise TooManyIdentities
        return found

    def read_rows(self, wanted: Callable[[bytes, bytes], bool]) -> dict[str, Contact]:
        """Return the rows of contacts that are wanted. Raises `KafkaAway`."""
        found = self._rows(lambda key, value: not key.startswith(_OTHER_ROWS) and wanted(key, value))
        return {key.decode(): core.decode(value) for key, value in found.items()}


def is_contact(asked: str) -> bool:
    """Return whether this is a contact's id, and no pseudonym."""
    return asked.partition(":")[0] in {*Channel} and asked.count(":") > 1


def _tells(identities: Collection[str], contacts: Collection[str]) -> Callable[[bytes, bytes], bool]:
    values, keys = [one.encode() for one in identities], {one.encode() for one in contacts}
    return lambda key, value: key in keys or any(one in value for one in values)
