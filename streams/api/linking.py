"""Take two people's stories apart, or bring them together again."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Literal

from fastapi import APIRouter

from models.grounds import Ground
from streams.access.audit import Purpose, Result
from streams.access.permissions import Operation
from streams.api.answers import LinkState, RestoreLink, RevokeLink
from streams.api.asking import BODY, Asker, AskerHere, Slip, answer, responses
from streams.api.problems import Problem
from streams.core.links import Link
from streams.timeline.reading import Reading
from streams.timeline.store import Timeline

router = APIRouter(prefix="/v1/links", tags=["links"])


@router.post("/revoke", response_model=LinkState, responses=responses(*BODY))
async def revoke_link(body: RevokeLink, asker: AskerHere) -> Any:
    """Have a link hold no more, though it is told again: two stories are apart at once."""

    def revoke(timeline: Timeline, link: Link) -> bool:
        return timeline.revoke(link, int(time.time() * 1000), body.reason)

    await _change(asker, Operation.REVOKE_LINK, Link(body.one, body.other), revoke, body.reason)
    return answer(LinkState(one=body.one, other=body.other, holds=False))


@router.post("/restore", response_model=LinkState, responses=responses(*BODY))
async def restore_link(body: RestoreLink, asker: AskerHere) -> Any:
    """Have a revoked link hold again."""
    await _change(asker, Operation.RESTORE_LINK, Link(body.one, body.other), Timeline.restore)
    return answer(LinkState(one=body.one, other=body.other, holds=True))


async def _change(
    asker: Asker,
    operation: Operation,
    link: Link,
    change: Callable[[Timeline, Link], bool],
    ground: Ground | Literal[""] = "",
) -> None:
    """Record of both what is about to be done, do it, whichever of the two stands first, and record its end. Raises `Problem`."""

    def find(reading: Reading, slip: Slip) -> Slip | None:
        slip.ground = ground
        sectors = reading.find_sectors(link.one)
        if not sectors or reading.find_sectors(link.other) != sectors:
            return None
        slip.admit_all(sectors)
        services = asker.token.services
        if services and not reading.find_evidence([link], services):
            return None  # that it holds, or was revoked, is another service's to know
        return slip

    async def write(act: Callable[[Timeline], bool]) -> bool:
        def open_and_act() -> bool:
            with closing(asker.api.writer()) as timeline:
                return act(timeline)

        return await asker.api.in_thread(open_and_act)

    async def begin_and_change() -> bool:
        for whose in link:
            begun.append(await asker.ask(operation, Purpose.RIGHTS, find, whose, Result.BEGUN))
        return await write(lambda timeline: change(timeline, link))

    begun, revokes = list[Slip](), operation is Operation.REVOKE_LINK
    done = await asker.attempt(
        begin_and_change, lambda: write(lambda timeline: timeline.is_revoked(link) is revokes), begun
    )
    for slip in begun:
        await asker.record_end(slip, Result.DONE if done else Result.NOT_FOUND)
    if not done:
        raise Problem("not-known")
