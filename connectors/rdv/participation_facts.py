"""Split webhooks and API responses into facts about single participations, reduced to the fields that events need.

A participation is one person's part in an appointment. In an appointment for several people each participation has a status; the
server's guide recommends reading these. Formats: `app/blueprints` and `docs/api` of betagouv/rdv-service-public. Times are
written by Ruby in whole seconds (`2026-03-20 10:00:00 +0100` or `… UTC`); ISO 8601 is accepted too.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from connectors.rdv.participation_history import RENAMED, STATUSES
from connectors.rdv.report_order import CLOSED_WEIGHT, FOUND, GONE, RANKS, WEIGHTS
from connectors.sdk.reconcile import microseconds

MAX_PARTICIPATIONS: Final = 2_000
"""Most participations of one appointment. A report with more is not split: it stays one record, which is rejected as unreadable.

Real appointments have a few hundred at most.
"""
MAX_SHARED_BYTES: Final = 2_048
"""Most bytes of a report that each of its facts repeats; about 500 are usual. A report with more is not split either."""
DELETED_ACCOUNT: Final = re.compile(r"user_\d+@deleted\.rdv-solidarites\.fr", re.ASCII | re.IGNORECASE)
"""Address that the server gives to deleted accounts (`User::SoftDeleteConcern`), on every instance."""
Positive = Annotated[int, msgspec.Meta(ge=1)]
_RUBY_ZONE: Final = re.compile(r" (?:UTC|([+-]\d\d):?(\d\d))$")


class Person(msgspec.Struct):
    """Contact details of a person."""

    email: str | None = None
    phone_number: str | None = None
    phone_number_formatted: str | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether the account was deleted; its personal data is then gone."""
        return DELETED_ACCOUNT.fullmatch((self.email or "").strip()) is not None


class User(Person, kw_only=True):
    """Citizen with an appointment; `responsible` is the adult responsible for a child."""

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
    """Organisation or *lieu* (place); only its id is needed."""

    id: Positive


class Motif(Named):
    """Purpose of an appointment. Without `service_id`, routing by `RdvConfig.services` does not apply."""

    service_id: int | None = None


class Rdv(msgspec.Struct):
    """Appointment without its participations."""

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
    """Reported state of one participation. One fact of each report also lists all participations in the appointment."""

    how: str
    """Kind of the report: the event of a webhook, `FOUND` by the API, or `GONE` from it. Only those in `RANKS` are valid."""
    told_at: str
    """Time of the report by the server's clock."""
    rdv: Rdv
    participation: Participation | None = None
    """None in a fact about the appointment only."""
    reason: str | None = None
    """Reason of an automatic deletion, such as `rgpd` for its age; None for other reports."""
    present: tuple[Positive, ...] | None = None
    """Ids of all participations in the appointment, in one of its facts only. A known participation that is not listed was
    removed. None in the other facts, and if any id is unreadable."""

    @property
    def as_of(self) -> int:
        """Time of the report in microseconds since 1970, plus the offsets of `RANKS` and `WEIGHTS`.

        Raises `ValueError` for an invalid time, and `KeyError` for an unknown `how`.
        """
        status = self.participation.status if self.participation else ""
        return microseconds(parse_time(self.told_at)) + RANKS[self.how] + WEIGHTS.get(status, CLOSED_WEIGHT)


decode: Final = msgspec.json.Decoder(ParticipationFact).decode
"""Decode a fact. Raises `msgspec.DecodeError`, whose text holds no values, `UnicodeDecodeError` and `RecursionError`."""
_encode: Final = msgspec.json.encode


def split_message(body: bytes) -> list[bytes]:
    """Return the facts of a webhook: none if it is not about appointments, the whole body if it is malformed or too large."""
    with suppress(*_UNREADABLE):
        match msgspec.json.decode(body):
            case {"meta": {"model": "Rdv", "event": how, "timestamp": told_at, **meta}, "data": dict(rdv)}:
                return _split(rdv, {"how": how, "told_at": told_at, "reason": meta.get("webhook_reason")})
            case {"meta": {"model": str(model)}} if model != "Rdv":
                return []
    return [body]


def split_listed(rdv: bytes, told_at: datetime) -> list[bytes]:
    """Return the facts of an appointment listed by the API, given as JSON; the whole JSON if it is unreadable or too large."""
    try:
        return _split(msgspec.json.decode(rdv), {"how": FOUND, "told_at": told_at.isoformat()})
    except _UNREADABLE:
        return [rdv]


def without_time(raw: bytes) -> bytes:
    """Return a fact without its time, so that it is the same in each poll; an unreadable one unchanged."""
    with suppress(*_UNREADABLE):
        match msgspec.json.decode(raw):
            case {"told_at": str(), **rest}:
                return _encode(rest)
    return raw


def deletion_fact(key: str, starts_at: int, status: str, told_at: datetime) -> bytes:
    """Return the fact that a participation is gone from the API. `key` is `<appointment id>-<participation id>`.

    Its appointment starts at `starts_at`, in seconds since 1970; `status` is its last known status.
    """
    rdv, _, participation = key.partition("-")
    begin = datetime.fromtimestamp(starts_at, UTC).isoformat()
    base = {"how": GONE, "told_at": told_at.isoformat(), "rdv": {"id": int(rdv), "starts_at": begin}}
    return _encode(base | {"participation": {"id": int(participation), "status": status}})


def _split(rdv: Any, base: dict[str, Any]) -> list[bytes]:
    """Return a fact for each participation; one fact without a participation if the appointment has no list of them.

    The fact of the last usable participation (valid, with a known status) also has `present`, the ids of all participations.
    A rejected fact then does not hide removed ones. If no participation is usable, `present` is in a further fact.
    If the id of the appointment or of any participation is unreadable, no fact has `present`.

    Raise `OverflowError` beyond `MAX_PARTICIPATIONS` or `MAX_SHARED_BYTES`, and others of `_UNREADABLE` if encoding fails.
    """
    common = base | {"rdv": _trim(rdv, Rdv)}
    if len(_encode(common)) > MAX_SHARED_BYTES:
        raise OverflowError("too much data shared by all participations")
    match rdv:
        case {"participations": list(people)} | {"rdvs_users": list(people)} if len(people) > MAX_PARTICIPATIONS:
            raise OverflowError("too many participations")
        case {"participations": list(people)} | {"rdvs_users": list(people)}:  # `rdvs_users` until 2023
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
    """Parse a time of the server and convert it to UTC. Raises `ValueError`, also without a time zone, and `OverflowError`."""
    at = datetime.fromisoformat(_RUBY_ZONE.sub(lambda zone: f"{zone[1]}:{zone[2]}" if zone[1] else "+00:00", text))
    if at.tzinfo is None:
        raise ValueError("time without a time zone")
    return at.astimezone(UTC)


_UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, TypeError)
"""Exceptions for malformed JSON, and for numbers and nesting that cannot be decoded or encoded."""
_NESTED: Final[dict[str, type[msgspec.Struct]]] = {
    "organisation": Named,
    "motif": Motif,
    "lieu": Named,
    "user": User,
    "responsible": Person,
}


def _trim(node: Any, kind: type[msgspec.Struct]) -> Any:
    """Return `node` with only the fields of `kind`, recursively; return other values than objects unchanged."""
    if not isinstance(node, dict):
        return node
    names = [name for name in kind.__struct_fields__ if name in node]
    return {name: _trim(node[name], _NESTED[name]) if name in _NESTED else node[name] for name in names}
