"""Collect all data about a citizen (GDPR, article 15), streamed contact by contact. All times in it are ISO 8601 texts in UTC."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from models.sla import SLA_SOURCE
from models.timestamps import milliseconds, to_iso
from streams.core.citizens.identity_resolution import Link
from streams.core.contacts.contact import Contact
from streams.core.contacts.stay_outcome import stay_result
from streams.privacy.citizen_finder import CitizenFinder
from streams.privacy.erasures import Erasures
from streams.timeline.links import LinkRecord
from streams.timeline.store import Timeline

HIDDEN_PURPOSE: Final = "security"
"""Accesses for this purpose are only counted: listing them may obstruct an investigation (GDPR, article 23)."""
_LOOK_UPS: Final = frozenset({"look_up", "read_timeline", "read_contact"})


class Identity(msgspec.Struct, frozen=True):
    """One of the citizen's pseudonyms."""

    identity: str
    linked_to: str
    """Identity that it is linked to; empty for the requested one."""
    contacts: int
    """Number of contacts that prove the link; 0 for the requested identity, or if unknown."""
    since: str
    """Beginning of the first of these contacts; empty for the requested identity, or if unknown."""


class Withheld(msgspec.Struct, frozen=True):
    """Identity that is linked to the citizen's identity `linked_to`, but whose data is not shown."""

    identity: str
    linked_to: str
    reason: str
    """`shared`: other people have it too. `revoked`: the link was revoked."""


class SlaTarget(msgspec.Struct, frozen=True):
    """An SLA clock of the contact; times that are not known yet are empty."""

    policy: str
    clock: str
    started_at: str
    deadline_at: str
    ended_at: str
    is_breached: bool


class Stay(msgspec.Struct, frozen=True):
    """A stay of the contact in a queue. A wait or conversation that has not begun or not ended has 0 seconds."""

    queue: str
    queued_at: str
    outcome: str
    wait_seconds: float
    handle_seconds: float
    to_queue: str
    """Queue that the call was transferred to; empty if it was not transferred or this is unknown."""


class Fact(msgspec.Struct, frozen=True):
    """All case events of one `type` of a contact, as in `CaseEvent`: times of the first and last one, and data of one of them."""

    type: str
    first_at: str
    last_at: str
    data: Mapping[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """A timeline entry."""

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
    """All data about one contact."""

    contact: str
    channel: str
    site: str
    service: str
    state: str
    identities: tuple[str, ...]
    entries: tuple[Entry, ...]
    sla_targets: tuple[SlaTarget, ...] = msgspec.field(name="promises")
    stays: tuple[Stay, ...]
    opinions: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    """All other case events. Like `identities`, `sla_targets`, `stays` and `opinions`, it is empty once the workers' state has
    dropped a closed contact."""


class Access(msgspec.Struct, frozen=True):
    """An access to the citizen's data, without the employee's name (Court of Justice of the EU, C-579/21)."""

    at: str
    operation: str
    purpose: str
    role: str
    result: str
    subject_id: str = msgspec.field(name="whose")


class RetentionRule(msgspec.Struct, frozen=True):
    """Retention period of one kind of data. `until` describes the start of the `days`; without `days`, the end of the period."""

    what: str
    days: int | None
    """None: no fixed period."""
    until: str


class PersonalData(NamedTuple):
    """All data about a citizen in one sector. `contacts` can be iterated once. Texts and names are in the reader's language."""

    asked: str
    """Identity or contact id of the request."""
    sector: str
    made_at: str
    is_whole: bool
    """False if more identities are linked than are followed. The rest needs further requests."""
    identities: Sequence[Identity]
    withheld: Sequence[Withheld]
    contact_count: int
    contacts: Iterator[ContactData]
    accesses: Sequence[Access]
    accesses_withheld: int
    """Number of further accesses for `HIDDEN_PURPOSE`."""
    accesses_shared: int
    """Number of look-ups that showed an identity shared by several people, made for any of them, without `HIDDEN_PURPOSE`."""
    retention: Sequence[RetentionRule]
    services: Mapping[str, str]
    """Code of a service → its displayed name; without services that are displayed by their code."""
    notice: str
    """The controller's notice to all citizens; empty lines separate paragraphs."""
    queues: Mapping[tuple[str, str, str], str]
    """Channel, site and code of a queue → its displayed name; without queues that are displayed by their code."""
    reasons: Mapping[str, str]
    """Code of a reason for contact → its displayed name; without reasons that are displayed by their code."""


Records = Callable[[], Iterable[Mapping[str, Any]]]
"""Function that returns all readable records of the audit log as stored, thus with the JSON keys of `audit_records.Access`."""
FindRecordedForms = Callable[[Iterable[str]], Mapping[str, str]]
"""Function that returns, for some identities and contact ids, each form in the audit log (plain or concealed) → the original."""


def _unchanged(names: Iterable[str]) -> Mapping[str, str]:
    return {name: name for name in names}


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
    recorded_forms_of: FindRecordedForms = _unchanged,
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> PersonalData:
    """Return all data about the citizen with the identity `asked` in a sector, or about the contact `asked`.

    Entries of another sector are left out. Contacts are read only while `contacts` is iterated, which may raise `Unavailable`.
    Raises as `CitizenFinder.find` and `records` do.
    """
    found = finder.find(asked, sector)
    story = found.story
    known: dict[frozenset[str], LinkRecord] = {}
    for identity in story.identities:
        known |= {frozenset(record.link): record for record in timeline.read_links(identity, MAX_LINKS)}
    identities = [_make_identity(identity, link, known) for identity, link in story.identities.items()]
    withheld = [Withheld(identity, _other(identity, link), "shared") for identity, link in story.shared.items()]
    withheld += [
        Withheld(other, mine, "revoked")
        for pair, link in known.items()
        if link.revoked_at is not None
        for mine, other in (tuple(link.link), tuple(link.link)[::-1])
        if mine in story.identities and other not in story.identities
    ]

    def read_entries(contact: str) -> list[Mapping[str, Any]]:  # without those of another sector
        return [entry for entry in timeline.read_contact(contact) if entry["sector"] in {sector, ""}]

    rows = (found.rows.get(contact) for contact in found.contacts)
    named = {identity for row in rows if row for identity in row.identities.split()}
    revoked = {entry.identity for entry in withheld if entry.reason == "revoked"}
    shared = {*story.shared, *named} - story.identities.keys() - revoked
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
        (_make_contact_data(contact, read_entries(contact), found.rows.get(contact)) for contact in found.contacts),
        accesses,
        hidden,
        of_several,
        retention,
        services,
        notice,
        queues,
        reasons,
    )


