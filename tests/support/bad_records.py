"""One invalid record for each reason of the worker's dead letters."""

from datetime import UTC, datetime, timedelta

from models.codec import MAX_EVENT_BYTES, encode
from models.reasons import Reason
from tests.support.events import CALL, make

Pair = tuple[bytes | None, bytes | None]
GONE = "asterisk/gone"


class RawName(str):
    """Header name whose encoded bytes are no valid UTF-8."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"na\xffme"


def bad_records() -> dict[Reason, Pair]:
    """Return key and value of a record that the contacts agent must reject, by reason.

    `DUPLICATE` applies only after the worker has dropped newer rows of the source `GONE`.
    """
    key = CALL.encode()
    event = make("call.queued", queue="mdph")
    good = encode(event)
    now = datetime.now(UTC)
    ended = make("call.ended", subject=f"call:{GONE}:unheard-of", queue="mdph", ended_by="caller")
    return {
        Reason.NULL_VALUE: (key, None),
        Reason.MISSING_KEY: (None, good),
        Reason.KEY_MISMATCH: (b"call:asterisk/siege:other", good),
        Reason.OVERSIZED: (key, b"{" + b" " * MAX_EVENT_BYTES + b"}"),
        Reason.INVALID_UTF8: (key, good.replace(b"mdph", b"md\xffh")),
        Reason.INVALID_JSON: (key, good[:-1]),
        Reason.MISSING_FIELD: (key, good.replace(b'"id"', b'"no"')),
        Reason.INVALID_FIELD: (key, good.replace(b'"visit":1', b'"visit":"one"')),
        Reason.UNKNOWN_TYPE: (key, good.replace(b"call.queued", b"call.teleported")),
        Reason.UNKNOWN_VERSION: (key, good.replace(b'"dataversion":1', b'"dataversion":2')),
        Reason.UNKNOWN_ENUM: (
            key,
            encode(make("call.left_queue", queue="mdph", reason="full")).replace(b'"full"', b'"bored"'),
        ),
        Reason.TIME_IN_FUTURE: (key, encode(event.model_copy(update={"time": now + timedelta(hours=1)}))),
        Reason.DUPLICATE: (
            ended.subject.encode(),
            encode(ended.model_copy(update={"time": now - timedelta(days=100)})),
        ),
        Reason.TIME_IN_PAST: (key, encode(event.model_copy(update={"time": now - timedelta(days=4000)}))),
    }
