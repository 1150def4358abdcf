"""E-mail in a real mailbox reserved for the simulation; messages are written with IMAP APPEND."""

from collections.abc import Mapping
from typing import Any, Final

from connectors.imap.config import ImapConfig
from connectors.imap.session import FAILURES, explain
from connectors.imap.simulate import Mailbox
from connectors.sdk.config import parse
from connectors.sdk.errors import SourceUnavailableError
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.organisation import EMAIL_SERVICES, HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import POLL_SECONDS, System
from models.topics import Channel

DOMAIN: Final = "accueil.example.org"


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
        self._server = dict(server)
        self._configs = {service: self._config(service) for service in EMAIL_SERVICES}
        self._boxes: dict[str, Mailbox] = {}

    def options(self) -> dict[str, Any]:
        places = {_address(service): {"service": service, "site": HEADQUARTERS} for service in EMAIL_SERVICES}
        return {**self._server, "addresses": places, "sector": SECTOR, "poll_seconds": POLL_SECONDS}

    def open(self) -> None:
        """Log in. Raises `SourceUnavailableError`."""
        for service, config in self._configs.items():
            try:
                box = self._boxes[service] = Mailbox(config)
                self.stack.callback(box.close)
            except FAILURES as error:
                raise SourceUnavailableError(explain(error, config)) from None

    def run(self, action: Action) -> None:
        case, at = action.citizen_case, action.at
        box, citizen = self._boxes[case.place.service], case.citizen.email
        match action.kind:
            case ActionKind.EMAIL_RECEIVED:
                box.receive(case.reference, at, citizen)
            case ActionKind.EMAIL_ACKNOWLEDGED:
                box.acknowledge(f"{case.reference}-received", at, citizen, case.reference)
            case ActionKind.EMAIL_ANSWERED:
                box.answer(f"{case.reference}-answer", at, citizen, case.reference)

    def _config(self, service: str) -> ImapConfig:
        config = parse(ImapConfig, self.instance, {**self._server, "addresses": {_address(service): {}}})
        assert isinstance(config, ImapConfig)
        return config


def _address(service: str) -> str:
    return f"{service}@{DOMAIN}"
