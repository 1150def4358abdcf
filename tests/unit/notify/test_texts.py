"""Everything that people read of incidents exists in both languages, for everything there is."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from models.instants import milliseconds
from models.policies import ClockKind
from models.topics import Channel
from streams.notify import texts
from streams.notify.incidents import BROKEN, Change, Kind, What, fold, settle
from streams.notify.options import PARIS
from streams.notify.store import Telling
from tests.support.clocks import Promise


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        (texts.CLOCKS, set(ClockKind)),
        (texts.CHANNELS, set(Channel)),
        (texts.HEADS, set(Kind)),
        (texts.ENDS, {"met", "cancelled", "paused", "moved", "breached"}),
        *((dict(zip(("one", "several"), forms, strict=True)), {"one", "several"}) for forms in texts.DIGESTS.values()),
    ],
)
def test_table_is_complete(table: dict[str, texts.Both], keys: set[str]) -> None:
    assert table.keys() == keys
    assert all(both.keys() == {"fr", "en"} and both["fr"] != both["en"] for both in table.values())


@pytest.mark.parametrize("text", [texts.OVER, texts.LATE, texts.STOPS, texts.DESCRIPTIONS, texts.TESTS])
def test_text_has_both(text: texts.Both) -> None:
    assert text.keys() == {"fr", "en"}
    assert text["fr"] != text["en"]


def tellings() -> list[Telling]:
    """A warning, its end when the deadline passed, the breach, and its end."""
    promise, known, changes = Promise(), None, list[Change]()
    for event in (promise.at_risk(), promise.breached(), promise.met()):
        after = fold(known, event)
        assert after is not None
        known, new = settle(known, after)
        changes += new
    return [Telling(one.what, one.incident) for one in changes]


def test_what_is_over_is_said_to_be() -> None:
    warned, overtaken, broken, met = tellings()
    assert overtaken.incident.end == BROKEN
    assert texts.explain(warned, "en", PARIS) == texts.describe(warned.incident, "en", PARIS)
    assert texts.explain(overtaken, "en", PARIS).startswith(
        "Over (the deadline passed, 16/03/2026 13:00:00 CET). form:"
    )
    assert texts.explain(met, "fr", PARIS).startswith("Terminé (c'est fait, 16/03/2026 13:05:00 CET). form:")
    assert [texts.headline((one,), "en").split(",")[0] for one in (broken, met)] == [
        "Deadline passed: first response",
        "Over: Deadline passed: first response",
    ]


def test_a_deadline_at_the_end_of_a_day_is_told_as_that_day() -> None:
    incident = tellings()[0].incident
    midnight = milliseconds(datetime(2026, 3, 17, tzinfo=PARIS))
    assert "due on 16/03/2026." in texts.describe(replace(incident, deadline_at=midnight), "en", PARIS)
    assert "échéance le 17/03/2026 00:01:00 CET." in texts.describe(
        replace(incident, deadline_at=midnight + 60_000), "fr", PARIS
    )


def test_digest_counts_what_began_and_what_ended_and_leaves_out_what_there_is_none_of() -> None:
    warned, overtaken, broken, met = tellings()
    assert texts.headline((warned, overtaken, broken, met), "en") == (
        "2 deadlines passed or near, 1 warning whose deadline passed, 1 incident over"
    )
    assert texts.headline((met, met), "fr") == "2 incidents terminés"
    assert {one.what for one in (overtaken, met)} == {What.ENDED}
