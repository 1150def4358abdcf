"""What a message or an answer says, one participation at a time, and without what no event needs.

One person's part in an appointment is what is told of: an appointment for several has a status for each, and the server's guide
asks for those to be used. Formats: `app/blueprints` and `docs/api` of betagouv/rdv-service-public. Times are as Ruby writes them,
`2026-03-20 10:00:00 +0100` or `… UTC`, in whole seconds; ISO 8601 is taken as well.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from connectors.rdv.participation_history import RENAMED, STATUSES
from connectors.sdk.reconcile import microseconds

DESTROYED: Final = "destroyed"
FOUND: Final = "found"
GONE: Final = "gone"
RANKS: Final = {FOUND: 0, GONE: 0, "created": 10, "updated": 20, DESTROYED: 30}
"""Order of what is reported as of the same second, in microseconds. What the API lists comes first: it is as of the second's
beginning, and a message of that second may report what happened since."""
WEIGHTS: Final = {"unknown": 0, "waiting": 1}
"""Order of two messages of the same kind and second, in microseconds, which the server may send in any order: first those that
leave an appointment open; `CLOSED_WEIGHT` for all other statuses."""
CLOSED_WEIGHT: Final = 2
MOST_PARTICIPATIONS: Final = 2_000
"""More of them in one appointment are not split into facts; real ones have some hundreds at most."""
MOST_SHARED_BYTES: Final = 2_048
"""Longest part of a message that each of its facts repeats; some 500 bytes are usual."""
DELETED_ACCOUNT: Final = re.compile(r"user_\d+@deleted\.rdv-solidarites\.fr", re.ASCII | re.IGNORECASE)
"""The address that the server gives to a deleted account (`User::SoftDeleteConcern`), on every instance."""
Positive = Annotated[int, msgspec.Meta(ge=1)]
_RUBY_ZONE: Final = re.compile(r" (?:UTC|([+-]\d\d):?(\d\d))$")


class Person(msgspec.Struct):
    """How somebody can be reached."""

    email: str | None = None
    phone_number: str | None = None
    phone_number_formatted: str | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether the account was deleted, and all that named the person with it."""
        return DELETED_ACCOUNT.fullmatch((self.email or "").strip()) is not None


class User(Person, kw_only=True):
    """Who comes; `responsible` is who answers for a child."""

    id: Positive
    responsible: Person | None = None


class Participation(msgspec.Struct):
    """One person's part in an appointment."""

    id: Positive
    status: str
    user: User | None = None
    created_by_type: str | None = None
    created_by: str | None = None


class Named(msgspec.Struct):
    """Something with a number: an organisation, a lieu."""

    id: Positive


class Motif(Named):
    """What an appointment is for."""

    service_id: int | None = None


class Rdv(msgspec.Struct):
    """An appointment, without its participations."""

    id: Positive
    starts_at: str
    ends_at: str | None = None
    duration_in_min: int | None = None
    created_at: str | None = None
    cancelled_at: str | None = None
    collectif: bool | None = None
    created_by_type: str | None = None
    created_by: str | None = None
    organisation: Named | None = None
    motif: Motif | None = None
    lieu: Named | None = None


class ParticipationFact(msgspec.Struct, kw_only=True):
    """One participation at a given time; in one fact of each appointment also the list of all participations."""

    how: str
    """One of `RANKS`."""
    told_at: str
    """By the server's clock."""
    rdv: Rdv
    participation: Participation | None = None
    reason: str | None = None
    """Why it was destroyed, if that is not what somebody wanted."""
    present: tuple[Positive, ...] | None = None
    """The numbers of all participations: a person who is not among them was taken out. None in all other facts of the
    appointment, and if a number cannot be read."""

    @property
    def as_of(self) -> int:
        """When it was told, in microseconds: those of a second in the order of `RANKS` and `WEIGHTS`."""
        status = self.participation.status if self.participation else ""
        return microseconds(parse_time(self.told_at)) + RANKS[self.how] + WEIGHTS.get(status, CLOSED_WEIGHT)


decode: Final = msgspec.json.Decoder(ParticipationFact).decode
"""Raises `msgspec.DecodeError` and `UnicodeDecodeError`, whose texts hold no values."""
_encode: Final = msgspec.json.encode


