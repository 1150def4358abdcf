"""Routes that look up a citizen, read further pages and read one contact."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter

from models.identities import normalise
from models.timestamps import to_datetime
from streams.access.audit_records import is_subject
from streams.access.permissions import Operation
from streams.api import cursors
from streams.api.auth import (
    CITIZEN_PROBLEMS,
    AuditContext,
    AuthenticatedClient,
    CurrentClient,
    json_response,
    responses,
)
from streams.api.problems import Problem
from streams.api.schemas import (
    ContactTimeline,
    Identity,
    LinkReason,
    LookUp,
    Page,
    ReadContact,
    ReadTimeline,
    Story,
    make_contact,
    make_entry,
    make_revoked_link,
)
from streams.core.citizens import identity_resolution
from streams.core.citizens.identity_resolution import Link
from streams.core.sla.open_targets import SlaTarget
from streams.core.timeline.case_summary import Summary, sort_entries, summarise
from streams.settings.api import OtherServices
from streams.timeline.reader import EntryPosition, Evidence, TimelineSnapshot

LOOKED_AT: Final = 200
"""Number of latest entries from which a citizen's contacts are summarised, unless the page is longer. It bounds the time of a
look-up."""
MAX_CONTACT_ENTRIES: Final = 1000
"""Maximum of entries returned for one contact. Only contacts made by machines have more."""

router = APIRouter(tags=["timelines"])


@router.post("/v1/look-up", response_model=Story, responses=responses(*CITIZEN_PROBLEMS))
async def look_up(body: LookUp, client: CurrentClient) -> Any:
    """Find a citizen by a telephone number, address or reference. Return the latest page and the state of the contacts."""
    kind = body.kind.identity
    normalised = normalise(kind, body.value, client.api.settings.api.region) if kind else body.value
    if normalised is None or (kind is None and not is_subject(normalised)):
        raise Problem("invalid", mistakes=[("value", "not_normal")])
    sector, subject_id = body.sector or next(iter(client.token.sectors), ""), normalised if kind is None else ""
    if kind is not None and sector in client.token.sectors:
        with suppress(Problem):  # an unusable key: reported and recorded below, to clients that may look up
            # The pseudonym is needed now, so that a refusal is recorded with its subject.
            subject_id = client.api.make_pseudonym(kind, normalised, sector)

    def find(snapshot: TimelineSnapshot, audit_context: AuditContext) -> Story | None:
        if kind is None:
            sectors = snapshot.find_sectors(normalised)
            if not sectors:
                return None
            audit_context.authorize_sectors(sectors)
            citizen = snapshot.find_citizen(normalised)
            if citizen is not None and not _sees_contact(snapshot, client, normalised):
                return None
            subject = citizen.owner if citizen else normalised
        else:
            sectors = [sector]
            audit_context.authorize_typed_sector(sector)
            subject = audit_context.subject_id = subject_id or client.api.make_pseudonym(kind, normalised, sector)
        return _make_story(snapshot, client, subject, sectors, body.limit)

    return json_response(await client.query_audited(Operation.LOOK_UP, body.purpose, find, subject_id))


@router.post("/v1/timeline", response_model=Page, responses=responses("cursor", *CITIZEN_PROBLEMS))
async def read_timeline(body: ReadTimeline, client: CurrentClient) -> Any:
    """Read the next page of a citizen's timeline."""
    before = None
    if body.cursor is not None:
        before = cursors.read(body.cursor, body.subject, client.api.secret)
        if before is None:
            raise Problem("cursor")

    def find(snapshot: TimelineSnapshot, audit_context: AuditContext) -> Page | None:
        sectors = snapshot.find_sectors(body.subject)
        if not sectors:
            return None
        audit_context.authorize_sectors(sectors)
        owners = snapshot.resolve_identities(body.subject).identities
        rows, _ = _read(snapshot, client, owners, sectors, body.limit + 1, before)
        if not rows and before is None:
            return None
        return _page(client, body.subject, sectors, rows, body.limit)

    return json_response(await client.query_audited(Operation.READ_TIMELINE, body.purpose, find, body.subject))


@router.post("/v1/contact", response_model=ContactTimeline, responses=responses(*CITIZEN_PROBLEMS))
async def read_contact(body: ReadContact, client: CurrentClient) -> Any:
    """Read the entries of one contact, in order; the latest 1000 if it has more."""

    def find(snapshot: TimelineSnapshot, audit_context: AuditContext) -> ContactTimeline | None:
        citizen = snapshot.find_citizen(body.contact)
        if citizen is None:
            return None
        sectors = snapshot.find_sectors(body.contact) or [citizen.sector]
        audit_context.authorize_sectors(sectors)
        looked_at = snapshot.read_contact(body.contact, MAX_CONTACT_ENTRIES + 1, _services(client))
        rows = looked_at[:MAX_CONTACT_ENTRIES]
        seen = [row for row in rows if client.sees(row["service"])]
        if not seen:
            return None
        (summary,) = _summarise(seen, snapshot, client, sectors)
        return ContactTimeline(
            contact=make_contact(summary),
            sector=citizen.sector,
            citizen=None if citizen.owner == body.contact else citizen.owner,
            entries=[make_entry(row, is_outline=not client.sees(row["service"])) for row in sort_entries(rows)],
            is_whole=len(looked_at) == len(rows),
        )

    return json_response(await client.query_audited(Operation.READ_CONTACT, body.purpose, find, body.contact))


