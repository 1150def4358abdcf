"""Open SLA targets in SQL: the latest event counts, in any order and with duplicates, on both databases."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.core.sla.open_targets import SlaTargetsEntry
from streams.timeline.expiry import Cursor
from streams.timeline.store import Timeline
from tests.support.events import CASE, START_MS, make
from tests.support.timelines import entries_of, sla_status_entry

LETTER, OTHER = "mail:a:1", "mail:a:2"
DAY_MS = 86_400_000
EVENTS = [
    sla_status_entry(LETTER, 1, acknowledge=7, resolution=60),
    sla_status_entry(LETTER, 2, resolution=60),
    sla_status_entry(OTHER, 3, resolution=90),
    sla_status_entry(LETTER, 4, resolution=None),
    sla_status_entry(OTHER, 5),
]
"""Events in order; at the end one target is paused and the other contact has none."""


def due_by_contact(timeline: Timeline) -> dict[str, dict[str, int | None]]:
    found = timeline.read_sla_targets([LETTER, OTHER, "mail:a:3"])
    return {contact: {one.clock: one.due_at for one in targets} for contact, targets in found.items()}


@given(st.permutations([*EVENTS, *EVENTS]), st.lists(st.integers(1, 4), min_size=10, max_size=10))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_targets_do_not_depend_on_batches_or_duplicates(
    tmp_path_factory: pytest.TempPathFactory, order: list[SlaTargetsEntry], sizes: list[int]
) -> None:
    timeline = Timeline(f"sqlite:///{tmp_path_factory.mktemp('one') / 'timeline.db'}")
    for size in sizes:
        timeline.write([], order[:size])
        order = order[size:]
    timeline.write([], order)
    assert due_by_contact(timeline) == {LETTER: {"resolution": None}, OTHER: {}}
    timeline.close()


def test_targets_are_deleted_with_the_contact(timeline: Timeline) -> None:
    closed = make("letter.closed", 0, subject=LETTER, outcome="resolved")
    timeline.write(entries_of([closed, make("letter.arrived", 0, subject=OTHER)]), EVENTS[:3])
    assert timeline.expire(Cursor(), START_MS + DAY_MS, 100).contacts == 1
    assert due_by_contact(timeline) == {OTHER: {"resolution": 90}}


def test_erased_contact_has_no_targets(timeline: Timeline) -> None:
    arrived = make("letter.arrived", 0, subject=LETTER, identities=CASE)
    timeline.write(entries_of([arrived]), EVENTS[:3])
    timeline.write(entries_of([make("personal_data.erased", 9, subject=LETTER, channel="mail")]), [EVENTS[1]])
    timeline.write([], [EVENTS[3]])
    assert due_by_contact(timeline) == {OTHER: {"resolution": 90}}
