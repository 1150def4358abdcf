"""Texts of reasons and details in both languages; unknown codes stay unchanged."""

import re

import pytest

from models.codec import UnusableRecord, decode
from models.event_time import check_event_time
from models.reasons import Reason
from streams.locale.reason_texts import describe, describe_place, explain
from tests.support.bad_records import bad_records
from tests.support.events import START

CODE = re.compile(r"\b[a-z]+_[a-z_]+\b")


def test_every_reason_has_a_text() -> None:
    assert [reason for reason in Reason if not describe(reason.value)] == []
    assert describe("no_such_reason") == ""


def test_reason_stored_by_an_earlier_release_is_read() -> None:
    assert Reason("told_again") is Reason.DUPLICATE


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
    ("detail", "french"),
    [
        ("its type is not in `types`", "son type n'est pas dans `types`"),
        ("sidecar: CSV", "fiche : n'est pas du CSV valide"),
        (
            "rows 2, 4, …: chrono: no letter has this number; row 3: step (unknown_enum)",
            "lignes 2, 4, … : chrono : aucun courrier n'a ce numéro ; ligne 3 : step (unknown_enum)",
        ),
        ("Object missing required field `id`", "id manque"),
        ("File d'attente: not in values.queue", "File d'attente : valeur absente de values.queue"),
        (
            "Nb. file, Site: neither in a `when` nor in `ignored`",
            "Nb. file, Site : valeur absente des `when` et d'`ignored`",
        ),
        ("Début: not a time of the format %d/%m/%Y %H:%M", "Début : n'est pas une heure au format %d/%m/%Y %H:%M"),
        ("Durée (s): not between 0 and 604800 seconds", "Durée (s) : n'est pas entre 0 et 604800 secondes"),
        ("8 columns instead of 7", "8 colonnes au lieu de 7"),
    ],
)
def test_details_of_connectors_have_french_texts(detail: str, french: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert explain(detail).replace("\N{NO-BREAK SPACE}", " ") == french


@pytest.mark.parametrize(
    ("context", "french"),
    [
        ("line 682", "ligne 682"),
        ("appels, mars.csv, line 682", "appels, mars.csv, ligne 682"),
        ("record 3, history 2", "enregistrement 3, history 2"),
        ('{"calls":{}, "line 3":{}}', ""),
        ("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", ""),
        ("", ""),
    ],
)
def test_place_of_a_record_has_a_french_text(context: str, french: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert describe_place(context) == french
