"""Look up a citizen, read on, and read one contact."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter

from models.identities import normalise
from models.instants import moment
from streams.access.permissions import Operation
from streams.api import cursors
from streams.api.answers import (
    NAME,
    Identity,
    Life,
    LookUp,
    Page,
    ReadContact,
    ReadTimeline,
    Reason,
    Story,
    contact_of,
    entry_of,
    revoked_of,
)
from streams.api.asking import BODY, Asker, AskerHere, Slip, answer, responses
from streams.api.options import OtherServices
from streams.api.problems import Problem
from streams.core import links
from streams.core.links import Link
from streams.core.promises import Promise
from streams.core.summary import Find, Sift, put_in_order, sum_up
from streams.timeline.reading import Evidence, Reading
from streams.timeline.store import Place

LOOKED_AT: Final = 200
"""So many of the latest entries tell how a citizen's matters stand: whoever has more is answered as fast."""

MOST_OF_A_LIFE: Final = 1000
"""Entries of one contact: who has more is a machine."""

router = APIRouter(tags=["timelines"])


@router.post("/v1/look-up", response_model=Story, responses=responses(*BODY))
async def look_up(body: LookUp, asker: AskerHere) -> Any:
    """Find a citizen by a telephone number, address or reference; tell his story: the latest page, and how his matters stand."""
    kind = body.kind.identity
    normalised = normalise(kind, body.value, asker.api.options.region) if kind else body.value
    if normalised is None or (kind is None and not NAME.fullmatch(normalised)):
        raise Problem("invalid", mistakes=[("value", "not_normal")])
    sector, whose = body.sector or next(iter(asker.token.sectors), ""), normalised if kind is None else ""
    if kind is not None and sector in asker.token.sectors:
        with suppress(Problem):  # of a key: it is told to who may look, and recorded, below
            whose = asker.api.make_pseudonym(
                kind, normalised, sector
            )  # so that a refusal is recorded with whom it concerned

    def find(reading: Reading, slip: Slip) -> Story | None:
        if kind is None:
            sectors = reading.find_sectors(normalised)
            if not sectors:
                return None
            slip.admit_all(sectors)
            citizen = reading.find_citizen(normalised)
            if citizen is not None and not _sees_contact(reading, asker, normalised):
                return None
            subject = citizen.owner if citizen else normalised
        else:
            sectors = [sector]
            slip.admit_typed(sector)
            subject = slip.whose = whose or asker.api.make_pseudonym(kind, normalised, sector)
        return _tell(reading, asker, subject, sectors, body.limit)

    return answer(await asker.ask(Operation.LOOK_UP, body.purpose, find, whose))


@router.post("/v1/timeline", response_model=Page, responses=responses("cursor", *BODY))
async def read_timeline(body: ReadTimeline, asker: AskerHere) -> Any:
    """Read on in a citizen's timeline."""
    before = None
    if body.cursor is not None:
        before = cursors.read(body.cursor, body.subject, asker.api.secret)
        if before is None:
            raise Problem("cursor")

    def find(reading: Reading, slip: Slip) -> Page | None:
        sectors = reading.find_sectors(body.subject)
        if not sectors:
            return None
        slip.admit_all(sectors)
        owners = reading.tell_story(body.subject).identities
        rows, _ = _read(reading, asker, owners, sectors, body.limit + 1, before)
        if not rows and before is None:
            return None
        return _page(asker, body.subject, sectors, rows, body.limit)

    return answer(await asker.ask(Operation.READ_TIMELINE, body.purpose, find, body.subject))


@router.post("/v1/contact", response_model=Life, responses=responses(*BODY))
async def read_contact(body: ReadContact, asker: AskerHere) -> Any:
    """Read one contact's life, in order: of more than 1000 entries, the latest."""

    def find(reading: Reading, slip: Slip) -> Life | None:
        citizen = reading.find_citizen(body.contact)
        if citizen is None:
            return None
        sectors = reading.find_sectors(body.contact) or [citizen.sector]
        slip.admit_all(sectors)
        looked_at = reading.read_contact(body.contact, MOST_OF_A_LIFE + 1, _services(asker))
        rows = looked_at[:MOST_OF_A_LIFE]
        seen = [row for row in rows if asker.sees(row["service"])]
        if not seen:
            return None
        (summary,) = sum_up(seen, _now(), _finder(reading, asker, sectors), _sifter(reading, asker, sectors))
        return Life(
            contact=contact_of(summary),
            sector=citizen.sector,
            citizen=None if citizen.owner == body.contact else citizen.owner,
            entries=[entry_of(row, is_outline=not asker.sees(row["service"])) for row in put_in_order(rows)],
            is_whole=len(looked_at) == len(rows),
        )

    return answer(await asker.ask(Operation.READ_CONTACT, body.purpose, find, body.contact))


