"""Simulator of a front desk that posts its visits by signed webhook, in the format of the kiosk."""

import uuid
from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from typing import Final

import click
from pydantic import SecretStr

from connectors.kiosk.messages import message_for
from connectors.kiosk.waiting_room import Action, ActionKind
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import rate_option, seed_option
from connectors.sdk.simulation.poster import posting
from connectors.sdk.webhook.cli_options import secret_option, url_option
from connectors.sdk.webhook.sender import Sender
from models.locale import _

SITE: Final = "CDAS Sud"
QUEUES: Final = ("Accueil général", "PMI")
GIVES_UP: Final = 0.1
"""Share of visitors who leave before a call."""


class SimulatedFrontDesk:
    """A front desk at `site`, which posts to the connector at `url`. The caller chooses the tickets' UUIDs.

    An action posted again has the same message id. The methods raise `NotAcceptedError`.
    """

    def __init__(self, url: str, secret: SecretStr, site: str = SITE) -> None:
        self._sender = Sender(url, secret)
        self._site = site

    def take(self, ticket: str, queue: str, at: datetime) -> None:
        """Post that a visitor took a ticket."""
        self._post(ActionKind.TAKE, ticket, queue, at)

    def call(self, ticket: str, queue: str, at: datetime, counter: str = "1") -> None:
        """Post that an agent called the visitor."""
        self._post(ActionKind.CALL, ticket, queue, at, counter)

    def serve(self, ticket: str, queue: str, at: datetime) -> None:
        """Post that the visitor was served."""
        self._post(ActionKind.SERVE, ticket, queue, at)

    def leave(self, ticket: str, queue: str, at: datetime) -> None:
        """Post that the visitor left without being served."""
        self._post(ActionKind.LEAVE, ticket, queue, at)

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()

    def _post(self, step: ActionKind, ticket: str, queue: str, at: datetime, counter: str = "") -> None:
        name = str(uuid.uuid5(uuid.UUID(ticket), step.value))
        self._sender.send(*message_for(Action(name, step, ticket, at, queue, counter), self._site))


@click.command(
    "webhook",
    help=_("Post the visits of a simulated front desk."),
    epilog=_("The connector's labels must contain {site!r} and {map}.", site=SITE, map=", ".join(map(repr, QUEUES))),
)
@url_option()
@secret_option()
@seed_option(_("Seed of the random numbers."))
@rate_option(_("Visitors per hour."), default=60, most=36_000)
def command(*, url: str, secret: SecretStr, seed: int, rate: float) -> None:
    """Post visits until stopped; repeat messages that are not accepted."""
    stop = install_stop_handler()
    desk = SimulatedFrontDesk(url, secret)
    random = Random(seed)  # noqa: S311 - must be reproducible
    waiting: deque[tuple[str, str]] = deque()
    at_counter: deque[tuple[str, str]] = deque()
    with closing(desk), posting(url, stop) as post:
        while not stop.is_set():
            waiting.append((str(uuid.uuid4()), random.choice(QUEUES)))
            post.post_until_accepted(desk.take, *waiting[-1], datetime.now(UTC))
            if at_counter:
                post.post_until_accepted(desk.serve, *at_counter.popleft(), datetime.now(UTC))
            if len(waiting) > random.randrange(6):
                first = waiting.popleft()
                if random.random() < GIVES_UP:
                    post.post_until_accepted(desk.leave, *first, datetime.now(UTC))
                else:
                    post.post_until_accepted(desk.call, *first, datetime.now(UTC))
                    at_counter.append(first)
            stop.wait(3600 / rate)
