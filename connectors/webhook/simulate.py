"""A front desk that does not exist: its visits are posted by signed webhook, as those of a real desk are (`desk`)."""

import uuid
from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from typing import Final

import click
from pydantic import SecretStr

from connectors.sdk.simulating.commands import rate_option, seed_option
from connectors.sdk.simulating.posting import posting
from connectors.sdk.stopping import await_stop
from connectors.sdk.webhook.options import secret_option, url_option
from connectors.sdk.webhook.sender import Sender
from connectors.sdk.words import say
from connectors.webhook.desk.messages import tell
from connectors.webhook.desk.room import Action, Step

SITE: Final = "CDAS Sud"
QUEUES: Final = ("Accueil général", "PMI")
GIVES_UP: Final = 0.1


class FrontDesk:
    """The desk of `site`, which posts to the connector at `url`. Tickets are named by UUIDs of the caller's.

    A step is told again under the same id if it is done again. Its methods raise `NotTakenError`.
    """

    def __init__(self, url: str, secret: SecretStr, site: str = SITE) -> None:
        self._sender = Sender(url, secret)
        self._site = site

    def take(self, ticket: str, queue: str, at: datetime) -> None:
        """A visitor takes a ticket."""
        self._do(Step.TAKE, ticket, queue, at)

    def call(self, ticket: str, queue: str, at: datetime, counter: str = "1") -> None:
        """An agent calls the visitor."""
        self._do(Step.CALL, ticket, queue, at, counter)

    def serve(self, ticket: str, queue: str, at: datetime) -> None:
        """The visitor was served."""
        self._do(Step.SERVE, ticket, queue, at)

    def leave(self, ticket: str, queue: str, at: datetime) -> None:
        """The visitor left without."""
        self._do(Step.LEAVE, ticket, queue, at)

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()

    def _do(self, step: Step, ticket: str, queue: str, at: datetime, counter: str = "") -> None:
        name = str(uuid.uuid5(uuid.UUID(ticket), step.value))
        self._sender.send(*tell(Action(name, step, ticket, at, queue, counter), self._site))


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
    stop = await_stop()
    desk = FrontDesk(url, secret)
    random = Random(seed)  # noqa: S311 - has to be the same each time
    waiting: deque[tuple[str, str]] = deque()
    at_counter: deque[tuple[str, str]] = deque()
    with closing(desk), posting(url, stop) as post:
        while not stop.is_set():
            waiting.append((str(uuid.uuid4()), random.choice(QUEUES)))
            post.insist(desk.take, *waiting[-1], datetime.now(UTC))
            if at_counter:
                post.insist(desk.serve, *at_counter.popleft(), datetime.now(UTC))
            if len(waiting) > random.randrange(6):
                first = waiting.popleft()
                if random.random() < GIVES_UP:
                    post.insist(desk.leave, *first, datetime.now(UTC))
                else:
                    post.insist(desk.call, *first, datetime.now(UTC))
                    at_counter.append(first)
            stop.wait(3600 / rate)
