"""Tell who asks what he may do."""

from typing import Any

from fastapi import APIRouter

from models.grounds import Ground
from streams.access.permissions import PERMISSIONS
from streams.access.purposes import PURPOSES
from streams.api.answers import Kind, Me, Pair
from streams.api.asking import AskerHere, answer, responses
from streams.api.guarding import OPERATIONS
from streams.api.options import LANGUAGES

router = APIRouter(tags=["access"])


@router.get("/v1/me", response_model=Me, responses=responses())
async def read_me(asker: AskerHere) -> Any:
    """Tell who asks, and what he may do."""
    token, options = asker.token, asker.api.options
    titles = dict(zip(LANGUAGES, (options.title, options.title_en or options.title), strict=True))
    return answer(
        Me(
            name=token.name,
            role=token.role,
            sectors=list(token.sectors),
            services=list(token.services),
            across=[
                Pair(from_sector=pair.from_sector, to_sector=pair.to_sector, reason=pair.reason)
                for pair in options.across
                if pair.from_sector in token.sectors and pair.to_sector not in token.sectors
            ],
            may=[operation for operation in OPERATIONS.values() if operation in PERMISSIONS[token.role]],
            purposes=list(PURPOSES[token.role]),
            grounds=list(Ground),
            kinds=list(Kind),
            languages=list(LANGUAGES),
            title=titles,
            time_zone=options.time_zone,
        )
    )
