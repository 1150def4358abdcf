"""Routes that revoke and restore links between identities."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Literal

from fastapi import APIRouter

from models.revocation_reasons import RevocationReason
from streams.access.audit_records import Purpose, Result
from streams.access.permissions import Operation
from streams.api.auth import (
    CITIZEN_PROBLEMS,
    AuditContext,
    AuthenticatedClient,
    CurrentClient,
    json_response,
    responses,
)
from streams.api.problems import Problem
from streams.api.schemas import LinkState, RestoreLink, RevokeLink
from streams.core.citizens.identity_resolution import Link
from streams.timeline.reader import TimelineSnapshot
from streams.timeline.store import Timeline

router = APIRouter(prefix="/v1/links", tags=["links"])


@router.post("/revoke", response_model=LinkState, responses=responses(*CITIZEN_PROBLEMS))
async def revoke_link(body: RevokeLink, client: CurrentClient) -> Any:
    """Revoke a link, also for future contacts. The two identities are separate immediately."""

    def revoke(timeline: Timeline, link: Link) -> bool:
        return timeline.revoke(link, int(time.time() * 1000), body.reason)

    await _change(client, Operation.REVOKE_LINK, Link(body.one, body.other), revoke, body.reason)
    return json_response(LinkState(one=body.one, other=body.other, holds=False))


@router.post("/restore", response_model=LinkState, responses=responses(*CITIZEN_PROBLEMS))
async def restore_link(body: RestoreLink, client: CurrentClient) -> Any:
    """Restore a revoked link."""
    await _change(client, Operation.RESTORE_LINK, Link(body.one, body.other), Timeline.restore)
    return json_response(LinkState(one=body.one, other=body.other, holds=True))


async def _change(
    client: AuthenticatedClient,
    operation: Operation,
    link: Link,
    change: Callable[[Timeline, Link], bool],
    ground: RevocationReason | Literal[""] = "",
) -> None:

    def find(snapshot: TimelineSnapshot, audit_context: AuditContext) -> AuditContext | None:
        audit_context.ground = ground
        sectors = snapshot.find_sectors(link.one)
        if not sectors or snapshot.find_sectors(link.other) != sectors:
            return None
        audit_context.authorize_sectors(sectors)
        services = client.token.services
        if services and not snapshot.find_evidence([link], services):
            return None  # only another service may know whether the link holds
        return audit_context

    async def write(act: Callable[[Timeline], bool]) -> bool:
        def open_and_act() -> bool:
            with closing(client.api.open_timeline()) as timeline:
                return act(timeline)

        return await client.api.in_thread(open_and_act)

    async def begin_and_change() -> bool:
        for subject_id in link:
            begun.append(await client.query_audited(operation, Purpose.RIGHTS, find, subject_id, Result.BEGUN))
        return await write(lambda timeline: change(timeline, link))

    begun, revokes = list[AuditContext](), operation is Operation.REVOKE_LINK
    done = await client.run_recorded(
        begin_and_change, lambda: write(lambda timeline: timeline.is_revoked(link) is revokes), begun
    )
    for audit_context in begun:
        await client.record_end(audit_context, Result.DONE if done else Result.NOT_FOUND)
    if not done:
        raise Problem("not-known")
