"""Index of open contacts."""

from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.contacts.stay_outcome import TimesToLive
from streams.core.contacts.waiting_index import WaitingIndex
from streams.core.figures.figure import Dimensions
from tests.support.events import START_MS, answered_call

PLACE = Dimensions("call", "siege", "autonomie", "mdph")


def test_stale_entries_do_not_accumulate() -> None:
    index = WaitingIndex()
    waiting = contact.fold(None, answered_call("call:a:0")[1])
    index.update(b"call:a:0", None, waiting)
    for number in range(1, 5_000):
        subject = f"call:a:{number}"
        before: Contact | None = None
        for event in answered_call(subject, at=number)[1:]:
            after = contact.fold(before, event)
            index.update(subject.encode(), before, after)
            before = after
    assert len(index) < 1_100
    assert index.oldest(PLACE) == START_MS + 5_000
    assert index.due(START_MS + 10_000_000, TimesToLive(waiting=1_000, in_progress=1_000, visit=1_000)) == [b"call:a:0"]
