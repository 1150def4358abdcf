"""Why each role may look at a citizen: one table, beside that of what it may do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from streams.access.audit import Purpose
from streams.access.permissions import Role

_SERVICE: Final = (Purpose.CONTACT, Purpose.FOLLOW_UP, Purpose.COMPLAINT, Purpose.QUALITY)
PURPOSES: Final[Mapping[Role, tuple[Purpose, ...]]] = MappingProxyType(
    {
        Role.AGENT: _SERVICE,
        Role.SUPERVISOR: (),
        Role.DPO: (*_SERVICE, Purpose.RIGHTS, Purpose.SECURITY),
        Role.OPERATOR: (),
    }
)
"""What each role may give as its reason. Incidents are not told to the citizen (`rights.holding.NOT_TOLD`): who answers him could
hide behind that. Administration is of Accueil itself, and no token's; a command on the machine gives any."""
