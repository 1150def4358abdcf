"""Hand out all that is held about a citizen (GDPR, article 15)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from streams.access.permissions import Operation
from streams.api.auth import CITIZEN_PROBLEMS, AuditContext, ExclusiveClient, responses
from streams.api.privacy_requests import SubjectRequest, run_for_subject
from streams.api.problems import Problem
from streams.privacy.erasures import Erasures
from streams.privacy.personal_data import PersonalData
from streams.privacy.writer import MEDIA_TYPES, Format, write

FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "All that is held, why and for how long, and who looked at it; what is left out is named.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/html": {"schema": {"type": "string"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

router = APIRouter(tags=["rights"])


class Export(SubjectRequest):
    """Whose, and how it is to be written."""

    format: Format = Field(Format.JSON, description="JSON for programs; HTML, which is accessible, and PDF for people.")
    language: Literal["fr", "en"] = Field("fr", description="The citizen's.")


@router.post(
    "/v1/export",
    response_class=Response,
    responses={**FILES, **responses("shared", "sectors", "kafka", *CITIZEN_PROBLEMS)},
)
async def export(body: Export, client: ExclusiveClient) -> Response:
    """Export all that is held about a citizen, or about one contact: the first byte leaves once it is recorded."""
    timeline = await client.open(Operation.EXPORT, body.subject)
    privacy_requests = client.api.privacy_requests

    def begin(erasures: Erasures, sector: str) -> tuple[PersonalData, Iterator[bytes]]:
        personal_data = privacy_requests.collect_personal_data(
            timeline, erasures.finder, body.subject, sector, body.language
        )
        return personal_data, write(personal_data, body.format, body.language, privacy_requests.zone)

    def find(audit_context: AuditContext) -> tuple[PersonalData, Iterator[bytes]] | Problem | None:
        return run_for_subject(client, body, audit_context, timeline, begin)

    def tell(pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        finally:
            timeline.close()

    try:
        personal_data, pieces = await client.run_privacy_request(Operation.EXPORT, find, body.subject)
    except BaseException:
        timeline.close()
        raise
    made_at = datetime.fromisoformat(personal_data.made_at).astimezone(privacy_requests.zone)
    name = f"export-{personal_data.sector}-{made_at:%Y-%m-%d-%H%M%S}.{body.format}"  # without the citizen's identity
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(tell(pieces), headers=headers, media_type=MEDIA_TYPES[body.format])
