"""All that is held about a citizen (GDPR, article 15): gathered once, handed out contact by contact."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from models.sla import SLA_SOURCE
from models.timestamps import milliseconds, to_iso
from streams.core.citizens.identity_resolution import Link
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import stay_result
from streams.privacy.citizen_finder import CitizenFinder
from streams.timeline.links import LinkRecord
from streams.timeline.store import Timeline

NOT_TOLD: Final = "security"
_LOOKED: Final = frozenset({"look_up", "read_timeline", "read_contact"})
"""Accesses for this purpose are only counted: to tell of them may hinder what they are for (GDPR, article 23)."""


class Identity(msgspec.Struct, frozen=True):
    """A pseudonym that is the citizen's."""

    identity: str
    linked_to: str
    """By which other one it is known to be; empty of what was asked for."""
    contacts: int
    """So many contacts told both."""
    since: str
    """When the first of them did."""


class Withheld(msgspec.Struct, frozen=True):
    """What is linked to the citizen, but not shown."""

    identity: str
    linked_to: str
    reason: str
    """`shared`: others have it too. `revoked`: the link was found not to hold."""


class Promise(msgspec.Struct, frozen=True):
    """A clock."""

    policy: str
    clock: str
    started_at: str
    deadline_at: str
    ended_at: str
    is_breached: bool


class Stay(msgspec.Struct, frozen=True):
    """A stay in a queue."""

    queue: str
    queued_at: str
    outcome: str
    wait_seconds: float
    handle_seconds: float
    to_queue: str
    """Where it was passed on to; empty if it was not, or that is not known."""