def _tell(reading: Reading, asker: Asker, subject: str, sectors: Sequence[str], limit: int) -> Story | None:
    story, services = reading.tell_story(subject), _services(asker)
    looked_at = max(limit + 1, LOOKED_AT)
    rows, is_all = _read(reading, asker, story.identities, sectors, looked_at)
    held = [*story.identities.values(), *story.shared.values()]
    evidence = reading.find_evidence([link for link in held if link is not None], services)
    if services:
        story = _narrow(story, {subject, *(row["owner"] for row in rows)}, evidence.keys())
    revoked = () if rows or story.shared else reading.find_revoked(subject, services)
    if not rows and not revoked and (story.is_own or not story.shared):
        return None
    may_restore = all(asker.token.may(Operation.RESTORE_LINK, sector) for sector in sectors)
    seen = [row for row in rows if asker.sees(row["service"])]
    page = _page(asker, subject, sectors, rows, limit)
    return Story(
        **vars(page),
        is_own=story.is_own,
        is_whole=story.is_whole and is_all,
        identities=list(_identities(story.identities, evidence, Reason.TOLD_TOGETHER)),
        shared=list(_identities(story.shared, evidence, Reason.SHARED)),
        revoked=[revoked_of(known, is_named=may_restore) for known in revoked],
        contacts=[
            contact_of(one)
            for one in sum_up(seen, _now(), _finder(reading, asker, sectors), _sifter(reading, asker, sectors))
        ],
        are_contacts_whole=len(rows) < looked_at,
    )


def _narrow(told: links.Story, shown: Collection[str], held: Collection[Link]) -> links.Story:
    """Return a story with only what entries are shown of, and links that are `held` by contacts of which some are.

    That there is a dossier, or that somebody has a number too, tells of another service.
    """
    identities = {
        one: link if link in held else None for one, link in told.identities.items() if one in shown or link in held
    }
    return told._replace(identities=identities, shared={one: link for one, link in told.shared.items() if link in held})


def _read(
    reading: Reading,
    asker: Asker,
    owners: Collection[str],
    sectors: Sequence[str],
    limit: int,
    before: Place | None = None,
) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """Return the latest entries that are shown to who asks, and whether all were looked at for that."""
    services = _services(asker)
    since = reading.find_bound(owners) if services else None
    return reading.read(owners, limit, before, services, since, sectors), since is None


def _finder(reading: Reading, asker: Asker, sectors: Sequence[str]) -> Find:
    """Return what finds what is promised to contacts, and still to be kept by services that are shown to who asks."""

    def find(contacts: Collection[str]) -> Mapping[str, Iterable[Promise]]:
        found = reading.find_promises(contacts, sectors)
        return {
            contact: [promise for promise in promises if asker.sees(promise.service)]
            for contact, promises in found.items()
        }

    return find


def _sifter(reading: Reading, asker: Asker, sectors: Sequence[str]) -> Sift:
    """Return what tells which contacts services have now that are not shown to who asks: that they do, not which."""

    def sift(contacts: Collection[str]) -> Collection[str]:
        if not asker.token.services:
            return ()
        now = reading.find_services_now(contacts, sectors)
        return {contact for contact, service in now.items() if not asker.sees(service)}

    return sift


def _sees_contact(reading: Reading, asker: Asker, contact: str) -> bool:
    """Return whether anything of a contact is shown: else whoever knows an id would learn whose it is."""
    services = asker.token.services
    return not services or bool(reading.read_contact(contact, 1, services))


def _page(asker: Asker, subject: str, sectors: Sequence[str], rows: Sequence[Mapping[str, Any]], limit: int) -> Page:
    """Return the first `limit` of these rows; that there are more tells where to go on."""
    shown, further = rows[:limit], None
    if len(rows) > limit:
        further = cursors.write(Place(shown[-1]["happened_at"], shown[-1]["id"]), subject, asker.api.secret)
    entries = [entry_of(row, is_outline=not asker.sees(row["service"])) for row in reversed(put_in_order(shown))]
    return Page(subject=subject, sector=sectors[-1], entries=entries, next=further)


def _identities(told: Mapping[str, Link | None], evidence: Mapping[Link, Evidence], why: Reason) -> Iterable[Identity]:
    for number, (identity, link) in enumerate(told.items()):
        is_first = number == 0 and why is not Reason.SHARED
        known = evidence.get(link) if link else None
        yield Identity(
            identity=identity,
            kind=links.kind_of(identity),
            linked_to=(link.other if link.one == identity else link.one) if link else None,
            since=moment(known.linked_at) if known else None,
            contacts=known.contacts if known else None,
            why=Reason.ASKED if is_first else why,
        )


def _services(asker: Asker) -> Sequence[str]:
    """Return of which services alone entries are read; none: of all."""
    is_hidden = asker.api.options.other_services is OtherServices.HIDDEN
    return asker.token.services if is_hidden else ()


def _now() -> int:
    return int(time.time() * 1000)
