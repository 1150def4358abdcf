"""Common parts of export and erasure: the subject, the authorisation and the errors."""

from collections.abc import Callable
from typing import TypeVar

from streams.api.auth import AuditContext, AuthenticatedClient, Forbidden
from streams.api.problems import Problem
from streams.api.schemas import Body, Sector, SubjectId
from streams.privacy import citizen_finder
from streams.privacy.erasures import Erasures
from streams.timeline.store import Timeline

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

    None if nothing is known about the subject. A `Problem` is returned, not raised, so that the caller records the attempt.
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


def require_all_services(client: AuthenticatedClient) -> None:
    """Raise `Forbidden` if the token is limited to some services, because it would export or erase a part only.

    This is checked before any search: a refusal must not reveal whether data exists.
    """
    if client.token.services:
        raise Forbidden("services")


def _find_sector(erasures: Erasures, client: AuthenticatedClient, audit_context: AuditContext, subject: str) -> str:
    """Return the sector of a subject; if it has several, the only one that the token has too.

    Raises as `find_sector` does (`AmbiguousSector` if the token has several of them too), and `Forbidden` if the token has none
    of several sectors. Their names are not revealed.
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
