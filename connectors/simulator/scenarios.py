"""Scenarios: a citizen's request, the work of the services on it, and its consequences.

The chances of a planned scenario depend only on the seed, its `Beginning`, its day, and its index among those of that day.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from random import Random
from typing import Final, TypeVar

from connectors.simulator.actions import Action, ActionKind, CitizenCase, Place
from connectors.simulator.office_hours import OfficeHours
from connectors.simulator.organisation import (
    APPOINTMENTS,
    EMAILS,
    FORMS,
    FRANKED,
    HEADQUARTERS,
    ILLISA_FORMS,
    LETTERS,
    MAARCH_LETTERS,
    NOTICES,
    POSTAGE,
    VISITS,
)
from connectors.simulator.population import draw
from models.topics import Channel

Actions = Iterator[Action]
Choice = TypeVar("Choice")
HOURS_A_DAY: Final = 8.5
"""Working hours per day."""
PATIENCE_HOURS: Final = 8 * HOURS_A_DAY
"""Working hours after which a citizen may ask about an unanswered letter."""
PATIENCE_ONLINE_HOURS: Final = 3 * HOURS_A_DAY
"""Working hours after which a citizen may ask about an unanswered e-mail."""
SLOT_MINUTES: Final = 30
OUTCOMES: Final = {"resolved": 40, "no_action": 25, "redirected": 20, "duplicate": 10, "rejected": 5}
DECISIONS: Final = {"accepted": 80, "rejected": 12, "no_action": 8}
CSAT: Final = {5: 35, 4: 38, 3: 14, 2: 7, 1: 6}
JDMA: Final = {10: 68, 5: 19, 0: 13}
"""Score → weight. `CSAT` has the scores of surveys, `JDMA` those of forms about online procedures."""
ANSWER_OPINION: Final = 0.3
WEEKS_LATER_DAYS: Final = ((20, 32), (38, 50))
FORGOTTEN: Final = 0.005
"""Share of visitors who are never called, and share of called ones whose end is not reported the same day."""


@dataclass
class ScenarioBuilder:
    """Builds one scenario by chance; `numbers` supplies the numbers of its cases.

    Actions are yielded case by case, not in order of time. Without a `citizen_case`, a contact is a new case of a random citizen;
    with one, it is that case, which follows from another contact.
    """

    seed: int
    random: Random
    office: OfficeHours
    numbers: Iterator[int]

    # ------------------------------------------------------------------------------------------------------- beginnings
    def letter(self, at: datetime) -> Actions:
        """Yield the actions of a letter scanned at `at`, received some hours before."""
        citizen_case = self._new_case(Channel.MAIL, LETTERS.draw(self.random))
        received_at = at - timedelta(hours=self.random.choice((1, 2, 3, 24)))
        yield Action(
            at,
            ActionKind.LETTER_SCANNED,
            citizen_case,
            amount=self.random.choice((1, 1, 2, 2, 3, 5)),
            effective_at=received_at,
        )
        yield from self.work_on_letter(at, citizen_case)

    def stack(self, at: datetime) -> Actions:
        """Yield the actions of two to five letters, scanned at `at` in one stack with separator sheets."""
        letters = [self._new_case(Channel.MAIL, LETTERS.draw(self.random)) for _ in range(self.random.randint(2, 5))]
        yield Action(at, ActionKind.LETTER_SCANNED, letters[0], amount=1, other_cases=tuple(letters[1:]))
        for citizen_case in letters:
            yield from self.work_on_letter(at, citizen_case)

    def work_on_letter(self, at: datetime, citizen_case: CitizenCase) -> Actions:
        """Yield the services' actions on a letter scanned at `at`, and perhaps the citizen's question about it."""
        assigned_at = self._later(at, 3)
        place = LETTERS.draw(self.random) if self._chance(0.12) else citizen_case.place
        yield Action(assigned_at, ActionKind.LETTER_ASSIGNED, citizen_case, place=place)
        if self._chance(0.65):
            yield Action(self._later(assigned_at, 10), ActionKind.LETTER_ACKNOWLEDGED, citizen_case)
        if self._chance(0.15):
            closed_at = self._later(assigned_at, 20)
            yield Action(closed_at, ActionKind.LETTER_CLOSED, citizen_case, self._choose(OUTCOMES))
            yield from self._reopen(closed_at, citizen_case)
            return
        answered_at = self._later(assigned_at, 5 * HOURS_A_DAY)
        yield Action(answered_at, ActionKind.LETTER_ANSWERED, citizen_case)
        if self._chance(0.85):
            yield self._send(self._later(answered_at, 2), citizen_case)
        patient_until = self.office.after(at, PATIENCE_HOURS)
        if answered_at > patient_until and self._chance(0.5):
            yield from self._ask_again(patient_until, citizen_case)

    def _reopen(self, closed_at: datetime, citizen_case: CitizenCase) -> Actions:
        """Yield the actions of a closed letter that is answered after all, or reopened weeks later; mostly none."""
        if self._chance(0.15):
            yield Action(self._days_later(closed_at, 3), ActionKind.LETTER_ANSWERED, citizen_case)
        elif self._chance(0.25):
            again_at = self._weeks_later(closed_at)
            yield Action(again_at, ActionKind.LETTER_ASSIGNED, citizen_case)
            yield Action(self._days_later(again_at, 3), ActionKind.LETTER_ANSWERED, citizen_case)

    def registered_letter(self, at: datetime) -> Actions:
        """Yield the actions of a letter that its service registers itself; the answer is sent as a case of its own."""
        citizen_case = self._new_case(Channel.MAIL, MAARCH_LETTERS.draw(self.random))
        received_at = at - timedelta(hours=self.random.choice((1, 2, 3, 24)))
        yield Action(at, ActionKind.LETTER_REGISTERED, citizen_case, effective_at=received_at)
        place = MAARCH_LETTERS.draw(self.random)
        if place != citizen_case.place and self._chance(0.3):
            at = self._days_later(at, 1)
            yield Action(at, ActionKind.LETTER_ASSIGNED, citizen_case, place=place)
        else:
            place = citizen_case.place
        if self._chance(0.65):
            at = self._days_later(at, 1)
            yield Action(at, ActionKind.LETTER_ACKNOWLEDGED, citizen_case)
        if self._chance(0.15):
            yield Action(self._days_later(at, 3), ActionKind.LETTER_CLOSED, citizen_case, "no_action")
            return
        at = self._days_later(at, 4)
        yield Action(at, ActionKind.LETTER_ANSWERED, citizen_case)
        answer = CitizenCase(next(self.numbers), Channel.MAIL, place, citizen_case.citizen, citizen_case)
        yield self._send(self._later(at, 2), answer)

    def notice(self, at: datetime) -> Actions:
        """Yield the sending of a letter that a service writes without a request."""
        yield self._send(at, self._new_case(Channel.MAIL, NOTICES.draw(self.random)))

    def franked_post(self, at: datetime, per_day: float) -> Actions:
        """Yield the totals of a day's outgoing post by service and class, `per_day` items on average; none without items."""
        for service, weight in FRANKED.items():
            for postage_class, (_, percent) in POSTAGE.items():
                mean = per_day * weight / sum(FRANKED.values()) * percent / 100
                if items := round(mean * self.random.uniform(0.5, 1.5)):
                    total = self._new_case(Channel.MAIL, Place(HEADQUARTERS, service))
                    yield Action(at, ActionKind.POST_FRANKED, total, postage_class, items)

    def _send(self, at: datetime, letter: CitizenCase) -> Action:
        postage = self.random.choices([*POSTAGE], [weight for _, weight in POSTAGE.values()])[0]
        return Action(at, ActionKind.LETTER_SENT, letter, postage, POSTAGE[postage][0])

    def email(self, at: datetime, citizen_case: CitizenCase | None = None) -> Actions:
        """Yield the actions of an e-mail received at `at`, and perhaps the citizen's question about it."""
        citizen_case = citizen_case or self._new_case(Channel.EMAIL, EMAILS.draw(self.random))
        yield Action(at, ActionKind.EMAIL_RECEIVED, citizen_case)
        if self._chance(0.6):
            yield Action(self._soon(at, 90), ActionKind.EMAIL_ACKNOWLEDGED, citizen_case)
        patient_until = self.office.after(at, PATIENCE_ONLINE_HOURS)
        answered_at = self._later(at, 9)
        if self._chance(0.04):  # never answered
            answered_at = self.office.after(at, 1000)
        else:
            yield Action(answered_at, ActionKind.EMAIL_ANSWERED, citizen_case)
            yield from self.opinion(answered_at, citizen_case, 0.1)
        if answered_at > patient_until and citizen_case.parent is None and self._chance(0.4):
            yield from self._ask_again(patient_until, citizen_case)

    def form(self, at: datetime) -> Actions:
        """Yield the actions of a dossier of an online procedure, submitted at `at`."""
        citizen_case = self._new_case(Channel.FORM, FORMS.draw(self.random))
        yield Action(at, ActionKind.FORM_SUBMITTED, citizen_case)
        yield from self.opinion(at, citizen_case, 0.1)
        ready_at = at
        if self._chance(0.3):
            asked_at = self._later(at, 6)
            yield Action(asked_at, ActionKind.CORRECTION_REQUESTED, citizen_case)
            if self._chance(0.15):
                yield from self._call(self._soon(asked_at, 8 * 3600), citizen_case)
            if self._chance(0.08):  # the citizen gives up
                return
            ready_at = self._soon(asked_at, 40 * 3600)
            yield Action(ready_at, ActionKind.FORM_CORRECTED, citizen_case)
        taken_up_at = self._later(ready_at, 10)
        yield Action(taken_up_at, ActionKind.FORM_TAKEN_UP, citizen_case)
        yield Action(
            self._later(taken_up_at, 4 * HOURS_A_DAY), ActionKind.FORM_DECIDED, citizen_case, self._choose(DECISIONS)
        )

    def illisa_form(self, at: datetime) -> Actions:
        """Yield the actions of a case on Illisa, submitted at `at`. Each state lasts at least a day, so that polls see it."""
        citizen_case = self._new_case(Channel.FORM, ILLISA_FORMS.draw(self.random))
        yield Action(at, ActionKind.FORM_SUBMITTED, citizen_case)
        if self._chance(0.04):  # withdrawn
            yield Action(self._days_later(at, 2), ActionKind.FORM_DECIDED, citizen_case, "no_action")
            return
        at = self._days_later(at, 1)
        yield Action(at, ActionKind.FORM_TAKEN_UP, citizen_case)
        if self._chance(0.3):
            at = self._days_later(at, 1)
            yield Action(at, ActionKind.CORRECTION_REQUESTED, citizen_case)
            if self._chance(0.15):
                yield from self._call(self._soon(at, 8 * 3600), citizen_case)
            if self._chance(0.08):  # the citizen gives up
                return
            at = self._days_later(at, 3)
            yield Action(at, ActionKind.FORM_CORRECTED, citizen_case)
        if self._chance(0.35):
            at = self._days_later(at, 2)
            yield Action(at, ActionKind.FORM_IN_COMMITTEE, citizen_case)
        yield Action(self._days_later(at, 2), ActionKind.FORM_DECIDED, citizen_case, self._choose(DECISIONS))

    def appointment(self, at: datetime, citizen_case: CitizenCase | None = None) -> Actions:
        """Yield the actions of an appointment booked at `at`, and perhaps of a visit by a citizen who missed it."""
        citizen_case = citizen_case or self._new_case(Channel.APPOINTMENT, APPOINTMENTS.draw(self.random))
        party = "service" if citizen_case.parent or self._chance(0.3) else "citizen"
        slot = self._slot(at, self.random.uniform(1, 8) * HOURS_A_DAY)
        yield Action(at, ActionKind.APPOINTMENT_BOOKED, citizen_case, party, effective_at=slot)
        moves = 0
        while self._chance(0.3 if moves else 0.12):
            party = self._party(0.7)
            moved_at = at + (slot - at) * self.random.uniform(0.1, 0.8)
            slot = self._slot(slot, self.random.uniform(1, 4) * HOURS_A_DAY)
            yield Action(_whole(moved_at), ActionKind.APPOINTMENT_MOVED, citizen_case, party, effective_at=slot)
            at, moves = moved_at, moves + 1
        if self._chance(0.4 if moves > 1 else 0.12):
            cancelled_at = at + (slot - at) * self.random.uniform(0.2, 0.95)
            yield Action(
                _whole(cancelled_at),
                ActionKind.APPOINTMENT_CANCELLED,
                citizen_case,
                self._party(0.7),
                effective_at=slot,
            )
        elif self._chance(0.25):
            yield Action(slot + timedelta(minutes=SLOT_MINUTES), ActionKind.APPOINTMENT_MISSED, citizen_case)
            if citizen_case.parent is None and self._chance(0.4):
                yield from self.visit(self._later(slot, 5), self._follow_up(citizen_case, Channel.VISIT))
        else:
            yield Action(slot - timedelta(minutes=self.random.randint(1, 15)), ActionKind.CHECKED_IN, citizen_case)
            attended_at = slot + timedelta(minutes=self.random.randint(15, 50))
            yield Action(attended_at, ActionKind.APPOINTMENT_ATTENDED, citizen_case)
            yield from self.opinion(attended_at, citizen_case, 0.25)

    def visit(self, at: datetime, citizen_case: CitizenCase | None = None) -> Actions:
        """Yield the actions of a visit to a front desk, begun at `at`, and perhaps of an appointment made there."""
        citizen_case = citizen_case or self._new_case(Channel.VISIT, VISITS.draw(self.random))
        yield Action(at, ActionKind.TICKET_TAKEN, citizen_case)
        called_at = self._soon(at, 9 * 60)
        if self._chance(FORGOTTEN):  # never called, and the departure is not reported
            return
        if self._chance(0.06):
            yield Action(called_at, ActionKind.VISITOR_LEFT, citizen_case)
            return
        yield Action(called_at, ActionKind.VISITOR_CALLED, citizen_case)
        if self._chance(0.02):
            yield Action(self._soon(called_at, 120), ActionKind.VISITOR_LEFT, citizen_case)
            return
        if self._chance(FORGOTTEN):
            if self._chance(0.5):  # reported the next day
                yield Action(self.office.after(called_at, HOURS_A_DAY), ActionKind.VISITOR_SERVED, citizen_case)
            return
        served_at = self._soon(called_at, 11 * 60)
        yield Action(served_at, ActionKind.VISITOR_SERVED, citizen_case)
        if self._chance(0.1):
            yield from self.appointment(served_at, self._follow_up(citizen_case, Channel.APPOINTMENT))
        yield from self.opinion(served_at, citizen_case, 0.12)

    # ------------------------------------------------------------------------------------------------------ follow-ups
    def opinion(self, at: datetime, citizen_case: CitizenCase, survey_share: float) -> Actions:
        """Yield by chance an invitation to a survey, and perhaps its answer; for a procedure, an opinion without invitation."""
        if not self._chance(survey_share):
            return
        feedback = self._follow_up(citizen_case, Channel.FEEDBACK)
        asked_at = self._soon(at, 600)
        if citizen_case.channel is Channel.FORM:
            yield Action(asked_at, ActionKind.OPINION_GIVEN, feedback, "jdma_0_10", self._choose(JDMA))
            return
        yield Action(asked_at, ActionKind.INVITED, feedback)
        if self._chance(ANSWER_OPINION):
            given_at = self._weeks_later(asked_at) if self._chance(0.03) else self._soon(asked_at, 5 * 3600)
            yield Action(given_at, ActionKind.OPINION_GIVEN, feedback, "csat_1_5", self._choose(CSAT))

    def _ask_again(self, at: datetime, citizen_case: CitizenCase) -> Actions:
        asked_at = self.office.after(at, self.random.uniform(0, 6))
        if self._chance(0.7):
            yield from self._call(asked_at, citizen_case)
        elif citizen_case.citizen.email:
            yield from self.email(asked_at, self._follow_up(citizen_case, Channel.EMAIL))

    def _call(self, at: datetime, citizen_case: CitizenCase) -> Actions:
        yield Action(self.office.after(at, 0.01), ActionKind.CALLED, self._follow_up(citizen_case, Channel.CALL))

    def _follow_up(self, citizen_case: CitizenCase, channel: Channel) -> CitizenCase:
        match channel:
            case Channel.VISIT:
                place = citizen_case.place._replace(service="accueil", queue="accueil")
            case Channel.EMAIL:
                place = Place(HEADQUARTERS, citizen_case.place.service)
            case Channel.APPOINTMENT:
                place = APPOINTMENTS.draw(self.random)._replace(site=citizen_case.place.site)
            case _:
                place = citizen_case.place
        return CitizenCase(next(self.numbers), channel, place, citizen_case.citizen, citizen_case)

    def _new_case(self, channel: Channel, place: Place) -> CitizenCase:
        citizen = draw(self.seed, self.random)
        if channel in {Channel.EMAIL, Channel.FORM}:
            while not citizen.email:
                citizen = draw(self.seed, self.random)
        return CitizenCase(next(self.numbers), channel, place, citizen)

    # -------------------------------------------------------------------------------------------------------- chance
    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _choose(self, weights: Mapping[Choice, int]) -> Choice:
        return self.random.choices([*weights], [*weights.values()])[0]

    def _party(self, citizen: float) -> str:
        return "citizen" if self._chance(citizen) else "service"

    def _later(self, at: datetime, hours: float) -> datetime:
        """Return when the services complete a task with a median of `hours` working hours."""
        return self.office.after(at, self.random.lognormvariate(log(hours), 0.7) + 0.02)

    def _days_later(self, at: datetime, days: float) -> datetime:
        """Return when the services complete a task, at least a day and a working day later; the median is `days` working days."""
        next_day = max(self.office.after(at, HOURS_A_DAY), at + timedelta(days=1))
        return self._later(next_day, max(days - 1, 0.1) * HOURS_A_DAY)

    def _weeks_later(self, at: datetime) -> datetime:
        """Return a random time weeks later, clearly before or clearly after the end of `case_tallies.RETENTION`."""
        return _whole(at + timedelta(days=self.random.uniform(*self.random.choice(WEEKS_LATER_DAYS))))

    def _soon(self, at: datetime, seconds: float) -> datetime:
        """Return a random time, at any hour, 30 seconds later or more: 30 + `seconds` on average."""
        return at + timedelta(seconds=30 + int(self.random.expovariate(1 / seconds)))

    def _slot(self, at: datetime, hours: float) -> datetime:
        then = self.office.after(at, hours)
        return then - timedelta(minutes=then.minute % SLOT_MINUTES - SLOT_MINUTES, seconds=then.second)


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)
