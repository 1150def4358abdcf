"""E-mail in a real mailbox reserved for the simulation; messages are written with IMAP APPEND."""

from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from connectors.imap.config import ImapConfig
from connectors.imap.session import FAILURES, connect, explain
from connectors.sdk.config import parse
from connectors.sdk.errors import SourceUnavailableError
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.organisation import EMAIL_SERVICES, HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import POLL_SECONDS, System
from models.topics import Channel

INBOX: Final = "INBOX"
SENT: Final = "Sent"


class Mailboxes(System):
    """One mailbox for the addresses of all services. `server` are connector options for the connection.

    Raises `ConfigError` if they are invalid.
    """

    instance = "messagerie"
    connector = "imap"
    channel = Channel.EMAIL
    action_kinds = frozenset({ActionKind.EMAIL_RECEIVED, ActionKind.EMAIL_ACKNOWLEDGED, ActionKind.EMAIL_ANSWERED})

    def __init__(self, simulation_run: SimulationRun, server: Mapping[str, Any]) -> None:
        super().__init__(simulation_run)
        places = {_address(service): {"service": service, "site": HEADQUARTERS} for service in EMAIL_SERVICES}
        self._options = {**server, "addresses": places, "sector": SECTOR, "poll_seconds": POLL_SECONDS}
        config = parse(ImapConfig, self.instance, self._options)
        assert isinstance(config, ImapConfig)
        self._config = config

    def options(self) -> dict[str, Any]:
        return self._options

    def open(self) -> None:
        """Log in, and create missing folders. Raises `SourceUnavailableError`."""
        try:
            self._client = connect(self._config)
            self.stack.callback(self._client.logout)
            for folder in (INBOX, SENT):
                if not self._client.folder_exists(folder):
                    self._client.create_folder(folder)
        except FAILURES as error:
            raise SourceUnavailableError(explain(error, self._config)) from None

    def run(self, action: Action) -> None:
        case = action.citizen_case
        citizen, service, first = case.citizen.email, _address(case.place.service), _id(case.reference)
        reply = {"From": service, "To": citizen, "In-Reply-To": first, "References": first}
        match action.kind:
            case ActionKind.EMAIL_RECEIVED:
                self._append(INBOX, action.at, {"Message-ID": first, "From": citizen, "To": service})
            case ActionKind.EMAIL_ACKNOWLEDGED:
                headers = {"Message-ID": _id(f"{case.reference}-received"), "Auto-Submitted": "auto-replied"}
                self._append(SENT, action.at, headers | reply)
            case ActionKind.EMAIL_ANSWERED:
                self._append(SENT, action.at, {"Message-ID": _id(f"{case.reference}-answer")} | reply)

    def _append(self, folder: str, at: datetime, headers: Mapping[str, str]) -> None:
        message = EmailMessage(policy=SMTP)
        for name, value in {"Date": format_datetime(at), "Subject": "Simulation", **headers}.items():
            message[name] = value
        message.set_content("Message fictif.\n")
        self._client.append(folder, message.as_bytes(), msg_time=at)


def _address(service: str) -> str:
    return f"{service}@accueil.example.org"


def _id(reference: str) -> str:
    return f"<{reference}@simulation.example.org>"
