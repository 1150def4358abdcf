"""Parsing of event socket frames and lists."""

import time

import pytest

from connectors.freeswitch.event_socket_protocol import (
    MAX_EVENT_BYTES,
    MAX_HEAD_BYTES,
    MAX_LISTED,
    Frame,
    FrameReader,
    UnreadableError,
    event_of,
    rows_of,
)

# Format of switch_event_serialize: values are URL-encoded, including `+` and `%`.
EVENT = (
    b"Event-Name: CUSTOM\nEvent-Subclass: callcenter%3A%3Ainfo\nEvent-Date-Local: 2026-03-16%2009%3A00%3A00\n"
    b"CC-Queue: accueil%40default\nCC-Member-CID-Number: %2B33639980012\nCC-Member-CID-Name: \xc3%A9lys%C3%A9e%20%7C%20x\n\n"
)
STREAM = (
    b"Content-Type: auth/request\n\n"
    b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
    b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(EVENT), EVENT)
) + b"Content-Type: api/response\nContent-Length: 10\n\n1773651600"


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_frames_may_be_split_at_any_byte(size: int) -> None:
    reader = FrameReader()
    frames: list[Frame] = []
    for start in range(0, len(STREAM), size):
        frames += reader.feed(STREAM[start : start + size])
    assert [frame.kind for frame in frames] == ["auth/request", "command/reply", "text/event-plain", "api/response"]
    assert frames[1].headers["Reply-Text"] == "+OK accepted"
    assert frames[2].body == EVENT
    assert frames[3].body == b"1773651600"


def test_values_of_events_are_decoded() -> None:
    event = event_of(EVENT)
    assert event["Event-Subclass"] == "callcenter::info"
    assert event["CC-Queue"] == "accueil@default"
    assert event["CC-Member-CID-Number"] == "+33639980012"
    assert event["CC-Member-CID-Name"].endswith("lysée | x")


def test_oversized_event_is_dropped_and_the_next_is_read() -> None:
    reader, length = FrameReader(), 10 * MAX_EVENT_BYTES
    frames = reader.feed(b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % length)
    for _ in range(10):
        assert frames == []
        frames = reader.feed(b"x" * MAX_EVENT_BYTES)
        assert len(reader._pending) == 0
    assert [(frame.body, frame.oversized) for frame in frames] == [(b"", True)]
    assert len(reader.feed(STREAM)) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"220 mail.example.org ESMTP\n\n",
        b"Content-Type: api/response\nContent-Length: many\n\n",
        b"Content-Type: api/response\nContent-Length: -1\n\n",
        b"x" * (MAX_HEAD_BYTES + 1),
    ],
)
def test_invalid_frame_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        FrameReader().feed(content)


def test_many_small_frames_are_read_in_linear_time() -> None:
    frame = b"Content-Length: 0\n\n"
    before = time.process_time()
    assert len(FrameReader().feed(frame * 100_000)) == 100_000
    assert time.process_time() - before < 5


AGENTS = "queue|agent|state|level|position\naccueil@default|1001@default|Ready|1|1\n+OK\n"
NAMED = {"queue": "accueil@default", "agent": "1001@default", "state": "Ready", "level": "1", "position": "1"}
CALLER = {"cid_number": "0639980012", "cid_name": "a|b||c", "state": "Waiting"}


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        pytest.param(AGENTS, [NAMED], id="columns have names"),
        pytest.param("cid_number|cid_name|state\n0639980012|a|b||c|Waiting\n+OK\n", [CALLER], id="separator in a text"),
        pytest.param("+OK\n", [], id="empty list"),
        pytest.param("name|uuid\n1001|(null)\n+OK\n", [{"name": "1001", "uuid": ""}], id="null is empty"),
        pytest.param("name|uuid\n1|a|b\n2\n3|c\n+OK\n", [{"name": "3", "uuid": "c"}], id="rows with other columns"),
        pytest.param("|".join(map(str, range(100_000))) + "\n+OK\n", None, id="too many columns"),
        *((refusal, None) for refusal in ("-ERR callcenter_config Command not found!\n", "-ERR Invalid!\n")),
        *((incomplete, None) for incomplete in ("", "name|uuid\n")),
    ],
)
def test_list_is_read_by_column(answer: str, rows: list[dict[str, str]] | None) -> None:
    assert rows_of(answer, "cid_name") == rows


def test_rows_of_a_list_are_limited() -> None:
    assert len(rows_of("name\n" + "x\n" * 500_000 + "+OK\n", "") or ()) == MAX_LISTED + 1
