"""A front desk that does not exist: its visits are posted by signed webhook, as those of a real desk are (`desk`)."""

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
from connectors.sdk.i18n import say
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import rate_option, seed_option
from connectors.sdk.simulation.poster import posting
from connectors.sdk.webhook.cli_options import secret_option, url_option
from connectors.sdk.webhook.sender import Sender

SITE: Final = "CDAS Sud"
QUEUES: Final = ("Accueil général", "PMI")
GIVES_UP: Final = 0.1


class SimulatedFrontDesk:
    """The desk of `site`, which posts to the connector at `url`. Tickets are named by UUIDs of the caller's.

    A step is told again under the same id if it is done again. Its methods raise `NotTakenError`.
    """

    def __init__(self, url: str, secret: SecretStr, site: str = SITE) -> None:
        self._sender = Sender(url, secret)
        self._site = site

    def take(self, ticket: str, queue: str, at: datetime) -> None:
        """A visitor takes a ticket."""
        self._do(ActionKind.TAKE, ticket, queue, at)

    def call(self, ticket: str, queue: str, at: datetime, counter: str = "1") -> None:
        """An agent calls the visitor."""
        self._do(ActionKind.CALL, ticket, queue, at, counter)

    def serve(self, ticket: str, queue: str, at: datetime) -> None:
        """The visitor was served."""
        self._do(ActionKind.SERVE, ticket, queue, at)

    def leave(self, ticket: str, queue: str, at: datetime) -> None:
        """The visitor left without."""
        self._do(ActionKind.LEAVE, ticket, queue, at)

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()

    def _do(self, step: ActionKind, ticket: str, queue: str, at: datetime, counter: str = "") -> None:
        name = str(uuid.uuid5(uuid.UUID(ticket), step.value))
        self._sender.send(*message_for(Action(name, step, ticket, at, queue, counter), self._site))


@click.command(
    "webhook",
    help=say(
        "Post the visits of a front desk that does not exist.",
        "Envoie les visites d'un guichet qui n'existe pas.",
    ),
    epilog=say(
        f"The connector's labels need {SITE!r} and {', '.join(map(repr, QUEUES))}.",
        f"Il faut aux labels du connecteur {SITE!r} et {', '.join(map(repr, QUEUES))}.",
    ),
)
@url_option()
@secret_option()
@seed_option("Draws the same.", "Tire les mêmes.")
@rate_option("Visitors per hour.", "Visiteurs par heure.", default=60, most=36_000)
def command(*, url: str, secret: SecretStr, seed: int, rate: float) -> None:
    """Post until stopped; what is not taken is sent again."""
    stop = install_stop_handler()
    desk = SimulatedFrontDesk(url, secret)
    random = Random(seed)  # noqa: S311 - has to be the same each time
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
