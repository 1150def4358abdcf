"""Who may do what: one table, and the rule that reads it."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What the holder of a token is there for."""

    AGENT = "agent"
    """Answers citizens."""
    SUPERVISOR = "supervisor"
    """Looks after the services: figures, and no citizen."""
    DPO = "dpo"
    """Looks after the citizens' rights: data protection officer."""
    OPERATOR = "operator"
    """Keeps the machines running: what could not be used, by its reasons alone."""


class Operation(StrEnum):
    """What is done, as the audit names it."""

    LOOK_UP = "look_up"
    """Find a citizen by number, address or reference, and read the first page."""
    READ_TIMELINE = "read_timeline"
    READ_CONTACT = "read_contact"
    EXPORT = "export"
    """All that is held about a citizen (GDPR, article 15)."""
    ERASE = "erase"
    REVOKE_LINK = "revoke_link"
    RESTORE_LINK = "restore_link"
    READ_FIGURES = "read_figures"
    READ_DEAD_LETTERS = "read_dead_letters"
    READ_AUDIT = "read_audit"
    ADD_TOKEN = "add_token"  # noqa: S105 - no secret
    ROTATE_TOKEN = "rotate_token"  # noqa: S105
    REVOKE_TOKEN = "revoke_token"  # noqa: S105


_READING: Final = frozenset({Operation.LOOK_UP, Operation.READ_TIMELINE, Operation.READ_CONTACT})
PERMISSIONS: Final[Mapping[Role, frozenset[Operation]]] = MappingProxyType(
    {
        Role.AGENT: _READING,
        Role.SUPERVISOR: frozenset({Operation.READ_FIGURES}),
        Role.DPO: _READING
        | {
            Operation.EXPORT,
            Operation.ERASE,
            Operation.REVOKE_LINK,
            Operation.RESTORE_LINK,
            Operation.READ_FIGURES,
            Operation.READ_AUDIT,
        },
        Role.OPERATOR: frozenset({Operation.READ_FIGURES, Operation.READ_DEAD_LETTERS}),
    }
)
"""What each role may do. Tokens are nobody's to make by a token: only on the machine itself."""
CITIZEN_OPERATIONS: Final = _READING | {
    Operation.EXPORT,
    Operation.ERASE,
    Operation.REVOKE_LINK,
    Operation.RESTORE_LINK,
}
"""What concerns one citizen, and so one sector; it needs a purpose, and is recorded before it is answered."""


def may(role: Role, sectors: Collection[str], operation: Operation, sector: str = "") -> bool:
    """Return whether a role with these sectors may do `operation`; in `sector`, if it is one of `OF_CITIZENS`."""
    return operation in PERMISSIONS[role] and (operation not in CITIZEN_OPERATIONS or sector in sectors)
