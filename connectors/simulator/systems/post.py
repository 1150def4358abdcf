"""Letters: a scanner that drops them, a back office that tells by sidecars what became of them."""

from typing import Any, Final

from connectors.mailroom.simulate import scans
from connectors.mailroom.simulate.mailroom import Mailroom
from connectors.simulator.deeds import Deed, Place, What
from connectors.simulator.house import HEADQUARTERS, LETTERS, SECTOR
from connectors.simulator.stage import Stage
from connectors.simulator.systems.system import System
from models.topics import Channel

STEPS: Final = {
    What.LETTER_ASSIGNED: "assigned",
    What.LETTER_ACKNOWLEDGED: "acknowledged",
    What.LETTER_ANSWERED: "answered",
    What.LETTER_CLOSED: "closed",
    What.LETTER_SENT: "sent",
}
SERVICES: Final = {place.service: place.service for place, _ in LETTERS.places}
DEPARTURES: Final = "D{year}-{number:09}"
"""How letters are numbered that answer none of the register."""
ROWS: Final = 200
"""Of a sidecar with steps."""


class Post(System):
    """A letter's steps wait until it has its number: nobody can write it on a sidecar before."""

    instance = "courrier"
    connector = "mailroom"
    channel = Channel.MAIL
    whats = frozenset({What.LETTER_SCANNED, *STEPS})

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._inbox, self._archive = stage.folder("mail", "inbox"), stage.folder("mail", "archive")
        self._mailroom = Mailroom(self._inbox, self._archive)
        self._scans: dict[int, tuple[str, int]] = {}
        """Letter → its scan, and which of the scan's letters it is."""
        self._places: dict[int, Place] = {}
        self._waiting: list[Deed] = []

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

    def takes(self, deed: Deed) -> bool:
        """Whether a letter is of a service that the mailroom scans for."""
        return super().takes(deed) and deed.matter.place.service in SERVICES

    def play(self, deed: Deed) -> None:
        """Drop the scan, or remember to tell."""
        self.recall(deed)
        if deed.what is not What.LETTER_SCANNED:
            self._waiting.append(deed)
        elif deed.others:
            sheets = [(letter.place.service, deed.amount) for letter in (deed.matter, *deed.others)]
            code: scans.Code = "qr" if deed.matter.number % 2 else "code128"
            self._mailroom.drop_stack(_name(deed), scanned_at=deed.at, letters=sheets, code=code)
        else:
            who = deed.matter.citizen
            says = {
                "reference": deed.matter.reference,
                "service": deed.matter.place.service,
                "case": who.case,
                "phone": who.phone,
            }
            says |= {"email": who.email} if who.email else {}
            says |= {"arrived_at": deed.when.isoformat()} if deed.when else {}
            self._mailroom.drop_letter(_name(deed), scanned_at=deed.at, pages=deed.amount, says=says)

    def recall(self, deed: Deed) -> None:
        """Know which scan a letter is in, and whose it is."""
        for which, letter in enumerate((deed.matter, *deed.others)):
            if deed.what is What.LETTER_SCANNED:
                self._scans[letter.number] = _name(deed), which
                self._places[letter.number] = letter.place
            elif deed.place:
                self._places[letter.number] = deed.place

    def settle(self) -> bool:
        """Tell the steps of the letters that have their number by now."""
        if not self._waiting:
            return True
        self._mailroom.look()
        waiting, ready = [], []
        for deed in self._waiting:
            if chrono := self._chrono(deed):
                ready.append((deed, self._step(deed, chrono)))
            else:
                waiting.append(deed)
        for start in range(0, len(ready), ROWS):
            told = ready[start : start + ROWS]
            last, _ = told[-1]
            name = f"steps-{last.matter.number}-{STEPS[last.what]}-{last.at:%Y%m%d}"
            self._mailroom.tell(name, told_at=last.at, steps=[step for _, step in told])
        self._waiting = waiting
        return not waiting

    def _chrono(self, deed: Deed) -> str:
        """Return the number of a letter; empty if it has none yet."""
        number = deed.matter.number
        if number not in self._scans:
            return DEPARTURES.format(year=deed.at.year, number=number)
        name, which = self._scans[number]
        chronos = self._mailroom.chronos(name)
        return chronos[which] if chronos else ""

    def _step(self, deed: Deed, chrono: str) -> dict[str, str | int]:
        place = deed.place or self._places.get(deed.matter.number, deed.matter.place)
        step: dict[str, str | int] = {
            "step": STEPS[deed.what],
            "chrono": chrono,
            "at": deed.at.isoformat(),
            "service": place.service,
        }
        match deed.what:
            case What.LETTER_CLOSED:
                step["outcome"] = deed.value
            case What.LETTER_SENT:
                step |= {"postage": deed.value, "cost_cents": deed.amount}
        return step


def _name(scanned: Deed) -> str:
    return f"scan-{scanned.matter.number}"
