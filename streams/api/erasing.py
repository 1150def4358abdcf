"""Erase a citizen (GDPR, article 17), and show the proof."""

from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from streams.access.audit import Access, AuditError, Purpose, Result
from streams.access.permissions import Operation
from streams.api.asking import BODY, Asker, AskerInTurn, Slip, answer, responses
from streams.api.problems import Problem
from streams.api.rights import Whose, act_for, refuse_parts
from streams.rights.erasing import Erasing, Erasure, make_id, to_fields
from streams.rights.finding import Found, KafkaAway
from streams.timeline import erasing as requests
from streams.timeline.erasing import Request

router = APIRouter(tags=["rights"])


class Erase(Whose):
    """Whom to erase."""


class Remnant(BaseModel):
    """What is left, and until when."""

    what: str
    until: str = Field(description="A time, UTC; empty: until `accueil retention apply`.")


class Proof(BaseModel):
    """What was counted after an erasure."""

    erasure: str
    sector: str
    requested_at: str
    told_at: str
    proved_at: str
    contacts: int
    entries_before: int
    links_before: int
    events: int = Field(description="Accepted by all in-sync replicas.")
    rows: int = Field(description="Of these contacts, in the workers' state: all erased.")
    rows_with_identities: int
    entries: int
    links: int
    promises: int = Field(description="Running ones, with their dates.")
    revocations: int
    kept_as_erased: int
    remains: list[Remnant]


class ErasureState(BaseModel):
    """How far an erasure is."""

    id: str = Field(description="Random: it names nobody.")
    state: Literal["begun", "told", "proved"] = Field(
        description="`begun`: Kafka has not all events yet, the next who asks tells them; `told`; `proved`: nothing is left."
    )
    requested_at: str
    contacts: int
    proof: Proof | None
    sha256: str = Field(
        description="Of `proof` as JSON with sorted keys, without spaces, in UTF-8 (`jq -cjS .proof | sha256sum`); the audit has "
        "it too. Empty until it is proved."
    )


@router.post(
    "/v1/erasures",
    status_code=202,
    response_model=ErasureState,
    responses=responses("shared", "sectors", "too-many", "kafka", *BODY),
)
async def erase(body: Erase, asker: AskerInTurn) -> Any:
    """Erase a citizen in one sector, or one contact: what others share stays. The proof is found by the id, soon after."""
    timeline = await asker.open(Operation.ERASE, body.subject)

    def find(slip: Slip) -> tuple[Slip, Erasing, Found] | Problem | None:
        def act(erasing: Erasing, sector: str) -> tuple[Slip, Erasing, Found]:
            citizen = erasing.finder.find_whole(body.subject, sector)
            slip.erasure = make_id()
            return slip, erasing, citizen

        return act_for(asker, body, slip, timeline, act)

    def tell(erasing: Erasing, request: Request) -> Erasure:
        _tell(erasing)
        return Erasure(erasing.read(request.id) or request, None, "")

    try:
        slip, erasing, citizen = await asker.exercise(Operation.ERASE, find, body.subject, Result.BEGUN)
        name, by = slip.erasure, asker.token.name
        request = await asker.attempt(
            lambda: asker.api.exercise(lambda: erasing.begin(name, citizen.contacts, citizen.sector, by)),
            lambda: asker.api.exercise(lambda: erasing.is_begun(name)),
            [slip],
        )
        erasure = await asker.api.exercise(lambda: tell(erasing, request))
    finally:
        timeline.close()
    return answer(ErasureState.model_validate(to_fields(erasure)), 202)


class OpenErasure(BaseModel):
    """One that is not proved yet."""

    id: str = Field(description="Random: it names nobody.")
    sector: str
    state: Literal["begun", "told"]
    requested_at: str
    contacts: int


class OpenErasures(BaseModel):
    """What is not proved yet, the oldest first."""

    erasures: list[OpenErasure]


@router.get(
    "/v1/erasures",
    response_model=OpenErasures,
    responses=responses("refused"),
)
async def list_erasures(asker: AskerInTurn) -> Any:
    """List the erasures in the token's sectors that are not proved yet, whoever asked for them."""
    timeline = await asker.open(Operation.ERASE)

    def find(slip: Slip) -> list[OpenErasure]:
        refuse_parts(asker)
        slip.admit_all(asker.token.sectors)
        slip.sector = asker.token.sectors[0] if len(asker.token.sectors) == 1 else ""
        with timeline.reading() as connection:
            found = requests.read_open(connection, asker.token.sectors)
        told = ((one, to_fields(Erasure(one, None, ""))) for one in found)
        return [OpenErasure(sector=one.sector, **fields) for one, fields in told]

    try:
        erasures = await asker.exercise(Operation.ERASE, find)
    finally:
        timeline.close()
    return answer(OpenErasures(erasures=erasures))


@router.get(
    "/v1/erasures/{name}",
    response_model=ErasureState,
    responses=responses("refused", "not-known", "kafka", "invalid"),
)
async def read_erasure(name: Annotated[str, Path(pattern="^[0-9a-f]{32}$")], asker: AskerInTurn) -> Any:
    """Tell how far an erasure is; what was begun is finished, and proved once nothing is left.

    Whoever asked for it, and waits, is recorded once there is the proof; all others each time.
    """
    timeline = await asker.open(Operation.ERASE)

    def find(slip: Slip) -> Erasure | Problem | None:
        refuse_parts(asker)
        try:
            erasing = asker.api.desk.erasing(timeline)
            request = erasing.read(name)
            if request is None:
                return None
            slip.admit(request.sector)
            slip.erasure = name
            erasure = _look(asker, erasing, request)
        except KafkaAway:
            return Problem("kafka")
        is_own = request.requested_by == asker.token.name
        slip.concerns_nobody = is_own and erasure is not None and erasure.proof is None
        return erasure

    try:
        erasure = await asker.exercise(Operation.ERASE, find)
    finally:
        timeline.close()
    return answer(ErasureState.model_validate(to_fields(erasure)))


def _look(asker: Asker, erasing: Erasing, request: Request) -> Erasure | None:
    """Tell Kafka what it was not told yet, if it is there, and look how far an erasure is. Raises `KafkaAway`, `Problem`."""

    def record(sha256: str) -> None:
        access = Access(
            who=asker.token.name,
            role=asker.token.role,
            operation=Operation.ERASE,
            sector=request.sector,
            whose=f"erasure:{request.id}:{sha256}",
            why=Purpose.RIGHTS,
            result=Result.PROVED,
            erasure=request.id,
        )
        try:
            asker.api.audit.record(access)
        except AuditError:
            raise Problem("audit") from None

    _tell(erasing)
    return erasing.look(request.id, record)


def _tell(erasing: Erasing) -> None:
    with suppress(KafkaAway):  # then it stays `begun`, and the next who asks finishes it
        erasing.tell()
