"""What all rows of state have in common: whole times, short marks of event ids, shared places, bytes that name a version."""

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import msgspec

from streams.core.figures.figure import Dimensions


class Row(msgspec.Struct, array_like=True, gc=False, forbid_unknown_fields=True):
    """State, or a part of it: an array in bytes, no cycles in memory, and never changed once it is handed out.

    A later release may append fields. An earlier one refuses such a row, since it would write it back without them.
    """

    if TYPE_CHECKING:

        def __copy__(self) -> Self: ...


AnyRow = TypeVar("AnyRow", bound=Row)

FINGERPRINT_BYTES: Final = 8
_blake2b: Final = blake2b(digest_size=FINGERPRINT_BYTES).copy  # in three quarters of the time of a new one


def fingerprint(event_id: str) -> bytes:
    """Return the `MARK_BYTES` bytes that stand for an event id: the same in every process and every year."""
    digest = _blake2b()
    digest.update(event_id.encode())
    return digest.digest()


MAX_DIMENSIONS: Final = 10_000
"""So many different places are counted; a whole country has fewer queues."""
MAX_DIMENSIONS_PER_ROW: Final = 250
"""So many queues an agent is told of, so many sectors a contact: with more, a row would not fit into a record in the end."""
_Places = dict[tuple[str, str, str, str], Dimensions]
_PLACES: Final[_Places] = {}
_BESIDE: Final[_Places] = {}


class TooManyDimensions(ValueError):  # noqa: N818 - names what there is
    """Somebody puts into site, service, queue or sector what is different for each contact."""


def intern_dimensions(channel: str, site: str, service: str, queue: str, limit: int | None = None) -> Dimensions:
    """Return the one `Dimensions` object of these values: a million rows hold a few dozen of them.

    Raises `TooManyPlaces` for a new one if there are `limit` of them.
    """
    dimensions = _PLACES.get((channel, site, service, queue))
    if dimensions is None:
        if limit is not None and len(_PLACES) >= limit:
            raise TooManyDimensions
        dimensions = Dimensions(str(channel), site, service, queue)
        _PLACES[dimensions] = dimensions
    return dimensions


def derived_dimensions(kind: str, site: str, service: str, queue: str) -> Dimensions:
    """Return the one `Dimensions` object of what is counted beside a place, of which it takes no other's room."""
    known = _BESIDE.get((kind, site, service, queue))
    if known is None:
        known = Dimensions(kind, site, service, queue)
        _BESIDE[known] = known
    return known


class UnknownRowVersion(ValueError):  # noqa: N818 - names what the row is
    """A row was written by a release whose rows this one cannot read."""


class Codec(Generic[AnyRow]):
    """Bytes of one kind of row: MessagePack, an array whose first item is the version, which is the struct's tag."""

    def __init__(self, kind: type[AnyRow]) -> None:
        self._kind = kind
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self.encode: Final = msgspec.msgpack.Encoder(order="sorted").encode

    def decode(self, value: bytes) -> AnyRow:
        """Return the row.

        Raises `UnknownVersion` for a row of another version, and `msgspec.DecodeError` for what is no row at all.
        """
        try:
            return self._decode(value)
        except msgspec.ValidationError:
            name, known = self._kind.__name__, self._kind.__struct_config__.tag
            version, length = _shape(value)
            if version is None:
                raise
            if version != known:
                raise UnknownRowVersion(
                    f"{name} row of version {version}, this release reads version {known}"
                ) from None
            if length > (fields := len(self._kind.__struct_fields__)):
                raise UnknownRowVersion(f"{name} row of {length} fields, this release reads {fields}") from None
            raise


def _shape(value: bytes) -> tuple[int | None, int]:
    """Return the version of a row and the number of its fields; version None for a value that is no row."""
    items = msgspec.msgpack.decode(value)
    is_row = isinstance(items, list) and items and isinstance(items[0], int)
    return (items[0], len(items) - 1) if is_row else (None, 0)
