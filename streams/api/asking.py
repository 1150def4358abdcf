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
from models.grounds import Ground
from models.identities import IdentityKind, PseudonymKey
from models.instants import milliseconds
from streams.access.audit import Access, Audit, AuditError, Purpose, Result
from streams.access.concealing import KNOWN, conceal
from streams.access.limiting import Limiter
from streams.access.permissions import OF_CITIZENS, Operation
from streams.access.purposes import PURPOSES
from streams.access.tokens import Token, Tokens, TokensError, find
from streams.api.accesses import Accesses
from streams.api.options import ApiOptions
from streams.api.problems import TITLES, Problem, ProblemBody
from streams.rights.desk import Desk
from streams.timeline.database import Unavailable
from streams.timeline.reading import Reader, Reading
from streams.timeline.store import Timeline

if TYPE_CHECKING:
    from streams.access.oidc import Provider  # brings libraries

T = TypeVar("T")
AWAY_SECONDS: Final = 5
"""After so long it is worth to ask again where the database is away."""
ACROSS: Final = frozenset({Operation.LOOK_UP, Operation.READ_TIMELINE, Operation.READ_CONTACT})
"""What may be done in a sector that is not the token's own, where the settings allow it."""

RIGHTS_AT_ONCE: Final = 2
"""Exports and erasures read the workers' whole state: whoever else asks for one waits, and no look-up waits for them."""
JWT_DOTS: Final = 2
"""A token of an OpenID provider has so many, one of our own none."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Slip:
    """What becomes known of a request while it is answered, for the audit."""

    asker: "Asker"
    operation: Operation
    whose: str = ""
    sector: str = ""
    across: str = ""
    ground: Ground | Literal[""] = ""
    erasure: str = ""
    concerns_nobody: bool = False
    """What is found tells of nobody, to whom it is told already that there is such a thing: it is not recorded again."""
    is_known: bool = False
    """Whether the timelines know `whose`; else it is concealed, as something personal may have been typed."""

    def admit(self, sector: str) -> None:
        """Go on only if this may be done in `sector`. Raises `Forbidden`."""
        self.sector = sector
        token = self.asker.token
        if token.may(self.operation, sector):
            return
        reason = self.asker.api.options.reason_across(token.sectors, sector)
        if reason is None or self.operation not in ACROSS or not token.may(self.operation, token.sectors[0]):
            raise Forbidden
        self.across = reason

    def admit_all(self, sectors: Iterable[str]) -> None:
        """Go on only if this may be done in each of `sectors`, in which `whose` is known. Raises `Forbidden`."""
        for sector in sectors:
            self.is_known = True
            self.admit(sector)

    def admit_typed(self, sector: str) -> None:
        """Do what `admit` does; what is no sector here is not recorded, since anything may be typed. Raises `Forbidden`."""
        if sector not in self.asker.token.sectors and not self.asker.api.has_key(sector):
            raise Forbidden
        self.admit(sector)


class Forbidden(Exception):  # noqa: N818 - an answer
    """The sector does not allow it, or that the token is of some services: `because` says which, as `DETAILS` names it."""

    def __init__(self, because: str = "sector") -> None:
        super().__init__(because)
        self.because = because


class Api:
    """All that the routes share."""

    def __init__(
        self,
        options: ApiOptions,
        *,
        tokens: Tokens,
        audit: Audit,
        reader: Reader,
        writer: Callable[[], Timeline],
        keys: Path,
        secret: bytes,
        accesses: Accesses,
        desk: Desk,
        provider: "Provider | None" = None,
    ) -> None:
        """`writer` opens the timelines to change them; `keys` is where the sectors' keys are.

        `secret` signs cursors and conceals names in the audit. Whoever `provider` knows may ask as well.
        """
        self.options: Final = options
        self.audit: Final = audit
        self.writer: Final = writer
        self.secret: Final = secret
        self.accesses: Final = accesses
        self.desk: Final = desk
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

    async def look(self, find: Callable[[Reading], T]) -> T:
        """Return what `find` finds in the timelines. Raises `Problem` if the database is away."""

        def look() -> T:
            with self._reader.look() as reading:
                return find(reading)

        return await self.in_thread(look)

    async def exercise(self, act: Callable[[], T]) -> T:
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
class Asker:
    """Who asks."""

    api: Api
    token: Token
    began_at: float = field(default_factory=time.monotonic)

    async def ask(
        self,
        operation: Operation,
        purpose: Purpose,
        find: Callable[[Reading, Slip], T | None],
        whose: str = "",
        result: Result = Result.SHOWN,
    ) -> T:
        """Return what `find` finds, once it is in the audit that it was asked for.

        `find` runs in a thread. It calls `Slip.admit` as soon as it knows the sector, before it reads anything about a citizen,
        and sets `Slip.whose` where `whose` could not be given. If it returns None, nothing is known. Raises `Problem`, which is
        in the audit too, unless what was asked for could not be understood.
        """
        slip = Slip(self, operation, whose)
        return await self._answer(slip, purpose, result, lambda: self.api.look(lambda reading: find(reading, slip)))

    async def exercise(
        self,
        operation: Operation,
        find: Callable[[Slip], T | Problem | None],
        whose: str = "",
        result: Result = Result.SHOWN,
    ) -> T:
        """Return what `find` finds for a citizen's rights, as `ask` does; a `Problem` that it returns is raised.

        No look-up waits for it: what it needs of the timelines, `open` has opened.
        """
        slip = Slip(self, operation, whose)
        return await self._answer(slip, Purpose.RIGHTS, result, lambda: self.api.exercise(lambda: find(slip)))

    async def open(self, operation: Operation, whose: str = "") -> Timeline:
        """Return the timelines, opened for a citizen's rights; whoever asked for them closes them.

        Who may not by his role is refused before; that, and that they cannot be opened, is in the audit. Raises `Problem`.
        """
        problem = self._refuse(operation, Purpose.RIGHTS)
        if problem is None:
            try:
                return await self.api.exercise(self.api.writer)
            except Problem as away:
                problem = away
        await self._record(Slip(self, operation, whose), Purpose.RIGHTS, Result.REFUSED)
        raise problem

    def _refuse(self, operation: Operation, purpose: Purpose) -> Problem | None:
        """Return why this is refused, whatever is looked for; None if it is not."""
        if not any(self.token.may(operation, sector) for sector in self.token.sectors):
            return Problem("refused", because="role")
        if purpose not in PURPOSES[self.token.role]:
            return Problem("refused", because="purpose")
        return None

    async def _answer(
        self, slip: Slip, purpose: Purpose, result: Result, find: Callable[[], Awaitable[T | Problem | None]]
    ) -> T:
        found: T | Problem | None = self._refuse(slip.operation, purpose)
        if found is None:
            try:
                found = await find()
            except Forbidden as refusal:
                found = Problem("refused", because=refusal.because)
            except Problem as problem:
                if problem.kind == "invalid":
                    raise
                found = problem
            except Exception:
                if not slip.concerns_nobody:
                    await self._record(slip, purpose, Result.FAILED)
                raise
        if isinstance(found, Problem):
            await self._record(slip, purpose, Result.REFUSED)
            raise found
        if not slip.concerns_nobody:
            await self._record(slip, purpose, Result.NOT_FOUND if found is None else result)
        if found is None:
            raise Problem("not-known")
        return found

    async def attempt(
        self, act: Callable[[], Awaitable[T]], is_done: Callable[[], Awaitable[bool]], begun: Sequence[Slip]
    ) -> T:
        """Do something for a citizen's rights; if it fails, and was not done, record so of what was `begun`.

        Else that stays `begun`: a thread goes on though its request is cut off, and a commit though its answer is lost.
        """
        try:
            return await act()
        except Exception:
            with suppress(Problem):
                if not await is_done():
                    for slip in begun:
                        await self.record_end(slip, Result.FAILED)
            raise

    def sees(self, service: str) -> bool:
        """Return whether an entry of this service may be shown in full."""
        return not self.token.services or service in self.token.services

    async def record_end(self, slip: Slip, result: Result) -> None:
        """Record what came of what was begun for a citizen's rights. It is done: if it cannot be recorded, the log says so."""
        with suppress(Problem):
            await self._record(slip, Purpose.RIGHTS, result)

    async def record_limited(self, operation: Operation, purpose: Purpose) -> None:
        """Record that the token asked too often."""
        await self._record(Slip(self, operation), purpose, Result.LIMITED)

    async def _record(self, slip: Slip, purpose: Purpose, result: Result) -> None:
        access = Access(
            who=self.token.name,
            role=self.token.role,
            operation=slip.operation,
            sector=slip.sector,
            whose=slip.whose if slip.is_known or result in KNOWN else conceal(slip.whose, self.api.secret),
            why=purpose,
            result=result,
            across=slip.across,
            ground=slip.ground,
            erasure=slip.erasure,
        )
        try:
            await self.api.audit.record_soon(access)
        except AuditError as error:
            log.error("not_recorded", error=str(error))  # noqa: TRY400
            raise Problem("audit") from None
        if slip.operation in OF_CITIZENS:
            self.api.accesses.count(access)


async def _get_asker(request: Request) -> Asker:  # else it would be run in a thread
    asker: Asker = request.state.asker  # put there by `guarding.Guard`
    return asker


AskerHere = Annotated[Asker, Depends(_get_asker)]
"""What a route takes to know who asks."""


async def _take_turn(asker: AskerHere) -> AsyncIterator[Asker]:
    async with asker.api.turn(asker.token.name):
        yield asker


AskerInTurn = Annotated[Asker, Depends(_take_turn)]
"""The same, of a route that takes long: the next of the token waits until the last byte of this answer is sent."""


def answer(body: Any, status: int = 200) -> Response:
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


BODY: Final = ("refused", "not-known", "too-large", "media-type", "invalid")
"""Kinds of problems of a route that is asked for a citizen."""
