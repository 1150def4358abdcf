"""Appointments of the simulated RDV Service Public, with their webhooks and API pages.

Callers drive the service: each action is a method with an explicit time.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import RLock
from typing import Any, Final
from zoneinfo import ZoneInfo

PER_PAGE: Final = 100
PARIS: Final = ZoneInfo("Europe/Paris")
USUAL_MINUTES: Final = 30


@dataclass(frozen=True)
class Citizen:
    """Fictitious citizen."""

    id: int
    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None
    responsible: "Citizen | None" = None
    """Adult responsible for a child."""


@dataclass
class _Participation:
    id: int
    citizen: Citizen
    by: str
    status: str = "unknown"


@dataclass
class _Rdv:
    id: int
    organisation: int
    motif: int
    service: int
    lieu: int | None
    starts_at: datetime
    minutes: int
    by: str
    created_at: datetime
    collectif: bool
    participations: list[_Participation]
    status: str = "unknown"
    cancelled_at: datetime | None = None


@dataclass
class RdvService:
    """Simulated service. The bodies of its webhooks are queued in `outbox`.

    Methods may be called from several threads. `number` is the id of an appointment, `citizen` the id of a citizen (None: all).
    """

    outbox: deque[bytes] = field(default_factory=deque)
    ledger: Counter[str] = field(default_factory=Counter)
    """Expected number of events by type; each participation counts."""
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    """Time of the last action or of the last `elapse`."""
    _rdvs: dict[int, _Rdv] = field(default_factory=dict)
    _numbers: Callable[[], int] = field(default_factory=lambda: count(1).__next__)
    _lock: RLock = field(default_factory=RLock)

    def elapse(self, now: datetime) -> None:
        """Advance the time to `now`."""
        with self._lock:
            self.now = max(self.now, now)

    def book(
        self,
        at: datetime,
        starts_at: datetime,
        citizens: Sequence[Citizen],
        *,
        organisation: int,
        motif: int,
        service: int = 1,
        lieu: int | None = None,
        minutes: int = USUAL_MINUTES,
        by: str = "User",
        collectif: bool = False,
    ) -> int:
        """Book an appointment for `citizens` and return its id. `by` is `User`, `Agent`, `Prescripteur` or `FileAttente`.

        Like the real service, it queues a `created` and an `updated` webhook.
        """
        with self._lock:
            people = [_Participation(self._numbers(), citizen, by) for citizen in citizens]
            rdv = _Rdv(
                self._numbers(), organisation, motif, service, lieu, starts_at, minutes, by, at, collectif, people
            )
            self._rdvs[rdv.id] = rdv
            self.ledger["appointment.booked"] += len(people)
            self._queue_webhook(rdv, "created", at)
            self._queue_webhook(rdv, "updated", at)
            return rdv.id

    def join(self, at: datetime, number: int, citizen: Citizen, by: str = "User") -> None:
        """Add a citizen to a collective appointment."""
        with self._lock:
            rdv = self._rdvs[number]
            rdv.participations.append(_Participation(self._numbers(), citizen, by))
            self.ledger["appointment.booked"] += 1
            self._queue_webhook(rdv, "updated", at)

    def leave(self, at: datetime, number: int, citizen: int) -> None:
        """Remove a citizen from an appointment; the webhook then lists only the others."""
        with self._lock:
            rdv = self._rdvs[number]
            rdv.participations = [part for part in rdv.participations if part.citizen.id != citizen]
            self.ledger["appointment.cancelled"] += 1
            self._queue_webhook(rdv, "updated", at)

    def move(self, at: datetime, number: int, starts_at: datetime) -> None:
        """Move an appointment to another time."""
        with self._lock:
            rdv = self._rdvs[number]
            if starts_at != rdv.starts_at:
                rdv.starts_at = starts_at
                self.ledger["appointment.moved"] += len(rdv.participations)
            self._queue_webhook(rdv, "updated", at)

    def cancel(self, at: datetime, number: int, by: str = "citizen", citizen: int | None = None) -> None:
        """Cancel an appointment, for all or for one `citizen`; `by` is `citizen` or `service`."""
        self._set(at, number, "excused" if by == "citizen" else "revoked", "appointment.cancelled", citizen)

    def check_in(self, at: datetime, number: int) -> None:
        """Record that the citizens wait, a status that only older versions of the real service have."""
        self._set(at, number, "waiting", "appointment.checked_in", None)

    def attend(self, at: datetime, number: int, citizen: int | None = None) -> None:
        """Record that the citizen attended."""
        self._set(at, number, "seen", "appointment.attended", citizen)

    def miss(self, at: datetime, number: int, citizen: int | None = None) -> None:
        """Record that the citizen did not come."""
        self._set(at, number, "noshow", "appointment.missed", citizen)

    def reset(self, at: datetime, number: int) -> None:
        """Reset the outcome of an appointment to `unknown`, which counts as a new booking of each changed participation."""
        self._set(at, number, "unknown", "appointment.booked", None)

    def delete(self, at: datetime, number: int) -> None:
        """Delete an appointment, which cancels a future one."""
        with self._lock:
            rdv = self._rdvs.pop(number)
            if rdv.starts_at > at:
                open_parts = [part for part in rdv.participations if part.status in {"unknown", "waiting"}]
                self.ledger["appointment.cancelled"] += len(open_parts)
            self._queue_webhook(rdv, "destroyed", at)

    def erase(self, at: datetime, number: int) -> None:
        """Delete an appointment because of its age."""
        with self._lock:
            rdv = self._rdvs.pop(number)
            self.ledger["personal_data.erased"] += len(rdv.participations)
            self._queue_webhook(rdv, "destroyed", at, reason="rgpd")

    def page(self, organisations: Sequence[int], begin: datetime, page: int) -> dict[str, Any]:
        """Return a page, counted from 1, of the appointments of `organisations` that start after `begin`."""
        with self._lock:
            found = [rdv for rdv in self._rdvs.values() if rdv.organisation in organisations and rdv.starts_at > begin]
            pages = max(1, -(-len(found) // PER_PAGE))
            return {
                "rdvs": [render(rdv) for rdv in found[(page - 1) * PER_PAGE : page * PER_PAGE]],
                "meta": {"current_page": page, "total_pages": pages, "total_count": len(found)},
            }

    def _set(self, at: datetime, number: int, status: str, event: str, citizen: int | None) -> None:
        with self._lock:
            rdv = self._rdvs[number]
            changed = [
                part for part in rdv.participations if citizen in {None, part.citizen.id} and part.status != status
            ]
            for part in changed:
                part.status = status
            if citizen is None and rdv.status != status:
                rdv.status = status
                rdv.cancelled_at = at if status in {"excused", "revoked", "noshow"} else None
            self.ledger[event] += len(changed)
            self._queue_webhook(rdv, "updated", at)

    def _queue_webhook(self, rdv: _Rdv, event: str, at: datetime, reason: str | None = None) -> None:
        self.now = max(self.now, at)
        meta = {"model": "Rdv", "event": event, "webhook_reason": reason, "timestamp": _write(at)}
        self.outbox.append(json.dumps({"data": render(rdv), "meta": meta}, ensure_ascii=False).encode())


def render(rdv: _Rdv) -> dict[str, Any]:
    """Return an appointment in the format of the real service, with its personal data but without some other fields."""
    agent = {"id": 7, "email": "agent.fictif@example.org", "first_name": "Camille", "last_name": "Fictif"}
    return {
        "id": rdv.id,
        "status": rdv.status,
        "starts_at": _write(rdv.starts_at),
        "ends_at": _write(rdv.starts_at + timedelta(minutes=rdv.minutes)),
        "duration_in_min": rdv.minutes,
        "address": "1 rue Imaginaire, 00000 Exemple",
        "context": f"{rdv.participations[0].citizen.first_name} vient avec ses papiers" if rdv.participations else None,
        "cancelled_at": _write(rdv.cancelled_at) if rdv.cancelled_at else None,
        "collectif": rdv.collectif,
        "created_by_type": rdv.by,
        "created_by_id": 7,
        "created_at": _write(rdv.created_at),
        "created_by": {"FileAttente": "file_attente"}.get(rdv.by, rdv.by.lower()),
        "organisation": {"id": rdv.organisation, "name": "Maison imaginaire", "phone_number": "0199000001"},
        "motif": {"id": rdv.motif, "name": "Premier rendez-vous", "service_id": rdv.service},
        "users": [_render_user(part.citizen) for part in rdv.participations],
        "participations": [
            {
                "id": part.id,
                "status": part.status,
                "send_lifecycle_notifications": True,
                "send_reminder_notification": True,
                "created_by_type": part.by,
                "created_by": part.by.lower(),
                "user": _render_user(part.citizen),
            }
            for part in rdv.participations
        ],
        "agents": [agent],
        "lieu": None if rdv.lieu is None else {"id": rdv.lieu, "name": "Lieu imaginaire", "single_use": False},
    }


def _render_user(citizen: Citizen) -> dict[str, Any]:
    return {
        "id": citizen.id,
        "first_name": citizen.first_name,
        "last_name": citizen.last_name,
        "birth_name": None,
        "birth_date": "1990-01-01",
        "email": citizen.email,
        "address": "2 rue Imaginaire, 00000 Exemple",
        "phone_number": citizen.phone,
        "phone_number_formatted": None,
        "case_number": None,
        "notes": f"{citizen.last_name} préfère le matin",
        "responsible_id": citizen.responsible.id if citizen.responsible else None,
        "responsible": _render_user(citizen.responsible) if citizen.responsible else None,
    }


def _write(at: datetime) -> str:
    """Return a time in Ruby's format."""
    return at.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S %z")
