"""What is asked, and what is answered: the words of the contract (`/openapi.json`).

What is asked is checked here. What is answered is ours, and checked by types alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from models.identities import IdentityKind
from models.revocation_reasons import RevocationReason
from models.timestamps import to_datetime
from models.topics import Channel
from streams.access.audit import SUBJECT_PATTERN, Purpose
from streams.access.permissions import Operation, Role
from streams.core.contacts.case_event import ContactState
from streams.core.sla.open_targets import TargetStatus
from streams.core.timeline.case_summary import Summary
from streams.timeline.links import LinkRecord

SUBJECT_REGEX: Final = re.compile(SUBJECT_PATTERN)
LIMIT: Final = 50
MOST: Final = 200


class LookUpKind(StrEnum):
    """What is asked for."""

    PHONE = "phone"
    EMAIL = "email"
    CASE = "case"
    DOSSIER = "dossier"
    RDV_USER = "rdv_user"
    CONTACT = "contact"
    """A contact's id."""
    PSEUDONYM = "pseudonym"

    @property
    def identity(self) -> IdentityKind | None:
        """The kind of identity that is typed; None if it is a name that Accueil gave."""
        return None if self in {LookUpKind.CONTACT, LookUpKind.PSEUDONYM} else IdentityKind(self.value)


class Body(BaseModel):
    """What all bodies of requests share: a name that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def names(cls) -> set[str]:
        """Return the names of all fields of such bodies."""
        return {*cls.model_fields}.union(*(body.names() for body in cls.__subclasses__()))


SubjectId = Annotated[
    str,
    StringConstraints(max_length=300, pattern=f"^(?:{SUBJECT_PATTERN})$"),
    Field(description="A pseudonym or a contact id, as an answer told it."),
]
Sector = Annotated[str, StringConstraints(max_length=64, pattern="^[A-Za-z0-9._-]*$")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="So many entries at most.")]
Why = Annotated[
    Literal[Purpose.CONTACT, Purpose.FOLLOW_UP, Purpose.COMPLAINT, Purpose.QUALITY, Purpose.RIGHTS, Purpose.SECURITY],
    Field(description="Why it is asked for; recorded. Which ones a role may give, `/v1/me` tells; another is refused."),
]
Cursor = Annotated[str, Field(max_length=400, description="Where to go on, as the answer before told it.")]


class LookUp(Body):
    """Whom to find, by what a citizen says of himself."""

    kind: LookUpKind
    value: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    sector: Sector = Field(
        "",
        description="Whose key makes the pseudonym; empty: the first of the token. A contact or pseudonym has its own.",
    )
    purpose: Why
    limit: Limit = LIMIT


class ReadTimeline(Body):
    """Whose timeline to go on with."""

    subject: SubjectId
    cursor: Cursor | None = None
    limit: Limit = LIMIT
    purpose: Why


class ReadContact(Body):
    """Which contact to show."""

    contact: SubjectId
    purpose: Why


class RevokeLink(Body):
    """Which two identities are not one citizen's."""

    one: SubjectId
    other: SubjectId
    reason: RevocationReason


class RestoreLink(Body):
    """Which two identities are one citizen's after all."""

    one: SubjectId
    other: SubjectId
    reason: RevocationReason | None = Field(None, description="Counts for nothing.")


@dataclass
class Entry:
    """What happened, and how things stood after it. In outline, only when, in what channel and how it stood."""

    id: str
    contact: str
    happened_at: datetime
    channel: Channel
    site: str
    service: str
    type: str
    state: Annotated[
        ContactState,
        Field(description="After it; of a promise (`sla.…`) when it was judged, which may set_status later."),
    ]
    outcome: str
    detail: Annotated[
        str,
        Field(
            description="Of a promise `<policy>:<clock>`; of an appointment booked or moved when it is; of a letter that was "
            "scanned later than it came when it came; of an opinion `<scale>:<score>`."
        ),
    ]
    is_outline: bool


class LinkReason(StrEnum):
    """Why an identity is in a story."""

    ASKED = "asked"
    """It is what was asked for."""
    TOLD_TOGETHER = "told_together"
    """Contacts told it together with the identity that it is linked to."""
    SHARED = "shared"
    """They did, but it is others' too: nothing of it is shown."""


@dataclass
class Identity:
    """One identity of a citizen, and by what it belongs to him."""

    identity: str
    kind: str
    linked_to: str | None
    since: datetime | None
    contacts: Annotated[int | None, Field(description="So many told the link; 1000: that many at least.")]
    why: LinkReason


@dataclass
class Revoked:
    """A link of what was asked for that was revoked: what its contacts tell is shown by the other identity alone."""

    one: Annotated[str | None, Field(description="With `other`, what restores it; null for who may not.")]
    other: str | None
    contacts: Annotated[int, Field(description="So many told the link; 1000: that many at least.")]
    revoked_at: datetime
    reason: RevocationReason


@dataclass
class Promise:
    """What became of something that was promised."""

    policy: str
    clock: str
    state: Annotated[str, Field(description="`met`, `breached` or `cancelled`.")]
    at: datetime


@dataclass
class Due:
    """Something that is promised and still to be kept."""

    policy: str
    clock: str
    state: Annotated[
        TargetStatus,
        Field(description="Now. `paused`: the citizen has to act, so that nobody knows yet when it is due."),
    ]
    due_at: datetime | None
    at_risk_at: Annotated[datetime | None, Field(description="When most of the time is over.")]


