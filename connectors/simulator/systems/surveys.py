"""Surveys: citizens are invited after a contact, and some answer."""

from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from connectors.simulator.deeds import Deed, Matter, What
from connectors.simulator.house import SECTOR
from connectors.simulator.stage import Stage
from connectors.simulator.systems.outbox import Outbox
from connectors.simulator.systems.system import Now, System
from connectors.survey.reference import References
from connectors.survey.simulate import TYPES, SurveyTool
from models.topics import Channel


class Surveys(System):
    """`contact_of` tells which contact a matter is; empty if that cannot be told: then nobody is invited."""

    instance = "enquetes"
    connector = "survey"
    channel = Channel.FEEDBACK
    whats = frozenset({What.INVITED, What.OPINION_GIVEN})

    def __init__(self, stage: Stage, contact_of: Callable[[Matter], str]) -> None:
        super().__init__(stage)
        self._contact_of = contact_of
        self._outbox: Outbox[SurveyTool] | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "port": self.stage.port(self.instance),
            "secret_file": str(self.stage.secret(self.instance)),
            "reference_secret_file": str(self.stage.secret(f"{self.instance}-references")),
            "sector": SECTOR,
            "type": "event",
            "types": TYPES,
        }

    def takes(self, deed: Deed) -> bool:
        """Whether it asks about the contact that a deed is about."""
        return super().takes(deed) and deed.matter.about is not None and bool(self._contact_of(deed.matter.about))

    def open(self, now: Now) -> None:  # noqa: ARG002 - messages have their own time
        """Be ready to send."""
        secret, links = self._secret(self.instance), References([self._secret(f"{self.instance}-references")])
        url = f"{self.stage.address(self.instance)}/"
        self._outbox = Outbox(lambda: SurveyTool(url, secret, links))

    def play(self, deed: Deed) -> None:
        """Send an invitation, or an answer."""
        assert self._outbox is not None
        assert deed.matter.about is not None
        contact, native = self._contact_of(deed.matter.about), deed.matter.reference
        if deed.what is What.INVITED:
            self._outbox.put(lambda tool: tool.invite(contact, deed.at, f"invitation-{native}"))
        else:
            self._outbox.put(lambda tool: tool.answer(contact, deed.at, f"reponse-{native}", deed.amount))

    def settle(self) -> bool:
        """Return whether all was taken."""
        return self._outbox is None or self._outbox.settle()

    def close(self) -> None:
        """Send no more."""
        if self._outbox:
            self._outbox.close()

    def _secret(self, name: str) -> SecretStr:
        return SecretStr(self.stage.secret(name).read_text(encoding="ascii"))
