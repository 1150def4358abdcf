"""Contents of an audit record: the access, its purpose and its result."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from models.identities import IdentityKind
from models.revocation_reasons import RevocationReason
from models.roles import Role
from models.topics import Channel
from streams.access.permissions import Operation

SUBJECT_PATTERN: Final = (
    rf"(?:{'|'.join(IdentityKind)}):[0-9a-f]{{1,4}}-[A-Za-z0-9_-]{{1,22}}|"
    rf"(?:{'|'.join(Channel)}):[!-9;-~]{{1,128}}:[A-Za-z0-9._@/+-]{{1,128}}"
)
"""Regular expression, without anchors, of a pseudonym or a contact id."""
CONCEALED: Final = "concealed"
"""Prefix, without its colon, of the keyed hash that replaces a typed subject unknown to the timelines."""
_SUBJECT: Final = re.compile(SUBJECT_PATTERN)
_AUDIT_SUBJECT: Final = re.compile(
    rf"|{SUBJECT_PATTERN}|{CONCEALED}:[A-Za-z0-9_-]{{22}}|token:[a-z0-9._-]{{1,64}}|erasure:[0-9a-f]{{32}}:[0-9a-f]{{64}}"
)
_ERASURE: Final = re.compile(r"|[0-9a-f]{32}")


class Purpose(StrEnum):
    """Reason for an access to a citizen's data. The list is closed because a free text would contain names."""

    CONTACT = "contact"
    """The citizen is on the telephone or at the desk."""
    FOLLOW_UP = "follow_up"
    """The client works on a letter, an e-mail, a form or an appointment."""
    COMPLAINT = "complaint"
    QUALITY = "quality"
    """The service reviews its own work."""
    RIGHTS = "rights"
    """The citizen requests access, correction or erasure."""
    SECURITY = "security"
    """Investigation of an incident."""
    ADMINISTRATION = "administration"
    """Administration of Accueil itself."""


_SERVICE: Final = (Purpose.CONTACT, Purpose.FOLLOW_UP, Purpose.COMPLAINT, Purpose.QUALITY)
PURPOSES: Final[Mapping[Role, tuple[Purpose, ...]]] = MappingProxyType(
    {
        Role.AGENT: _SERVICE,
        Role.SUPERVISOR: (),
        Role.DPO: (*_SERVICE, Purpose.RIGHTS, Purpose.SECURITY),
        Role.OPERATOR: (),
    }
)
"""Role → allowed purposes. Agents may not give `security`, because such accesses are hidden from the citizen
(`streams.privacy.personal_data`). No token may give `administration`. Commands on the machine may give any purpose."""


class Result(StrEnum):
    """Outcome of an operation.

    Changes are recorded as `begun` before, and as `done`, `proved`, `failed` or `not_found` (nothing to change) after.
    """

    SHOWN = "shown"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    LIMITED = "limited"
    """The token exceeded its rate limit."""
    BEGUN = "begun"
    PROVED = "proved"
    DONE = "done"
    FAILED = "failed"
    """An operation recorded as `begun` has failed, or a look-up has failed before anything was shown. In records of earlier
    releases, the outcome is unknown."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of an audit record, without time and sequence number. JSON keys: `who` for `actor`, `whose` for `subject_id`."""

    actor: str = msgspec.field(name="who")
    """Name of a token; for a command on the machine `user:<name>`, or `user:<name> (sudo: <name>)` with sudo."""
    role: str = ""
    operation: Operation
    sector: str = ""
    subject_id: str = msgspec.field(default="", name="whose")
    """Pseudonym or contact id; `concealed:…` for a typed one that the timelines do not know (`streams.access.concealment`);
    `token:<name>` for a token; `erasure:<id>:<SHA-256>` for a proof; else empty."""
    why: Purpose
    result: Result
    across: str = ""
    """Reason, from the settings, for an access to a sector that the token does not have."""
    ground: RevocationReason | Literal[""] = ""
    """Reason of the revocation of a link."""
    erasure: str = ""
    """Id of an erasure, in all records from the request to the proof."""

    def __post_init__(self) -> None:
        """Raise `ValueError` if `subject_id` or `erasure` is malformed: free text may contain personal data."""
        if not is_audit_subject(self.subject_id):
            raise ValueError("subject_id is neither a pseudonym nor a contact id")
        if not _ERASURE.fullmatch(self.erasure):
            raise ValueError("erasure is not the id of an erasure request")


def is_subject(text: str) -> bool:
    """Return whether `text` has the form of a pseudonym or a contact id."""
    return bool(_SUBJECT.fullmatch(text))


def is_audit_subject(text: str) -> bool:
    """Return whether `text` has the form of a pseudonym, a contact id, `concealed:…`, `token:…` or `erasure:…`, or is empty."""
    return bool(_AUDIT_SUBJECT.fullmatch(text))