@dataclass
class Contact:
    """One contact, summed up."""

    contact: str
    channel: Channel
    site: str
    service: str
    state: ContactState
    outcome: Annotated[
        str,
        Field(description="Empty while it is open; `passed_on` if a service has it now that is not shown to who asks."),
    ]
    is_open: Annotated[bool, Field(description="Whether the service or the citizen is_stalled has to act.")]
    since: datetime
    last_at: datetime
    sla: Annotated[
        list[Promise],
        Field(description="What became of what was promised; of what is is_stalled to set_status kept, see `due`."),
    ]
    due: Annotated[list[Due], Field(description="The next deadline first, paused ones last.")]
    opinions: int
    entries: int
    starts_at: Annotated[
        datetime | None, Field(description="Of an appointment: when it is; null if that was not told.")
    ]
    admitted_at: Annotated[
        datetime | None,
        Field(
            description="Of a letter that was scanned later than it came: when it came, by its stamp; legal delays begin then."
        ),
    ]
    scores: Annotated[list[str], Field(description="The opinions that were told, `<scale>:<score>`, in order.")]


@dataclass
class Page:
    """Entries, latest first."""

    subject: str
    sector: str
    entries: list[Entry]
    next: Annotated[str | None, Field(description="Give it back to read on; null if there is no more.")]


@dataclass
class Story(Page):
    """A citizen: by what he is known, how his matters stand, and the first page of what happened."""

    is_own: Annotated[
        bool, Field(description="False if what was asked for leads to several people, who are in `shared`.")
    ]
    is_whole: Annotated[bool, Field(description="False if more belongs here than is shown.")]
    identities: list[Identity]
    shared: list[Identity]
    revoked: Annotated[
        list[Revoked], Field(description="Where nothing else is known of what was asked for: why it is shown no more.")
    ]
    contacts: Annotated[
        list[Contact],
        Field(
            description="Open ones first, of these the ones that are late by a promise, then those of which was heard last."
        ),
    ]
    are_contacts_whole: Annotated[
        bool, Field(description="False if older entries than were looked at may tell of more.")
    ]


@dataclass
class ContactTimeline:
    """One contact from its beginning to its end."""

    contact: Contact
    sector: str
    citizen: Annotated[str | None, Field(description="SubjectRequest it is; null if nobody is known to set_status.")]
    entries: Annotated[list[Entry], Field(description="In order.")]
    is_whole: Annotated[bool, Field(description="False if there are older entries than these, which are not told.")]


@dataclass
class LinkState:
    """Whether a link holds now."""

    one: str
    other: str
    holds: bool


@dataclass
class SectorPair:
    """A further sector in which may be looked up."""

    from_sector: str
    to_sector: str
    reason: str


@dataclass
class Me:
    """Who asks, and what he may do: all that a page needs to draw itself."""

    name: str
    role: Role
    sectors: list[str]
    services: Annotated[list[str], Field(description="Empty: all.")]
    across: list[SectorPair]
    may: list[Operation]
    purposes: Annotated[list[Purpose], Field(description="Those that this role may give.")]
    grounds: list[RevocationReason]
    kinds: list[LookUpKind]
    languages: list[str]
    title: dict[str, str]
    time_zone: str


def make_entry(row: Mapping[str, Any], *, is_outline: bool) -> Entry:
    """Return the entry of a row."""
    told = {**row, **_HIDDEN} if is_outline else row
    return Entry(
        id=told["id"],
        contact=told["contact"],
        happened_at=to_datetime(told["happened_at"]),
        channel=told["channel"],
        site=told["site"],
        service=told["service"],
        type=told["type"],
        state=told["state"],
        outcome=told["outcome"],
        detail=told["detail"],
        is_outline=is_outline,
    )


_HIDDEN: Final = dict.fromkeys(("id", "contact", "site", "service", "type", "outcome", "detail"), "")


def make_revoked_link(known: LinkRecord, *, is_named: bool) -> Revoked:
    """Return what is told of a revoked link; `is_named`: between whom it was, too."""
    one, other = known.link if is_named else (None, None)
    assert known.revoked_at is not None
    assert known.reason is not None
    at, ground = to_datetime(known.revoked_at), RevocationReason(known.reason)
    return Revoked(one=one, other=other, contacts=known.contacts, revoked_at=at, reason=ground)


def make_contact(summary: Summary) -> Contact:
    """Return how a contact stands."""
    return Contact(
        contact=summary.contact,
        channel=Channel(summary.channel),
        site=summary.site,
        service=summary.service,
        state=ContactState(summary.state),
        outcome=summary.outcome,
        is_open=summary.is_open,
        since=to_datetime(summary.since),
        last_at=to_datetime(summary.last_at),
        sla=[Promise(one.policy, one.clock, one.state, to_datetime(one.at)) for one in summary.promises],
        due=[
            Due(one.policy, one.clock, one.state, _moment_if_any(one.due_at), _moment_if_any(one.at_risk_at))
            for one in summary.due
        ],
        opinions=summary.opinions,
        entries=summary.entries,
        starts_at=_moment_if_any(summary.starts_at),
        admitted_at=_moment_if_any(summary.admitted_at),
        scores=list(summary.scores),
    )


def _moment_if_any(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else to_datetime(milliseconds)
