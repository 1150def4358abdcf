"""Index of the next change of each contact's SLA clocks."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.core.sla.deadlines import SLOT_MS, DeadlineIndex

LAG = 1000


def row(due_at: int | None) -> Any:
    """Return a contact's row with one clock, or without clocks."""
    clock = SimpleNamespace(due_at=due_at, is_overdue=False)
    return SimpleNamespace(clocks=() if due_at is None else (clock,))


CHANGES = st.tuples(st.integers(0, 4), st.none() | st.integers(0, 9 * SLOT_MS), st.integers(-9, 2 * SLOT_MS))


@given(st.lists(CHANGES))
def test_due_contacts_match_a_scan_of_all_rows(changes: list[tuple[int, int | None, int]]) -> None:
    index, now = DeadlineIndex(lambda _: LAG), 0
    rows: dict[bytes, Any] = {}
    for number, due_at, pause in changes:
        key = b"%d" % number
        before, rows[key] = rows.get(key), row(due_at)
        index.update(key, before, rows[key])
        now += pause
        due = {key for key, item in rows.items() if item.clocks and item.clocks[0].due_at + LAG < now}
        assert {*index.due(now, rows, limit=5)} == due
        for key in due:
            before, rows[key] = rows[key], row(None)
            index.update(key, before, rows[key])
