"""Request and response bodies of the API (`/openapi.json`).

Pydantic validates requests. Responses are built by this package and checked by static types only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from models.identities import IdentityKind
from models.revocation_reasons import RevocationReason
from models.roles import Role
from models.timestamps import to_datetime
from models.topics import Channel
from streams.access.audit_records import SUBJECT_PATTERN, Purpose
from streams.access.permissions import Operation
from streams.core.contacts.case_event import ContactState
from streams.core.sla.open_targets import TargetStatus
from streams.core.timeline.case_summary import Summary
from streams.timeline.links import LinkRecord

LIMIT: Final = 50
MAX_LIMIT: Final = 200


class LookUpKind(StrEnum):
    """Kind of value to look up."""

    PHONE = "phone"
    EMAIL = "email"
    CASE = "case"
    DOSSIER = "dossier"
    RDV_USER = "rdv_user"
    CONTACT = "contact"
    """Contact id."""
    PSEUDONYM = "pseudonym"

    @property
    def identity(self) -> IdentityKind | None:
        """Kind of the typed identity; None for a contact id or pseudonym."""
        return None if self in {LookUpKind.CONTACT, LookUpKind.PSEUDONYM} else IdentityKind(self.value)


class Body(BaseModel):
    """Base of all request bodies. Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    @classmethod
    def names(cls) -> set[str]:
        """Return the names of all fields of request bodies."""
        return {*cls.model_fields}.union(*(body.names() for body in cls.__subclasses__()))


SubjectId = Annotated[
    str,
    StringConstraints(max_length=300, pattern=f"^(?:{SUBJECT_PATTERN})$"),
    Field(description="A pseudonym or contact id from an earlier answer."),
]
Sector = Annotated[str, StringConstraints(max_length=64, pattern="^[A-Za-z0-9._-]*$")]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Maximum number of entries.")]
Why = Annotated[
    Literal[Purpose.CONTACT, Purpose.FOLLOW_UP, Purpose.COMPLAINT, Purpose.QUALITY, Purpose.RIGHTS, Purpose.SECURITY],
    Field(
        description="Purpose of the access, recorded in the audit log. `/v1/me` lists those of the role; others are refused."
    ),
]
Cursor = Annotated[str, Field(max_length=400, description="Value of `next` in the previous answer.")]


class LookUp(Body):
    """Look up a citizen by a value that he gives."""

    kind: LookUpKind
    value: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    sector: Sector = ""
    """Sector whose key makes the pseudonym; empty: the token's first. Ignored for contact ids and pseudonyms."""
    purpose: Why
    limit: Limit = LIMIT


class ReadTimeline(Body):
    """Read the next page of a timeline."""

    subject: SubjectId
    cursor: Cursor | None = None
    limit: Limit = LIMIT
    purpose: Why


class ReadContact(Body):
    """Read one contact."""

    contact: SubjectId
    purpose: Why


class RevokeLink(Body):
    """Revoke the link between two identities."""

    one: SubjectId
    other: SubjectId
    reason: RevocationReason


class RestoreLink(Body):
    """Restore the link between two identities."""

    one: SubjectId
    other: SubjectId
    reason: RevocationReason | None = None
    """Ignored."""


