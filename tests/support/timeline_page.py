"""Running `accueil api` with a citizen's timeline, for tests of its page."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import tomli_w

from connectors.sdk.keys import load_key
from connectors.sdk.ports import free_port
from models.events import Event
from models.identities import IdentityKind, normalise
from models.roles import Role
from models.sla import SLA_SOURCE
from models.topics import Channel
from streams.access.tokens import Tokens
from streams.core.contacts.case_event import ContactState
from streams.core.timeline.entries import Entry
from streams.timeline.store import Timeline
from tests.support.api_harness import token
from tests.support.events import START, make
from tests.support.processes import Child, wait_until
from tests.support.timelines import entries_of, sla_status_entry

SECTOR: Final = "social"
NUMBER, CASE, EMAIL, LANDLINE, MANY, CALLED_BACK = (
    "01 99 00 00 01",
    "D-2026-17",
    "usager@example.org",
    "01 99 00 00 02",
    "01 99 00 00 03",
    "01 99 00 00 04",
)
HOSTILE: Final = "<script>window.hostile = 1</script><img src=x onerror='window.hostile = 1'>"
DAY: Final = 86_400
Step = tuple[str, float, dict[str, Any]]
"""Event type, days since the start of the contact, and event data."""
FORM: Final[list[Step]] = [
    ("form.submitted", 0, {"procedure": "rsa"}),
    ("form.taken_up", 2, {"procedure": "rsa"}),
    ("form.correction_requested", 6, {"procedure": "rsa"}),
]
EMAIL_STEPS: Final[list[Step]] = [
    ("email.received", 0, {}),
    ("email.acknowledged", 0.001, {}),
    ("email.answered", 3, {}),
]
VISIT: Final[list[Step]] = [("visit.arrived", 0, {}), ("visit.called", 0.01, {}), ("visit.served", 0.02, {})]
OPINION: Final[list[Step]] = [("feedback.invited", 0, {}), ("feedback.given", 1, {"scale": "csat_1_5", "score": 4})]


class Served:
    """Running API whose settings and log are in `directory`; `data` is its data directory."""

    def __init__(self, directory: Path, settings: Mapping[str, Any], data: Path | None = None) -> None:
        self.directory, self.data = directory, data or directory / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.tokens = Tokens(self.data / "access")
        port, config = free_port(), directory / "accueil.toml"
        settings = {"data": str(self.data), **settings}
        config.write_text(tomli_w.dumps(settings | {"api": {"port": port, **settings.get("api", {})}}))
        self.child = Child(["-m", "streams.cli.main", "--config", str(config), "api"], directory / "api.log")
        self.url = f"http://127.0.0.1:{port}"
        self.deadlines = _midnight(-4), _midnight(17)
        """Deadlines of the late letter of `write_story`: the missed one and the next one."""

    def start(self) -> "Served":
        self.child.start()
        wait_until(lambda: self.is_up("/healthz"), "the API", otherwise=lambda: self.child.text)
        return self

    def is_up(self, path: str = "/readyz") -> bool:
        try:
            return httpx.get(f"{self.url}{path}").is_success
        except httpx.TransportError:
            return False

    def post(self, path: str, secret: str = "camille", **body: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {secret}"}
        return httpx.post(f"{self.url}{path}", json={"purpose": "contact", **body}, headers=headers)

    def add(self, name: str, role: Role = Role.DPO, sectors: tuple[str, ...] = (SECTOR,), **others: Any) -> str:
        """Add a token, and return its secret, which is its name."""
        self.tokens.add(token(name, role, sectors=sectors, **others))
        return name

    def pseudonym(self, kind: IdentityKind, raw: str, sector: str = SECTOR) -> str:
        keys = self.data / "connectors" / "keys"
        return load_key(keys, sector).pseudonym(kind, normalise(kind, raw) or "")

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(f"sqlite:///{self.data / 'timeline.db'}")

    def write(self, events: list[Event], *further: Entry) -> None:
        self.timeline.write([*entries_of(events), *further])

    @property
    def all_files(self) -> bytes:
        """Return the content of all files: databases, audit, logs."""
        return b"".join(path.read_bytes() for path in self.directory.rglob("*") if path.is_file())


@contextmanager
def serving(directory: Path, **settings: Any) -> Iterator[Served]:
    """Serve the timeline of `write_story`."""
    served = Served(directory, settings)
    write_story(served)
    with served.child:
        served.start()
        yield served
        if served.child.alive:
            assert served.child.stop() == 0
    served.timeline.close()


def ago(days: float) -> float:
    """Return the time `days` ago, in the unit of `make`."""
    return (datetime.now(UTC) - START).total_seconds() - days * DAY


def write_story(served: Served) -> None:
    """Write three months of a citizen who used all channels, and a landline shared by two people."""
    phone, case = served.pseudonym(IdentityKind.PHONE, NUMBER), served.pseudonym(IdentityKind.CASE, CASE)
    email, landline = served.pseudonym(IdentityKind.EMAIL, EMAIL), served.pseudonym(IdentityKind.PHONE, LANDLINE)
    other = served.pseudonym(IdentityKind.CASE, "D-2026-18")
    served.write(
        [
            *_letter("1201", 86, "autonomie", f"{case} {phone}", answered=14),
            *_call("41", 62, "accueil", phone, ("call.abandoned", 0.003, {})),
            *_events("form:demarches:7", ago(41), "rsa", f"{case} {email}", *FORM),
            *_events("appointment:rdv:3", ago(30), "rsa", case, _slot("booked", 0, -21), _slot("missed", 9, -21)),
            *_call("88", 20, "rsa", phone, ("call.answered", 0.002, {}), ("call.ended", 0.006, {"ended_by": "caller"})),
            *_letter("1288", 18, "rsa", f"{case} {landline}", admitted=2),
            *_events("email:boite:5", ago(9), "autonomie", email, *EMAIL_STEPS),
            *_events("visit:guichet:9", ago(4), "accueil", case, *VISIT),
            *_events("mail:ged:1201", ago(70), "autonomie", "", *OPINION),
            *_events("appointment:rdv:8", ago(2), "rsa", case, _slot("booked", 0, 6)),
            *_call("97", 0.02, "rsa", phone),
            *_letter("900", 50, "rsa", f"{other} {landline}"),
        ],
        _sla_entry("mail:ged:1201", 72, "met", "announced", "autonomie", ContactState.CLOSED),
        _sla_entry("mail:ged:1288", 4, "breached", "first_response", "rsa", ContactState.IN_PROGRESS),
        _sla_entry("mail:ged:1288", 17, "met", "acknowledge", "rsa", ContactState.IN_PROGRESS),
        _sla_entry("form:demarches:7", 35, "met", "first_response", "rsa", ContactState.PENDING_CITIZEN),
    )
    at, (missed_at, next_at) = _midnight(0), served.deadlines
    served.timeline.write(
        [],
        [
            sla_status_entry("mail:ged:1288", at, SECTOR, "rsa", first_response=missed_at, resolution=next_at),
            sla_status_entry("form:demarches:7", at, SECTOR, "rsa", announced=None),
            sla_status_entry("mail:ged:900", at, SECTOR, "rsa", resolution=_midnight(1)),
        ],
    )


def _midnight(days: int) -> int:
    """Return the local midnight in `days` days, in milliseconds, because deadlines in days end at midnight."""
    today = datetime.now(ZoneInfo("Europe/Paris")).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((today + timedelta(days=days)).timestamp() * 1000)


def days_from_now(at: int) -> int:
    """Return the distance of `at` (milliseconds) from now in whole days of 24 hours, as the page shows it."""
    return int(abs(at / 1000 - time.time()) / DAY)


def write_many(served: Served, calls: int) -> None:
    """Write many calls of one phone number, with three entries each."""
    phone = served.pseudonym(IdentityKind.PHONE, MANY)
    events: list[Event] = []
    for number in range(calls):
        events += _call(f"m{number}", 90 - 89 * number / calls, "rsa", phone, ("call.abandoned", 0.001, {}))
    served.write(events)


def write_callback(served: Served) -> None:
    """Write a call with a reason, a voice message and a callback."""
    phone = served.pseudonym(IdentityKind.PHONE, CALLED_BACK)
    steps: list[Step] = [
        ("call.arrived", 0, {}),
        ("contact.reason_set", 0.001, {"channel": "call", "contact_reason": "aides"}),
        ("call.voicemail_left", 0.002, {}),
        ("call.callback_requested", 0.003, {}),
        ("call.voicemail_heard", 0.1, {}),
        ("call.called_back", 0.2, {}),
    ]
    served.write(_events("call:standard:r1", ago(1), "rsa", phone, *steps))


def _letter(
    name: str, days: float, service: str, identities: str, answered: float = 0, admitted: float = 0
) -> list[Event]:
    """Return the events of a letter scanned `days` ago; answer and admission are given in days after and before."""
    stamped_at = datetime.now(UTC) - timedelta(days=days + admitted)
    steps: list[Step] = [
        ("letter.arrived", 0, {"admitted_at": stamped_at.isoformat()} if admitted else {}),
        ("letter.registered", 0.1, {"chrono": name}),
        ("letter.assigned", 1, {}),
    ]
    end: list[Step] = [("letter.answered", answered, {})] if answered else []
    return _events(f"mail:ged:{name}", ago(days), service, identities, *steps, *end)


def _call(name: str, days: float, service: str, identities: str, *end: Step) -> list[Event]:
    steps = [("call.queued", 0.0001, {}), *end]
    queued = [(kind, later, {"queue": service, **data}) for kind, later, data in steps]
    return _events(f"call:standard:{name}", ago(days), service, identities, ("call.arrived", 0, {}), *queued)


def _slot(change: str, days: float, in_days: float) -> Step:
    starts_at = datetime.now(UTC) + timedelta(days=in_days)
    return f"appointment.{change}", days, {"starts_at": starts_at.isoformat()}


def _events(subject: str, at: float, service: str, identities: str, *steps: Step) -> list[Event]:
    where: dict[str, Any] = {"subject": subject, "site": "siege", "service": service, "sector": SECTOR}
    extra = {"identities": identities} if identities else {}
    return [make(kind, at + days * DAY, **where, **extra, **data) for kind, days, data in steps]


def _sla_entry(contact: str, days: float, outcome: str, clock: str, service: str, state: ContactState) -> Entry:
    at = datetime.fromtimestamp(time.time() - days * DAY, UTC)
    detail = f"letters:{clock}"
    channel = Channel(contact.split(":", maxsplit=1)[0])
    return Entry(
        f"{outcome}-{clock}-of-{contact}", "", contact, channel, "siege", service, f"sla.{outcome}", at, state, "", SLA_SOURCE,
        SECTOR, detail,
    )  # fmt: skip
