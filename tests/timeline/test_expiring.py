"""What was closed long ago leaves the timeline, slice by slice; what is open stays."""

from streams.core.rows import milliseconds
from streams.timeline.expiring import Cursor
from streams.timeline.store import Timeline
from tests.support.events import CASE, PHONE, make
from tests.support.timelines import call, entries_of, read

DAY = 86_400


def drop_all(timeline: Timeline, until: int, limit: int) -> tuple[int, int]:
    """Expire in slices until the end; return how many contacts and entries went."""
    cursor, contacts, entries = timeline.expire(Cursor(), until, limit)
    while cursor is not None:
        cursor, more, gone = timeline.expire(cursor, until, limit)
        contacts, entries = contacts + more, entries + gone
    return contacts, entries


def test_closed_contacts_go_and_open_ones_stay(timeline: Timeline) -> None:
    letter = make("letter.arrived", 0, subject="mail:a:1", identities=CASE)
    for number in range(20):
        timeline.write(entries_of(call(f"call:a:{number}", number * DAY, f"{CASE} phone:a-{number}")))
    timeline.write(entries_of([letter]))
    until = milliseconds(letter.time) + 10 * DAY * 1000
    assert drop_all(timeline, until, 7) == (10, 30)
    assert len(timeline.read_contact("mail:a:1")) == 1
    assert len(read(timeline, CASE)) == 31
    assert len(timeline.read_links(CASE, 100)) == 10
    assert drop_all(timeline, until, 7) == (0, 0)


def test_a_contact_with_later_news_under_another_identity_stays(timeline: Timeline) -> None:
    arrived = make("form.submitted", 0, subject="form:a:1", procedure="apa", identities=PHONE)
    decided = make("form.decided", 1, subject="form:a:1", decision="accepted")
    again = make("form.taken_up", 30 * DAY, subject="form:a:1", identities=f"{CASE} {PHONE}")
    timeline.write(entries_of([arrived, decided, again]))
    assert drop_all(timeline, milliseconds(arrived.time) + 10 * DAY * 1000, 100) == (0, 0)
    assert len(timeline.read_contact("form:a:1")) == 3
