"""Permissions of each role; `tokens.Token.may` applies them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from models.roles import Role


class Operation(StrEnum):
    """Operation, named as in the audit log."""

    LOOK_UP = "look_up"
    """Find a citizen by number, address or reference, in the API also by contact id or pseudonym, and read the first page."""
    READ_TIMELINE = "read_timeline"
    READ_CONTACT = "read_contact"
    EXPORT = "export"
    """Export all data about a citizen (GDPR, article 15)."""
    ERASE = "erase"
    REVOKE_LINK = "revoke_link"
    RESTORE_LINK = "restore_link"
    READ_FIGURES = "read_figures"
    READ_DEAD_LETTERS = "read_dead_letters"
    READ_AUDIT = "read_audit"
    ADD_TOKEN = "add_token"  # noqa: S105 - no secret
    ROTATE_TOKEN = "rotate_token"  # noqa: S105
    REVOKE_TOKEN = "revoke_token"  # noqa: S105


READ_OPERATIONS: Final = frozenset({Operation.LOOK_UP, Operation.READ_TIMELINE, Operation.READ_CONTACT})
"""Operations that the settings may allow in sectors that a token does not have."""
PERMISSIONS: Final[Mapping[Role, frozenset[Operation]]] = MappingProxyType(
    {
        Role.AGENT: READ_OPERATIONS,
        Role.SUPERVISOR: frozenset({Operation.READ_FIGURES}),
        Role.DPO: READ_OPERATIONS
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
"""Role → allowed operations. No role may manage tokens: that needs a command on the machine itself."""
CITIZEN_OPERATIONS: Final = READ_OPERATIONS | {
    Operation.EXPORT,
    Operation.ERASE,
    Operation.REVOKE_LINK,
    Operation.RESTORE_LINK,
}
"""Operations on one citizen, and so in one sector. They need a purpose and are recorded before they are answered."""