def split_message(body: bytes) -> list[bytes]:
    """Return the facts of a webhook; none if it is not about an appointment, itself if it has not the form of one."""
    with suppress(*_UNREADABLE):
        match msgspec.json.decode(body):
            case {"meta": {"model": "Rdv", "event": how, "timestamp": told_at, **meta}, "data": dict(rdv)}:
                return _split(rdv, {"how": how, "told_at": told_at, "reason": meta.get("webhook_reason")})
            case {"meta": {"model": str(model)}} if model != "Rdv":
                return []
    return [body]


def split_listed(rdv: bytes, told_at: datetime) -> list[bytes]:
    """Return the facts of an appointment that was listed, which is JSON; of one that cannot be read, itself."""
    try:
        return _split(msgspec.json.decode(rdv), {"how": FOUND, "told_at": told_at.isoformat()})
    except _UNREADABLE:
        return [rdv]


def without_time(raw: bytes) -> bytes:
    """Return a fact without when it was told: the same in each round that finds it."""
    with suppress(*_UNREADABLE):
        match msgspec.json.decode(raw):
            case {"told_at": str(), **rest}:
                return _encode(rest)
    return raw


def deletion_fact(key: str, starts_at: int, status: str, told_at: datetime) -> bytes:
    """Return the fact that a participation is no longer there, which began at `starts_at` (seconds since 1970)."""
    rdv, _, participation = key.partition("-")
    begin = datetime.fromtimestamp(starts_at, UTC).isoformat()
    about = {"how": GONE, "told_at": told_at.isoformat(), "rdv": {"id": int(rdv), "starts_at": begin}}
    return _encode(about | {"participation": {"id": int(participation), "status": status}})


def _split(rdv: Any, about: dict[str, Any]) -> list[bytes]:
    """Return a fact for each participation. Raise one of `_UNREADABLE` if the facts would be much longer than the message.

    The last usable participation carries the list of all: a rejected fact does not hide who was taken out. If no participation
    is usable, the list is a fact of its own.
    """
    common = about | {"rdv": _trim(rdv, Rdv)}
    if len(_encode(common)) > MOST_SHARED_BYTES:
        raise OverflowError("too much that all participations share")
    match rdv:
        case {"participations": list(people)} | {"rdvs_users": list(people)} if len(people) > MOST_PARTICIPATIONS:
            raise OverflowError("too many participations")
        case {"participations": list(people)} | {"rdvs_users": list(people)}:  # the latter until 2023
            facts = [common | {"participation": _trim(person, Participation)} for person in people]
            present = [person.get("id") if isinstance(person, dict) else None for person in people]
            if _is_number(rdv.get("id")) and all(map(_is_number, present)):
                carrier = next((fact for fact in reversed(facts) if _is_usable(fact["participation"])), None)
                if carrier is None:
                    carrier = {**common}
                    facts.append(carrier)
                carrier["present"] = present
            return [_encode(fact) for fact in facts]
        case _:
            return [_encode(common)]


def _is_usable(participation: Any) -> bool:
    try:
        status = msgspec.convert(participation, Participation).status
    except msgspec.ValidationError:
        return False
    return RENAMED.get(status, status) in STATUSES


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**63


def parse_time(text: str) -> datetime:
    """Return the time that the server wrote, in UTC. Raises `ValueError`."""
    at = datetime.fromisoformat(_RUBY_ZONE.sub(lambda zone: f"{zone[1]}:{zone[2]}" if zone[1] else "+00:00", text))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)


_UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, TypeError)
"""What comes of numbers and depths that JSON may have and we cannot read or write, too."""
_BELOW: Final[dict[str, type[msgspec.Struct]]] = {
    "organisation": Named,
    "motif": Motif,
    "lieu": Named,
    "user": User,
    "responsible": Person,
}


def _trim(node: Any, kind: type[msgspec.Struct]) -> Any:
    """Return of `node` what `kind` has, at any depth; what is no object as it is."""
    if not isinstance(node, dict):
        return node
    there = [name for name in kind.__struct_fields__ if name in node]
    return {name: _trim(node[name], _BELOW[name]) if name in _BELOW else node[name] for name in there}
