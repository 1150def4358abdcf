"""`accueil connectors try` and `check` if the source or the sample has nothing that the mapping can read."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.commands import error, run

SETTINGS = """\
[connectors.calls]
connector = "sql"
url = "sqlite:///calls.db"
query = "SELECT n, begin FROM calls"
since = "begin"
timezone = "Europe/Paris"
id = "n"
queue = { value = "rsa" }
events = [{ event = "call.queued", time = "begin" }]
"""
CDR_COLUMNS = ["billsec", "calldate", "dst", "dstchannel", "duration", "lastapp", "lastdata", "outcome", "src"]
CDR_COLUMNS += ["uniqueid", "wait"]
PRESET = f"""\
[connectors.calls]
connector = "sql"
mapping = "asterisk-cdr"
url = "sqlite:///calls.db"
query = "SELECT {", ".join(f"n AS {name}" for name in CDR_COLUMNS)} FROM calls"
timezone = "Europe/Paris"
values.queue = {{ rsa = "rsa" }}
"""
EMPTY = (
    "The source gives no record at its first read. Look at: the contents of the table, the files or the answer; "
    "the options that limit what is read: since\n"
)


def write_database(*rows: tuple[str, str], settings: str = SETTINGS) -> None:
    """Write the settings of a connector, and the table that it reads."""
    Path("accueil.toml").write_text(settings, encoding="utf-8")
    with closing(sqlite3.connect("calls.db")) as database, database:
        database.execute("CREATE TABLE calls (n TEXT, begin TEXT)")
        database.executemany("INSERT INTO calls VALUES (?, ?)", rows)


@pytest.mark.parametrize("command", [("check", "calls"), ("try", "accueil.toml")])
def test_a_source_without_records_is_named_as_such(command: tuple[str, str]) -> None:
    write_database()
    result = run("connectors", *command)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(EMPTY)
    assert "no new records" not in result.stdout


def test_the_preset_is_named_if_a_source_has_no_records() -> None:
    write_database(settings=PRESET)
    output = run("connectors", "check", "calls").output
    assert "Look at: the first lines of accueil connectors presets asterisk-cdr; the contents" in output


TABLE = """\
[connectors.calls]
connector = "table"
files = "calls-*.csv"
timezone = "Europe/Paris"
id = "n"
queue = { value = "rsa" }
events = [{ event = "call.queued", time = "begin" }]
"""


def test_a_trial_without_files_says_that_no_file_matches() -> None:
    Path("accueil.toml").write_text(TABLE, encoding="utf-8")
    result = run("connectors", "try", "accueil.toml")
    assert "no file matches" in result.stdout, result.output


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "Number;Start\nA;2026-03-16 09:00\n",
            "it has no column begin, n among 2; columns found: Number, Start\n",
        ),
        (
            ";".join(f"column {letter}" for letter in "abcdefghijklmnopqrstuvwxyz") + "\n",
            f"columns found: {', '.join(f'column {letter}' for letter in 'abcdefghijklmnopqrst')}, …\n",
        ),
        (
            "Durand;0639980001\nMartin;0639980002\n",
            "among 2; the first line seems to be a record: if there is no header, set `columns`\n",
        ),
    ],
)
def test_a_table_whose_only_file_is_unusable_fails_and_lists_its_columns(lines: str, expected: str) -> None:
    Path("accueil.toml").write_text(TABLE, encoding="utf-8")
    Path("calls-1.csv").write_text(lines, encoding="utf-8")
    for arguments in (("check", "calls"), ("try", "accueil.toml"), ("try", "accueil.toml", "--with", "calls-1.csv")):
        result = run("connectors", *arguments)
        assert result.exit_code == 2, result.output
        assert result.stderr.endswith(expected)
    assert run("connectors", "check").exit_code == 1


def test_an_unusable_file_beside_others_is_a_warning() -> None:
    Path("accueil.toml").write_text(TABLE, encoding="utf-8")
    Path("calls-1.csv").write_text("Number;Start\n", encoding="utf-8")
    Path("calls-2.csv").write_text("n;begin\n1;2026-03-16 09:00\n", encoding="utf-8")
    result = run("connectors", "check", "calls")
    assert result.exit_code == 0, result.output
    assert "it has no column begin, n among 2" in result.stdout


def test_a_sample_that_is_not_the_result_of_the_query_is_refused() -> None:
    write_database()
    Path("cdr.csv").write_text("number;start\n1;2026-03-16 09:00:00\n2;2026-03-16 09:00:00\n", encoding="utf-8")
    assert error("connectors", "try", "accueil.toml", "--with", "cdr.csv") == (
        "accueil: cdr.csv lacks columns that the mapping reads: begin, n; columns found: number, start; "
        "export the result of the query, or leave out --with to read the database\n"
    )


def test_a_sample_with_other_fields_than_those_of_an_api_is_refused() -> None:
    mapping = 'connector = "http"\nid = "n"\nevents = [{ event = "email.received", time = "at.received" }]\n'
    Path("m.toml").write_text(mapping, encoding="utf-8")
    Path("a.json").write_text('[{"number": 1, "time": {"received": "2026-03-16T09:00:00Z"}}]', encoding="utf-8")
    expected = "lacks columns that the mapping reads: at.received, n; columns found: number, time.received\n"
    assert error("connectors", "try", "m.toml", "--with", "a.json").endswith(expected)
    Path("b.json").write_text('[{"n": 1, "time": {"received": "2026-03-16T09:00:00Z"}}]', encoding="utf-8")
    assert run("connectors", "try", "m.toml", "--with", "b.json").exit_code == 1
