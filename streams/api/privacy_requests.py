"""Routes of privacy requests: export (GDPR, article 15), erasure (article 17) and its proof."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import structlog
from fastapi import APIRouter, Path
from starlette.responses import Response, StreamingResponse

from streams.access.audit import AuditError
from streams.access.audit_records import Access, Purpose, Result
from streams.access.permissions import Operation
from streams.api.auth import (
    CITIZEN_PROBLEMS,
    AuditContext,
    AuthenticatedClient,
    ExclusiveClient,
    Forbidden,
    json_response,
    responses,
)
from streams.api.problems import Problem
from streams.api.schemas import Answer, Body, Sector, SubjectId
from streams.privacy import citizen_finder
from streams.privacy.citizen_finder import Found, KafkaUnavailable
from streams.privacy.erasures import Erasure, Erasures, Proof, make_request_id, to_fields
from streams.privacy.personal_data import PersonalData
from streams.privacy.writer import MEDIA_TYPES, Format, write
from streams.timeline import erasures as requests
from streams.timeline.erasures import ErasureRequest
from streams.timeline.store import Timeline

log = structlog.get_logger(__name__)
router = APIRouter(tags=["rights"])
T = TypeVar("T")


class SubjectRequest(Body):
    """Subject of a privacy request."""

    subject: SubjectId
    sector: Sector = ""
    """Sector of the request; empty: the token's only sector in which the subject is known."""


def run_for_subject(
    client: AuthenticatedClient,
    body: SubjectRequest,
    audit_context: AuditContext,
    timeline: Timeline,
    act: Callable[[Erasures, str], T],
) -> T | Problem | None:
    """Authorise the client for the sector of the request, then return the result of `act` with the erasures and this sector.

    None if nothing is known about the subject. A `Problem` is returned, not raised, so that the attempt is recorded.
    Raises `Forbidden`.
    """
    require_all_services(client)
    try:
        erasures = client.api.privacy_requests.erasures(timeline)
        if body.sector:
            audit_context.authorize_typed_sector(body.sector)
        sector = body.sector or _find_sector(erasures, client, audit_context, body.subject)
        audit_context.authorize_sector(sector)
        return act(erasures, sector)
    except citizen_finder.UnknownSubject:
        return None
    except citizen_finder.SharedIdentity:
        return Problem("shared")
    except citizen_finder.TooManyIdentities:
        return Problem("too-many")
    except citizen_finder.AmbiguousSector:
        return Problem("sectors")
    except citizen_finder.KafkaUnavailable:
        return Problem("kafka")
    except AuditError as error:
        log.error("audit_unreadable", error=str(error))  # noqa: TRY400
        return Problem("audit")


def require_all_services(client: AuthenticatedClient) -> None:
    """Raise `Forbidden` if the token is limited to some services, because it would export or erase a part only.

    This is checked before any search: a refusal must not reveal whether data exists.
    """
    if client.token.services:
        raise Forbidden("services")


def _find_sector(erasures: Erasures, client: AuthenticatedClient, audit_context: AuditContext, subject: str) -> str:
    """Return the sector of a subject; of several, the only one that the token has too.

    Raise `AmbiguousSector` or `Forbidden`, and `UnknownSubject` and `KafkaUnavailable` as `CitizenFinder.find_sector` does.
    """
    try:
        return erasures.finder.find_sector(subject)
    except citizen_finder.AmbiguousSector as known:
        own = [str(sector) for sector in known.args if sector in client.token.sectors]
        if not own:
            audit_context.authorize_sectors(known.args)
        if len(own) == 1:
            return own[0]
        raise


FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "All data, with purposes, retention periods and accesses. Withheld data is listed.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/html": {"schema": {"type": "string"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class Export(SubjectRequest):
    """Subject, format and language of an export."""

    format: Format = Format.JSON
    """JSON for programs; accessible HTML and PDF for people."""
    language: Literal["fr", "en"] = "fr"
    """The citizen's language."""


@router.post(
    "/v1/export",
    response_class=Response,
    responses={**FILES, **responses("shared", "sectors", "kafka", *CITIZEN_PROBLEMS)},
)
async def export(body: Export, client: ExclusiveClient) -> Response:
    """Export all data about a citizen, or about one contact, in one sector. The answer begins after the access was recorded."""
    timeline = await client.open(Operation.EXPORT, body.subject)
    privacy_requests = client.api.privacy_requests

    def begin(erasures: Erasures, sector: str) -> tuple[PersonalData, Iterator[bytes]]:
        personal_data = privacy_requests.collect_personal_data(
            timeline, erasures.finder, body.subject, sector, body.language
        )
        return personal_data, write(personal_data, body.format, body.language, privacy_requests.zone)

    def find(audit_context: AuditContext) -> tuple[PersonalData, Iterator[bytes]] | Problem | None:
        return run_for_subject(client, body, audit_context, timeline, begin)

    personal_data, pieces = await client.run_privacy_request(Operation.EXPORT, find, body.subject)
    made_at = datetime.fromisoformat(personal_data.made_at).astimezone(privacy_requests.zone)
    name = f"export-{personal_data.sector}-{made_at:%Y-%m-%d-%H%M%S}.{body.format}"  # without the citizen's identity
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, headers=headers, media_type=MEDIA_TYPES[body.format])


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
    """Publish missing events of all erasures, prove this one if no data remains, and return its progress; None if unknown.

    Raises `KafkaUnavailable`, and `Problem` (`audit`) if the proof cannot be recorded.
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
