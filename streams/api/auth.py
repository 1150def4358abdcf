"""Authenticated client of a request: authorisation, audit and access to the timelines.

A route about a citizen reads the timelines only through `AuthenticatedClient.query_audited` or `run_privacy_request`. Both return
their result after the access was recorded in the audit log.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar
from weakref import WeakValueDictionary

import msgspec
import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from starlette.responses import Response

from connectors.sdk.errors import KeyFileError
from connectors.sdk.keys import load_key
from connectors.sdk.rate_limiter import RateLimiter
from models.identities import IdentityKind, PseudonymKey
from models.revocation_reasons import RevocationReason
from models.timestamps import milliseconds
from streams.access.audit import Audit, AuditError
from streams.access.audit_records import PURPOSES, Access, Purpose, Result
from streams.access.concealment import RESULTS_OF_KNOWN_SUBJECTS, conceal
from streams.access.permissions import CITIZEN_OPERATIONS, READ_OPERATIONS, Operation
from streams.access.tokens import Token, Tokens, TokensError, find
from streams.api.metrics import AccessMetrics
from streams.api.problems import TITLES, Problem, ProblemBody
from streams.privacy.personal_data import PrivacyRequests
from streams.settings.schema import Settings
from streams.timeline.database import Unavailable
from streams.timeline.reader import Reader, TimelineSnapshot
from streams.timeline.store import Timeline

if TYPE_CHECKING:
    from streams.access.oidc import Provider  # imports heavy libraries

T = TypeVar("T")
RETRY_SECONDS: Final = 5
"""`Retry-After` of an answer while the database is unavailable, in seconds."""
MAX_PRIVACY_REQUESTS: Final = 2
"""Maximum of concurrent exports and erasures: they read the workers' whole state. Look-ups do not wait for them."""
JWT_DOTS: Final = 2
"""Number of dots in a token of an OpenID provider. Accueil's own tokens have none."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class AuditContext:
    """Audit record of a request, completed while the request is answered."""

    client: "AuthenticatedClient"
    operation: Operation
    subject_id: str = ""
    sector: str = ""
    across: str = ""
    """Legal basis of an access to a sector that the token does not have."""
    ground: RevocationReason | Literal[""] = ""
    """Reason why a link is revoked."""
    erasure: str = ""
    """Id of an erasure request."""
    skip_audit: bool = False
    """Record only refusals: the result names no citizen, and the client already knows that the erasure exists."""
    is_known: bool = False
    """True if the timelines know `subject_id`. Otherwise it is concealed, because typed text may be personal, unless the result
    implies that they know it."""

    def authorize_sector(self, sector: str) -> None:
        """Set the sector of the audit record; raise `Forbidden` unless the client may do the operation in `sector`.

        If only a rule between sectors allows it, set its legal basis, `across`.
        """
        self.sector = sector
        token = self.client.token
        if token.may(self.operation, sector):
            return
        reason = self.client.api.settings.api.cross_sector_reason(token.sectors, sector)
        if reason is None or self.operation not in READ_OPERATIONS or not token.may(self.operation, token.sectors[0]):
            raise Forbidden
        self.across = reason

    def authorize_sectors(self, sectors: Iterable[str]) -> None:
        """Call `authorize_sector` for each sector of a known subject, and set `is_known`; do nothing without sectors.

        Raise `Forbidden` at the first sector that is not allowed. The last sector checked is recorded.
        """
        for sector in sectors:
            self.is_known = True
            self.authorize_sector(sector)

    def authorize_typed_sector(self, sector: str) -> None:
        """Call `authorize_sector` for a sector that the client has typed. Raise `Forbidden`.

        A sector without a key, if the token does not have it, is not recorded: the typed text may be anything.
        """
        if sector not in self.client.token.sectors and not self.client.api.has_key(sector):
            raise Forbidden
        self.authorize_sector(sector)


class Forbidden(Exception):  # noqa: N818 - an answer
    """The token's sectors or services do not allow the operation. `detail_code` is a key of `problems.DETAILS`."""

    def __init__(self, detail_code: str = "sector") -> None:
        super().__init__(detail_code)
        self.detail_code = detail_code


