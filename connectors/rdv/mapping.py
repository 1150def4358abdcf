"""What a fact about an appointment means."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from connectors.rdv.config import RdvConfig
from connectors.rdv.participation_facts import (
    DESTROYED,
    FOUND,
    GONE,
    RANKS,
    Participation,
    ParticipationFact,
    Person,
    Rdv,
    User,
    decode,
    parse_time,
)
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
from connectors.sdk.identifiers import number_for
from connectors.sdk.pseudonyms import join
from connectors.sdk.reconcile import Observation, Observations, Reconciler, microseconds
from models.codec import UnusableRecord, check_event_time
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
"""Who books for himself: at once, or by taking an earlier appointment that the waiting list offers."""
SHORTEST_SECONDS: Final = 60
LONGEST_SECONDS: Final = 86_400
USUAL_SECONDS: Final = 1_800
BEFORE_READ: Final = timedelta(minutes=1)
"""What is found is as of before it was asked for, in whole seconds: what was made meanwhile was made a little later."""
_AT_THE_TIME: Final[dict[str, type[AppointmentCheckedIn | AppointmentAttended | AppointmentMissed]]] = {
    WAITING: AppointmentCheckedIn,
    "seen": AppointmentAttended,
    "noshow": AppointmentMissed,
}
_CANCELLED_BY: Final = {"excused": Party.CITIZEN, "revoked": Party.SERVICE, DELETED: Party.SERVICE}


class _Times(NamedTuple):
    """The times of an appointment, in UTC."""

    told_at: datetime
    starts_at: datetime
    created_at: datetime | None
    cancelled_at: datetime | None
    length_seconds: int


class RdvMapping:
    """Maps facts, with what `reconciler` knows of those before."""

    def __init__(
        self, source: str, config: RdvConfig, pseudonym_key: Callable[[str], PseudonymKey], reconciler: Reconciler
    ) -> None:
        self._source = source
        self._config = config
        self._reconciler = reconciler
        places = (
            *config.motifs.values(),
            *config.lieux.values(),
            *config.services.values(),
            *config.organisations.values(),
        )
        self._keys = {
            sector: pseudonym_key(sector) for sector in {config.sector, *(place.sector for place in places)} - {""}
        }
        self._key = self._keys[config.sector]
        self._lists: tuple[int, Observations] = (0, ())
        """The appointment of the last fact, and who took part in it: its facts come one after the other."""

    def map(self, raw: bytes, read_at: datetime) -> Sequence[Event]:
        """Return the events that a fact tells and no fact before it. Raises `Unusable`."""
        try:
            fact = decode(raw)
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
            self._reconciler.mark_incomplete()
            detail = str(error) if isinstance(error, msgspec.DecodeError) else ""
            raise UnusableRecord(Reason.UNREADABLE_LINE, detail) from None
        if fact.how not in RANKS:
            raise UnusableRecord(Reason.UNKNOWN_RECORD, "meta.event")
        events = self._take_participation(fact, fact.participation, read_at) if fact.participation else []
        if fact.present is not None:
            events += self._take_list(fact, fact.present, read_at)
        return events

    def _take_participation(self, fact: ParticipationFact, person: Participation, read_at: datetime) -> list[Event]:
        key = f"{fact.rdv.id}-{person.id}"
        if fact.how == FOUND:  # first: what it says may be unusable, but it is there
            self._reconciler.see(key, str(fact.rdv.organisation.id) if fact.rdv.organisation else "")
        times, as_of = _read_times(fact)
        check_event_time(times.told_at, read_at)  # before it is remembered: what is rejected can be mapped again
        status = _status(fact, person, times)
        known = self._reconciler.recall(key)
        if not known and status != ERASED and not times.created_at and times.starts_at <= times.told_at:
            raise UnusableRecord(Reason.MISSING_FIELD, "created_at")  # over before it was known: when was it booked?
        statuses = [status]
        if person.user and person.user.is_deleted and status != ERASED:
            statuses.append(ERASED)
            if known and parse_state(known[-1].state).status == ERASED:
                return []
        after = known
        for place, one in enumerate(statuses):
            after = self._learn(
                fact, key, as_of + place, ParticipationState(int(times.starts_at.timestamp()), one), times
            )
        if listed := self._left_after(fact.rdv.id, person.id, after):
            after = self._leave(fact, key, listed) or after
        return self._tell(fact, person, known, after, times, read_at)

    def _take_list(self, fact: ParticipationFact, present: Sequence[int], read_at: datetime) -> list[Event]:
        """Return what became of those who took part in an appointment and do so no more."""
        times, _ = _read_times(fact)
        check_event_time(times.told_at, read_at)
        as_of = microseconds(times.told_at) + RANKS[fact.how]  # no later than what the same second says of who is there
        number = fact.rdv.id
        now = ParticipantList(frozenset(present), fact.reason == "rgpd")
        lists = self._recall_lists(number)
        before = {one for listed in lists for one in parse_participants(listed.state).numbers}
        if not lists:  # those that an earlier version remembered, which kept no list
            before = {int(key.rpartition("-")[2]) for key in self._reconciler.stored_keys(f"{number}-")}
        if not lists or lists[-1].at > as_of or lists[-1].state != str(now):
            self._reconciler.note(_list_key(number), as_of, str(now), times.starts_at)
            self._lists = (0, ())
        events: list[Event] = []
        for one in sorted(before - now.numbers):
            key = f"{number}-{one}"
            known = self._reconciler.recall(key)
            if after := self._leave(fact, key, Observation(as_of, str(now), pushed=fact.how != FOUND)):
                events += self._tell(fact, Participation(id=one, status=""), known, after, times, read_at)
        return events

    def _left_after(self, rdv: int, person: int, observations: Observations) -> Observation | None:
        """Return the first list of an appointment without `person`, later than all that is known of that participation."""
        later = (one for one in self._recall_lists(rdv) if one.at > observations[-1].at)
        return next((one for one in later if person not in parse_participants(one.state).numbers), None)

    def _recall_lists(self, rdv: int) -> Observations:
        if self._lists[0] != rdv:
            self._lists = (rdv, self._reconciler.recall(_list_key(rdv)))
        return self._lists[1]

    def _leave(self, fact: ParticipationFact, key: str, listed: Observation) -> Observations | None:
        """Learn that a participation is not in a list; return what is known of it then, None if that changes nothing."""
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
        learn = self._reconciler.record_pushed if listed.pushed and fact.how != FOUND else self._reconciler.find
        return learn(key, listed.at, state, until).after

    def _learn(
        self, fact: ParticipationFact, key: str, as_of: int, state: ParticipationState, times: _Times
    ) -> Observations:
        if fact.how in {FOUND, GONE}:
            made_at = microseconds(times.created_at or times.told_at)
            return self._reconciler.find(key, as_of, str(state), times.starts_at, made_at).after
        return self._reconciler.record_pushed(key, as_of, str(state), times.starts_at).after

    def _tell(
        self,
        fact: ParticipationFact,
        person: Participation,
        before: Observations,
        after: Observations,
        times: _Times,
        read_at: datetime,
    ) -> list[Event]:
        """Return the events of what happened to a participation according to `after`, and not yet to `before`."""
        known = {(step.native, step.revision) for step in steps(before, times.length_seconds)}
        return [
            self._event(step, at, fact, person, read_at)
            for step, at in _date(steps(after, times.length_seconds), fact.rdv, times)
            if (step.native, step.revision) not in known
        ]

    def _event(
        self, step: Step, at: datetime, fact: ParticipationFact, person: Participation, read_at: datetime
    ) -> Event:
        numbers = (fact.rdv.id, person.id)
        contact = "-".join(number_for(number, self._key) for number in numbers)
        sector = self._place(fact, "sector")
        about: dict[str, Any] = {
            "id": event_id(self._source, f"{contact}|{step.native}", step.revision),
            "source": self._source,
            "subject": contact_id(Channel.APPOINTMENT, self._source, contact),
            "time": at,
            "recordedtime": read_at,
            "sector": sector,
            "site": self._place(fact, "site"),
            "service": self._place(fact, "service"),
        }
        if step.kind == ERASED:
            return PersonalDataErased(**about, channel=Channel.APPOINTMENT)
        if (user := person.user) and not user.is_deleted:
            about["identities"] = join(_identities(user, self._keys[sector]))
        if kind := _AT_THE_TIME.get(step.kind):
            return kind(**about)
        if party := _CANCELLED_BY.get(step.kind):
            return AppointmentCancelled(**about, data=AppointmentCancelledData(by=party))
        slot: dict[str, Any] = {
            "starts_at": datetime.fromtimestamp(step.starts_at, UTC),
            "queue": self._place(fact, "queue"),
        }
        if step.kind == MOVED:
            return AppointmentMoved(**about, data=AppointmentSlotData(**slot, by=Party.SERVICE))
        by = Party.SERVICE if step.revision else _booked_by(fact.rdv, person)
        return AppointmentBooked(**about, data=AppointmentSlotData(**slot, by=by))

    def _place(self, fact: ParticipationFact, name: str) -> str:
        """Return site, service, queue or sector of an appointment: what is nearest to it goes first."""
        if fact.how == GONE:  # nobody says any more where it was
            return ""
        config, rdv, motif = self._config, fact.rdv, fact.rdv.motif
        tables = (
            (config.motifs, motif.id if motif else None),
            (config.lieux, rdv.lieu.id if rdv.lieu else None),
            (config.services, motif.service_id if motif else None),
            (config.organisations, rdv.organisation.id if rdv.organisation else None),
        )
        found = (getattr(table[number], name) for table, number in tables if number is not None and number in table)
        return str(next(filter(None, found), getattr(config, name)))


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
        raise UnusableRecord(Reason.UNREADABLE_LINE, "not a time with a zone") from None
    length = (ends_at - starts_at).total_seconds() if ends_at else (rdv.duration_in_min or 0) * 60
    length_seconds = int(length) if SHORTEST_SECONDS <= length <= LONGEST_SECONDS else USUAL_SECONDS
    return _Times(told_at, starts_at, created_at, cancelled_at, length_seconds), as_of


def _date(happened: Iterable[Step], rdv: Rdv, times: _Times) -> Iterator[tuple[Step, datetime]]:
    """Yield steps, and when they happened: never earlier than the step before."""
    last = datetime.min.replace(tzinfo=UTC)
    for step in happened:
        last = max(last, _time_of(step, rdv, times))
        yield step, last


def _time_of(step: Step, rdv: Rdv, times: _Times) -> datetime:
    """Return when a step happened: what the server says of it, if it does, and no later than it told it.

    Of an appointment for several, what it says is not of each of them: somebody may have joined long after it was made. It is
    taken all the same if the appointment had begun when it was first told: there is nothing better.
    """
    at = datetime.fromtimestamp(step.at // 1_000_000, UTC)
    if rdv.collectif and not (step.kind == BOOKED and step.at >= step.starts_at * 1_000_000):
        return at
    if step.kind == BOOKED and not step.revision and times.created_at:
        return times.created_at if times.created_at - at <= BEFORE_READ else at
    if step.kind in {"excused", "revoked"} and step.is_last and times.cancelled_at:
        return min(times.cancelled_at, at)
    return at


def _booked_by(rdv: Rdv, person: Participation) -> Party:
    told = (person.created_by_type, person.created_by, rdv.created_by_type, rdv.created_by)
    return Party.CITIZEN if next(filter(None, told), "") in CITIZENS else Party.SERVICE


def _identities(user: User, key: PseudonymKey) -> Iterator[str]:
    """Yield the pseudonyms of who comes: a child is reached by who answers for it."""
    yield key.pseudonym(IdentityKind.RDV_USER, str(user.id))
    people: list[Person] = [user, *([user.responsible] if user.responsible and not user.responsible.is_deleted else [])]
    emails = (normalise_email(person.email) for person in people if person.email)
    if email := next(filter(None, emails), None):
        yield key.pseudonym(IdentityKind.EMAIL, email)
    numbers = (text for person in people for text in (person.phone_number_formatted, person.phone_number) if text)
    if phone := next(filter(None, map(normalise_phone, numbers)), None):
        yield key.pseudonym(IdentityKind.PHONE, phone)
