"""Letters: a scanner that drops them, a back office that tells by sidecars what became of them."""

from typing import Any, Final

from connectors.mailroom.simulate import scans
from connectors.mailroom.simulate.mailroom import Mailroom
from connectors.simulator.actions import Action, ActionKind, Place
from connectors.simulator.organisation import HEADQUARTERS, LETTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import System
from models.topics import Channel

STEPS: Final = {
    ActionKind.LETTER_ASSIGNED: "assigned",
    ActionKind.LETTER_ACKNOWLEDGED: "acknowledged",
    ActionKind.LETTER_ANSWERED: "answered",
    ActionKind.LETTER_CLOSED: "closed",
    ActionKind.LETTER_SENT: "sent",
}
SERVICES: Final = {place.service: place.service for place, _ in LETTERS.places}
DEPARTURES: Final = "D{year}-{number:09}"
"""How letters are numbered that answer none of the register."""
ROWS: Final = 200
"""Of a sidecar with steps."""


class ScannedLetters(System):
    """A letter's steps wait until it has its number: nobody can write it on a sidecar before."""

    instance = "courrier"
    connector = "mailroom"
    channel = Channel.MAIL
    action_kinds = frozenset({ActionKind.LETTER_SCANNED, *STEPS})

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._inbox, self._archive = simulation_run.folder("mail", "inbox"), simulation_run.folder("mail", "archive")
        self._mailroom = Mailroom(self._inbox, self._archive)
        self._scans: dict[int, tuple[str, int]] = {}
        """Letter → its scan, and which of the scan's letters it is."""
        self._places: dict[int, Place] = {}
        self._waiting: list[Action] = []

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "inbox": str(self._inbox),
            "archive": str(self._archive),
            "settle_seconds": 0,
            "pair_seconds": 1,
            "sector": SECTOR,
            "site": HEADQUARTERS,
            "services": SERVICES,
            "separators": SERVICES,
            "departures": [DEPARTURES],
        }

    def accepts(self, action: Action) -> bool:
        """Whether a letter is of a service that the mailroom scans for."""
        return super().accepts(action) and action.citizen_case.place.service in SERVICES

    def run(self, action: Action) -> None:
        """Drop the scan, or remember to tell."""
        self.restore(action)
        if action.kind is not ActionKind.LETTER_SCANNED:
            self._waiting.append(action)
        elif action.other_cases:
            sheets = [(letter.place.service, action.amount) for letter in (action.citizen_case, *action.other_cases)]
            code: scans.Code = "qr" if action.citizen_case.number % 2 else "code128"
            self._mailroom.drop_stack(_name(action), scanned_at=action.at, letters=sheets, code=code)
        else:
            who = action.citizen_case.citizen
            fields = {
                "reference": action.citizen_case.reference,
                "service": action.citizen_case.place.service,
                "case": who.case,
                "phone": who.phone,
            }
            fields |= {"email": who.email} if who.email else {}
            fields |= {"arrived_at": action.effective_at.isoformat()} if action.effective_at else {}
            self._mailroom.drop_letter(_name(action), scanned_at=action.at, pages=action.amount, fields=fields)

    def restore(self, action: Action) -> None:
        """Know which scan a letter is in, and whose it is."""
        for which, letter in enumerate((action.citizen_case, *action.other_cases)):
            if action.kind is ActionKind.LETTER_SCANNED:
                self._scans[letter.number] = _name(action), which
                self._places[letter.number] = letter.place
            elif action.place:
                self._places[letter.number] = action.place

    def drain(self) -> bool:
        """Tell the steps of the letters that have their number by now."""
        if not self._waiting:
            return True
        self._mailroom.refresh()
        waiting, ready = [], []
        for action in self._waiting:
            if chrono := self._chrono(action):
                ready.append((action, self._step(action, chrono)))
            else:
                waiting.append(action)
        for start in range(0, len(ready), ROWS):
            told = ready[start : start + ROWS]
            last, _ = told[-1]
            name = f"steps-{last.citizen_case.number}-{STEPS[last.kind]}-{last.at:%Y%m%d}"
            self._mailroom.write_steps(name, written_at=last.at, steps=[step for _, step in told])
        self._waiting = waiting
        return not waiting

    def _chrono(self, action: Action) -> str:
        """Return the number of a letter; empty if it has none yet."""
        number = action.citizen_case.number
        if number not in self._scans:
            return DEPARTURES.format(year=action.at.year, number=number)
        name, which = self._scans[number]
        chronos = self._mailroom.chronos(name)
        return chronos[which] if chronos else ""

    def _step(self, action: Action, chrono: str) -> dict[str, str | int]:
        place = action.place or self._places.get(action.citizen_case.number, action.citizen_case.place)
        step: dict[str, str | int] = {
            "step": STEPS[action.kind],
            "chrono": chrono,
            "at": action.at.isoformat(),
            "service": place.service,
        }
        match action.kind:
            case ActionKind.LETTER_CLOSED:
                step["outcome"] = action.value
            case ActionKind.LETTER_SENT:
                step |= {"postage": action.value, "cost_cents": action.amount}
        return step


def _name(scanned: Action) -> str:
    return f"scan-{scanned.citizen_case.number}"
