"""Look up a citizen, read on, and read one contact."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter

from models.identities import normalise
from models.timestamps import to_datetime
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
from streams.api.options import OtherServices
from streams.api.problems import Problem
from streams.api.schemas import (
    SUBJECT_REGEX,
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
from streams.core.timeline.case_summary import FindPassedOn, FindTargets, sort_entries, summarise
from streams.timeline.reader import Evidence, TimelineSnapshot
from streams.timeline.store import EntryPosition

LOOKED_AT: Final = 200
"""So many of the latest entries tell how a citizen's matters stand: whoever has more is answered as fast."""

MOST_OF_A_LIFE: Final = 1000
"""Entries of one contact: who has more is a machine."""

router = APIRouter(tags=["timelines"])


@router.post("/v1/look-up", response_model=Story, responses=responses(*CITIZEN_PROBLEMS))
async def look_up(body: LookUp, client: CurrentClient) -> Any:
    """Find a citizen by a telephone number, address or reference; tell his story: the latest page, and how his matters stand."""
    kind = body.kind.identity
    normalised = normalise(kind, body.value, client.api.options.region) if kind else body.value
    if normalised is None or (kind is None and not SUBJECT_REGEX.fullmatch(normalised)):
        raise Problem("invalid", mistakes=[("value", "not_normal")])
    sector, subject_id = body.sector or next(iter(client.token.sectors), ""), normalised if kind is None else ""
    if kind is not None and sector in client.token.sectors:
        with suppress(Problem):  # of a key: it is told to who may look, and recorded, below
            subject_id = client.api.make_pseudonym(
                kind, normalised, sector
            )  # so that a refusal is recorded with whom it concerned

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
        return _tell(snapshot, client, subject, sectors, body.limit)

    return json_response(await client.query_audited(Operation.LOOK_UP, body.purpose, find, subject_id))


@router.post("/v1/timeline", response_model=Page, responses=responses("cursor", *CITIZEN_PROBLEMS))
async def read_timeline(body: ReadTimeline, client: CurrentClient) -> Any:
    """Read on in a citizen's timeline."""
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
    """Read one contact's life, in order: of more than 1000 entries, the latest."""

    def find(snapshot: TimelineSnapshot, audit_context: AuditContext) -> ContactTimeline | None:
        citizen = snapshot.find_citizen(body.contact)
        if citizen is None:
            return None
        sectors = snapshot.find_sectors(body.contact) or [citizen.sector]
        audit_context.authorize_sectors(sectors)
        looked_at = snapshot.read_contact(body.contact, MOST_OF_A_LIFE + 1, _services(client))
        rows = looked_at[:MOST_OF_A_LIFE]
        seen = [row for row in rows if client.sees(row["service"])]
        if not seen:
            return None
        (summary,) = summarise(seen, _now(), _finder(snapshot, client, sectors), _sifter(snapshot, client, sectors))
        return ContactTimeline(
            contact=make_contact(summary),
            sector=citizen.sector,
            citizen=None if citizen.owner == body.contact else citizen.owner,
            entries=[make_entry(row, is_outline=not client.sees(row["service"])) for row in sort_entries(rows)],
            is_whole=len(looked_at) == len(rows),
        )

    return json_response(await client.query_audited(Operation.READ_CONTACT, body.purpose, find, body.contact))


def _tell(
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
        contacts=[
            make_contact(one)
            for one in summarise(seen, _now(), _finder(snapshot, client, sectors), _sifter(snapshot, client, sectors))
        ],
        are_contacts_whole=len(rows) < looked_at,
    )


def _narrow(
    told: identity_resolution.IdentityCluster, shown: Collection[str], held: Collection[Link]
) -> identity_resolution.IdentityCluster:
    """Return a story with only what entries are shown of, and links that are `held` by contacts of which some are.

    That there is a dossier, or that somebody has a number too, tells of another service.
    """
    identities = {
        one: link if link in held else None for one, link in told.identities.items() if one in shown or link in held
    }
    return told._replace(identities=identities, shared={one: link for one, link in told.shared.items() if link in held})


def _read(
    snapshot: TimelineSnapshot,
    client: AuthenticatedClient,
    owners: Collection[str],
    sectors: Sequence[str],
    limit: int,
    before: EntryPosition | None = None,
) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """Return the latest entries that are shown to who asks, and whether all were looked at for that."""
    services = _services(client)
    since = snapshot.find_bound(owners) if services else None
    return snapshot.read(owners, limit, before, services, since, sectors), since is None


def _finder(snapshot: TimelineSnapshot, client: AuthenticatedClient, sectors: Sequence[str]) -> FindTargets:
    """Return what finds what is promised to contacts, and still to be kept by services that are shown to who asks."""

    def find(contacts: Collection[str]) -> Mapping[str, Iterable[SlaTarget]]:
        found = snapshot.find_sla_targets(contacts, sectors)
        return {
            contact: [promise for promise in promises if client.sees(promise.service)]
            for contact, promises in found.items()
        }

    return find


def _sifter(snapshot: TimelineSnapshot, client: AuthenticatedClient, sectors: Sequence[str]) -> FindPassedOn:
    """Return what tells which contacts services have now that are not shown to who asks: that they do, not which."""

    def sift(contacts: Collection[str]) -> Collection[str]:
        if not client.token.services:
            return ()
        now = snapshot.find_services_now(contacts, sectors)
        return {contact for contact, service in now.items() if not client.sees(service)}

    return sift


def _sees_contact(snapshot: TimelineSnapshot, client: AuthenticatedClient, contact: str) -> bool:
    """Return whether anything of a contact is shown: else whoever knows an id would learn whose it is."""
    services = client.token.services
    return not services or bool(snapshot.read_contact(contact, 1, services))


def _page(
    client: AuthenticatedClient, subject: str, sectors: Sequence[str], rows: Sequence[Mapping[str, Any]], limit: int
) -> Page:
    """Return the first `limit` of these rows; that there are more tells where to go on."""
    shown, further = rows[:limit], None
    if len(rows) > limit:
        further = cursors.write(EntryPosition(shown[-1]["happened_at"], shown[-1]["id"]), subject, client.api.secret)
    entries = [make_entry(row, is_outline=not client.sees(row["service"])) for row in reversed(sort_entries(shown))]
    return Page(subject=subject, sector=sectors[-1], entries=entries, next=further)


def _identities(
    told: Mapping[str, Link | None], evidence: Mapping[Link, Evidence], why: LinkReason
) -> Iterable[Identity]:
    for number, (identity, link) in enumerate(told.items()):
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
    """Return of which services alone entries are read; none: of all."""
    is_hidden = client.api.options.other_services is OtherServices.HIDDEN
    return client.token.services if is_hidden else ()


def _now() -> int:
    return int(time.time() * 1000)
