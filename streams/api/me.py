"""Route that returns the client's own permissions."""

from typing import Any

from fastapi import APIRouter

from models.locale import LANGUAGES
from models.revocation_reasons import RevocationReason
from streams.access.audit_records import PURPOSES
from streams.access.permissions import PERMISSIONS
from streams.api.auth import CurrentClient, json_response, responses
from streams.api.middleware import OPERATIONS_BY_PATH
from streams.api.schemas import LookUpKind, Me, SectorPair

router = APIRouter(tags=["access"])


@router.get("/v1/me", response_model=Me, responses=responses())
async def read_me(client: CurrentClient) -> Any:
    """Return the client's name, role and permissions."""
    token, web = client.token, client.api.settings.web
    titles = dict(zip(LANGUAGES, (web.title, web.title_en or web.title), strict=True))
    return json_response(
        Me(
            name=token.name,
            role=token.role,
            sectors=list(token.sectors),
            services=list(token.services),
            across=[
                SectorPair(from_sector=pair.from_sector, to_sector=pair.to_sector, reason=pair.reason)
                for pair in client.api.settings.api.across
                if pair.from_sector in token.sectors and pair.to_sector not in token.sectors
            ],
            may=[operation for operation in OPERATIONS_BY_PATH.values() if operation in PERMISSIONS[token.role]],
            purposes=list(PURPOSES[token.role]),
            grounds=list(RevocationReason),
            kinds=list(LookUpKind),
            languages=list(LANGUAGES),
            title=titles,
            time_zone=web.time_zone,
        )
    )
