"""Split list entries into single facts, so that an invalid fact does not affect the others."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Id = Annotated[str, msgspec.Meta(min_length=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Person(msgspec.Struct):
    """Account holder or applicant."""

    email: str | None = None


class Traitement(msgspec.Struct, rename="camel"):
    """Step of a dossier."""

    id: Id
    event: str
    date_traitement: Time


class Correction(msgspec.Struct, rename="camel"):
    """Correction request attached to a message."""

    date_resolution: Time | None = None


class Message(msgspec.Struct, rename="camel"):
    """Message with a correction request."""

    id: Id
    created_at: Time
    correction: Correction
    discarded_at: Time | None = None


class DossierFact(msgspec.Struct, rename="camel"):
    """One fact about a dossier, with exactly one of `traitement`, `message` and `date_supression`."""

    procedure: int
    read_at: Time
    number: Positive
    depose_par_un_tiers: bool | None = None
    usager: Person | None = None
    demandeur: Person | None = None
    traitement: Traitement | None = None
    message: Message | None = None
    date_supression: Time | None = None


decode: Final = msgspec.json.Decoder(DossierFact).decode
"""Decode a fact. Raises `msgspec.DecodeError`, whose text holds no values, `UnicodeDecodeError` and `RecursionError`."""
encode: Final = msgspec.json.encode


class DatedFact(NamedTuple):
    """Encoded fact and the time of its last change.

    The time is None for a correction request neither resolved nor discarded, a deletion, and an unreadable fact.
    """

    fact: bytes
    changed_at: datetime | None


def read_node(raw: msgspec.Raw) -> Any:
    """Decode a list entry; return it as bytes if it cannot be decoded or encoded again."""
    try:
        node = msgspec.json.decode(raw)
        encode(node)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
        return bytes(raw)
    return node


def split(procedure: int, node: Any, read_at: datetime) -> Iterator[DatedFact]:
    """Yield a fact for each step and each correction request of a dossier, or the fact of its deletion.

    A malformed entry or message gives one fact that the mapping rejects.
    """
    base: dict[Any, Any] = {"procedure": procedure, "readAt": read_at}
    match node:
        case bytes():
            yield DatedFact(encode(base)[:-1] + b',"node":' + node + b"}", None)
        case {"traitements": list(steps), "messages": list(messages), **dossier}:
            base |= dossier
            for step in steps:
                yield DatedFact(encode(base | {"traitement": step}), time_of(step, "dateTraitement"))
            for message in messages:
                match message:
                    case {"correction": None}:
                        pass
                    case {"correction": dict(correction)}:
                        ended_at = time_of(correction, "dateResolution") or time_of(message, "discardedAt")
                        yield DatedFact(encode(base | {"message": message}), ended_at)
                    case _:
                        yield DatedFact(encode(base | {"message": message}), None)
        case {"dateSupression": _}:
            yield DatedFact(encode(base | node), None)
        case _:
            yield DatedFact(encode(base | {"node": node}), None)


def time_of(node: Any, field: str) -> datetime | None:
    """Return the time in a field of an entry, or None if it is missing or unreadable."""
    try:
        return msgspec.convert(node[field], Time)
    except (msgspec.ValidationError, KeyError, TypeError):
        return None
