"""Hand out all that is held about a citizen (GDPR, article 15)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from streams.access.permissions import Operation
from streams.api.asking import BODY, AskerInTurn, Slip, responses
from streams.api.problems import Problem
from streams.api.rights import Whose, act_for
from streams.rights.erasing import Erasing
from streams.rights.holding import Holding
from streams.rights.writing import MEDIA_TYPES, Format, write

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


class Export(Whose):
    """Whose, and how it is to be written."""

    format: Format = Field(Format.JSON, description="JSON for programs; HTML, which is accessible, and PDF for people.")
    language: Literal["fr", "en"] = Field("fr", description="The citizen's.")


@router.post(
    "/v1/export", response_class=Response, responses={**FILES, **responses("shared", "sectors", "kafka", *BODY)}
)
async def export(body: Export, asker: AskerInTurn) -> Response:
    """Export all that is held about a citizen, or about one contact: the first byte leaves once it is recorded."""
    timeline = await asker.open(Operation.EXPORT, body.subject)
    desk = asker.api.desk

    def begin(erasing: Erasing, sector: str) -> tuple[Holding, Iterator[bytes]]:
        holding = desk.gather(timeline, erasing.finder, body.subject, sector, body.language)
        return holding, write(holding, body.format, body.language, desk.zone)

    def find(slip: Slip) -> tuple[Holding, Iterator[bytes]] | Problem | None:
        return act_for(asker, body, slip, timeline, begin)

    def tell(pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        finally:
            timeline.close()

    try:
        holding, pieces = await asker.exercise(Operation.EXPORT, find, body.subject)
    except BaseException:
        timeline.close()
        raise
    made_at = datetime.fromisoformat(holding.made_at).astimezone(desk.zone)
    name = f"export-{holding.sector}-{made_at:%Y-%m-%d-%H%M%S}.{body.format}"  # of whom it is, a name of a file says nothing
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(tell(pieces), headers=headers, media_type=MEDIA_TYPES[body.format])
