"""Mapping of facts about appointments to events, by comparison with the reconciler's record of earlier facts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from connectors.rdv.config import RdvConfig
from connectors.rdv.participation_facts import Participation, ParticipationFact, Person, Rdv, User, decode, parse_time
from connectors.rdv.participation_history import (
    BOOKED,
    DELETED,
    ERASED,
    MOVED,
    OPEN,
    RENAMED,
    STATUSES,
    WAITING,
    ParticipantList,
    ParticipationState,
    Step,
    parse_participants,
    parse_state,
    steps,
)
from connectors.rdv.report_order import DESTROYED, FOUND, GONE, RANKS
from connectors.sdk.identifiers import number_for
from connectors.sdk.pseudonyms import join
from connectors.sdk.reconcile import Observation, Observations, Reconciler, microseconds
from models.codec import UnusableRecord
from models.event_time import check_event_time
from models.events import (
    AppointmentAttended,
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentCancelledData,
    AppointmentCheckedIn,
    AppointmentMissed,
    AppointmentMoved,
    AppointmentSlotData,
    Event,
    Party,
    PersonalDataErased,
)
from models.identities import IdentityKind, PseudonymKey, normalise_email, normalise_phone
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

CITIZENS: Final = frozenset({"User", "user", "FileAttente", "file_attente"})
"""Values of `created_by` for a booking by the citizen, directly or through the waiting list."""
SHORTEST_SECONDS: Final = 60
"""Shortest plausible appointment."""
LONGEST_SECONDS: Final = 86_400
"""Longest plausible appointment."""
USUAL_SECONDS: Final = 1_800
"""Length assumed for an appointment with an implausible or unknown length."""
CLOCK_TOLERANCE: Final = timedelta(minutes=1)
"""Tolerance for a `created_at` later than its API response, which has the time of the start of the request."""
_AT_THE_TIME: Final[dict[str, type[AppointmentCheckedIn | AppointmentAttended | AppointmentMissed]]] = {
    WAITING: AppointmentCheckedIn,
    "seen": AppointmentAttended,
    "noshow": AppointmentMissed,
}
_CANCELLED_BY: Final = {"excused": Party.CITIZEN, "revoked": Party.SERVICE, DELETED: Party.SERVICE}


class _Times(NamedTuple):
    """Times of an appointment and of its report (`told_at`), in UTC."""

    told_at: datetime
    starts_at: datetime
    created_at: datetime | None
    cancelled_at: datetime | None
    length_seconds: int


class RdvMapping:
    """Map facts to events. `reconciler` stores the earlier observations of each participation."""

    def __init__(
        self, source: str, config: RdvConfig, pseudonym_key: Callable[[str], PseudonymKey], reconciler: Reconciler
    ) -> None:
        self._source = source
        self._config = config
        self._reconciler = reconciler
        routings = (
            *config.motifs.values(),
            *config.lieux.values(),
            *config.services.values(),
            *config.organisations.values(),
        )
        self._keys = {
            sector: pseudonym_key(sector)
            for sector in {config.sector, *(routing.sector for routing in routings)} - {""}
        }
        self._key = self._keys[config.sector]
        self._lists: tuple[int, Observations] = (0, ())
        """Id and participant lists of the last appointment, cached because its facts come one after the other."""

    def map(self, raw: bytes, read_at: datetime) -> Sequence[Event]:
        """Record a fact in the reconciler, and return the events that no earlier fact has given.

        Raises `UnusableRecord`. An undecodable fact also makes the reconciler's current poll incomplete.
        """
        try:
            fact = decode(raw)
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
            self._reconciler.mark_incomplete()
            detail = str(error) if isinstance(error, msgspec.DecodeError) else ""
            raise UnusableRecord(Reason.UNREADABLE_LINE, detail) from None
        if fact.how not in RANKS:
            raise UnusableRecord(Reason.UNKNOWN_RECORD, "meta.event")
        events = self._map_participation(fact, fact.participation, read_at) if fact.participation else []
        if fact.present is not None:
            events += self._map_list(fact, fact.present, read_at)
        return events

    def _map_participation(self, fact: ParticipationFact, person: Participation, read_at: datetime) -> list[Event]:
        key = f"{fact.rdv.id}-{person.id}"
        if fact.how == FOUND:  # before any check: the participation exists even if the fact is invalid
            self._reconciler.see(key, str(fact.rdv.organisation.id) if fact.rdv.organisation else "")
        times, as_of = _read_times(fact)
        check_event_time(times.told_at, read_at)  # before recording, so that a rejected fact can be mapped again
        status = _status(fact, person, times)
        known = self._reconciler.recall(key)
        if not known and status != ERASED and not times.created_at and times.starts_at <= times.told_at:
            raise UnusableRecord(Reason.MISSING_FIELD, "created_at")  # past appointment with an unknown booking time
        statuses = [status]
        if person.user and person.user.is_deleted and status != ERASED:
            statuses.append(ERASED)
            if known and parse_state(known[-1].state).status == ERASED:
                return []
        after = known
        for offset, value in enumerate(statuses):
            after = self._record(
                fact, key, as_of + offset, ParticipationState(int(times.starts_at.timestamp()), value), times
            )
        if listed := self._removed_after(fact.rdv.id, person.id, after):
            after = self._record_removal(fact, key, listed) or after
        return self._new_events(fact, person, known, after, times, read_at)

    def _map_list(self, fact: ParticipationFact, present: Sequence[int], read_at: datetime) -> list[Event]:
        """Record the list of an appointment, and return the events of the participations that are no longer in it."""
        times, _ = _read_times(fact)
        check_event_time(times.told_at, read_at)
        as_of = microseconds(times.told_at) + RANKS[fact.how]  # not later than the facts of the same second
        rdv = fact.rdv.id
        now = ParticipantList(frozenset(present), fact.reason == "rgpd")
        lists = self._recall_lists(rdv)
        before = {number for listed in lists for number in parse_participants(listed.state).numbers}
        if not lists:  # earlier versions stored participations without lists
            before = {int(key.rpartition("-")[2]) for key in self._reconciler.stored_keys(f"{rdv}-")}
        if not lists or lists[-1].at > as_of or lists[-1].state != str(now):
            self._reconciler.note(_list_key(rdv), as_of, str(now), times.starts_at)
            self._lists = (0, ())
        events: list[Event] = []
        for number in sorted(before - now.numbers):
            key = f"{rdv}-{number}"
            known = self._reconciler.recall(key)
            if after := self._record_removal(fact, key, Observation(as_of, str(now), pushed=fact.how != FOUND)):
                events += self._new_events(fact, Participation(id=number, status=""), known, after, times, read_at)
        return events

    def _removed_after(self, rdv: int, person: int, observations: Observations) -> Observation | None:
        """Return the first list without `person` that is later than all observations of that participation."""
        later = (listed for listed in self._recall_lists(rdv) if listed.at > observations[-1].at)
        return next((listed for listed in later if person not in parse_participants(listed.state).numbers), None)

    def _recall_lists(self, rdv: int) -> Observations:
        if self._lists[0] != rdv:
            self._lists = (rdv, self._reconciler.recall(_list_key(rdv)))
        return self._lists[1]

    def _record_removal(self, fact: ParticipationFact, key: str, listed: Observation) -> Observations | None:
        """Record that a participation is missing in a list.

        Return its observations, or None if the removal changes nothing.
        """
        known = self._reconciler.recall(key)
        if not known or known[-1].at >= listed.at:
            return None
        last = parse_state(known[-1].state)
        if parse_participants(listed.state).erased:
            status = ERASED
        elif last.status in {OPEN, WAITING} and last.starts_at * 1_000_000 > listed.at:
            status = DELETED
        else:
            return None
        state, until = str(last._replace(status=status)), datetime.fromtimestamp(last.starts_at, UTC)
        record = self._reconciler.record_pushed if listed.pushed and fact.how != FOUND else self._reconciler.find
        return record(key, listed.at, state, until).after

    def _record(
        self, fact: ParticipationFact, key: str, as_of: int, state: ParticipationState, times: _Times
    ) -> Observations:
        if fact.how in {FOUND, GONE}:
            made_at = microseconds(times.created_at or times.told_at)
            return self._reconciler.find(key, as_of, str(state), times.starts_at, made_at).after
        return self._reconciler.record_pushed(key, as_of, str(state), times.starts_at).after

    def _new_events(
        self,
        fact: ParticipationFact,
        person: Participation,
        before: Observations,
        after: Observations,
        times: _Times,
        read_at: datetime,
    ) -> list[Event]:
        """Return the events of the steps that follow from the observations `after`, but not from `before`."""
        known = {(step.native, step.revision) for step in steps(before, times.length_seconds)}
        return [
            self._event(step, at, fact, person, read_at)
            for step, at in _dated_steps(steps(after, times.length_seconds), fact.rdv, times)
            if (step.native, step.revision) not in known
        ]

    def _event(
        self, step: Step, at: datetime, fact: ParticipationFact, person: Participation, read_at: datetime
    ) -> Event:
        numbers = (fact.rdv.id, person.id)
        contact = "-".join(number_for(number, self._key) for number in numbers)
        sector = self._routing(fact, "sector")
        attributes: dict[str, Any] = {
            "id": event_id(self._source, f"{contact}|{step.native}", step.revision),
            "source": self._source,
            "subject": contact_id(Channel.APPOINTMENT, self._source, contact),
            "time": at,
            "recordedtime": read_at,
            "sector": sector,
            "site": self._routing(fact, "site"),
            "service": self._routing(fact, "service"),
        }
        if step.kind == ERASED:
            return PersonalDataErased(**attributes, channel=Channel.APPOINTMENT)
        if (user := person.user) and not user.is_deleted:
            attributes["identities"] = join(_identities(user, self._keys[sector]))
        if kind := _AT_THE_TIME.get(step.kind):
            return kind(**attributes)
        if party := _CANCELLED_BY.get(step.kind):
            return AppointmentCancelled(**attributes, data=AppointmentCancelledData(by=party))
        slot: dict[str, Any] = {
            "starts_at": datetime.fromtimestamp(step.starts_at, UTC),
            "queue": self._routing(fact, "queue"),
        }
        if step.kind == MOVED:
            return AppointmentMoved(**attributes, data=AppointmentSlotData(**slot, by=Party.SERVICE))
        by = Party.SERVICE if step.revision else _booked_by(fact.rdv, person)
        return AppointmentBooked(**attributes, data=AppointmentSlotData(**slot, by=by))

    def _routing(self, fact: ParticipationFact, name: str) -> str:
        """Return the setting `name` of an appointment: `site`, `service`, `queue` or `sector`.

        The first that is set counts: of motif, lieu, service, organisation, connector. Empty for a fact `GONE`.
        """
        if fact.how == GONE:  # the fact holds no routing
            return ""
        config, rdv, motif = self._config, fact.rdv, fact.rdv.motif
        tables = (
            (config.motifs, motif.id if motif else None),
            (config.lieux, rdv.lieu.id if rdv.lieu else None),
            (config.services, motif.service_id if motif else None),
            (config.organisations, rdv.organisation.id if rdv.organisation else None),
        )
        values = (getattr(table[number], name) for table, number in tables if number is not None and number in table)
        return str(next(filter(None, values), getattr(config, name)))


def _list_key(rdv: int) -> str:
    return f"{rdv}:"


def _status(fact: ParticipationFact, person: Participation, times: _Times) -> str:
    status = RENAMED.get(person.status, person.status)
    if status not in STATUSES:
        raise UnusableRecord(Reason.UNKNOWN_ENUM, "participation.status")
    if fact.how not in {DESTROYED, GONE}:
        return status
    if fact.reason == "rgpd":
        return ERASED
    return DELETED if status in {OPEN, WAITING} and times.starts_at > times.told_at else status


def _read_times(fact: ParticipationFact) -> tuple[_Times, int]:
    rdv = fact.rdv
    try:
        told_at, starts_at = parse_time(fact.told_at), parse_time(rdv.starts_at)
        created_at, cancelled_at, ends_at = (
            parse_time(text) if text else None for text in (rdv.created_at, rdv.cancelled_at, rdv.ends_at)
        )
        as_of = fact.as_of
    except (ValueError, OverflowError):
        raise UnusableRecord(Reason.UNREADABLE_LINE, "not a time with a time zone") from None
    length = (ends_at - starts_at).total_seconds() if ends_at else (rdv.duration_in_min or 0) * 60
    length_seconds = int(length) if SHORTEST_SECONDS <= length <= LONGEST_SECONDS else USUAL_SECONDS
    return _Times(told_at, starts_at, created_at, cancelled_at, length_seconds), as_of


def _dated_steps(ordered: Iterable[Step], rdv: Rdv, times: _Times) -> Iterator[tuple[Step, datetime]]:
    """Yield the steps with their times, which never decrease."""
    last = datetime.min.replace(tzinfo=UTC)
    for step in ordered:
        last = max(last, _time_of(step, rdv, times))
        yield step, last


def _time_of(step: Step, rdv: Rdv, times: _Times) -> datetime:
    """Return the time of a step: the time stated by the server if available, at most the time of the report.

    For a collective appointment, stated times do not apply to each participation, because people may join later. One is used
    only for a booking that was first reported after the start: the appointment's creation time, as the best available estimate.
    """
    at = datetime.fromtimestamp(step.at // 1_000_000, UTC)
    if rdv.collectif and not (step.kind == BOOKED and step.at >= step.starts_at * 1_000_000):
        return at
    if step.kind == BOOKED and not step.revision and times.created_at:
        return times.created_at if times.created_at - at <= CLOCK_TOLERANCE else at
    if step.kind in {"excused", "revoked"} and step.is_last and times.cancelled_at:
        return min(times.cancelled_at, at)
    return at


def _booked_by(rdv: Rdv, person: Participation) -> Party:
    authors = (person.created_by_type, person.created_by, rdv.created_by_type, rdv.created_by)
    return Party.CITIZEN if next(filter(None, authors), "") in CITIZENS else Party.SERVICE


def _identities(user: User, key: PseudonymKey) -> Iterator[str]:
    """Yield the pseudonyms of a citizen: the account, and at most one valid e-mail address and one valid number.

    The citizen's own come before those of the responsible adult.
    """
    yield key.pseudonym(IdentityKind.RDV_USER, str(user.id))
    people: list[Person] = [user, *([user.responsible] if user.responsible and not user.responsible.is_deleted else [])]
    emails = (normalise_email(person.email) for person in people if person.email)
    if email := next(filter(None, emails), None):
        yield key.pseudonym(IdentityKind.EMAIL, email)
    numbers = (text for person in people for text in (person.phone_number_formatted, person.phone_number) if text)
    if phone := next(filter(None, map(normalise_phone, numbers)), None):
        yield key.pseudonym(IdentityKind.PHONE, phone)
