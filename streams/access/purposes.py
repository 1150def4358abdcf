"""Purposes that each role may give for an access to a citizen's data."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from models.roles import Role
from streams.access.audit_records import Purpose

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
