"""Base class, codec, event id fingerprints and shared dimensions of all state rows."""

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import msgspec

from streams.core.figures.figure import Dimensions


class Row(msgspec.Struct, array_like=True, gc=False, forbid_unknown_fields=True):
    """Base of state rows and their parts: encoded as an array, without reference cycles, immutable once returned.

    A later release may append fields. An earlier release rejects such a row, as it would write it back without them.
    """

    if TYPE_CHECKING:

        def __copy__(self) -> Self: ...


AnyRow = TypeVar("AnyRow", bound=Row)

FINGERPRINT_BYTES: Final = 8
_blake2b: Final = blake2b(digest_size=FINGERPRINT_BYTES).copy  # takes three quarters of the time of a new object


def fingerprint(event_id: str) -> bytes:
    """Return a hash of an event id or contact id, `FINGERPRINT_BYTES` long. It is the same in every process and release."""
    digest = _blake2b()
    digest.update(event_id.encode())
    return digest.digest()


MAX_DIMENSIONS: Final = 10_000
"""Number of `Dimensions` per process beyond which events with new dimensions are rejected. A whole country has fewer queues."""
MAX_DIMENSIONS_PER_ROW: Final = 250
"""Maximum number of queues with a login, and of queues with a pause, per agent row; also of sectors, and of case events, per
contact row.

With more, a row could exceed the size of a record."""
_Cache = dict[tuple[str, str, str, str], Dimensions]
_INTERNED: Final[_Cache] = {}
_DERIVED: Final[_Cache] = {}


class TooManyDimensions(ValueError):  # noqa: N818 - names the condition
    """The number of dimensions exceeds its limit: a source puts a value that differs per contact into a dimension."""


def intern_dimensions(channel: str, site: str, service: str, queue: str, limit: int | None = None) -> Dimensions:
    """Return the shared `Dimensions` object of these values. A million rows share a few dozen objects.

    Raises `TooManyDimensions` for a new object if `limit` objects exist; with None, there is no limit.
    """
    dimensions = _INTERNED.get((channel, site, service, queue))
    if dimensions is None:
        if limit is not None and len(_INTERNED) >= limit:
            raise TooManyDimensions
        dimensions = Dimensions(str(channel), site, service, queue)
        _INTERNED[dimensions] = dimensions
    return dimensions


def derived_dimensions(kind: str, site: str, service: str, queue: str) -> Dimensions:
    """Return the shared `Dimensions` object of derived figures: SLA, transfers, opinions, and those of `derived_facts`.

    `kind` takes the place of the channel. The object does not count towards `MAX_DIMENSIONS`.
    """
    dimensions = _DERIVED.get((kind, site, service, queue))
    if dimensions is None:
        dimensions = Dimensions(kind, site, service, queue)
        _DERIVED[dimensions] = dimensions
    return dimensions


class UnknownRowVersion(ValueError):  # noqa: N818 - names the condition
    """A row that this release cannot read: of another version, or with more fields than this release knows."""


class Codec(Generic[AnyRow]):
    """Codec of one kind of row: a MessagePack array. Its first item is the row version, the tag of the struct."""

    def __init__(self, kind: type[AnyRow]) -> None:
        self._kind = kind
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self.encode: Final = msgspec.msgpack.Encoder(order="sorted").encode

    def decode(self, value: bytes) -> AnyRow:
        """Return the decoded row.

        Raises `UnknownRowVersion` for a row of another version or with more fields, and `msgspec.DecodeError` for any other value
        that is not such a row.
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
    """Return the version of a row and the number of its fields; None and 0 for a value that is not a row."""
    items = msgspec.msgpack.decode(value)
    is_row = isinstance(items, list) and items and isinstance(items[0], int)
    return (items[0], len(items) - 1) if is_row else (None, 0)