def _make_story(
    snapshot: TimelineSnapshot, client: AuthenticatedClient, subject: str, sectors: Sequence[str], limit: int
) -> Story | None:
    story, services = snapshot.resolve_identities(subject), _services(client)
    looked_at = max(limit + 1, LOOKED_AT)
    rows, is_all = _read(snapshot, client, story.identities, sectors, looked_at)
    held = [*story.identities.values(), *story.shared.values()]
    evidence = snapshot.find_evidence([link for link in held if link is not None], services)
    if services:
        story = _narrow(story, {subject, *(row["owner"] for row in rows)}, evidence.keys())
    revoked = () if rows or story.shared else snapshot.find_revoked_links(subject, services)
    if not rows and not revoked and (story.is_own or not story.shared):
        return None
    may_restore = all(client.token.may(Operation.RESTORE_LINK, sector) for sector in sectors)
    seen = [row for row in rows if client.sees(row["service"])]
    page = _page(client, subject, sectors, rows, limit)
    return Story(
        **vars(page),
        is_own=story.is_own,
        is_whole=story.is_whole and is_all,
        identities=list(_identities(story.identities, evidence, LinkReason.TOLD_TOGETHER)),
        shared=list(_identities(story.shared, evidence, LinkReason.SHARED)),
        revoked=[make_revoked_link(known, is_named=may_restore) for known in revoked],
        contacts=[make_contact(summary) for summary in _summarise(seen, snapshot, client, sectors)],
        are_contacts_whole=len(rows) < looked_at,
    )


def _narrow(
    cluster: identity_resolution.IdentityCluster, shown: Collection[str], held: Collection[Link]
) -> identity_resolution.IdentityCluster:
    """Return a cluster without the identities and links that would reveal contacts with another service.

    An own identity stays if it is in `shown` or its link is in `held`; a link that is not in `held` becomes None. A shared
    identity stays only if its link is in `held`.
    """
    identities = {
        identity: link if link in held else None
        for identity, link in cluster.identities.items()
        if identity in shown or link in held
    }
    shared = {identity: link for identity, link in cluster.shared.items() if link in held}
    return cluster._replace(identities=identities, shared=shared)


def _read(
    snapshot: TimelineSnapshot,
    client: AuthenticatedClient,
    owners: Collection[str],
    sectors: Sequence[str],
    limit: int,
    before: EntryPosition | None = None,
) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """Return the latest `limit` entries of `owners` before `before` that the client may see, if only in outline.

    Also return whether all entries were searched, not only the latest `MAX_WALKED` of each owner.
    """
    services = _services(client)
    since = snapshot.find_bound(owners) if services else None
    return snapshot.read(owners, limit, before, services, since, sectors), since is None


def _summarise(
    rows: Sequence[Mapping[str, Any]], snapshot: TimelineSnapshot, client: AuthenticatedClient, sectors: Sequence[str]
) -> Iterable[Summary]:
    """Summarise the contacts of `rows`. A contact that is now with a service hidden from the client counts as passed on."""

    def find_targets(contacts: Collection[str]) -> Mapping[str, Iterable[SlaTarget]]:
        found = snapshot.find_sla_targets(contacts, sectors)
        return {
            contact: [target for target in targets if client.sees(target.service)] for contact, targets in found.items()
        }

    def find_passed_on(contacts: Collection[str]) -> Collection[str]:
        if not client.token.services:
            return ()
        now = snapshot.find_services_now(contacts, sectors)
        return {contact for contact, service in now.items() if not client.sees(service)}

    return summarise(rows, int(time.time() * 1000), find_targets, find_passed_on)


def _sees_contact(snapshot: TimelineSnapshot, client: AuthenticatedClient, contact: str) -> bool:
    """Return whether the client may see any entry of a contact in full. Otherwise the contact's id would reveal its citizen."""
    services = client.token.services
    return not services or bool(snapshot.read_contact(contact, 1, services))


def _page(
    client: AuthenticatedClient, subject: str, sectors: Sequence[str], rows: Sequence[Mapping[str, Any]], limit: int
) -> Page:
    """Return a page with the first `limit` of `rows`, which are sorted latest first, and a cursor if there are more rows."""
    shown, next_cursor = rows[:limit], None
    if len(rows) > limit:
        next_cursor = cursors.write(
            EntryPosition(shown[-1]["happened_at"], shown[-1]["id"]), subject, client.api.secret
        )
    entries = [make_entry(row, is_outline=not client.sees(row["service"])) for row in reversed(sort_entries(shown))]
    return Page(subject=subject, sector=sectors[-1], entries=entries, next=next_cursor)


def _identities(
    links: Mapping[str, Link | None], evidence: Mapping[Link, Evidence], why: LinkReason
) -> Iterable[Identity]:
    for number, (identity, link) in enumerate(links.items()):
        is_first = number == 0 and why is not LinkReason.SHARED
        known = evidence.get(link) if link else None
        yield Identity(
            identity=identity,
            kind=identity_resolution.kind_of(identity),
            linked_to=(link.other if link.one == identity else link.one) if link else None,
            since=to_datetime(known.linked_at) if known else None,
            contacts=known.contacts if known else None,
            why=LinkReason.ASKED if is_first else why,
        )


def _services(client: AuthenticatedClient) -> Sequence[str]:
    """Return the services that limit the client's reads; empty without a limit, or if others are shown in outline."""
    is_hidden = client.api.settings.api.other_services is OtherServices.HIDDEN
    return client.token.services if is_hidden else ()
