"""Scanned letters: a simulated scanner, and a back office that reports the steps of letters in sidecar files."""

from typing import Any, Final

from connectors.mailroom.simulate import Code, Mailroom
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
"""Chrono number format of outgoing letters that answer no registered letter."""
ROWS: Final = 200
"""Maximum number of steps in one sidecar file."""


class ScannedLetters(System):
    """Simulated mailroom. Steps of a letter are deferred until the connector has assigned its number."""

    instance = "courrier"
    connector = "mailroom"
    channel = Channel.MAIL
    action_kinds = frozenset({ActionKind.LETTER_SCANNED, *STEPS})

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._inbox, self._archive = simulation_run.folder("mail", "inbox"), simulation_run.folder("mail", "archive")
        self._mailroom = Mailroom(self._inbox, self._archive)
        self._scans: dict[int, tuple[str, int]] = {}
        """Case number of a letter → name of its scan, and its index in the scan, from 0."""
        self._places: dict[int, Place] = {}
        self._waiting: list[Action] = []

    def options(self) -> dict[str, Any]:
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
        return super().accepts(action) and action.citizen_case.place.service in SERVICES

    def run(self, action: Action) -> None:
        self.restore(action)
        if action.kind is not ActionKind.LETTER_SCANNED:
            self._waiting.append(action)
        elif action.other_cases:
            sheets = [(letter.place.service, action.amount) for letter in (action.citizen_case, *action.other_cases)]
            code: Code = "qr" if action.citizen_case.number % 2 else "code128"
            self._mailroom.drop_stack(_name(action), scanned_at=action.at, letters=sheets, code=code)
        else:
            citizen = action.citizen_case.citizen
            fields = {
                "reference": action.citizen_case.reference,
                "service": action.citizen_case.place.service,
                "case": citizen.case,
                "phone": citizen.phone,
            }
            fields |= {"email": citizen.email} if citizen.email else {}
            fields |= {"arrived_at": action.effective_at.isoformat()} if action.effective_at else {}
            self._mailroom.drop_letter(_name(action), scanned_at=action.at, pages=action.amount, fields=fields)

    def restore(self, action: Action) -> None:
        """Remember the scan and the place of a letter, without writing files."""
        for index, letter in enumerate((action.citizen_case, *action.other_cases)):
            if action.kind is ActionKind.LETTER_SCANNED:
                self._scans[letter.number] = _name(action), index
                self._places[letter.number] = letter.place
            elif action.place:
                self._places[letter.number] = action.place

    def drain(self) -> bool:
        """Write the steps of letters whose number is known by now; return whether no steps are left."""
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
            batch = ready[start : start + ROWS]
            last, _ = batch[-1]
            name = f"steps-{last.citizen_case.number}-{STEPS[last.kind]}-{last.at:%Y%m%d}"
            self._mailroom.write_steps(name, written_at=last.at, steps=[step for _, step in batch])
        self._waiting = waiting
        return not waiting

    def _chrono(self, action: Action) -> str:
        """Return the number of a letter, empty if not registered yet; outgoing mail gets one in the format `DEPARTURES`."""
        number = action.citizen_case.number
        if number not in self._scans:
            return DEPARTURES.format(year=action.at.year, number=number)
        name, index = self._scans[number]
        chronos = self._mailroom.chronos(name)
        return chronos[index] if chronos else ""

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
