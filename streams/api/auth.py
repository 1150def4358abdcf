"""Who asks, whether he may, and the record of it: what each route works with.

A route that concerns a citizen calls `Asker.ask`, or `exercise` for his rights: the only ways to the timelines.
What they return is in the audit already.
"""

import asyncio
import time
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
from pydantic import BaseModel
from starlette.responses import Response

from connectors.sdk.errors import KeyFileError
from connectors.sdk.keys import load_key
from models.identities import IdentityKind, PseudonymKey
from models.revocation_reasons import RevocationReason
from models.timestamps import milliseconds
from streams.access.audit import Access, Audit, AuditError, Purpose, Result
from streams.access.concealment import RESULTS_OF_KNOWN_SUBJECTS, conceal
from streams.access.permissions import CITIZEN_OPERATIONS, Operation
from streams.access.purposes import PURPOSES
from streams.access.rate_limit import Limiter
from streams.access.tokens import Token, Tokens, TokensError, find
from streams.api.metrics import AccessMetrics
from streams.api.options import ApiOptions
from streams.api.problems import TITLES, Problem, ProblemBody
from streams.privacy.privacy_requests import PrivacyRequests
from streams.timeline.database import Unavailable
from streams.timeline.reader import Reader, TimelineSnapshot
from streams.timeline.store import Timeline

if TYPE_CHECKING:
    from streams.access.oidc import Provider  # brings libraries

T = TypeVar("T")
AWAY_SECONDS: Final = 5
"""After so long it is worth to ask again where the database is away."""
CROSS_SECTOR_OPERATIONS: Final = frozenset({Operation.LOOK_UP, Operation.READ_TIMELINE, Operation.READ_CONTACT})
"""What may be done in a sector that is not the token's own, where the settings allow it."""

