"""What an entry of a list says, one fact at a time: so that one that cannot be used does not take the others with it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Id = Annotated[str, msgspec.Meta(min_length=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Person(msgspec.Struct):
    """Whoever has an account, or is asked for."""

    email: str | None = None


class Traitement(msgspec.Struct, rename="camel"):
    """A step of a dossier."""

    id: Id
    event: str
    date_traitement: Time


class Correction(msgspec.Struct, rename="camel"):
    """What makes a message a request for a correction."""

    date_resolution: Time | None = None


class Message(msgspec.Struct, rename="camel"):
    """A message, of which nothing but the request is known."""

    id: Id
    created_at: Time
    correction: Correction
    discarded_at: Time | None = None


class DossierFact(msgspec.Struct, rename="camel"):
    """One fact about a dossier: just one of `traitement`, `message` and `date_supression` is there."""

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
"""Raises `msgspec.DecodeError` and `UnicodeDecodeError`, whose texts hold no values."""
encode: Final = msgspec.json.encode


class DatedFact(NamedTuple):
    """A fact as it is kept and mapped, and when it last changed if that can be read."""

    fact: bytes
    changed_at: datetime | None


def read_node(raw: msgspec.Raw) -> Any:
    """Return an entry of a list; as its bytes, if it cannot be read or written."""
    try:
        node = msgspec.json.decode(raw)
        encode(node)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
        return bytes(raw)
    return node


def split(procedure: int, node: Any, read_at: datetime) -> Iterator[DatedFact]:
    """Yield the facts of an entry; of one without the form of an entry, what it is, as one fact that cannot be used."""
    about: dict[Any, Any] = {"procedure": procedure, "readAt": read_at}
    match node:
        case bytes():
            yield DatedFact(encode(about)[:-1] + b',"node":' + node + b"}", None)
        case {"traitements": list(steps), "messages": list(messages), **dossier}:
            about |= dossier
            for step in steps:
                yield DatedFact(encode(about | {"traitement": step}), time_of(step, "dateTraitement"))
            for message in messages:
                match message:
                    case {"correction": None}:
                        pass
                    case {"correction": dict(correction)}:
                        over_at = time_of(correction, "dateResolution") or time_of(message, "discardedAt")
                        yield DatedFact(encode(about | {"message": message}), over_at)
                    case _:
                        yield DatedFact(encode(about | {"message": message}), None)
        case {"dateSupression": _}:
            yield DatedFact(encode(about | node), None)
        case _:
            yield DatedFact(encode(about | {"node": node}), None)


def time_of(node: Any, field: str) -> datetime | None:
    """Return the time in a field of what came, None if there is none that can be read."""
    try:
        return msgspec.convert(node[field], Time)
    except (msgspec.ValidationError, KeyError, TypeError):
        return None
