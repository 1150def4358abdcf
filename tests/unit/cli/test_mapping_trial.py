"""`accueil connectors try` and `new --from`: what they print."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.support.commands import error, run
from tests.support.tables import write_xlsx

MAPPING = """
timezone = "Europe/Paris"
id = "id"
phone = "phone"
queue = { value = "rsa" }
events = [
    { event = "call.queued", time = "start" },
    { event = "call.answered", time = "answer", when = "answer" },
]
"""


def try_calls(text: str, *options: str, mapping: str = MAPPING) -> Result:
    """Try a mapping with the rows in `text`."""
    Path("calls.toml").write_text(mapping)
    Path("calls.csv").write_text(text)
    return run("connectors", "try", "calls.toml", "--with", "calls.csv", *options)


def test_an_impossible_order_is_a_warning_in_the_record_and_the_summary() -> None:
    rows = "id;phone;start;answer\nA;;2026-03-16 09:00:00;2026-03-16 08:59:00\nB;;2026-03-16 09:00:00;\n"
    result = try_calls(rows, "--rejected")
    assert result.exit_code == 0, result.output
    assert "  warning: call.answered is before call.queued\n" in result.stdout
    assert "       1  warning: call.answered is before call.queued\n" in result.stdout
    assert "line 3" not in result.stdout


@pytest.mark.parametrize("zone", ["Europe/Paris", "Indian/Reunion"])
def test_the_time_zone_is_above_the_times(zone: str) -> None:
    result = try_calls(
        "id;phone;start;answer\nA;;2026-03-16 09:00:00;\n", mapping=MAPPING.replace("Europe/Paris", zone)
    )
    assert result.stdout.startswith(f"times in {zone}\nline 2:\n  call.queued                  2026-03-16 09:00:00 ")


@pytest.mark.parametrize(
    ("queued", "options", "warnings"), [("A", "", 1), (".*", "", 0), ("A", ", wait_seconds = { value = 5 }", 0)]
)
def test_a_call_whose_wait_is_unknown_is_a_warning(queued: str, options: str, warnings: int) -> None:
    mapping = MAPPING.replace('"start" }', f'"start", when = {{ id = {{ pattern = "{queued}" }} }} }}')
    mapping = mapping.replace('when = "answer"', f'when = "answer"{options}')
    times = "2026-03-16 09:00:00;2026-03-16 09:01:00"
    result = try_calls(f"id;phone;start;answer\nA;;{times}\nB;;{times}\n", mapping=mapping)
    expected = "       1  warning: call.answered without call.queued or wait_seconds: the wait counts as 0\n"
    assert (result.exit_code, result.stdout.count(expected)) == (0, warnings), result.output


FIXED = ("Numero  Debut              File  ", "A1      2026-03-16 09:00:00RSA   ", "A2      2026-03-16 09:01:00APA   ")


def propose_fixed(*lines: str) -> dict[str, Any]:
    """Return the mapping that is proposed for lines of fixed width."""
    Path("calls.txt").write_text("".join(f"{line}\n" for line in lines))
    result = run("connectors", "new", "calls", "--from", "calls.txt", "--widths", "8,19,6", "--channel", "call")
    assert result.exit_code == 0, result.output
    return tomllib.loads(Path("calls.toml").read_text())


def test_a_mapping_is_proposed_for_columns_of_fixed_width() -> None:
    proposed = propose_fixed(*FIXED)
    assert (proposed["widths"], "columns" in proposed) == ([8, 19, 6], False)
    assert (proposed["id"], proposed["events"][0]["time"]) == ("Numero", "Debut")
    tried = run("connectors", "try", "calls.toml", "--with", "calls.txt")
    assert "2  call.queued" in tried.stdout, tried.output


def test_columns_of_fixed_width_without_a_header_get_numbers() -> None:
    assert propose_fixed(*FIXED[1:])["columns"] == ["column 1", "column 2", "column 3"]


def test_dates_times_and_phones_of_columns_without_a_header_are_named() -> None:
    Path("calls.txt").write_text("2611020905 120RSA   0639980001\n2611031405  90MDPH  0639980002\n")
    result = run("connectors", "new", "calls", "--from", "calls.txt", "--widths", "6,4,4,6,10", "--channel", "call")
    assert result.exit_code == 0, result.output
    proposed = tomllib.loads(Path("calls.toml").read_text())
    assert proposed["columns"] == ["date", "time", "column 3", "column 4", "phone"]
    assert (proposed["events"][0]["time"], proposed["time_format"]) == (["date", "time"], "%y%m%d %H%M")


def test_lines_of_one_column_need_widths() -> None:
    Path("calls.txt").write_text("\n".join(FIXED) + "\n")
    expected = "calls.txt has only one column: for columns of fixed width, add their widths in characters"
    assert expected in error("connectors", "new", "calls", "--from", "calls.txt")
    assert not Path("calls.toml").exists()


def test_a_title_of_one_cell_above_the_header_is_named() -> None:
    Path("mail.csv").write_text("Registre 2026\nN°;Reçu le;Service\n1;2026-03-16;PMI\n")
    refusal = error("connectors", "new", "mail", "--from", "mail.csv")
    assert "mail.csv has no records: if the first line is a title, add --skip-lines" in refusal


def test_lists_in_records_are_named() -> None:
    Path("forms.json").write_text(
        '[{"id": "1", "at": "2026-03-16", "steps": []}, {"id": "2", "at": "2026-03-16", "steps": [{"at": "2026-03-17"}]}]'
    )
    assert run("connectors", "new", "forms", "--from", "forms.json").exit_code == 0
    last = Path("forms.toml").read_text().splitlines()[-1]
    assert last.startswith("# Lists in a record: steps. Name a value in one as steps[0].…, or make a record of each")


def test_a_list_of_one_record_is_no_envelope_of_its_history() -> None:
    Path("forms.json").write_text('[{"id": "1", "created": "2026-03-16", "data": {"steps": [{"at": "2026-03-17"}]}}]')
    result = run("connectors", "new", "forms", "--from", "forms.json", "--channel", "form")
    assert result.exit_code == 0, result.output
    proposed = tomllib.loads(Path("forms.toml").read_text())
    assert ("records" in proposed, proposed["id"], proposed["events"][0]["time"]) == (False, "id", "created")
    assert "# Lists in a record: data.steps." in Path("forms.toml").read_text()


def test_the_sheet_that_is_read_is_named_with_the_others() -> None:
    rows = [("N°", "Reçu le", "Service"), ("1", "2026-03-16", "PMI")]
    write_xlsx(Path("mail.xlsx"), rows, sheet="Registre", before="Lisez-moi")
    refusal = run("connectors", "new", "mail", "--from", "mail.xlsx")
    assert "mail.xlsx: sheet Lisez-moi; sheets not read: Registre\n" in refusal.stderr
    assert (refusal.exit_code, Path("mail.toml").exists()) == (2, False)
    write_xlsx(Path("title.xlsx"), [("Export du registre",), ("2026",)], sheet="Titre", before="Vide")
    refusal = run("connectors", "new", "mail", "--from", "title.xlsx", "--sheet", "Titre")
    assert (
        "title.xlsx has only one column: if another sheet has the records, add --sheet with its name; if"
        in refusal.stderr
    )
    result = run("connectors", "new", "mail", "--from", "mail.xlsx", "--sheet", "Registre", "--channel", "mail")
    assert (result.exit_code, result.stderr) == (0, "mail.xlsx: sheet Registre; sheets not read: Lisez-moi\n")
    assert tomllib.loads(Path("mail.toml").read_text())["sheet"] == "Registre"
    tried = run("connectors", "try", "mail.toml", "--with", "mail.xlsx")
    assert "mail.xlsx: sheet Registre; sheets not read: Lisez-moi\n" in tried.stderr
    assert "1  letter.arrived" in tried.stdout


def test_a_sheet_that_does_not_exist_is_refused() -> None:
    write_xlsx(Path("mail.xlsx"), [("N°", "Reçu le"), ("1", "2026-03-16")], sheet="Registre")
    assert "it has no sheet Registe; did you mean Registre?" in error(
        "connectors", "new", "mail", "--from", "mail.xlsx", "--sheet", "Registe"
    )
    Path("mail.csv").write_text("N°;Reçu le\n1;2026-03-16\n")
    assert "mail.csv is no spreadsheet: it has no sheet Registre" in error(
        "connectors", "new", "mail", "--from", "mail.csv", "--sheet", "Registre"
    )


def test_presets_are_described_in_the_language_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    english = run("connectors", "presets").stdout.splitlines()[1:]
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    french = run("connectors", "presets").stdout.splitlines()[1:]
    assert [line.split()[:2] for line in english] == [line.split()[:2] for line in french]
    for pair in zip(english, french, strict=True):
        assert len(set(pair)) == 2
    assert "Machine à affranchir : totaux par jour" in "\n".join(french)


def test_lines_above_the_header_are_skipped() -> None:
    Path("mail.csv").write_text("Registre 2026;;\n;;\nN°;Reçu le;Service\n1;2026-03-16;PMI\n")
    refusal = error("connectors", "new", "mail", "--from", "mail.csv")
    assert "mail.csv has only one named column: if the first line is a title, add --skip-lines" in refusal
    result = run("connectors", "new", "mail", "--from", "mail.csv", "--skip-lines", "2", "--channel", "mail")
    assert result.exit_code == 0, result.output
    assert tomllib.loads(Path("mail.toml").read_text())["skip_lines"] == 2
    assert "1  letter.arrived" in run("connectors", "try", "mail.toml", "--with", "mail.csv").stdout


def test_a_title_is_named_if_columns_are_missing() -> None:
    refusal = try_calls("Calls of March;;;\n;;;\nid;phone;start;answer\nA;;2026-03-16 09:00:00;\n")
    assert "; if the first line is a title, set skip_lines to the number of lines above the header" in refusal.stderr


@pytest.mark.parametrize("widths", ["a", "8,,6", "0,8", "-1"])
def test_widths_must_be_numbers(widths: str) -> None:
    Path("calls.txt").write_text("\n".join(FIXED) + "\n")
    refusal = error("connectors", "new", "calls", "--from", "calls.txt", "--widths", widths)
    assert "must be numbers of characters, such as 10,8,20" in refusal


def test_pseudonyms_get_short_names_and_unnamed_columns_are_listed() -> None:
    rows = [
        "id;phone;start;answer;note",
        "A1;0639980001;2026-03-16 09:00:00;;x",
        "Léa Exemple;0639980002;2026-03-16 09:00:00;;",
        "A3;0639980001;2026-03-16 09:00:00;;",
    ]
    result = try_calls("\n".join(rows) + "\n")
    assert re.findall(r"(\S+) identities=(\S+)", result.stdout) == [
        ("A1", "phone#1"),
        ("contact#1", "phone#2"),
        ("A3", "phone#1"),
    ]
    assert "\nphone#1 stands for a pseudonym, and within this output always for the same one\n" in result.stdout
    assert "\nNot named, so they never leave the connector: note\n" in result.stdout


def test_fields_of_objects_that_expressions_name_are_not_listed() -> None:
    Path("forms.json").write_text(
        '[{"ref": {"no": "7"}, "at": "2026-03-16T09:00:00Z", "who": {"name": "x", "mail": "y"}}]'
    )
    Path("forms.toml").write_text(
        'connector = "http"\nid = "ref.no || at"\nemail = "who.mail"\n'
        'events = [{ event = "email.received", time = "at" }]\n'
    )
    result = run("connectors", "try", "forms.toml", "--with", "forms.json")
    assert "Not named, so they never leave the connector: who.name\n" in result.stdout


def test_a_second_booking_is_a_warning_in_the_record_and_the_summary() -> None:
    mapping = (
        'rows = "events"\nid = "id"\ntimezone = "Europe/Paris"\n'
        'events = [{ event = "appointment.booked", time = "at", starts_at = "slot" }]\n'
    )
    rows = "id;at;slot\n1;2026-03-16 08:00;2026-04-02 10:00\n1;2026-03-16 08:00;2026-04-03 10:00\n"
    result = try_calls(rows, "--rejected", mapping=mapping)
    assert "line 3:\n" in result.stdout
    assert "line 2:\n" not in result.stdout
    warning = "warning: a second appointment.booked of the same contact, with other data\n"
    assert f"  {warning}" in result.stdout
    assert f"       1  {warning}" in result.stdout


def test_events_that_several_records_give_count_once_in_the_totals() -> None:
    mapping = (
        'rows = "events"\nid = "id"\ntimezone = "Europe/Paris"\n'
        'events = [{ event = "visit.arrived", time = "at" }, { event = "visit.called", time = "called", when = "called" }]\n'
    )
    rows = "id;at;called;desk\n1;2026-03-16 08:00;;\n1;2026-03-16 08:00;2026-03-16 08:05;\n2;2026-03-16 08:10;;\n"
    totals = try_calls(rows, mapping=mapping).stdout.partition("records: 3\n")[2].splitlines()
    assert totals[:2] == ["       2  visit.arrived (repeated: 1)", "       1  visit.called"]


def test_data_that_the_mapping_sets_are_shown_if_they_are_usual() -> None:
    events = 'events = [{ event = "appointment.booked", time = "at", starts_at = "at" }]'
    mapping = f'id = "id"\nby = {{ value = "citizen" }}\n{events}\n'
    assert " by=citizen\n" in try_calls("id;at\n1;2026-03-16T08:00:00Z\n", mapping=mapping).stdout


def test_a_second_sample_comes_later() -> None:
    Path("later.csv").write_text(
        "id;phone;start;answer\n"
        "A1;;2026-03-16 09:00:00;\n"  # unchanged
        "A2;;2026-03-16 09:00:00;2026-03-16 09:00:30\n"  # now answered
        "A3;;2026-03-16 08:00:00;\n"  # corrected
    )
    rows = "id;phone;start;answer\n" + "".join(f"A{number};;2026-03-16 09:00:00;\n" for number in (1, 2, 3))
    result = try_calls(rows, "--with", "later.csv", "--rows", "10")
    assert result.exit_code == 0, result.output
    of_second = [line for line in result.stdout.partition("later.csv, line 2")[2].splitlines() if line][:5]
    assert of_second == [
        ": same contents as an earlier record: skipped",
        "later.csv, line 3:",
        "  call.answered                2026-03-16 09:00:30  A2 queue=rsa",
        "later.csv, line 4: replaces the earlier record with this id",
        "  call.queued                  2026-03-16 08:00:00  A3 queue=rsa",
    ]
    assert "records: 6\n" in result.stdout
    assert "       3  call.queued\n" in result.stdout  # the replaced one does not count
    assert "       1  call.answered\n" in result.stdout


LETTERS = """
timezone = "Europe/Paris"
id = "id"
service = "service"
cost_cents = "cost"
events = [{ event = "letter.sent", time = "at", postage = "class" }]
"""
SENT = """id;at;service;class;cost
1;2026-03-16;Aide à l'enfance;Lettre verte;110
2;2026-03-16;MDPH;Recommandé AR;600
3;2026-03-17;MDPH;Lettre verte;110
"""


def test_a_letter_is_sent_without_a_known_cost() -> None:
    mapping = LETTERS.replace('cost_cents = "cost"\n', "").replace('service = "service"\n', "")
    mapping += '[values.postage]\n"Écopli" = "economique"\n'
    result = try_calls("id;at;class\n1;2026-03-16;Écopli\n", mapping=mapping)
    assert result.exit_code == 0, result.output
    assert "  1 postage=economique\n" in result.stdout


def unknown_tables(output: str) -> dict[str, Any]:
    """Return the tables that are printed to be pasted into the mapping."""
    return tomllib.loads(output.partition("Complete it:\n")[2])


def test_missing_tables_are_printed_with_all_values() -> None:
    result = try_calls(SENT, mapping=LETTERS)
    assert result.exit_code == 2
    assert unknown_tables(result.stdout)["values"] == {
        "service": {"MDPH": "mdph", "Aide à l'enfance": "aide-a-l-enfance"},
        "postage": {"Lettre verte": "lettre_verte", "Recommandé AR": ""},
    }
    assert "# the names may be: lettre_verte, lettre_services_plus," in result.stdout
    assert "calls.toml:4: service needs the table values.service" in result.stderr


def test_printed_tables_complete_the_mapping() -> None:
    printed = try_calls(SENT, mapping=LETTERS).stdout.partition("Complete it:\n")[2]
    completed = printed.replace('AR" = ""', 'AR" = "lettre_recommandee_avec_avis"')
    result = try_calls(SENT, mapping=LETTERS + completed)
    assert result.exit_code == 0, result.output
    assert "Complete it" not in result.stdout


def test_values_of_a_condition_without_its_table_are_printed() -> None:
    mapping = MAPPING.replace('"start" }', '"start", when = { phone = { in_values = "line" } } }')
    result = try_calls("id;phone;start;answer\nA1;3091;2026-03-16 09:00:00;\n", mapping=mapping)
    assert (result.exit_code, unknown_tables(result.stdout)) == (2, {"values": {"line": {"3091": "3091"}}})


def test_other_mistakes_are_named_without_a_trial() -> None:
    refusal = try_calls(SENT, mapping=LETTERS.replace("cost_cents", "cost_cent"))
    assert (refusal.exit_code, refusal.stdout) == (2, "")
    assert "did you mean cost_cents?" in refusal.stderr


def test_of_many_unknown_values_the_most_frequent_are_printed() -> None:
    sent = "".join(f"{number};2026-03-16;S{number};lettre_verte;110\n" for number in range(105))
    result = try_calls(f"id;at;service;class;cost\n{sent}5000;2026-03-16;S104;lettre_verte;110\n", mapping=LETTERS)
    printed = unknown_tables(result.stdout)["values"]["service"]
    assert (len(printed), next(iter(printed))) == (100, "S104")
    assert "# … and 5 more values\n" in result.stdout


CALLBACKS = """
timezone = "Europe/Paris"
id = "id"
queue = { value = "rsa" }
events = [
    { event = "call.callback_requested", time = "start", when = { result = [RESULTS] } },
    { event = "call.called_back", time = "answer", when = { result = "reached" } },
]
"""
RESULTS = "id;start;answer;result\nA1;2026-03-16 09:00:00;2026-03-16 09:30:00;wrong number\nA2;2026-03-16 09:10:00;;\n"


def test_a_value_may_be_named_in_a_condition_instead_of_removing_its_record() -> None:
    unnamed = try_calls(RESULTS, mapping=CALLBACKS.replace("RESULTS", '"", "reached"'))
    assert unknown_tables(unnamed.stdout) == {"ignored": {"result": ["wrong number"]}}
    assert "# a record with one of these values gives no event at all\n# to keep its events, name" in unnamed.stdout
    named = try_calls(RESULTS, mapping=CALLBACKS.replace("RESULTS", '"", "reached", "wrong number"'))
    assert re.findall(r"\d  (call\.\w+)$", named.stdout, re.MULTILINE) == ["call.callback_requested"]
    assert (named.exit_code, "2  call.callback_requested" in named.stdout) == (0, True)


def test_for_an_unknown_code_the_reasons_of_the_settings_are_printed() -> None:
    Path("accueil.toml").write_text(
        'contact_reasons = { roads = { label_fr = "Routes", label_en = "Roads" }, '
        'post = { label_fr = "Courrier", label_en = "Post", channels = ["mail"] } }\n'
    )
    reason = '{ event = "contact.reason_set", time = "start", contact_reason = "answer" },\n]'
    mapping = MAPPING.replace('"answer", when = "answer" },\n]', f'"start" }},\n{reason}')
    rows = "id;phone;start;answer\nA;;2026-03-16 09:00:00;12\nB;;2026-03-16 09:00:00;ZZ9\n"
    result = try_calls(rows, mapping=f'{mapping}\n[values.contact_reason]\n12 = "roads"\n')
    assert '# the names may be: roads\n"ZZ9" = ""  # records: 1\n' in result.stdout, result.output


VISITS = "N°;Arrivée le;Appelé à\n1;2026-03-16 09:00:00;2026-03-16 09:05:00\n"
MESSAGES = """{"msg": {"uid": "WF-1", "etat": "depose", "at": "2026-03-16T09:00:00Z"}, "formulaire": {"code": "contact"}}
{"msg": {"uid": "WF-1", "etat": "refuse", "at": "2026-03-17T09:00:00Z"}, "formulaire": {"code": "contact"}}
"""


@pytest.mark.parametrize(
    ("connector", "sample", "text"),
    [
        ("table", "x.csv", VISITS),
        ("sql", "x.csv", VISITS),
        ("http", "x.jsonl", MESSAGES),
        ("webhook", "x.jsonl", MESSAGES),
    ],
)
def test_the_proposed_mapping_is_for_the_chosen_connector(connector: str, sample: str, text: str) -> None:
    Path(sample).write_text(text, encoding="utf-8")
    result = run("connectors", "new", "mine", "--from", sample, "--connector", connector)
    assert result.exit_code == 0, result.output
    assert tomllib.loads(Path("mine.toml").read_text(encoding="utf-8"))["connector"] == connector
    tried = run("connectors", "try", "mine.toml", "--with", sample)
    assert tried.exit_code == 0, tried.output
    assert ("form.submitted" in tried.output) is ("form.decided" in tried.output) is (text == MESSAGES)


def test_the_advice_about_the_id_is_right_for_messages() -> None:
    message = {"ticket": "A-42", "taken_at": "2026-03-16T09:00:00Z"}
    for name, messages, advice in (
        ("none", [{"taken_at": message["taken_at"]}], '# id = ""  # name the field with the id of the contact: each'),
        (
            "same",
            [message, {**message, "desk": "3"}],
            "the ids repeat: if these messages are not about one contact, add a",
        ),
    ):
        Path("x.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in messages))
        assert (
            run(
                "connectors", "new", name, "--from", "x.jsonl", "--connector", "webhook", "--channel", "visit"
            ).exit_code
            == 0
        )
        text = Path(f"{name}.toml").read_text()
        assert advice in text
        assert "rows" not in text


@pytest.mark.parametrize(
    ("connector", "sample", "refusal"),
    [
        ("http", "x.csv", "http needs a sample in JSON"),
        ("table", "x.json", "table needs a table such as CSV"),
        ("sql", "x.json", "sql needs a table such as CSV"),
        ("sql", "x.xlsx", "sql needs an export as CSV with a header"),
        (
            "sql",
            "x.db",
            "x.db is a database: export a table as CSV and add --connector sql, or describe the database in",
        ),
    ],
)
def test_a_connector_that_cannot_read_the_sample_is_refused(connector: str, sample: str, refusal: str) -> None:
    Path(sample).write_text("x", encoding="utf-8")
    assert refusal in error("connectors", "new", "mine", "--from", sample, "--connector", connector)


def test_a_trial_with_files_needs_no_password() -> None:
    settings = """
[connectors.calls]
connector = "sql"
mapping = "freepbx"
url = "mysql://accueil@pbx.example.org/asteriskcdrdb"
password_file = "/run/secrets/not-there-yet"
timezone = "Europe/Paris"
values.queue = { 600 = "accueil", 601 = "accueil" }
"""
    Path("accueil.toml").write_text(settings)
    sample = Path(__file__).parents[3] / "connectors/sdk/mapping/presets/freepbx.csv"
    result = run("connectors", "try", "accueil.toml", "--name", "calls", "--with", str(sample))
    assert result.exit_code == 0, result.output
    assert "       3  call.abandoned\n" in result.stdout
