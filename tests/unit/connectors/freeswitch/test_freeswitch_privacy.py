"""Names and numbers in FreeSWITCH that may be personal, and agents with several calls."""

import msgspec
import pytest

from connectors.freeswitch.stay_tracker import StayTracker
from models.codec import encode
from models.events import Event
from tests.unit.connectors.freeswitch.test_freeswitch_mapping import (
    AGENT,
    ANSWERED,
    CALL,
    CONNECTED,
    MEMBER,
    PICKED_UP,
    START,
    EventMapper,
    callcenter_event,
    parted,
    terminated,
)

OTHER_CALL, OTHER_MEMBER = CALL[:-1] + "2", MEMBER[:-1] + "2"


def written(events: list[Event], tracker: StayTracker) -> str:
    """Return everything that is published or saved."""
    return "".join(encode(event).decode() for event in events) + msgspec.json.encode(tracker).decode()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("accueil@default", "accueil"),
        ("accueil@10.0.0.1", "accueil"),
        ("800@pbx.example.org", "800"),
        ("mdph@pbx.example.org", "mdph"),
        ("jean.modele@example.org", None),
        ("Camille@example.org", None),
        ("camille@example.org:5060", None),
        ("camille@xn--exmple-cua.xn--p1ai", None),
        ("camille@exämple.örg", None),
    ],
)
def test_queue_name_that_may_be_an_address_is_hidden(name: str, label: str | None) -> None:
    mapper = EventMapper()
    events = mapper.map_events(START | {"CC-Queue": name})
    shown = events[0].data.queue
    assert shown == label or (label is None and shown.startswith("queue-"))
    assert label or name.partition("@")[0] not in written(events, mapper.tracker)


def test_configured_address_has_its_label() -> None:
    mapper = EventMapper(queues={"support@pbx.example.org": {}, "jean.modele@example.org": {"label": "direction"}})
    for name, label in (("support@pbx.example.org", "support"), ("jean.modele@example.org", "direction")):
        (queued,) = mapper.map_events(
            START | {"CC-Queue": name, "CC-Member-UUID": MEMBER[:-1] + label[0].replace("s", "b")}
        )
        assert queued.data.queue == label


@pytest.mark.parametrize("number", ["0639980012", "639980012", "2125551234", "33639980012", "1_773_651"])
def test_phone_number_is_not_a_time(number: str) -> None:
    mapper = EventMapper()
    joined = callcenter_event(
        "bridge-agent-start", 30, CC_Agent=AGENT, CC_Member_Joined_Time=number, CC_Agent_Called_Time=number
    )
    events = mapper.map_events(joined, CONNECTED, parted(), terminated())
    for at in (number, f"{number}000000"):
        events += mapper.map_events(START | {"CC-Member-UUID": OTHER_MEMBER, "Event-Date-Timestamp": at})
    row = {"queue": "mdph@default", "uuid": MEMBER, "session_uuid": OTHER_CALL, "state": "Waiting"}
    events += mapper.map_lists(
        members=[row | dict.fromkeys(("joined_epoch", "bridge_epoch", "abandoned_epoch"), number)]
    )
    assert len(events) > 4
    assert number not in written(events, mapper.tracker)
    assert {event.time.year for event in events} == {2026}


def test_rejected_answer_is_marked_as_an_answer() -> None:
    for message, reports_answer in ((PICKED_UP, True), (parted(), True), (terminated(), True), (START, False)):
        rejected = EventMapper().outcome(message | {"CC-Queue": ""})
        assert (rejected.reason.value, rejected.reports_answer) == ("unreadable_line", reports_answer)


def test_agent_with_two_calls_is_on_a_contact_until_both_end() -> None:
    other = {"CC-Member-Session-UUID": OTHER_CALL, "CC-Member-UUID": OTHER_MEMBER}
    mapper = EventMapper()
    mapper.map_events(*ANSWERED, START | other, PICKED_UP | other, CONNECTED)
    assert [event.type for event in mapper.map_events(parted(), terminated())] == ["call.ended"]
    assert [event.type for event in mapper.map_events(parted() | other, terminated() | other)] == [
        "call.ended",
        "agent.state_changed",
    ]