MAX_LINKS: Final = 1000
"""Maximum of links read for one identity. No person has more."""


def _make_identity(identity: str, link: Link | None, known: Mapping[frozenset[str], LinkRecord]) -> Identity:
    if link is None:
        return Identity(identity, "", 0, "")
    record = known.get(frozenset(link))
    since = _iso(record.linked_at) if record else ""
    return Identity(identity, _other(identity, link), record.contacts if record else 0, since)


def _other(identity: str, link: Link) -> str:
    return link.other if link.one == identity else link.one


def _read_accesses(
    records: Records, own: Mapping[str, str], shared: Mapping[str, str]
) -> tuple[list[Access], int, int]:
    found, hidden, of_several = [], 0, 0
    for record in records():
        if record.get("whose") in shared:
            if record.get("result") == "shown" and record.get("operation") in _LOOK_UPS:
                hidden += record.get("why") == HIDDEN_PURPOSE
                of_several += record.get("why") != HIDDEN_PURPOSE
        elif record.get("whose") in own:
            if record.get("why") == HIDDEN_PURPOSE:
                hidden += 1
            else:
                plain = {**record, "whose": own[record["whose"]]}
                fields = ("at", "operation", "why", "role", "result", "whose")
                found.append(Access(*(str(plain.get(name, "")) for name in fields)))
    return found, hidden, of_several


def _make_contact_data(contact: str, entries: Sequence[Mapping[str, Any]], row: Contact | None) -> ContactData:
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
            Entry(_iso(entry["happened_at"]), *(entry[name] for name in Entry.__struct_fields__[1:]))
            for entry in entries
        ),
        tuple(_sla_targets(row)) if row else (),
        tuple(list_stays(row)) if row else (),
        tuple(list_facts(row, opinions=True)) if row else (),
        tuple(list_facts(row, opinions=False)) if row else (),
    )


def _sla_targets(row: Contact) -> Iterator[SlaTarget]:
    for clock in row.clocks:
        started_at, deadline_at, ended_at = map(_iso, (clock.started_at, clock.deadline_at, clock.ended_at))
        yield SlaTarget(clock.terms.policy, clock.kind, started_at, deadline_at, ended_at, clock.is_breached)


def list_stays(row: Contact) -> Iterator[Stay]:
    """Yield the queue stays of a contact in the workers' state."""
    for stay in row.stays:
        result = stay_result(stay)
        seconds = result.wait_ms / 1000, result.handle_ms / 1000
        yield Stay(stay.dimensions.queue, _iso(result.queued_at), result.outcome, *seconds, stay.to_queue or "")


def list_facts(row: Contact, *, opinions: bool) -> Iterator[Fact]:
    """Yield the contact's feedback events in the workers' state if `opinions`, otherwise all its other case events."""
    for event in row.case_events:
        if event.type.startswith("feedback.") is opinions:
            yield Fact(event.type, _iso(event.first_at), _iso(event.last_at), msgspec.json.decode(event.detail or "{}"))


def _iso(at: int | None) -> str:
    return "" if at is None else to_iso(at, "seconds")


class PrivacyRequests(NamedTuple):
    """Functions of the installation that the API needs for exports and erasures."""

    erasures: Callable[[Timeline], Erasures]
    """Returns the erasures of an opened timeline database. Raises `KafkaUnavailable` if no brokers are known."""
    collect_personal_data: Callable[[Timeline, CitizenFinder, str, str, str], PersonalData]
    """Arguments: timeline, finder, subject, sector, language. Raises as `collect_personal_data` above does."""
    zone: tzinfo
    """Time zone of the times shown to people."""
