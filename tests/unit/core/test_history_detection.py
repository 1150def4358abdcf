"""Detection of sources and channels whose history is being read; usual delays do not count as history."""

import pytest

from models.events import Event
from streams.core.contacts.history_detection import GRACE_MS, MIN_OLD_EVENTS, HistoryDetector
from tests.support.events import START_MS, make

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ARRIVALS = {
    "mail": "letter.arrived",
    "email": "email.received",
    "form": "form.submitted",
    "appointment": "appointment.booked",
    "visit": "visit.arrived",
    "feedback": "feedback.invited",
}
DATA = {"form.submitted": {"procedure": "apa"}, "appointment.booked": {"starts_at": "2025-04-01T08:00:00Z"}}
SOURCE = "asterisk/siege"


def arrival(channel: str, at_ms: int = 0) -> Event:
    kind = ARRIVALS[channel]
    return make(kind, at_ms / 1000, subject=f"{channel}:x/siege:{at_ms}", **DATA.get(kind, {}))


def note(
    detector: HistoryDetector, event: Event, at_ms: int, late_ms: int, *, began_at: int = 1, is_known: bool = False
) -> int:
    """Note an event that the worker reads `late_ms` after it happened; return the worker's time."""
    now = START_MS + at_ms + late_ms
    detector.note(event, START_MS + at_ms, now, now, began_at, is_known=is_known)
    return now


def read(
    channel: str, late_ms: int, number: int = MIN_OLD_EVENTS, *, began_at: int = 1, is_known: bool = False
) -> tuple[HistoryDetector, int]:
    """Return a detector after `number` contacts one second apart, and the worker's time."""
    detector, now = HistoryDetector(), 0
    for nth in range(number):
        now = note(detector, arrival(channel, nth * 1000), nth * 1000, late_ms, began_at=began_at, is_known=is_known)
    return detector, now


@pytest.mark.parametrize("channel", ARRIVALS)
def test_history_of_a_channel_is_detected_with_its_time(channel: str) -> None:
    detector, now = read(channel, 10 * DAY_MS)
    assert detector.channels(now) == {channel: START_MS + 1000 * (MIN_OLD_EVENTS - 1)}
    assert detector.complete_until(now, now, 0) == now, "the figures of calls are as of now"
    assert detector.channels(now + GRACE_MS - 1)
    again = note(detector, arrival(channel, 15_000), 15_000, 10 * DAY_MS)
    note(detector, arrival(channel, 10 * DAY_MS), 10 * DAY_MS, 0)
    assert detector.channels(again + GRACE_MS - 1), (
        "another old contact continues the history, a recent one does not end it"
    )
    assert detector.channels(again + GRACE_MS) == {}


@pytest.mark.parametrize(
    ("channel", "late_ms"),
    [("mail", 4 * DAY_MS), ("feedback", DAY_MS), ("email", HOUR_MS // 2), ("visit", HOUR_MS // 2), ("form", 0)],
)
def test_usual_delay_is_no_history(channel: str, late_ms: int) -> None:
    detector, now = read(channel, late_ms, 10 * MIN_OLD_EVENTS)
    assert detector.channels(now) == {}


@pytest.mark.parametrize("channel", ["mail", "feedback", "email"])
def test_contact_older_than_the_first_count_is_history(channel: str) -> None:
    detector, now = read(channel, HOUR_MS // 2, began_at=START_MS + HOUR_MS // 4)
    assert detector.channels(now).keys() == {channel}
    detector, now = read(channel, HOUR_MS // 2, began_at=START_MS + HOUR_MS)
    assert detector.channels(now) == {}, "a backlog in Kafka"
    detector, now = read(channel, HOUR_MS // 2, began_at=0)
    assert detector.channels(now) == {}, "an unknown first count"


def test_few_or_known_old_contacts_are_no_history() -> None:
    detector, now = read("email", 10 * DAY_MS, MIN_OLD_EVENTS - 1)
    assert detector.channels(now) == {}
    now = note(detector, arrival("email", GRACE_MS * 2), GRACE_MS * 2, 10 * DAY_MS)
    assert detector.channels(now) == {}, "not successive"
    detector, now = read("mail", 10 * DAY_MS, is_known=True)
    assert detector.channels(now) == {}
