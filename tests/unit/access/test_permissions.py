"""Permissions of roles."""

import re
from pathlib import Path

import pytest

from models.roles import Role
from streams.access.audit_records import PURPOSES, Purpose
from streams.access.permissions import CITIZEN_OPERATIONS, PERMISSIONS, READ_OPERATIONS
from streams.api.middleware import OPERATIONS_BY_PATH

ROOT = Path(__file__).parents[3]


def test_agents_may_not_erase_and_supervisors_see_no_citizen() -> None:
    assert PERMISSIONS[Role.AGENT] & CITIZEN_OPERATIONS == READ_OPERATIONS
    assert not (PERMISSIONS[Role.SUPERVISOR] | PERMISSIONS[Role.OPERATOR]) & CITIZEN_OPERATIONS
    assert {Purpose.RIGHTS, Purpose.SECURITY}.isdisjoint(PURPOSES[Role.AGENT])
    assert all(bool(PURPOSES[role]) == bool(PERMISSIONS[role] & CITIZEN_OPERATIONS) for role in Role)


@pytest.mark.parametrize("name", ["docs/how-to/citizens.md", "docs/how-to/citizens.fr.md"])
def test_roles_in_the_docs_equal_the_table(name: str) -> None:
    rows = re.findall(r"^\| `(\w+)`[^|]* \| ([^|]*) \| ([^|]*) \|$", (ROOT / name).read_text(), re.MULTILINE)
    table = {role: [set(re.findall(r"`(\w+)`", cell)) for cell in cells] for role, *cells in rows if role in {*Role}}
    for role in Role:
        may_do, may_give = table[role]
        assert may_do == {*map(str, PERMISSIONS[role] & {*OPERATIONS_BY_PATH.values()})}
        assert may_give == {*map(str, PURPOSES[role])}
