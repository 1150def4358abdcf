"""What is told to the timelines of promises that are still to be kept: how each stands, and what a record may hold."""

import msgspec
import pytest

from streams.core import promises, timeline
from streams.core.promises import Promise, Standing

DUE, RISK = 2_000, 1_000


@pytest.mark.parametrize(
    ("due_at", "at_risk_at", "now", "standing"),
    [
        (DUE, RISK, RISK, Standing.RUNNING),
        (DUE, RISK, RISK + 1, Standing.AT_RISK),
        (DUE, RISK, DUE, Standing.AT_RISK),
        (DUE, RISK, DUE + 1, Standing.OVERDUE),
        (DUE, None, DUE, Standing.RUNNING),
        (None, None, DUE, Standing.PAUSED),
        (None, RISK, DUE, Standing.PAUSED),
    ],
)
def test_how_a_promise_stands_is_known_by_the_time_it_is(
    due_at: int | None, at_risk_at: int | None, now: int, standing: Standing
) -> None:
    assert Promise("letters", "first_response", "mdph", due_at, at_risk_at).standing(now) is standing


def told(**changes: str) -> bytes:
    promise = {"policy": "letters", "clock": "announced", "service": "mdph", **changes}
    entry = {
        "id": "a", "citizen": "", "contact": "mail:a:1", "channel": "mail", "site": "", "service": "mdph",
        "type": promises.PROMISED, "happened_at": "2026-11-26T09:00:00.123Z", "state": "waiting", "outcome": "",
        "source": "accueil/sla", "promises": [[*promise.values(), 5, None]],
    }  # fmt: skip
    return msgspec.json.encode(entry)


def test_a_record_is_an_entry_by_its_form_and_tells_more() -> None:
    assert timeline.decode(told()).type == promises.PROMISED
    (promise,) = promises.decode(told()).promises
    assert promise == Promise("letters", "announced", "mdph", 5, None)
    assert promises.load(promises.dump((promise,))) == (promise,)


@pytest.mark.parametrize("name", ["policy", "clock", "service"])
def test_what_a_database_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        promises.decode(told(**{name: "a\x00b"}))
