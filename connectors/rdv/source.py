"""The appointments of some organisations: pushed, and found."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from connectors.rdv.api import ApiSession, RdvRounds
from connectors.rdv.config import RdvConfig
from connectors.rdv.mapping import RdvMapping
from connectors.rdv.participation_facts import deletion_fact, split_message, without_time
from connectors.rdv.participation_history import OPEN, WAITING, parse_state
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.files import make_private_directory
from connectors.sdk.probe import scratch
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.polled import Page, PolledSource, PollSettings
from connectors.sdk.webhook.signatures import check_signature
from models.codec import UnusableRecord

SIGNATURE: Final = "x-lapin-signature"
MOST_REJECTED: Final = 10_000
"""How many of those that were found and rejected are known again in the next round."""


class RdvSource(PolledSource):
    """Webhooks that are signed as RDV Service Public signs, and its API."""

    most_waiting: ClassVar[int] = 64  # a message may be long: 64 times 4 MiB at most

    def __init__(self, config: RdvConfig, context: Context) -> None:
        api, organisations = config.api, [*config.organisations]
        super().__init__(
            config,
            context,
            PollSettings(lambda: RdvRounds(api, organisations, context.directory), api.round_seconds, api.page_seconds)
            if api
            else None,
        )
        self._keys = [secret.get_secret_value().encode() for secret in config.secrets]
        self._rejected: dict[bytes, None] = {}
        self._mapping = RdvMapping(context.source, config, context.pseudonym_key, self.reconciler)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:  # noqa: ARG002 - no time is signed
        """Return a name of its own for each message: the sender gives none, and the memory knows what came before."""
        check_signature([headers.get(SIGNATURE, "")], [sign(key, body) for key in self._keys])
        return secrets.token_hex(8)

    def split(self, message: Message) -> Sequence[bytes]:
        """Return the facts of a webhook."""
        return split_message(message.body)

    def deletion_fact(self, key: str, state: str, page: Page) -> bytes:
        """Return that a participation was deleted, and no webhook told so; of one that had begun, that does not matter."""
        starts_at, status = parse_state(state)
        to_come = status in {OPEN, WAITING} and starts_at > page.as_of.timestamp()
        return deletion_fact(key, starts_at, status, page.as_of) if to_come else b""

    def map_fact(self, fact: Message) -> Outcome:
        """Return what a fact means; one that each round finds, and that means nothing, is rejected once."""
        try:
            return self._mapping.map(fact.body, fact.received_at)
        except UnusableRecord as error:
            if not fact.name and self._was_rejected(fact.body):
                return ()
            return self.reject(fact, error.reason, error.detail)

    def _was_rejected(self, found: bytes) -> bool:
        mark = hashlib.sha256(without_time(found)).digest()
        again = mark in self._rejected
        self._rejected[mark] = None
        if len(self._rejected) > MOST_REJECTED:
            del self._rejected[next(iter(self._rejected))]
        return again


def sign(key: bytes, body: bytes) -> str:
    """Return the signature of `body`, as the sender makes it (`app/jobs/webhook_job.rb` of betagouv/rdv-service-public)."""
    return hmac.digest(key, body, "sha256").hex()


def probe(config: RdvConfig, context: Context) -> Sequence[Outcome]:
    """Listen for a moment, ask the API for the first page of every organisation, and return what the pages mean.

    Raises `SourceUnavailableError`.
    """
    with scratch(context) as own, closing(RdvSource(config, own)) as source:
        source.listen()
        if config.api is None:
            return ()
        if config.api.oauth is not None:
            make_private_directory(context.directory)  # a token that is exchanged is needed the next time
        now = datetime.now(UTC)
        with closing(ApiSession(config.api, context.directory)) as session:
            begin = now - timedelta(days=config.api.days_back)
            pages = [session.ask(number, begin, 1).facts for number in config.organisations]
        return [source.map(Message("", fact, now)) for page in pages for fact in page]
