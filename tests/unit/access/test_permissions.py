"""Who may do what."""

from itertools import product

import pytest

from streams.access.permissions import OF_CITIZENS, PERMISSIONS, Operation, Role, may

LOCAL = {Operation.ADD_TOKEN, Operation.ROTATE_TOKEN, Operation.REVOKE_TOKEN}


def test_every_role_is_in_the_table_and_every_operation_somebodys_or_the_machines() -> None:
    assert PERMISSIONS.keys() == set(Role)
    assert frozenset().union(*PERMISSIONS.values()) == set(Operation) - LOCAL


@pytest.mark.parametrize(("role", "operation"), list(product(Role, Operation)))
def test_a_citizens_data_are_for_those_of_the_sector(role: Role, operation: Operation) -> None:
    assert may(role, ["social"], operation, "social") == (operation in PERMISSIONS[role])
    if operation in OF_CITIZENS:
        assert not may(role, ["social"], operation, "tax")
        assert not may(role, [], operation, "social")
        assert not may(role, ["social"], operation)


def test_who_answers_citizens_sees_them_and_erases_nothing_and_who_counts_sees_none() -> None:
    assert may(Role.AGENT, ["general"], Operation.LOOK_UP, "general")
    assert not may(Role.AGENT, ["general"], Operation.ERASE, "general")
    assert not PERMISSIONS[Role.SUPERVISOR] & OF_CITIZENS
    assert not PERMISSIONS[Role.OPERATOR] & OF_CITIZENS
    assert may(Role.DPO, ["general"], Operation.ERASE, "general")
