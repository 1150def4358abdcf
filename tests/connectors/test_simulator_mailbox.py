"""E-mail of the simulated département, written to a real mailbox and read by the real connector."""

import threading
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from connectors.imap.config import ImapConfig
from connectors.imap.session import connect
from connectors.sdk.config import parse
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.departement import Departement
from connectors.simulator.organisation import EMAIL_SERVICES, HEADQUARTERS, SECTOR
from connectors.simulator.plan import Plan
from connectors.simulator.run_modes import run_span
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import System
from models.topics import Channel
from tests.support.dovecot import dovecot, needs_dovecot
from tests.support.simulated_figures import FoldedFigures, last_monday, run_connectors, wait_for_figures

pytestmark = needs_dovecot
ADDRESS = "{}@accueil.example.org"


class Mailbox(System):
    """One mailbox for the addresses of all services; messages are written with IMAP APPEND."""

    instance, connector, channel = "messagerie", "imap", Channel.EMAIL
    action_kinds = frozenset({ActionKind.EMAIL_RECEIVED, ActionKind.EMAIL_ACKNOWLEDGED, ActionKind.EMAIL_ANSWERED})

    def __init__(self, simulation_run: SimulationRun, server: dict[str, Any]) -> None:
        super().__init__(simulation_run)
        places = {ADDRESS.format(service): {"service": service, "site": HEADQUARTERS} for service in EMAIL_SERVICES}
        self._options = {**server, "addresses": places, "sector": SECTOR, "poll_seconds": 5}

    def options(self) -> dict[str, Any]:
        return self._options

    def open(self) -> None:
        config = parse(ImapConfig, self.instance, self._options)
        assert isinstance(config, ImapConfig)
        self._client = connect(config)
        self.stack.callback(self._client.logout)

    def run(self, action: Action) -> None:
        case = action.citizen_case
        citizen, service, first = case.citizen.email, ADDRESS.format(case.place.service), _message_id(case.reference)
        reply = {"From": service, "To": citizen, "In-Reply-To": first, "References": first}
        match action.kind:
            case ActionKind.EMAIL_RECEIVED:
                self._append("INBOX", action.at, {"Message-ID": first, "From": citizen, "To": service})
            case ActionKind.EMAIL_ACKNOWLEDGED:
                headers = {"Message-ID": _message_id(f"{case.reference}-received"), "Auto-Submitted": "auto-replied"}
                self._append("Sent", action.at, headers | reply)
            case ActionKind.EMAIL_ANSWERED:
                self._append("Sent", action.at, {"Message-ID": _message_id(f"{case.reference}-answer")} | reply)

    def _append(self, folder: str, at: datetime, headers: dict[str, str]) -> None:
        message = EmailMessage(policy=SMTP)
        for name, value in {"Date": format_datetime(at), "Subject": "Simulation", **headers}.items():
            message[name] = value
        message.set_content("Message fictif.\n")
        self._client.append(folder, message.as_bytes(), msg_time=at)


def _message_id(reference: str) -> str:
    return f"<{reference}@simulation.example.org>"


def of_email(numbers: dict[DimensionKey, FigureCounts]) -> dict[DimensionKey, FigureCounts]:
    return {place: figures for place, figures in numbers.items() if place[0] == Channel.EMAIL}


def test_figures_from_the_mailbox_equal_the_ledger(tmp_path: Path) -> None:
    since = last_monday()
    until = since + timedelta(days=2)
    simulation_run, folded = SimulationRun(tmp_path / "systems"), FoldedFigures(until)
    with dovecot() as server:
        mailbox = Mailbox(simulation_run, server.options(server.add_user("departement")))
        departement = Departement(simulation_run, Plan(1, 80_000), systems=[mailbox])
        simulation_run.write_settings(departement.connectors())
        with run_connectors(simulation_run, tmp_path / "data") as collected, departement.opened(since):
            assert run_span(departement, since, until, threading.Event())
            expected = of_email(departement.ledger.numbers(until))
            wait_for_figures(lambda: of_email(folded.numbers(collected.events)), expected)
    assert sum(numbers["received"] for numbers in expected.values()) > 10
    assert {event.source for event in collected.events if event.channel is Channel.EMAIL} == {"imap/messagerie"}