@dataclass
class Answer:
    """Base of all answers. The docstring of a field is its description."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)


@dataclass
class Entry(Answer):
    """An event of a contact and the state after it. In outline: only time, channel and state."""

    id: str
    contact: str
    happened_at: datetime
    channel: Channel
    site: str
    service: str
    type: str
    state: ContactState
    """State of the contact after the event. For `sla.…`: when the target was judged, which may be later."""
    outcome: str
    detail: str
    """For an SLA event `<policy>:<clock>`; for a booked or moved appointment its time; for a letter scanned after its arrival the
    time of arrival; for feedback `<scale>:<score>`; the name of a reason for contact."""
    is_outline: bool


class LinkReason(StrEnum):
    """Reason why an identity belongs to an answer."""

    ASKED = "asked"
    """It was looked up."""
    TOLD_TOGETHER = "told_together"
    """Contacts name it together with the identity that it is linked to."""
    SHARED = "shared"
    """It is linked, but other people have it too. Its entries are not shown."""


@dataclass
class Identity(Answer):
    """An identity of a citizen, and the link that connects it with the citizen."""

    identity: str
    kind: str
    linked_to: str | None
    since: datetime | None
    contacts: int | None
    """Number of contacts that prove the link; 1000: at least that many."""
    why: LinkReason


@dataclass
class Revoked(Answer):
    """A revoked link of the subject. Its contacts are only shown with the other identity."""

    one: str | None
    """`one` and `other` restore the link; null if the role may not restore it."""
    other: str | None
    contacts: int
    """Number of contacts that prove the link; 1000: at least that many."""
    revoked_at: datetime
    reason: RevocationReason


@dataclass
class Promise(Answer):
    """A judged SLA target."""

    policy: str
    clock: str
    state: str
    """`met`, `breached` or `cancelled`."""
    at: datetime


@dataclass
class Due(Answer):
    """An open SLA target."""

    policy: str
    clock: str
    state: TargetStatus
    """Current state. `paused`: the citizen has to act, so the deadline is not known yet."""
    due_at: datetime | None
    at_risk_at: datetime | None
    """Time from which the target is at risk."""


@dataclass
class Contact(Answer):
    """Summary of one contact."""

    contact: str
    channel: Channel
    site: str
    service: str
    state: ContactState
    outcome: str
    """Empty while there is none; a call or visit in progress already has `answered`. `passed_on` if the contact is now with a
    service that the client may not see."""
    is_open: bool
    """True if the service or the citizen still has to act. False for closed contacts, for those with `passed_on`, and for a call,
    visit or opinion without an entry for 12 hours, which is assumed to have ended."""
    since: datetime
    last_at: datetime
    sla: list[Promise]
    """Judged SLA targets; `due` has the open ones."""
    due: list[Due]
    """Open SLA targets, next deadline first, paused ones last."""
    opinions: int
    entries: int
    starts_at: datetime | None
    """Time of an appointment; null if unknown."""
    admitted_at: datetime | None
    """For a letter scanned after its arrival: the time of arrival, by its stamp. Legal deadlines begin then."""
    scores: list[str]
    """Scores of feedback, `<scale>:<score>`, in order."""


@dataclass
class Page(Answer):
    """Entries, latest first."""

    subject: str
    sector: str
    entries: list[Entry]
    next: Annotated[
        str | None, Field(description="Cursor of the next page; null on the last one.")
    ]  # also in subclasses


@dataclass
class Story(Page):
    """A citizen: identities, contacts and the first page of entries."""

    is_own: bool
    """False if the value belongs to several people, who are in `shared`."""
    is_whole: bool
    """False if some of the citizen's data is not included."""
    identities: list[Identity]
    shared: list[Identity]
    revoked: list[Revoked]
    """Revoked links of the value, if nothing else is known of it."""
    contacts: list[Contact]
    """Open ones first, among them those that missed an SLA target, then the others, most recent first."""
    are_contacts_whole: bool
    """False if entries older than those searched may belong to further contacts."""


@dataclass
class ContactTimeline(Answer):
    """All entries of one contact."""

    contact: Contact
    sector: str
    citizen: str | None
    """Pseudonym of the contact's citizen; null if unknown."""
    entries: list[Entry]
    """In order of time."""
    is_whole: bool
    """False if older entries exist that are not included."""


@dataclass
class LinkState(Answer):
    """State of a link."""

    one: str
    other: str
    holds: bool


@dataclass
class SectorPair(Answer):
    """A further sector that the client may look up."""

    from_sector: str
    to_sector: str
    reason: str


@dataclass
class Me(Answer):
    """The client and its permissions, as the page needs them."""

    name: str
    role: Role
    sectors: list[str]
    services: list[str]
    """Empty: all services."""
    across: list[SectorPair]
    may: list[Operation]
    purposes: list[Purpose]
    """Purposes that this role may give."""
    grounds: list[RevocationReason]
    kinds: list[LookUpKind]
    languages: list[str]
    title: dict[str, str]
    time_zone: str


def make_entry(row: Mapping[str, Any], *, is_outline: bool) -> Entry:
    """Return the entry of a row of the timelines; with `is_outline`, the fields that only its service may see are empty."""
    fields = {name: row[name] for name in ("channel", "state")}
    fields |= {name: "" if is_outline else row[name] for name in _OF_THE_SERVICE}
    return Entry(**fields, happened_at=to_datetime(row["happened_at"]), is_outline=is_outline)


_OF_THE_SERVICE: Final = ("id", "contact", "site", "service", "type", "outcome", "detail")


def make_revoked_link(known: LinkRecord, *, is_named: bool) -> Revoked:
    """Return a revoked link; its two identities are None unless `is_named`."""
    one, other = known.link if is_named else (None, None)
    assert known.revoked_at is not None
    assert known.reason is not None
    at, ground = to_datetime(known.revoked_at), RevocationReason(known.reason)
    return Revoked(one=one, other=other, contacts=known.contacts, revoked_at=at, reason=ground)


def make_contact(summary: Summary) -> Contact:
    """Return the summary of a contact as the API sends it."""
    fields = summary._asdict()
    del fields["verdicts"]
    fields |= {name: _time_or_none(fields[name]) for name in ("since", "last_at", "starts_at", "admitted_at")}
    fields["sla"] = [Promise(one.policy, one.clock, one.state, to_datetime(one.at)) for one in summary.verdicts]
    fields["due"] = [
        Due(one.policy, one.clock, one.state, _time_or_none(one.due_at), _time_or_none(one.at_risk_at))
        for one in summary.due
    ]
    return Contact(**fields)


def _time_or_none(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else to_datetime(milliseconds)
