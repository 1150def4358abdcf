"""Source of the RDV connector: receives webhooks and reconciles them with the API."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from connectors.rdv.api import ApiSession, RdvPager
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
MAX_REJECTED: Final = 10_000
"""Most digests of rejected API facts that are remembered to reject each fact once."""


class RdvSource(PolledSource):
    """Signed webhooks of RDV Service Public, reconciled with its API."""

    most_waiting: ClassVar[int] = 64  # at most 64 messages of 4 MiB

    def __init__(self, config: RdvConfig, context: Context) -> None:
        api, organisations = config.api, [*config.organisations]
        super().__init__(
            config,
            context,
            PollSettings(lambda: RdvPager(api, organisations, context.directory), api.round_seconds, api.page_seconds)
            if api
            else None,
        )
        self._keys = [secret.get_secret_value().encode() for secret in config.secrets]
        self._rejected: dict[bytes, None] = {}
        self._mapping = RdvMapping(context.source, config, context.pseudonym_key, self.reconciler)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:  # noqa: ARG002 - the signature covers no time
        """Check the signature, and return a random message id. Raises `SignatureError`.

        Repeated webhooks are accepted, and recognised by their facts.
        """
        check_signature([headers.get(SIGNATURE, "")], [sign(key, body) for key in self._keys])
        return secrets.token_hex(8)

    def split(self, message: Message) -> Sequence[bytes]:
        """Return the facts of a webhook, see `split_message`."""
        return split_message(message.body)

    def deletion_fact(self, key: str, state: str, page: Page) -> bytes:
        """Return the fact that a participation was deleted without a webhook; empty unless it was open or waiting, and future.

        `key` is `<appointment id>-<participation id>`, `state` the text of its last `ParticipationState`.
        """
        starts_at, status = parse_state(state)
        is_future = status in {OPEN, WAITING} and starts_at > page.as_of.timestamp()
        return deletion_fact(key, starts_at, status, page.as_of) if is_future else b""

    def map_fact(self, fact: Message) -> Outcome:
        """Return the events of a fact, or its rejection. Until a restart, an invalid API fact is rejected only once."""
        try:
            return self._mapping.map(fact.body, fact.received_at)
        except UnusableRecord as error:
            if not fact.name and self._was_rejected(fact.body):
                return ()
            return self.reject(fact, error.reason, error.detail)

    def _was_rejected(self, fact: bytes) -> bool:
        """Return whether this fact was rejected before, perhaps with another time, and remember it as rejected."""
        digest = hashlib.sha256(without_time(fact)).digest()
        is_known = digest in self._rejected
        self._rejected[digest] = None
        if len(self._rejected) > MAX_REJECTED:
            del self._rejected[next(iter(self._rejected))]
        return is_known


def sign(key: bytes, body: bytes) -> str:
    """Return the server's signature of `body`, in hexadecimal (`app/jobs/webhook_job.rb` of betagouv/rdv-service-public)."""
    return hmac.digest(key, body, "sha256").hex()


def probe(config: RdvConfig, context: Context) -> Sequence[Outcome]:
    """Listen, fetch the first API page of every organisation meanwhile, and map it; return nothing without an API.

    A renewed OAuth token is saved. Raises `SourceUnavailableError`.
    """
    with scratch(context) as own, closing(RdvSource(config, own)) as source:
        source.listen()
        if config.api is None:
            return ()
        if config.api.oauth is not None:
            make_private_directory(context.directory)  # a renewed refresh token must be saved
        now = datetime.now(UTC)
        with closing(ApiSession(config.api, context.directory)) as session:
            begin = now - timedelta(days=config.api.days_back)
            pages = [session.fetch(number, begin, 1).facts for number in config.organisations]
        return [source.map(Message("", fact, now)) for page in pages for fact in page]