RIGHTS_AT_ONCE: Final = 2
"""Exports and erasures read the workers' whole state: whoever else asks for one waits, and no look-up waits for them."""
JWT_DOTS: Final = 2
"""A token of an OpenID provider has so many, one of our own none."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class AuditContext:
    """What becomes known of a request while it is answered, for the audit."""

    client: "AuthenticatedClient"
    operation: Operation
    subject_id: str = ""
    sector: str = ""
    across: str = ""
    ground: RevocationReason | Literal[""] = ""
    erasure: str = ""
    skip_audit: bool = False
    """What is found tells of nobody, to whom it is told already that there is such a thing: it is not recorded again."""
    is_known: bool = False
    """Whether the timelines know `whose`; else it is concealed, as something personal may have been typed."""

    def authorize_sector(self, sector: str) -> None:
        """Go on only if this may be done in `sector`. Raises `Forbidden`."""
        self.sector = sector
        token = self.client.token
        if token.may(self.operation, sector):
            return
        reason = self.client.api.options.cross_sector_reason(token.sectors, sector)
        if (
            reason is None
            or self.operation not in CROSS_SECTOR_OPERATIONS
            or not token.may(self.operation, token.sectors[0])
        ):
            raise Forbidden
        self.across = reason

    def authorize_sectors(self, sectors: Iterable[str]) -> None:
        """Go on only if this may be done in each of `sectors`, in which `whose` is known. Raises `Forbidden`."""
        for sector in sectors:
            self.is_known = True
            self.authorize_sector(sector)

    def authorize_typed_sector(self, sector: str) -> None:
        """Do what `admit` does; what is no sector here is not recorded, since anything may be typed. Raises `Forbidden`."""
        if sector not in self.client.token.sectors and not self.client.api.has_key(sector):
            raise Forbidden
        self.authorize_sector(sector)


class Forbidden(Exception):  # noqa: N818 - an answer
    """The sector does not allow it, or that the token is of some services: `because` says which, as `DETAILS` names it."""

    def __init__(self, detail_code: str = "sector") -> None:
        super().__init__(detail_code)
        self.detail_code = detail_code


class Api:
    """All that the routes share."""

    def __init__(
        self,
        options: ApiOptions,
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
        """`writer` opens the timelines to change them; `keys` is where the sectors' keys are.

        `secret` signs cursors and conceals names in the audit. Whoever `provider` knows may ask as well.
        """
        self.options: Final = options
        self.audit: Final = audit
        self.open_timeline: Final = open_timeline
        self.secret: Final = secret
        self.access_metrics: Final = access_metrics
        self.privacy_requests: Final = privacy_requests
        self.limiter: Final = Limiter()
        self._tokens, self._provider = tokens, provider
        self._reader = reader
        self._keys = keys
        self._known_keys: dict[str, PseudonymKey] = {}
        self._threads = CapacityLimiter(options.threads)
        self._rights = CapacityLimiter(RIGHTS_AT_ONCE)
        self._noting = CapacityLimiter(1)
        self._turns: Final = WeakValueDictionary[str, asyncio.Lock]()

    async def authenticate(self, secret: str) -> Token | None:
        """Return whose secret this is, None if nobody's. Raises `Problem`."""
        now = datetime.now(UTC)
        try:
            if self._provider is not None and secret.count(".") == JWT_DOTS:
                return await self._provider.authenticate(secret)
            token = find(self._tokens.list(), secret, milliseconds(now))
            if token is not None and token.used_on < now.date().isoformat():
                token = await run_sync(self._tokens.authenticate, secret, now, limiter=self._noting)
        except TokensError as error:
            log.error("tokens_unusable", error=str(error))  # noqa: TRY400 - it is said in full
            raise Problem("tokens") from None
        return token

    async def in_thread(self, act: Callable[[], T], limiter: CapacityLimiter | None = None) -> T:
        """Do what waits for the database. Raises `Problem` if that is away."""
        try:
            return await run_sync(act, limiter=limiter or self._threads)
        except Unavailable as error:
            log.warning("database_away", error=str(error))
            raise Problem("database", headers={"retry-after": str(AWAY_SECONDS)}) from None

    async def read_snapshot(self, find: Callable[[TimelineSnapshot], T]) -> T:
        """Return what `find` finds in the timelines. Raises `Problem` if the database is away."""

        def read_snapshot() -> T:
            with self._reader.read_snapshot() as snapshot:
                return find(snapshot)

        return await self.in_thread(read_snapshot)

    async def run_privacy_request(self, act: Callable[[], T]) -> T:
        """Do what waits for the database and for Kafka. Raises `Problem` if the database is away."""
        return await self.in_thread(act, self._rights)

    def turn(self, name: str) -> asyncio.Lock:
        """Return what one request of the token `name` holds at a time: so it holds up no other, nor more than one connection."""
        return self._turns.setdefault(name, asyncio.Lock())

    def has_key(self, sector: str) -> bool:
        """Return whether there are pseudonyms of `sector` here."""
        return (self._keys / f"{sector}.key").exists()

    def make_pseudonym(self, kind: IdentityKind, normalised: str, sector: str) -> str:
        """Return the pseudonym of a value in `sector`. Raises `Problem` if that has no key here."""
        if sector not in self._known_keys:
            if not self.has_key(sector):  # one that is made now would find nobody
                raise Problem("invalid", mistakes=[("sector", "no_sector")])
            try:
                self._known_keys[sector] = load_key(self._keys, sector)
            except KeyFileError as error:
                log.error("key_unusable", error=str(error))  # noqa: TRY400
                raise Problem("keys") from None
        return self._known_keys[sector].pseudonym(kind, normalised)


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """Who asks."""

    api: Api
    token: Token
    began_at: float = field(default_factory=time.monotonic)

    async def query_audited(
        self,
        operation: Operation,
        purpose: Purpose,
        find: Callable[[TimelineSnapshot, AuditContext], T | None],
        subject_id: str = "",
        result: Result = Result.SHOWN,
    ) -> T:
        """Return what `find` finds, once it is in the audit that it was asked for.

        `find` runs in a thread. It calls `Slip.admit` as soon as it knows the sector, before it reads anything about a citizen,
        and sets `Slip.whose` where `whose` could not be given. If it returns None, nothing is known. Raises `Problem`, which is
        in the audit too, unless what was asked for could not be understood.
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
        """Return what `find` finds for a citizen's rights, as `ask` does; a `Problem` that it returns is raised.

        No look-up waits for it: what it needs of the timelines, `open` has opened.
        """
        audit_context = AuditContext(self, operation, subject_id)
        return await self._answer(
            audit_context, Purpose.RIGHTS, result, lambda: self.api.run_privacy_request(lambda: find(audit_context))
        )

    async def open(self, operation: Operation, subject_id: str = "") -> Timeline:
        """Return the timelines, opened for a citizen's rights; whoever asked for them closes them.

        Who may not by his role is refused before; that, and that they cannot be opened, is in the audit. Raises `Problem`.
        """
        problem = self._refuse(operation, Purpose.RIGHTS)
        if problem is None:
            try:
                return await self.api.run_privacy_request(self.api.open_timeline)
            except Problem as away:
                problem = away
        await self._record(AuditContext(self, operation, subject_id), Purpose.RIGHTS, Result.REFUSED)
        raise problem

    def _refuse(self, operation: Operation, purpose: Purpose) -> Problem | None:
        """Return why this is refused, whatever is looked for; None if it is not."""
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
        """Do something for a citizen's rights; if it fails, and was not done, record so of what was `begun`.

        Else that stays `begun`: a thread goes on though its request is cut off, and a commit though its answer is lost.
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
        """Return whether an entry of this service may be shown in full."""
        return not self.token.services or service in self.token.services

    async def record_end(self, audit_context: AuditContext, result: Result) -> None:
        """Record what came of what was begun for a citizen's rights. It is done: if it cannot be recorded, the log says so."""
        with suppress(Problem):
            await self._record(audit_context, Purpose.RIGHTS, result)

    async def record_limited(self, operation: Operation, purpose: Purpose) -> None:
        """Record that the token asked too often."""
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


async def _get_asker(request: Request) -> AuthenticatedClient:  # else it would be run in a thread
    client: AuthenticatedClient = request.state.client  # put there by `guarding.Guard`
    return client


CurrentClient = Annotated[AuthenticatedClient, Depends(_get_asker)]
"""What a route takes to know who asks."""


async def _take_turn(client: CurrentClient) -> AsyncIterator[AuthenticatedClient]:
    async with client.api.turn(client.token.name):
        yield client


ExclusiveClient = Annotated[AuthenticatedClient, Depends(_take_turn)]
"""The same, of a route that takes long: the next of the token waits until the last byte of this answer is sent."""


def json_response(body: Any, status: int = 200) -> Response:
    """Return an answer as it is: FastAPI would check it again, which takes longer than to find it."""
    return Response(_ENCODER.encode(body), status, media_type="application/json")


def _encode_model(model: BaseModel) -> Any:
    return model.model_dump(mode="json")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_encode_model)


def responses(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI tells of the problems of a route that are of these kinds, beside those that every route has."""
    told: dict[int | str, dict[str, Any]] = {}
    for kind in (*kinds, "token", "too-often", "audit", "tokens", "keys", "database"):
        status, _, title = TITLES[kind]
        told.setdefault(status, {"model": ProblemBody, "description": ""})
        told[status]["description"] = "; ".join(filter(None, (told[status]["description"], f"`{kind}`: {title}")))
    return told


CITIZEN_PROBLEMS: Final = ("refused", "not-known", "too-large", "media-type", "invalid")
"""Kinds of problems of a route that is asked for a citizen."""
