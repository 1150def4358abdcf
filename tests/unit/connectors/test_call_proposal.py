"""Proposed mappings of tables of calls: which calls were answered, abandoned, or left a voice message."""

import pytest

from connectors.sdk.mapping.outcome_proposal import place_outcome
from connectors.sdk.mapping.proposal import propose
from models.topics import Channel
from tests.unit.connectors.test_mapping_proposal import read, rows, try_events

ANSWERED = ["call.queued", "call.answered", "call.ended"]
ABANDONED = ["call.queued", "call.abandoned"]
MESSAGE_LEFT = ["call.queued", "call.voicemail_left"]
NAMES = "Date;Heure;Ligne;Attente (s);Durée conv. (s)"
ROWS = (
    "18/11/2026;13:49:51;RSA;35;149",
    "18/11/2026;13:51:51;RSA;20;0",
    "18/11/2026;13:55:12;RSA;12;73",
)
OUTCOMES = ("Répondu", "Abandon", "Messagerie")


def test_outcomes_say_more_than_durations() -> None:
    records = rows(f"{NAMES};Résultat", *map(";".join, zip(ROWS, OUTCOMES, strict=True)))
    proposed = read(propose(records, "table", Channel.CALL))
    assert try_events(proposed, records) == [ANSWERED, ABANDONED, MESSAGE_LEFT]


def test_outcomes_are_enough_without_durations_of_conversations() -> None:
    records = [
        {name: value for name, value in record.items() if name != "Durée conv. (s)"}
        for record in rows(f"{NAMES};Résultat", *map(";".join, zip(ROWS, OUTCOMES, strict=True)))
    ]
    text = propose(records, "table", Channel.CALL)
    assert try_events(read(text), records) == [ANSWERED[:2], ABANDONED, MESSAGE_LEFT]
    assert '# { event = "call.ended", time = "", when = { "Résultat" = ["Répondu"] } },  # no column found' in text


def test_other_outcomes_are_left_to_a_person() -> None:
    outcomes = ("Répondu", "Abandon", "Annulé")
    records = rows(f"{NAMES};Résultat", *map(";".join, zip(ROWS, outcomes, strict=True)))
    text = propose(records, "table", Channel.CALL)
    assert "# put these values into a line above or into [ignored]: Annulé" in text
    assert try_events(read(text), records) == [ANSWERED, ABANDONED, []]  # the last is rejected until then


def test_results_that_are_no_outcomes_do_not_replace_durations() -> None:
    records = rows(f"{NAMES};Résultat", *map(";".join, zip(ROWS, ("Résolu", "", "À suivre"), strict=True)))
    assert try_events(read(propose(records, "table", Channel.CALL)), records) == [ANSWERED, ABANDONED, ANSWERED]


@pytest.mark.parametrize(
    "durations",
    [("35;149", "20;0", "12;"), ("35;149", "20;0", "12;0"), ("00:35;02:29", "00:20;00:00", "00:12;")],
)
def test_a_conversation_of_zero_seconds_is_an_abandoned_call(durations: tuple[str, str, str]) -> None:
    begins = ("18/11/2026;13:49:51;RSA", "18/11/2026;13:51:51;RSA", "18/11/2026;13:55:12;RSA")
    records = rows(NAMES, *map(";".join, zip(begins, durations, strict=True)))
    proposed = read(propose(records, "table", Channel.CALL))
    assert try_events(proposed, records) == [ANSWERED, ABANDONED, ABANDONED]


def test_an_abandoned_call_with_an_end_is_not_an_answered_one() -> None:
    records = rows(
        "start;end;queue;talk",
        "2026-11-18 13:49:51;2026-11-18 13:52:51;RSA;149",
        "2026-11-18 13:51:51;2026-11-18 13:52:11;RSA;0",
    )
    found = try_events(read(propose(records, "table", Channel.CALL)), records)
    assert found == [["call.queued", "call.ended"], ABANDONED]


@pytest.mark.parametrize(
    ("value", "event"),
    [
        ("ANSWERED", "call.answered"),
        ("NO ANSWER", "call.abandoned"),
        ("Non répondu", "call.abandoned"),
        ("Perdu", "call.abandoned"),
        ("Répondeur", "call.voicemail_left"),
        ("VOICEMAIL", "call.voicemail_left"),
        ("Abandon sur messagerie", ""),
        ("Répondu ?", ""),
        ("BUSY", ""),
    ],
)
def test_names_of_outcomes_are_known_in_both_languages(value: str, event: str) -> None:
    assert place_outcome(value) == event
