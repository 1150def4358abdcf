"""Stories: what a citizen begins, what the services make of it, and what follows from that.

A story depends on the seed, the day that it begins on and its number on that day, and on nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from random import Random
from typing import Final

from connectors.simulator.deeds import Deed, Matter, Place, What, Why
from connectors.simulator.house import (
    APPOINTMENTS,
    EMAILS,
    FORMS,
    HEADQUARTERS,
    LETTERS,
    MAARCH_LETTERS,
    NOTICES,
    POSTAGE,
    VISITS,
)
from connectors.simulator.population import draw
from connectors.simulator.working import Office
from models.topics import Channel

Deeds = Iterator[Deed]
HOURS_A_DAY: Final = 8.5
"""Working hours."""
PATIENCE_HOURS: Final = 8 * HOURS_A_DAY
"""Who has had no answer to a letter after this long, may ask."""
PATIENCE_ONLINE_HOURS: Final = 3 * HOURS_A_DAY
"""The same for an e-mail."""
SLOT_MINUTES: Final = 30
OUTCOMES: Final = {"resolved": 40, "no_action": 25, "redirected": 20, "duplicate": 10, "rejected": 5}
DECISIONS: Final = {"accepted": 80, "rejected": 12, "no_action": 8}
CSAT: Final = {5: 35, 4: 38, 3: 14, 2: 7, 1: 6}
JDMA: Final = {10: 68, 5: 19, 0: 13}
"""Scores, and how often they are given."""
ANSWER_OPINION: Final = 0.3
WEEKS_LATER_DAYS: Final = ((20, 32), (38, 50))
FORGOTTEN: Final = 0.005
"""Of visitors, so many are forgotten to be called, or to be said to be served."""


@dataclass
class Teller:
    """Tells one story; `numbers` gives each of its matters its own."""

    seed: int
    random: Random
    office: Office
    numbers: Iterator[int]

    # ------------------------------------------------------------------------------------------------- what citizens begin
    def letter(self, at: datetime) -> Deeds:
        """Tell of a letter, scanned at `at`."""
        matter = self._matter(Channel.MAIL, LETTERS.draw(self.random))
        came_at = at - timedelta(hours=self.random.choice((1, 2, 3, 24)))
        yield Deed(at, What.LETTER_SCANNED, matter, amount=self.random.choice((1, 1, 2, 2, 3, 5)), when=came_at)
        yield from self.work_on_letter(at, matter)

    def stack(self, at: datetime) -> Deeds:
        """Tell of letters that are scanned as one stack, with sheets between them."""
        letters = [self._matter(Channel.MAIL, LETTERS.draw(self.random)) for _ in range(self.random.randint(2, 5))]
        yield Deed(at, What.LETTER_SCANNED, letters[0], amount=1, others=tuple(letters[1:]))
        for matter in letters:
            yield from self.work_on_letter(at, matter)

    def work_on_letter(self, at: datetime, matter: Matter) -> Deeds:
        """Tell what becomes of a letter."""
        assigned_at = self._later(at, 3)
        place = LETTERS.draw(self.random) if self._chance(0.12) else matter.place
        yield Deed(assigned_at, What.LETTER_ASSIGNED, matter, place=place)
        if self._chance(0.65):
            yield Deed(self._later(assigned_at, 10), What.LETTER_ACKNOWLEDGED, matter)
        if self._chance(0.15):
            closed_at = self._later(assigned_at, 20)
            yield Deed(closed_at, What.LETTER_CLOSED, matter, self._one_of(OUTCOMES))
            yield from self._come_back(closed_at, matter)
            return
        answered_at = self._later(assigned_at, 5 * HOURS_A_DAY)
        yield Deed(answered_at, What.LETTER_ANSWERED, matter)
        if self._chance(0.85):
            yield self._send(self._later(answered_at, 2), matter)
        patient_until = self.office.after(at, PATIENCE_HOURS)
        if answered_at > patient_until and self._chance(0.5):
            yield from self._ask_again(patient_until, matter, Why.LETTER_UNANSWERED)

    def _come_back(self, closed_at: datetime, matter: Matter) -> Deeds:
        """Tell whether a letter that was closed is answered all the same, or taken up again weeks later."""
        if self._chance(0.15):
            yield Deed(self._days_later(closed_at, 3), What.LETTER_ANSWERED, matter)
        elif self._chance(0.25):
            again_at = self._weeks_later(closed_at)
            yield Deed(again_at, What.LETTER_ASSIGNED, matter)
            yield Deed(self._days_later(again_at, 3), What.LETTER_ANSWERED, matter)

    def registered_letter(self, at: datetime) -> Deeds:
        """Tell of a letter that its service registers itself; between two steps, a day passes."""
        matter = self._matter(Channel.MAIL, MAARCH_LETTERS.draw(self.random))
        came_at = at - timedelta(hours=self.random.choice((1, 2, 3, 24)))
        yield Deed(at, What.LETTER_REGISTERED, matter, when=came_at)
        place = MAARCH_LETTERS.draw(self.random)
        if place != matter.place and self._chance(0.3):
            at = self._days_later(at, 1)
            yield Deed(at, What.LETTER_ASSIGNED, matter, place=place)
        else:
            place = matter.place
        if self._chance(0.65):
            at = self._days_later(at, 1)
            yield Deed(at, What.LETTER_ACKNOWLEDGED, matter)
        if self._chance(0.15):
            yield Deed(self._days_later(at, 3), What.LETTER_CLOSED, matter, "no_action")
            return
        at = self._days_later(at, 4)
        yield Deed(at, What.LETTER_ANSWERED, matter)
        answer = Matter(next(self.numbers), Channel.MAIL, place, matter.citizen, Why.ANSWER, matter)
        yield self._send(self._later(at, 2), answer)

    def notice(self, at: datetime) -> Deeds:
        """Tell of a letter that a service writes to somebody who asked for nothing."""
        matter = self._matter(Channel.MAIL, NOTICES.draw(self.random))
        yield self._send(at, matter._replace(why=Why.NOTICE))

    def _send(self, at: datetime, letter: Matter) -> Deed:
        postage = self.random.choices([*POSTAGE], [weight for _, weight in POSTAGE.values()])[0]
        return Deed(at, What.LETTER_SENT, letter, postage, POSTAGE[postage][0])

    def email(self, at: datetime, matter: Matter | None = None) -> Deeds:
        """Tell of an e-mail."""
        matter = matter or self._matter(Channel.EMAIL, EMAILS.draw(self.random))
        yield Deed(at, What.EMAIL_RECEIVED, matter)
        if self._chance(0.6):
            yield Deed(self._soon(at, 90), What.EMAIL_ACKNOWLEDGED, matter)
        patient_until = self.office.after(at, PATIENCE_ONLINE_HOURS)
        answered_at = self._later(at, 9)
        if self._chance(0.04):  # nobody ever does
            answered_at = self.office.after(at, 1000)
        else:
            yield Deed(answered_at, What.EMAIL_ANSWERED, matter)
            yield from self.opinion(answered_at, matter, 0.1)
        if answered_at > patient_until and matter.why is Why.OWN_ACCORD and self._chance(0.4):
            yield from self._ask_again(patient_until, matter, Why.EMAIL_UNANSWERED)

    def form(self, at: datetime) -> Deeds:
        """Tell of a dossier of an online procedure."""
        matter = self._matter(Channel.FORM, FORMS.draw(self.random))
        yield Deed(at, What.FORM_SUBMITTED, matter)
        yield from self.opinion(at, matter, 0.1)
        ready_at = at
        if self._chance(0.3):
            asked_at = self._later(at, 6)
            yield Deed(asked_at, What.CORRECTION_REQUESTED, matter)
            if self._chance(0.15):
                yield from self._call(self._soon(asked_at, 8 * 3600), matter, Why.CORRECTION_NEEDED)
            if self._chance(0.08):  # given up
                return
            ready_at = self._soon(asked_at, 40 * 3600)
            yield Deed(ready_at, What.FORM_CORRECTED, matter)
        taken_up_at = self._later(ready_at, 10)
        yield Deed(taken_up_at, What.FORM_TAKEN_UP, matter)
        yield Deed(self._later(taken_up_at, 4 * HOURS_A_DAY), What.FORM_DECIDED, matter, self._one_of(DECISIONS))

    def appointment(self, at: datetime, matter: Matter | None = None) -> Deeds:
        """Tell of an appointment, booked at `at`."""
        matter = matter or self._matter(Channel.APPOINTMENT, APPOINTMENTS.draw(self.random))
        party = "service" if matter.why is Why.INVITED_TO_COME or self._chance(0.3) else "citizen"
        slot = self._slot(at, self.random.uniform(1, 8) * HOURS_A_DAY)
        yield Deed(at, What.APPOINTMENT_BOOKED, matter, party, when=slot)
        moves = 0
        while self._chance(0.3 if moves else 0.12):
            party = self._party(0.7)
            moved_at = at + (slot - at) * self.random.uniform(0.1, 0.8)
            slot = self._slot(slot, self.random.uniform(1, 4) * HOURS_A_DAY)
            yield Deed(_whole(moved_at), What.APPOINTMENT_MOVED, matter, party, when=slot)
            at, moves = moved_at, moves + 1
        if self._chance(0.4 if moves > 1 else 0.12):
            cancelled_at = at + (slot - at) * self.random.uniform(0.2, 0.95)
            yield Deed(_whole(cancelled_at), What.APPOINTMENT_CANCELLED, matter, self._party(0.7), when=slot)
        elif self._chance(0.25):
            yield Deed(slot + timedelta(minutes=SLOT_MINUTES), What.APPOINTMENT_MISSED, matter)
            if matter.why is Why.OWN_ACCORD and self._chance(0.4):
                yield from self.visit(self._later(slot, 5), self._follow(matter, Channel.VISIT, Why.APPOINTMENT_MISSED))
        else:
            yield Deed(slot - timedelta(minutes=self.random.randint(1, 15)), What.CHECKED_IN, matter)
            attended_at = slot + timedelta(minutes=self.random.randint(15, 50))
            yield Deed(attended_at, What.APPOINTMENT_ATTENDED, matter)
            yield from self.opinion(attended_at, matter, 0.25)

    def visit(self, at: datetime, matter: Matter | None = None) -> Deeds:
        """Tell of a visit at a front desk."""
        matter = matter or self._matter(Channel.VISIT, VISITS.draw(self.random))
        yield Deed(at, What.TICKET_TAKEN, matter)
        called_at = self._soon(at, 9 * 60)
        if self._chance(FORGOTTEN):  # nobody calls, and nobody says that the visitor is gone
            return
        if self._chance(0.06):
            yield Deed(called_at, What.VISITOR_LEFT, matter)
            return
        yield Deed(called_at, What.VISITOR_CALLED, matter)
        if self._chance(0.02):
            yield Deed(self._soon(called_at, 120), What.VISITOR_LEFT, matter)
            return
        if self._chance(FORGOTTEN):
            if self._chance(0.5):  # it is noticed the next day
                yield Deed(self.office.after(called_at, HOURS_A_DAY), What.VISITOR_SERVED, matter)
            return
        served_at = self._soon(called_at, 11 * 60)
        yield Deed(served_at, What.VISITOR_SERVED, matter)
        if self._chance(0.1):
            yield from self.appointment(served_at, self._follow(matter, Channel.APPOINTMENT, Why.INVITED_TO_COME))
        yield from self.opinion(served_at, matter, 0.12)

    # --------------------------------------------------------------------------------------------------- what follows
    def opinion(self, at: datetime, matter: Matter, asked: float) -> Deeds:
        """Tell whether somebody gives an opinion: after an invitation, or once an online procedure is filled in."""
        if not self._chance(asked):
            return
        feedback = self._follow(matter, Channel.FEEDBACK, Why.ASKED_FOR_OPINION)
        asked_at = self._soon(at, 600)
        if matter.channel is Channel.FORM:
            yield Deed(asked_at, What.OPINION_GIVEN, feedback, "jdma_0_10", self._score(JDMA))
            return
        yield Deed(asked_at, What.INVITED, feedback)
        if self._chance(ANSWER_OPINION):
            given_at = self._weeks_later(asked_at) if self._chance(0.03) else self._soon(asked_at, 5 * 3600)
            yield Deed(given_at, What.OPINION_GIVEN, feedback, "csat_1_5", self._score(CSAT))

    def _ask_again(self, at: datetime, matter: Matter, why: Why) -> Deeds:
        asked_at = self.office.after(at, self.random.uniform(0, 6))
        if self._chance(0.7):
            yield from self._call(asked_at, matter, why)
        elif matter.citizen.email:
            yield from self.email(asked_at, self._follow(matter, Channel.EMAIL, why))

    def _call(self, at: datetime, matter: Matter, why: Why) -> Deeds:
        yield Deed(self.office.after(at, 0.01), What.CALLED, self._follow(matter, Channel.CALL, why))

    def _follow(self, matter: Matter, channel: Channel, why: Why) -> Matter:
        match channel:
            case Channel.VISIT:
                place = matter.place._replace(service="accueil", queue="accueil")
            case Channel.EMAIL:
                place = Place(HEADQUARTERS, matter.place.service)
            case Channel.APPOINTMENT:
                place = APPOINTMENTS.draw(self.random)._replace(site=matter.place.site)
            case _:
                place = matter.place
        return Matter(next(self.numbers), channel, place, matter.citizen, why, matter)

    def _matter(self, channel: Channel, place: Place) -> Matter:
        who = draw(self.seed, self.random)
        if channel in {Channel.EMAIL, Channel.FORM}:
            while not who.email:
                who = draw(self.seed, self.random)
        return Matter(next(self.numbers), channel, place, who)

    # -------------------------------------------------------------------------------------------------------- chance
    def _chance(self, likely: float) -> bool:
        return self.random.random() < likely

    def _score(self, weights: dict[int, int]) -> int:
        return self.random.choices([*weights], [*weights.values()])[0]

    def _one_of(self, weights: dict[str, int]) -> str:
        return self.random.choices([*weights], [*weights.values()])[0]

    def _party(self, citizen: float) -> str:
        return "citizen" if self._chance(citizen) else "service"

    def _later(self, at: datetime, hours: float) -> datetime:
        """Return when the services have done something that takes so many working hours in the middle."""
        return self.office.after(at, self.random.lognormvariate(log(hours), 0.7) + 0.02)

    def _days_later(self, at: datetime, days: float) -> datetime:
        """Return when they have, at least a working day later and after so many in the middle."""
        return self._later(self.office.after(at, HOURS_A_DAY), max(days - 1, 0.1) * HOURS_A_DAY)

    def _weeks_later(self, at: datetime) -> datetime:
        """Return when something comes back that was long over: clearly before it is no longer known, or clearly after."""
        return _whole(at + timedelta(days=self.random.uniform(*self.random.choice(WEEKS_LATER_DAYS))))

    def _soon(self, at: datetime, seconds: float) -> datetime:
        """Return when something happened that takes so long on average, at any time of the day."""
        return at + timedelta(seconds=30 + int(self.random.expovariate(1 / seconds)))

    def _slot(self, at: datetime, hours: float) -> datetime:
        """Return the first slot so many working hours later."""
        then = self.office.after(at, hours)
        return then - timedelta(minutes=then.minute % SLOT_MINUTES - SLOT_MINUTES, seconds=then.second)


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)
