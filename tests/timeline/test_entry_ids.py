"""Entries of one citizen with the same id and time: none is lost silently."""

import pytest

from models.events import Event
from streams.timeline.database import SameId
from streams.timeline.store import Timeline, Written
from tests.support.events import CASE, PHONE, make
from tests.support.timelines import entries_of, read


def numbered(kind: str, subject: str, number: str, at: float = 0, identities: str = CASE) -> Event:
    """An event of a source that numbers its events, as CloudEvents allows."""
    return make(kind, at, subject=subject, identities=identities).model_copy(update={"id": number})


LETTER = numbered("letter.arrived", "mail:m/x:1", "1")
EMAIL = numbered("email.received", "email:i/y:1", "1")


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_second_contact_with_the_same_id_and_time_is_refused(timeline: Timeline, *, is_one_batch: bool) -> None:
    letter, email = entries_of([LETTER, EMAIL])
    if not is_one_batch:
        timeline.write([letter])
    with pytest.raises(SameId):
        timeline.write([letter, email] if is_one_batch else [email])
    timeline.write([letter])
    assert timeline.write([letter, letter]) == Written(0, 0, 0, 0)
    assert read(timeline, CASE) == ["1"]
    assert timeline.read_contact(EMAIL.subject) == []


def test_contact_that_conflicts_after_a_move_is_refused(timeline: Timeline) -> None:
    unknown = EMAIL.model_copy(update={"identities": PHONE})
    timeline.write(entries_of([LETTER, unknown]))
    with pytest.raises(SameId):
        timeline.write(entries_of([unknown, numbered("email.answered", EMAIL.subject, "2", 60, f"{CASE} {PHONE}")])[1:])
    assert (len(read(timeline, CASE)), len(read(timeline, PHONE))) == (1, 1)
    assert timeline.read_links(CASE, 9) == []


def test_same_id_at_two_times_or_of_two_citizens_is_two_entries(timeline: Timeline) -> None:
    others = [
        numbered("email.received", "email:i/y:1", "1", 1),
        numbered("email.received", "email:i/y:2", "1", 0, PHONE),
    ]
    timeline.write(entries_of([LETTER, *others]))
    assert (len(read(timeline, CASE)), len(read(timeline, PHONE))) == (2, 1)
