"""Values that `accueil connectors try` proposes to name, and what its messages say about limits and connectors."""

from pathlib import Path

import pytest
from click.testing import Result

from tests.support.commands import error, run

LINES = """\
timezone = "Europe/Paris"
id = "n"
line = "number"
events = [{ event = "call.arrived", time = "at", when = { number = { in_values = "line" } } }]
values.line = { 0199000001 = "mdph" }
"""


def try_rows(mapping: str, header: str, *rows: str) -> Result:
    Path("m.toml").write_text(mapping, encoding="utf-8")
    Path("rows.csv").write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return run("connectors", "try", "m.toml", "--with", "rows.csv")


def try_numbers(*numbers: str) -> str:
    rows = (f"{place};2026-03-16 09:00:00;{number}" for place, number in enumerate(numbers))
    result = try_rows(LINES, "n;at;number", *rows)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_telephone_number_in_one_record_is_not_shown() -> None:
    output = try_numbers("0639980001", "00639980002", "+33 6 39 98 00 03", "0199000007", "0199000007", "201")
    assert [line for line in output.splitlines() if line.startswith("#") and "records:" in line] == [
        '# "201" = "201"  # records: 1',
        '# "0199000007" = "0199000007"  # records: 2',
    ]
    assert "# … and 3 more values; a telephone number in one record only is not shown\n" in output
    assert "63998" not in output


def test_at_most_twenty_telephone_numbers_are_proposed() -> None:
    numbers = [f"01990001{number:02}" for number in range(25)]
    output = try_numbers(*numbers, *numbers)
    assert output.count('" = "01990001') == 20
    assert "# … and 5 more values\n" in output


def test_numbers_of_unknown_queues_are_proposed_likewise() -> None:
    mapping = (
        'timezone = "Europe/Paris"\nid = "n"\nqueue = "number"\nvalues.queue = { 600 = "rsa" }\n'
        'events = [{ event = "call.queued", time = "at" }]\n'
    )
    rows = ["1;2026-03-16 09:00:00;0639980001", "2;2026-03-16 09:00:00;601"]
    output = try_rows(mapping, "n;at;number", *rows).stdout
    assert (
        '"601" = "601"  # records: 1\n# … and 1 more values; a telephone number in one record only is not shown\n'
        in output
    )
    assert "0639980001" not in output


LETTERS = """\
timezone = "Europe/Paris"
id = "n"
service = "Direction"
values.service = { MDPH = "mdph" }
events = [{ event = "letter.arrived", time = "at" }]
"""


def test_a_value_may_be_named_or_its_records_ignored() -> None:
    output = try_rows(LETTERS, "n;at;Direction", "1;2026-03-16;MDPH", "2;2026-03-16;ANNULÉ").stdout
    assert (
        "# in [values.service]:\n# a name for each value; or, for records that are no contact, such as cancelled ones, "
        'in [ignored]: Direction = ["…"]\n"ANNULÉ" = "annule"  # records: 1\n'
    ) in output
    ignored = LETTERS + 'ignored.Direction = ["ANNULÉ"]\n'
    assert try_rows(ignored, "n;at;Direction", "1;2026-03-16;MDPH", "2;2026-03-16;ANNULÉ").exit_code == 0


def test_columns_that_are_not_named_come_last() -> None:
    output = try_rows(LETTERS, "n;at;Direction;Objet", "1;2026-03-16;ANNULÉ;x").stdout
    assert output.endswith("\nNot named, so they never leave the connector: Objet\n")


@pytest.mark.parametrize(
    ("option", "value", "limit"), [("visit", "0", "visit >= 1"), ("position", "1000001", "position <= 1000000")]
)
def test_the_limit_of_a_value_is_named(option: str, value: str, limit: str) -> None:
    mapping = (
        f'timezone = "Europe/Paris"\nid = "n"\nqueue = {{ value = "rsa" }}\n{option} = "v"\n'
        'events = [{ event = "call.queued", time = "at" }]\n'
    )
    result = try_rows(mapping, "n;at;v", f"1;2026-03-16 09:00:00;{value}")
    assert f"(v: outside the limits of call.queued ({limit}))\n" in result.stdout


def test_a_preset_with_another_connector_is_named_as_such() -> None:
    Path("accueil.toml").write_text(
        '[connectors.calls]\nconnector = "table"\nmapping = "freepbx"\nfiles = "*.csv"\nvalues.queue = { 600 = "rsa" }\n',
        encoding="utf-8",
    )
    assert error("config", "check") == (
        'accueil: accueil.toml: connectors.calls.mapping is a preset for connector = "sql"\n'
    )
