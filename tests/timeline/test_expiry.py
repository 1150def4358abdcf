"""Expiry of timelines: contacts closed long ago are deleted in slices; open ones stay."""

from models.revocation_reasons import RevocationReason
from models.timestamps import milliseconds
from streams.core.citizens.identity_resolution import Link
from streams.timeline.expiry import Cursor
from streams.timeline.store import Timeline
from tests.support.events import CASE, PHONE, START_MS, make
from tests.support.timelines import breach_entry, call, entries_of, read, sla_status_entry

DAY = 86_400


def expire_all(timeline: Timeline, until: int, limit: int) -> tuple[int, int]:
    """Run all slices; return the number of deleted contacts and entries."""
    cursor, contacts, entries = timeline.expire(Cursor(), until, limit)
    while cursor is not None:
        cursor, more_contacts, more_entries = timeline.expire(cursor, until, limit)
        contacts, entries = contacts + more_contacts, entries + more_entries
    return contacts, entries


def test_closed_contacts_expire_and_open_ones_stay(timeline: Timeline) -> None:
    letter = make("letter.arrived", 0, subject="mail:a:1", identities=CASE)
    for number in range(20):
        timeline.write(entries_of(call(f"call:a:{number}", number * DAY, f"{CASE} phone:a-{number}")))
    timeline.write(entries_of([letter]))
    until = milliseconds(letter.time) + 10 * DAY * 1000
    assert expire_all(timeline, until, 7) == (10, 30)
    assert len(timeline.read_contact("mail:a:1")) == 1
    assert len(read(timeline, CASE)) == 31
    assert len(timeline.read_links(CASE, 100)) == 10
    assert expire_all(timeline, until, 7) == (0, 0)


def test_targets_of_a_contact_without_entries_expire(timeline: Timeline) -> None:
    known, unknown, late = "mail:a:1", "mail:a:2", "mail:a:3"
    timeline.write(entries_of([make("letter.arrived", 0, subject=known, identities=CASE)]))
    reported = [(known, START_MS), (unknown, START_MS), (late, START_MS + 20 * DAY * 1000)]
    timeline.write([], [sla_status_entry(contact, at, "social", "rsa", resolution=1) for contact, at in reported])
    expire_all(timeline, START_MS + 10 * DAY * 1000, 100)
    assert timeline.read_sla_targets([known, unknown, late]).keys() == {known, late}


def test_revocation_stays_while_one_identity_has_data(timeline: Timeline) -> None:
    link = Link(CASE, PHONE)
    timeline.write(entries_of(call("call:a:1", 0, f"{CASE} {PHONE}") + call("call:a:2", 9 * DAY, CASE)))
    timeline.revoke(link, 1, RevocationReason.REASSIGNED)
    assert expire_all(timeline, START_MS + DAY * 1000, 100) == (1, 3)
    timeline.write(entries_of(call("call:a:3", 10 * DAY, f"{CASE} {PHONE}") + call("call:a:4", 10 * DAY, PHONE)))
    assert {*timeline.resolve_identities(CASE).identities} == {CASE}
    assert expire_all(timeline, START_MS + 11 * DAY * 1000, 100) == (3, 9)
    assert not timeline.restore(link)


def test_contact_with_later_entries_of_another_owner_stays(timeline: Timeline) -> None:
    arrived = make("form.submitted", 0, subject="form:a:1", procedure="apa", identities=PHONE)
    decided = make("form.decided", 1, subject="form:a:1", decision="accepted")
    again = make("form.taken_up", 30 * DAY, subject="form:a:1", identities=f"{CASE} {PHONE}")
    timeline.write(entries_of([arrived, decided, again]))
    assert expire_all(timeline, milliseconds(arrived.time) + 10 * DAY * 1000, 100) == (0, 0)
    assert len(timeline.read_contact("form:a:1")) == 3


def test_open_letter_with_a_survey_invitation_stays(timeline: Timeline) -> None:
    arrived = make("letter.arrived", 0, subject="mail:a:1", pages=1, identities=CASE)
    invited = make("feedback.invited", DAY, subject="mail:a:1")
    timeline.write(entries_of([arrived, invited]))
    assert expire_all(timeline, milliseconds(arrived.time) + 10 * DAY * 1000, 100) == (0, 0)


def test_feedback_without_a_contact_expires(timeline: Timeline) -> None:
    invited = make("feedback.invited", 0, subject="mail:a:1")
    timeline.write(entries_of([invited]))
    assert expire_all(timeline, milliseconds(invited.time) + 10 * DAY * 1000, 100) == (1, 1)


def test_breach_before_the_end_does_not_keep_a_contact(timeline: Timeline) -> None:
    arrived = make("letter.arrived", 0, subject="mail:a:1", pages=1, identities=CASE)
    closed = make("letter.closed", 5 * DAY, subject="mail:a:1", outcome="resolved")
    entries = entries_of([arrived, closed])
    overdue = breach_entry("mail:a:1", milliseconds(arrived.time) + 8 * DAY * 1000)
    timeline.write([*entries, overdue])
    assert expire_all(timeline, milliseconds(arrived.time) + 7 * DAY * 1000, 100) == (0, 0)
    assert expire_all(timeline, milliseconds(arrived.time) + 10 * DAY * 1000, 100) == (1, 3)
