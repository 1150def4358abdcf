"""Where a source is gone on with, and what must not be gone on with."""

import pytest

from streams.engine.recovery import BeyondRepair, Recovery

KNOWN = Recovery(committed={"calls": 50}, begins={"calls": 20, "mail": 7}, ends={"calls": 90, "mail": 9})


@pytest.mark.parametrize("group", [50, None], ids=["as the state says", "forgotten by the broker"])
def test_the_state_says_where_to_go_on(group: int | None) -> None:
    assert KNOWN.find_position("calls", group, skip_expired=False) == (50, 0)


def test_a_source_never_taken_from_begins_at_its_beginning() -> None:
    assert KNOWN.find_position("mail", None, skip_expired=False) == (7, 0)


@pytest.mark.parametrize(
    ("known", "group", "why"),
    [
        ({"committed": {"calls": 50}}, 49, "is 50 by the state topics, and 49 by"),
        ({"committed": {}}, 49, "is None by the state topics, and 49 by"),
        ({"committed": {"calls": 19}}, 19, "1 records were deleted by retention"),
        ({"committed": {"calls": 91}}, 91, "is 91, but the topic ends at 90"),
    ],
)
def test_what_does_not_agree_is_refused(known: dict[str, dict[str, int]], group: int, why: str) -> None:
    recovery = Recovery(**known, begins=KNOWN.begins, ends=KNOWN.ends)
    with pytest.raises(BeyondRepair, match=why):
        recovery.find_position("calls", group, skip_expired=False)


def test_expired_records_are_skipped_and_counted_only_if_told() -> None:
    recovery = Recovery(committed={"calls": 15}, begins=KNOWN.begins, ends=KNOWN.ends)
    assert recovery.find_position("calls", 15, skip_expired=True) == (20, 5)