class Api:
    """Shared state of the routes."""

    def __init__(
        self,
        settings: Settings,
        *,
        tokens: Tokens,
        audit: Audit,
        reader: Reader,
        open_timeline: Callable[[], Timeline],
        keys: Path,
        secret: bytes,
        access_metrics: AccessMetrics,
        privacy_requests: PrivacyRequests,
        provider: "Provider | None" = None,
    ) -> None:
        """`open_timeline` opens the timelines for changes. `keys` is the directory of the sectors' keys.

        `secret` signs cursors and conceals typed subjects in the audit log. Tokens of the OpenID `provider` are accepted as well.
        """
        self.settings: Final = settings
        self.audit: Final = audit
        self.open_timeline: Final = open_timeline
        self.secret: Final = secret
        self.access_metrics: Final = access_metrics
        self.privacy_requests: Final = privacy_requests
        self.limiter: Final = RateLimiter()
        self._tokens, self._provider = tokens, provider
        self._reader = reader
        self._keys = keys
        self._known_keys: dict[str, PseudonymKey] = {}
        self._threads = CapacityLimiter(settings.api.threads)
        self._rights = CapacityLimiter(MAX_PRIVACY_REQUESTS)
        self._recording_use = CapacityLimiter(1)
        self._turns: Final = WeakValueDictionary[str, asyncio.Lock]()

    async def authenticate(self, secret: str) -> Token | None:
        """Return the valid token with this secret, or None; record its first use of the day. Raise `Problem` (`tokens`).

        With an OpenID provider, a secret in the form of a JWT must be a token of the provider; its use is not recorded.
        """
        now = datetime.now(UTC)
        try:
            if self._provider is not None and secret.count(".") == JWT_DOTS:
                return await self._provider.authenticate(secret)
            token = find(self._tokens.list(), secret, milliseconds(now))
            if token is not None and token.used_on < now.date().isoformat():
                token = await run_sync(self._tokens.authenticate, secret, now, limiter=self._recording_use)
        except TokensError as error:
            log.error("tokens_unusable", error=str(error))  # noqa: TRY400 - the message is complete
            raise Problem("tokens") from None
        return token

    async def in_thread(self, act: Callable[[], T], limiter: CapacityLimiter | None = None) -> T:
        """Return the result of `act`, run in a thread. Raise `Problem` (`database`) if it raises `Unavailable`.

        `limiter` limits the number of such threads, by default to `api.threads`.
        """
        try:
            return await run_sync(act, limiter=limiter or self._threads)
        except Unavailable as error:
            log.warning("database_away", error=str(error))
            raise Problem("database", headers={"retry-after": str(RETRY_SECONDS)}) from None

    async def read_snapshot(self, find: Callable[[TimelineSnapshot], T]) -> T:
        """Return the result of `find` on a snapshot of the timelines, as `in_thread` does."""

        def read_snapshot() -> T:
            with self._reader.read_snapshot() as snapshot:
                return find(snapshot)

        return await self.in_thread(read_snapshot)

    async def run_privacy_request(self, act: Callable[[], T]) -> T:
        """Run `act` as `in_thread` does, at most `MAX_PRIVACY_REQUESTS` at a time."""
        return await self.in_thread(act, self._rights)

    def turn(self, name: str) -> asyncio.Lock:
        """Return the lock that a long request of the token `name` holds, so that the token occupies one connection at most."""
        return self._turns.setdefault(name, asyncio.Lock())

    def has_key(self, sector: str) -> bool:
        """Return whether this installation has a key for `sector`."""
        return (self._keys / f"{sector}.key").exists()

    def make_pseudonym(self, kind: IdentityKind, normalised: str, sector: str) -> str:
        """Return the pseudonym of a normalised value. Raise `Problem`: no key (`invalid`) or an unusable one (`keys`)."""
        if sector not in self._known_keys:
            if not self.has_key(sector):  # a new key would match no stored pseudonym
                raise Problem("invalid", mistakes=[("sector", "no_sector")])
            try:
                self._known_keys[sector] = load_key(self._keys, sector)
            except KeyFileError as error:
                log.error("key_unusable", error=str(error))  # noqa: TRY400
                raise Problem("keys") from None
        return self._known_keys[sector].pseudonym(kind, normalised)


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """The client of a request, identified by its token."""

    api: Api
    token: Token
    opened: list[Timeline] = field(default_factory=list)

    async def query_audited(
        self,
        operation: Operation,
        purpose: Purpose,
        find: Callable[[TimelineSnapshot, AuditContext], T | None],
        subject_id: str = "",
        result: Result = Result.SHOWN,
    ) -> T:
        """Call `find` in a thread, record the access in the audit log, then return the result.

        `find` calls `AuditContext.authorize_sector` before it reads anything about a citizen, sets `AuditContext.subject_id` if
        it was unknown before, and returns None if it finds nothing. `result` is recorded if it finds something. Raises
        `Problem`, also if nothing was found. Refusals and failures are recorded too, except for invalid requests.
        """
        audit_context = AuditContext(self, operation, subject_id)
        return await self._answer(
            audit_context,
            purpose,
            result,
            lambda: self.api.read_snapshot(lambda snapshot: find(snapshot, audit_context)),
        )

    async def run_privacy_request(
        self,
        operation: Operation,
        find: Callable[[AuditContext], T | Problem | None],
        subject_id: str = "",
        result: Result = Result.SHOWN,
    ) -> T:
        """Do as `query_audited`, for the purpose `rights`; at most `MAX_PRIVACY_REQUESTS` run at a time, look-ups not counted.

        `find` uses a timeline opened by `open`. A `Problem` that it returns is recorded as a refusal, and raised.
        """
        audit_context = AuditContext(self, operation, subject_id)
        return await self._answer(
            audit_context, Purpose.RIGHTS, result, lambda: self.api.run_privacy_request(lambda: find(audit_context))
        )

    async def open(self, operation: Operation, subject_id: str = "") -> Timeline:
        """Open the timelines for changes; `ExclusiveClient` closes them after the answer.

        Record a refusal of the operation to this role, or an unavailable database, and raise `Problem`.
        """
        problem = self._refuse(operation, Purpose.RIGHTS)
        if problem is None:
            try:
                timeline = await self.api.run_privacy_request(self.api.open_timeline)
            except Problem as unavailable:
                problem = unavailable
            else:
                self.opened.append(timeline)
                return timeline
        await self._record(AuditContext(self, operation, subject_id), Purpose.RIGHTS, Result.REFUSED)
        raise problem

    def _refuse(self, operation: Operation, purpose: Purpose) -> Problem | None:
        """Return the reason to refuse the operation for any subject; None if the role may do it for this purpose."""
        if not any(self.token.may(operation, sector) for sector in self.token.sectors):
            return Problem("refused", detail_code="role")
        if purpose not in PURPOSES[self.token.role]:
            return Problem("refused", detail_code="purpose")
        return None

    async def _answer(
        self,
        audit_context: AuditContext,
        purpose: Purpose,
        result: Result,
        find: Callable[[], Awaitable[T | Problem | None]],
    ) -> T:
        found: T | Problem | None = self._refuse(audit_context.operation, purpose)
        if found is None:
            try:
                found = await find()
            except Forbidden as refusal:
                found = Problem("refused", detail_code=refusal.detail_code)
            except Problem as problem:
                if problem.kind == "invalid":
                    raise
                found = problem
            except Exception:
                if not audit_context.skip_audit:
                    await self._record(audit_context, purpose, Result.FAILED)
                raise
        if isinstance(found, Problem):
            await self._record(audit_context, purpose, Result.REFUSED)
            raise found
        if not audit_context.skip_audit:
            await self._record(audit_context, purpose, Result.NOT_FOUND if found is None else result)
        if found is None:
            raise Problem("not-known")
        return found

    async def run_recorded(
        self, act: Callable[[], Awaitable[T]], is_done: Callable[[], Awaitable[bool]], begun: Sequence[AuditContext]
    ) -> T:
        """Run `act`, a change, and return its result. If it fails and `is_done` is false, record a failure of each of `begun`.

        `begun` are the changes recorded as begun; `act` may add to it. The error of `act` is raised again. If the outcome is
        unknown, they stay `begun`: a thread continues after its request was cancelled, and a commit may succeed although its
        answer is lost.
        """
        try:
            return await act()
        except Exception:
            with suppress(Problem):
                if not await is_done():
                    for audit_context in begun:
                        await self.record_end(audit_context, Result.FAILED)
            raise

    def sees(self, service: str) -> bool:
        """Return whether entries of this service may be shown in full."""
        return not self.token.services or service in self.token.services

    async def record_end(self, audit_context: AuditContext, result: Result) -> None:
        """Record the result of a begun change. A failure to record it is only logged: the change is made."""
        with suppress(Problem):
            await self._record(audit_context, Purpose.RIGHTS, result)

    async def record_limited(self, operation: Operation, purpose: Purpose) -> None:
        """Record that the token exceeded its rate limit. Raises `Problem` (`audit`)."""
        await self._record(AuditContext(self, operation), purpose, Result.LIMITED)

    async def _record(self, audit_context: AuditContext, purpose: Purpose, result: Result) -> None:
        access = Access(
            actor=self.token.name,
            role=self.token.role,
            operation=audit_context.operation,
            sector=audit_context.sector,
            subject_id=audit_context.subject_id
            if audit_context.is_known or result in RESULTS_OF_KNOWN_SUBJECTS
            else conceal(audit_context.subject_id, self.api.secret),
            why=purpose,
            result=result,
            across=audit_context.across,
            ground=audit_context.ground,
            erasure=audit_context.erasure,
        )
        try:
            await self.api.audit.record_soon(access)
        except AuditError as error:
            log.error("not_recorded", error=str(error))  # noqa: TRY400
            raise Problem("audit") from None
        if audit_context.operation in CITIZEN_OPERATIONS:
            self.api.access_metrics.count(access)


