"""Routes of erasures (GDPR, article 17) and of their proofs."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path

from streams.access.audit import AuditError
from streams.access.audit_records import Access, Purpose, Result
from streams.access.permissions import Operation
from streams.api.auth import (
    CITIZEN_PROBLEMS,
    AuditContext,
    AuthenticatedClient,
    ExclusiveClient,
    json_response,
    responses,
)
from streams.api.privacy_requests import SubjectRequest, require_all_services, run_for_subject
from streams.api.problems import Problem
from streams.api.schemas import Answer
from streams.privacy.citizen_finder import Found, KafkaUnavailable
from streams.privacy.erasures import Erasure, Erasures, Proof, make_request_id, to_fields
from streams.timeline import erasures as requests
from streams.timeline.erasures import ErasureRequest

router = APIRouter(tags=["rights"])


class Erase(SubjectRequest):
    """Erase a citizen's data."""


@dataclass
class ErasureState(Answer):
    """Progress of an erasure."""

    id: str
    """Random id, without personal data."""
    state: Literal["begun", "told", "proved"]
    """`begun`: Kafka does not have all events yet; the next request publishes them. `told`: Kafka has all events. `proved`: no
    data remains."""
    requested_at: str
    contacts: int
    proof: Proof | None
    sha256: str
    """SHA-256 of `proof` as JSON with sorted keys, without spaces, in UTF-8 (`jq -cjS .proof | sha256sum`). The audit log
    contains it too. Empty until the erasure is proved."""


@router.post(
    "/v1/erasures",
    status_code=202,
    response_model=ErasureState,
    responses=responses("shared", "sectors", "too-many", "kafka", *CITIZEN_PROBLEMS),
)
async def erase(body: Erase, client: ExclusiveClient) -> Any:
    """Erase a citizen in one sector, or one contact. Shared data stays. The id soon leads to the proof."""
    timeline = await client.open(Operation.ERASE, body.subject)

    def find(audit_context: AuditContext) -> tuple[AuditContext, Erasures, Found] | Problem | None:
        def act(erasures: Erasures, sector: str) -> tuple[AuditContext, Erasures, Found]:
            citizen = erasures.finder.find_for_erasure(body.subject, sector)
            audit_context.erasure = make_request_id()
            return audit_context, erasures, citizen

        return run_for_subject(client, body, audit_context, timeline, act)

    def publish(erasures: Erasures, request: ErasureRequest) -> Erasure:
        _publish(erasures)
        return Erasure(erasures.read(request.id) or request, None, "")

    audit_context, erasures, citizen = await client.run_privacy_request(
        Operation.ERASE, find, body.subject, Result.BEGUN
    )
    name, by = audit_context.erasure, client.token.name
    request = await client.run_recorded(
        lambda: client.api.run_privacy_request(lambda: erasures.begin(name, citizen.contacts, citizen.sector, by)),
        lambda: client.api.run_privacy_request(lambda: erasures.is_begun(name)),
        [audit_context],
    )
    return json_response(to_fields(await client.api.run_privacy_request(lambda: publish(erasures, request))), 202)


@dataclass
class OpenErasure(Answer):
    """Erasure that is not proved yet."""

    id: str
    """Random id, without personal data."""
    sector: str
    state: Literal["begun", "told"]
    requested_at: str
    contacts: int


@dataclass
class OpenErasures(Answer):
    """Erasures that are not proved yet, oldest first."""

    erasures: list[OpenErasure]


@router.get(
    "/v1/erasures",
    response_model=OpenErasures,
    responses=responses("refused"),
)
async def list_erasures(client: ExclusiveClient) -> Any:
    """List the erasures in the token's sectors that are not proved yet, of all clients."""
    timeline = await client.open(Operation.ERASE)

    def find(audit_context: AuditContext) -> list[OpenErasure]:
        require_all_services(client)
        audit_context.authorize_sectors(client.token.sectors)
        audit_context.sector = client.token.sectors[0] if len(client.token.sectors) == 1 else ""
        with timeline.read_connection() as connection:
            found = requests.read_open(connection, client.token.sectors)
        described = ((request, to_fields(Erasure(request, None, ""))) for request in found)
        return [
            OpenErasure(request.id, request.sector, fields["state"], fields["requested_at"], request.contacts)
            for request, fields in described
        ]

    return json_response(OpenErasures(erasures=await client.run_privacy_request(Operation.ERASE, find)))


@router.get(
    "/v1/erasures/{name}",
    response_model=ErasureState,
    responses=responses("refused", "not-known", "kafka", "invalid"),
)
async def read_erasure(name: Annotated[str, Path(pattern="^[0-9a-f]{32}$")], client: ExclusiveClient) -> Any:
    """Return the progress of an erasure. Publish missing events, and prove the erasure once no data remains.

    Requests of the client that asked for the erasure are recorded only once the proof exists; those of others each time.
    """
    timeline = await client.open(Operation.ERASE)

    def find(audit_context: AuditContext) -> Erasure | Problem | None:
        require_all_services(client)
        try:
            erasures = client.api.privacy_requests.erasures(timeline)
            request = erasures.read(name)
            if request is None:
                return None
            audit_context.authorize_sector(request.sector)
            audit_context.erasure = name
            erasure = _look(client, erasures, request)
        except KafkaUnavailable:
            return Problem("kafka")
        is_own = request.requested_by == client.token.name
        audit_context.skip_audit = is_own and erasure is not None and erasure.proof is None
        return erasure

    return json_response(to_fields(await client.run_privacy_request(Operation.ERASE, find)))


def _look(client: AuthenticatedClient, erasures: Erasures, request: ErasureRequest) -> Erasure | None:
    """Publish the missing events of all erasures, prove this one if no data remains, and return its progress.

    A failure to publish is ignored: the next request tries again. A proof is recorded in the audit log. Raises
    `KafkaUnavailable` if the workers' state cannot be read, and `Problem` (`audit`).
    """

    def record(sha256: str) -> None:
        access = Access(
            actor=client.token.name,
            role=client.token.role,
            operation=Operation.ERASE,
            sector=request.sector,
            subject_id=f"erasure:{request.id}:{sha256}",
            why=Purpose.RIGHTS,
            result=Result.PROVED,
            erasure=request.id,
        )
        try:
            client.api.audit.record(access)
        except AuditError:
            raise Problem("audit") from None

    _publish(erasures)
    return erasures.look(request.id, record)


def _publish(erasures: Erasures) -> None:
    with suppress(KafkaUnavailable):  # the state stays `begun`, and the next request publishes the rest
        erasures.publish_pending()