class Fact(msgspec.Struct, frozen=True):
    """What happened to a contact, with what was told about it."""

    type: str
    first_at: str
    last_at: str
    data: Mapping[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """An entry of the timeline."""

    happened_at: str
    type: str
    channel: str
    site: str
    service: str
    state: str
    outcome: str
    detail: str
    source: str
    id: str


class ContactData(msgspec.Struct, frozen=True):
    """All that is held about one contact."""

    contact: str
    channel: str
    site: str
    service: str
    state: str
    identities: tuple[str, ...]
    entries: tuple[Entry, ...]
    promises: tuple[Promise, ...]
    stays: tuple[Stay, ...]
    opinions: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    """All else that the workers' state has of it; empty once it was closed for long enough."""


class Access(msgspec.Struct, frozen=True, rename={"subject_id": "whose"}):
    """That somebody looked at it. Not who: the Court of Justice, C-579/21, has employees' names left out."""

    at: str
    operation: str
    purpose: str
    role: str
    result: str
    subject_id: str


class RetentionRule(msgspec.Struct, frozen=True):
    """How long something is kept."""

    what: str
    where: str
    days: int | None
    until: str


class PersonalData(NamedTuple):
    """The whole, in the language of whoever reads it; `contacts` can be gone through once."""

    asked: str
    sector: str
    made_at: str
    is_whole: bool
    """False: more identities are linked than are followed; the rest has to be asked for by them."""
    identities: Sequence[Identity]
    withheld: Sequence[Withheld]
    contact_count: int
    contacts: Iterator[ContactData]
    accesses: Sequence[Access]
    accesses_withheld: int
    """So many more for the purpose `NOT_TOLD`."""
    accesses_shared: int
    """So many looked at what stands under a number of several people: it was shown to them, whoever they looked for."""
    retention: Sequence[RetentionRule]
    services: Mapping[str, str]
    """Names of services as people know them, of those that have one."""
    notice: str
    """What the controller tells every citizen; empty lines part paragraphs."""
    queues: Mapping[tuple[str, str, str], str]
    """Names of queues, by channel, site and code, of those that have one."""


Records = Callable[[], Iterable[Mapping[str, Any]]]
"""Returns all records of the audit."""
FindNames = Callable[[Iterable[str]], Mapping[str, str]]
"""Maps each form of names that records may have to the name."""


def _as_they_are(names: Iterable[str]) -> Mapping[str, str]:
    return {one: one for one in names}


def collect_personal_data(
    timeline: Timeline,
    finder: CitizenFinder,
    asked: str,
    sector: str,
    records: Records,
    retention: Sequence[RetentionRule],
    now: datetime,
    services: Mapping[str, str] = MappingProxyType({}),
    notice: str = "",
    queues: Mapping[tuple[str, str, str], str] = MappingProxyType({}),
    recorded_forms_of: FindNames = _as_they_are,
) -> PersonalData:
    """Return all that is held about the citizen with the identity `asked` in a sector, or about the contact `asked`.

    `find_names` maps the forms of names in records to the names. Raises what `Finder.find` raises; iterating over the contacts
    raises `Unavailable`.
    """
    found = finder.find(asked, sector)
    story = found.story
    known: dict[frozenset[str], LinkRecord] = {}
    for one in story.identities:
        known |= {frozenset(told.link): told for told in timeline.read_links(one, MAX_LINKS)}
    identities = [_identify(one, link, known) for one, link in story.identities.items()]
    withheld = [Withheld(one, _other(one, link), "shared") for one, link in story.shared.items()]
    withheld += [
        Withheld(other, mine, "revoked")
        for pair, link in known.items()
        if link.revoked_at is not None
        for mine, other in (tuple(link.link), tuple(link.link)[::-1])
        if mine in story.identities and other not in story.identities
    ]

    def told_in(
        contact: str,
    ) -> list[Mapping[str, Any]]:  # one that was told in another sector too is not handed out there
        return [entry for entry in timeline.read_contact(contact) if entry["sector"] in {sector, ""}]

    rows = (found.rows.get(contact) for contact in found.contacts)
    told = {identity for row in rows if row for identity in row.identities.split()}
    revoked = {one.identity for one in withheld if one.reason == "revoked"}
    shared = {*story.shared, *told} - story.identities.keys() - revoked
    accesses, hidden, of_several = _read_accesses(
        records, recorded_forms_of({*story.identities, *found.contacts}), recorded_forms_of(shared)
    )
    return PersonalData(
        asked,
        sector,
        _iso(milliseconds(now)),
        story.is_whole,
        identities,
        withheld,
        len(found.contacts),
        (_hold(contact, told_in(contact), found.rows.get(contact)) for contact in found.contacts),
        accesses,
        hidden,
        of_several,
        retention,
        services,
        notice,
        queues,
    )


MAX_LINKS: Final = 1000
"""Of one identity: more belong to nobody."""


def _identify(one: str, link: Link | None, known: Mapping[frozenset[str], LinkRecord]) -> Identity:
    if link is None:
        return Identity(one, "", 0, "")
    told = known.get(frozenset(link))
    return Identity(one, _other(one, link), told.contacts if told else 0, _iso(told.linked_at) if told else "")


def _other(one: str, link: Link) -> str:
    return link.other if link.one == one else link.one


def _read_accesses(
    records: Records, subject_id: Mapping[str, str], shared: Mapping[str, str]
) -> tuple[list[Access], int, int]:
    found, hidden, of_several = [], 0, 0
    for record in records():
        if record.get("whose") in shared:
            if record.get("result") == "shown" and record.get("operation") in _LOOKED:
                hidden += record.get("why") == NOT_TOLD
                of_several += record.get("why") != NOT_TOLD
        elif record.get("whose") in subject_id:
            if record.get("why") == NOT_TOLD:
                hidden += 1
            else:
                said = {**record, "whose": subject_id[record["whose"]]}
                found.append(
                    Access(*(str(said.get(name, "")) for name in ("at", "operation", "why", "role", "result", "whose")))
                )
    return found, hidden, of_several


def _hold(contact: str, entries: Sequence[Mapping[str, Any]], row: Contact | None) -> ContactData:
    last = next((entry for entry in reversed(entries) if entry["source"] != SLA_SOURCE), None)
    dimensions = row.dimensions if row else None
    return ContactData(
        contact,
        contact.partition(":")[0],
        dimensions.site if dimensions else last["site"] if last else "",
        dimensions.service if dimensions else last["service"] if last else "",
        row.state.value if row else last["state"] if last else "",
        tuple(row.identities.split()) if row else (),
        tuple(
            Entry(
                _iso(entry["happened_at"]),
                *(
                    entry[name]
                    for name in ("type", "channel", "site", "service", "state", "outcome", "detail", "source", "id")
                ),
            )
            for entry in entries
        ),
        tuple(_promises(row)) if row else (),
        tuple(list_stays(row)) if row else (),
        tuple(list_facts(row, opinions=True)) if row else (),
        tuple(list_facts(row, opinions=False)) if row else (),
    )


def _promises(row: Contact) -> Iterator[Promise]:
    for clock in row.clocks:
        started_at, deadline_at, ended_at = map(_iso, (clock.started_at, clock.deadline_at, clock.ended_at))
        yield Promise(clock.terms.policy, clock.kind, started_at, deadline_at, ended_at, clock.is_breached)


def list_stays(row: Contact) -> Iterator[Stay]:
    """Yield the stays in queues that the workers' state has of a contact."""
    for visit in row.stays:
        story = stay_result(visit)
        seconds = story.wait_ms / 1000, story.handle_ms / 1000
        yield Stay(visit.dimensions.queue, _iso(story.queued_at), story.outcome, *seconds, visit.to_queue or "")


def list_facts(row: Contact, *, opinions: bool) -> Iterator[Fact]:
    """Yield what else that has: opinions, or all but those."""
    for told in row.case_events:
        if told.type.startswith("feedback.") is opinions:
            yield Fact(told.type, _iso(told.first_at), _iso(told.last_at), msgspec.json.decode(told.detail or "{}"))


def _iso(at: int | None) -> str:
    return "" if at is None else to_iso(at, "seconds")