async def _get_client(request: Request) -> AuthenticatedClient:  # async, else FastAPI would run it in a thread
    client: AuthenticatedClient = request.state.client  # set by `AuthMiddleware`
    return client


CurrentClient = Annotated[AuthenticatedClient, Depends(_get_client)]
"""Parameter type of routes: the client of the request."""


async def _take_turn(client: CurrentClient) -> AsyncIterator[AuthenticatedClient]:
    async with client.api.turn(client.token.name):
        try:
            yield client
        finally:
            for timeline in client.opened:
                timeline.close()


ExclusiveClient = Annotated[AuthenticatedClient, Depends(_take_turn)]
"""Parameter type of slow routes: the client, whose next request to such a route waits for the last byte of this answer."""


def json_response(body: Any, status: int = 200) -> Response:
    """Return a JSON response of a dataclass. It is not validated, which would take longer than the query."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def responses(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a route's errors: these kinds and those of every route."""
    described: dict[int | str, dict[str, Any]] = {}
    for kind in (*kinds, "token", "too-often", "audit", "tokens", "keys", "database"):
        status, title = TITLES[kind]
        described.setdefault(status, {"model": ProblemBody, "description": ""})
        described[status]["description"] = "; ".join(
            filter(None, (described[status]["description"], f"`{kind}`: {title}"))
        )
    return described


CITIZEN_PROBLEMS: Final = ("refused", "not-known", "too-large", "media-type", "invalid")
"""Kinds of errors common to the routes about a citizen."""
