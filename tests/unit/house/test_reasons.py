"""Texts of reasons and details in both languages; unknown codes stay unchanged."""

import re

import pytest

from models.codec import UnusableRecord, check_event_time, decode
from models.reasons import Reason
from streams.locale.reason_texts import describe, explain
from tests.support.bad_records import bad_records
from tests.support.events import START

CODE = re.compile(r"\b[a-z]+_[a-z_]+\b")


def test_every_reason_has_a_text() -> None:
    assert [reason for reason in Reason if not describe(reason.value)] == []
    assert describe("no_such_reason") == ""


@pytest.mark.parametrize("reason", bad_records())
@pytest.mark.parametrize("language", ["C", "fr_FR.UTF-8"])
def test_details_of_bad_records_have_texts(reason: Reason, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", language)
    detail = detail_of(bad_records()[reason][1])
    text = explain(detail)
    assert not CODE.search(text)
    assert not detail or language == "C" or text != detail


def detail_of(value: bytes | None) -> str:
    try:
        check_event_time(decode(value).time, START)
    except UnusableRecord as unusable:
        return unusable.detail
    return ""


@pytest.mark.parametrize(
    ("detail", "english", "french"),
    [
        ("id: missing", "id is missing", "id manque"),
        (
            "data.reason: literal_error",
            "data.reason has an unknown value",
            "data.reason a une valeur inconnue",
        ),
        ("data.visit: int_parsing", "data.visit must be a whole number", "data.visit attend un nombre entier"),
        ("time: timezone_aware", "time must be a time with its time zone", "time attend une heure avec son fuseau"),
        ("time: no_such_mistake", "time is invalid", "time n'a pas la bonne forme"),
        ("KeyError", "KeyError", "KeyError"),
    ],
)
def test_details_name_the_field_and_the_problem(
    detail: str, english: str, french: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for language, words in {"C": english, "fr_FR.UTF-8": french}.items():
        monkeypatch.setenv("LC_ALL", language)
        assert explain(detail) == words
