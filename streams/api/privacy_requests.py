"""What export and erasure share: whom it is about, and what stands in their way."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import Field

from streams.api.auth import AuditContext, AuthenticatedClient, Forbidden
from streams.api.problems import Problem
from streams.api.schemas import Body, Sector, SubjectId
from streams.privacy import citizen_finder
from streams.privacy.erasures import Erasures
from streams.timeline.store import Timeline

T = TypeVar("T")


class SubjectRequest(Body):
    """Whose right it is."""

    subject: SubjectId
    sector: Sector = Field(
        "", description="In which one; empty: the only one of the token's in which the subject is known."
    )


def run_for_subject(
    client: AuthenticatedClient,
    whose: SubjectRequest,
    audit_context: AuditContext,
    timeline: Timeline,
    act: Callable[[Erasures, str], T],
) -> T | Problem | None:
    """Return what `act` does, given the erasures and the sector that is meant, once that is admitted.

    None if nothing is known, and a `Problem` that is still to be raised: so it is recorded too that it was tried. Raises
    `Forbidden`.
    """
    require_all_services(client)
    try:
        erasures = client.api.privacy_requests.erasures(timeline)
        if whose.sector:
            audit_context.authorize_typed_sector(whose.sector)
        sector = whose.sector or _find_sector(erasures, client, audit_context, whose.subject)
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


def require_all_services(client: AuthenticatedClient) -> None:
    """Go on only if the token is of all services: it would see, or erase, a part. Raises `Forbidden`.

    Before anything is looked for: what is refused must not tell whether there is anything.
    """
    if client.token.services:
        raise Forbidden("services")


def _find_sector(erasures: Erasures, client: AuthenticatedClient, audit_context: AuditContext, subject: str) -> str:
    """Return the sector of a subject; of several the token's, without a word of the others. Raises what `find_sector` does."""
    try:
        return erasures.finder.find_sector(subject)
    except citizen_finder.AmbiguousSector as known:
        own = [str(sector) for sector in known.args if sector in client.token.sectors]
        if not own:
            audit_context.authorize_sectors(known.args)
        if len(own) == 1:
            return own[0]
        raise
