"""Everything that people read of incidents exists in both languages, for everything there is."""

import pytest

from models.policies import ClockKind
from models.topics import Channel
from streams.notify import texts
from streams.notify.incidents import Kind


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        (texts.CLOCKS, set(ClockKind)),
        (texts.CHANNELS, set(Channel)),
        (texts.HEADS, set(Kind)),
        (texts.ENDS, {"met", "cancelled", "paused", "moved"}),
    ],
)
def test_table_is_complete(table: dict[str, texts.Both], keys: set[str]) -> None:
    assert table.keys() == keys
    assert all(both.keys() == {"fr", "en"} and both["fr"] != both["en"] for both in table.values())


@pytest.mark.parametrize("text", [texts.OVER, texts.LATE, texts.STOPS, texts.DESCRIPTIONS, texts.DIGESTS, texts.TESTS])
def test_text_has_both(text: texts.Both) -> None:
    assert text.keys() == {"fr", "en"}
    assert text["fr"] != text["en"]
