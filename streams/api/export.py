"""Route of the export of all data about a citizen (GDPR, article 15)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal

from fastapi import APIRouter
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
        "description": "All data, with purposes, retention periods and accesses. Withheld data is listed.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/html": {"schema": {"type": "string"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

router = APIRouter(tags=["rights"])


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
    """Export all data about a citizen or one contact. The answer begins after the access was recorded."""
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
