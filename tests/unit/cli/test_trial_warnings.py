"""Warnings of `accueil connectors try` about a mapping that gives possible, but wrong events."""

from pathlib import Path

import pytest
from click.testing import Result

from tests.support.commands import run

CALLS = """
timezone = "Europe/Paris"
time_format = "%d/%m/%Y"
id = "N°"
queue = "Ligne"
wait_seconds = "Attente"
events = [
    { event = "call.queued", time = "Date" },
    { event = "call.answered", time = { field = "Date", plus = "Attente" } },
]

[values.queue]
RSA = "rsa"
"""
VISITS = """
timezone = "Europe/Paris"
time_format = "%d/%m/%Y %H:%M"
id = "N°"
events = [
    { event = "visit.arrived", time = "Arrivée" },
    { event = "visit.called", time = "Appelé à", when = { "Appelé à" = true } },
    { event = "visit.served", time = "Parti à", when = { "Parti à" = true } },
]
"""
FORMS = """
timezone = "Europe/Paris"
id = "uid"
procedure = { value = "aide" }
state = "etat"
changed_at = "depuis"
events = [
    { event = "form.submitted", state = "depose" },
    { event = "form.decided", state = "clos", decision = { value = "accepted" } },
]
"""
LETTERS = """
timezone = "Europe/Paris"
id = "no"
events = [
    { event = "letter.arrived", time = "arrivee" },
    { event = "letter.answered", time = "reponse", when = { reponse = true } },
]
"""


def try_rows(mapping: str, *rows: str, options: tuple[str, ...] = ()) -> Result:
    """Try a mapping with rows of a table; the first one has the names of the columns."""
    Path("sample.toml").write_text(mapping, encoding="utf-8")
    Path("sample.csv").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return run("connectors", "try", "sample.toml", "--with", "sample.csv", *options)


def test_times_without_the_time_of_day_are_a_warning() -> None:
    rows = [f"{number};16/11/2026;09:0{number}:00;RSA;00:00:30" for number in range(1, 5)]
    result = try_rows(CALLS, "N°;Date;Heure;Ligne;Attente", *rows)
    assert (
        "warning: nearly all times of call.queued are at midnight: has another column the time of day?" in result.stdout
    )
    assert "times of call.answered" not in result.stdout


def test_days_in_a_register_of_letters_are_no_warning() -> None:
    rows = [f"{number};2026-01-0{number};" for number in range(1, 5)]
    assert "midnight" not in try_rows(LETTERS, "no;arrivee;reponse", *rows).stdout


def test_waits_of_hours_are_a_warning_in_the_record_and_the_summary() -> None:
    rows = ("1;16/11/2026;RSA;03:35:00", "2;16/11/2026;RSA;00:03:35")
    result = try_rows(CALLS, "N°;Date;Ligne;Attente", *rows, options=("--rejected",))
    warning = "warning: wait_seconds of call.answered is two hours or more: is its unit right?\n"
    assert f"  {warning}" in result.stdout
    assert f"       1  {warning}" in result.stdout
    assert "line 3" not in result.stdout


@pytest.mark.parametrize(
    ("mapping", "rows", "warning"),
    [
        (
            FORMS,
            ("uid;etat;depuis", "A1;depose;2026-11-16 09:00", "A2;clos;2026-11-17 09:00"),
            "1  warning: form.decided without form.submitted: the contact counts in no figure\n",
        ),
        (
            VISITS.replace('"Arrivée" }', '"Arrivée", when = { "Appelé à" = false } }'),
            ("N°;Arrivée;Appelé à;Parti à", "1;16/11/2026 09:00;16/11/2026 09:05;"),
            "1  warning: visit.called without visit.arrived: the wait counts as 0\n",
        ),
    ],
)
def test_an_end_without_a_beginning_is_a_warning(mapping: str, rows: tuple[str, ...], warning: str) -> None:
    assert try_rows(mapping, *rows).stdout.count(warning) == 1


def test_a_second_letter_with_a_known_number_is_a_warning() -> None:
    rows = ("3;2025-01-06;2025-01-20", "4;2025-01-06;", "3;2026-01-05;", "4;2025-01-06;2025-01-30")
    result = try_rows(LETTERS, "no;arrivee;reponse", *rows, options=("--rejected",))
    warning = "warning: a second letter.arrived of the same contact, with other data\n"
    assert (
        "line 4: replaces the earlier record with this id\n  letter.arrived               2026-01-05" in result.stdout
    )
    assert f"       1  {warning}" in result.stdout
    assert "line 5" not in result.stdout  # the same letter, answered since
    assert 'set rows = "events"; if the id is not unique, add a column to it\n' in result.stdout


def test_a_letter_whose_date_a_later_file_corrects_is_no_warning() -> None:
    Path("later.csv").write_text("no;arrivee;reponse\n3;2026-01-06;\n", encoding="utf-8")
    result = try_rows(LETTERS, "no;arrivee;reponse", "3;2026-01-05;", options=("--with", "later.csv"))
    assert "replaces the earlier record" in result.stdout
    assert "warning" not in result.stdout


@pytest.mark.parametrize("total", ["Total;;Total : 2 appels;", "Total;Total;Total général;1:00"])
def test_names_in_a_rejected_row_of_totals_are_not_listed(total: str) -> None:
    result = try_rows(CALLS, "N°;Date;Ligne;Attente", "1;16/11/2026;RSA;00:00:30", "2;16/11/2026;APA;00:00:30", total)
    assert '"APA" = "apa"' in result.stdout
    assert '"Total' not in result.stdout
    assert result.exit_code == 1


def test_a_queue_whose_name_begins_like_a_total_is_listed() -> None:
    result = try_rows(CALLS, "N°;Date;Ligne;Attente", "1;16/11/2026;Total;00:00:30")
    assert '"Total" = "total"' in result.stdout
