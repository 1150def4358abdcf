"""Columns of a sample, and the options that are proposed for them: identities, times, durations, states and totals."""

import tomllib
from datetime import date, time
from typing import Any

import pytest

from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.proposal import propose
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord
from models.identities import PseudonymKey
from models.topics import Channel
from tests.unit.connectors.test_mapping_trial import NOW, try_records

PHONES = ["0639980001", "0639980002", "0639980003"]


def test_telephone_numbers_are_proposed_as_phone_and_not_as_id() -> None:
    records = [
        {"Numéro": phone, "Appel": f"A{number}", "Début": "16/03/2026 09:00:00"} for number, phone in enumerate(PHONES)
    ]
    proposed = tomllib.loads(propose(records, "table"))
    assert proposed["phone"] == "Numéro"
    assert "id" not in proposed


def test_columns_of_forms_are_proposed() -> None:
    records = [
        {
            "id": str(number),
            "num_dossier": f"DEM-2026-0000{number}",
            "type_demarche": "APA",
            "etat": "DEPOSE",
            "created_at": "2026-10-01 12:01:00",
            "courriel": "lea.exemple@example.org",
            "mobile": phone,
        }
        for number, phone in enumerate(PHONES)
    ]
    proposed = tomllib.loads(propose(records, "table"))
    names = ("id", "dossier", "procedure", "phone")
    assert [proposed[name] for name in names] == ["id", "num_dossier", "type_demarche", "mobile"]
    assert proposed["values"] == {"procedure": {"APA": "apa"}}


@pytest.mark.parametrize(
    ("columns", "event"),
    [
        (("rdv_id", "objet", "usager.courriel", "creneau.debut"), "appointment."),
        (("N° chrono", "Date", "Courriel", "Objet", "Affranchissement"), "letter."),
        (("Référence", "Date", "Courriel", "Objet"), "email."),
    ],
)
def test_column_of_addresses_does_not_make_a_record_an_email(columns: tuple[str, ...], event: str) -> None:
    record = dict.fromkeys(columns, "x")
    record |= {name: "lea.exemple@example.org" for name in columns if "ourriel" in name}
    assert f'event = "{event}' in propose([record], "table")


def test_columns_that_the_proposal_does_not_name_are_listed() -> None:
    records = [
        {"id": f"A{number}", "start": "2026-03-16 09:00", "queue": "RSA", "wait": "1:05", "result": "OK", "note": "x"}
        for number in range(3)
    ]
    text = propose(records, "table")
    assert text.splitlines()[-1].endswith(": wait, result, note")  # no event with a wait has a time
    text = propose([record | {"answered": "2026-03-16 09:01"} for record in records], "table")
    assert text.splitlines()[-1].endswith(": result, note")
    answered = tomllib.loads(text)["events"][1]
    assert answered["wait_seconds"] == {"field": "wait", "unit": "m:s"}


def test_values_with_line_ends_give_a_valid_file() -> None:
    records = [
        {
            "id": f"A{number}",
            "date de début": "2026-03-16 09:00",
            "fin": "2026-03-16 09:05",
            "état": "a\nb",
            "x\x7f\r": "",
        }
        for number in range(3)
    ]
    assert tomllib.loads(propose(records, "table"))["id"] == "id"


def test_times_of_events_are_proposed_from_durations() -> None:
    records = [
        {
            "uniqueid": f"177364800{number}.1",
            "start": "2026-03-16 09:00",
            "queue": "RSA",
            "wait": wait,
            "ring": "4",
            **talk,
        }
        for number, wait, talk in (
            (1, "20", {"duration": "90", "talk": "70"}),
            (2, "50", {"duration": "50", "talk": "0"}),
        )
    ]
    proposed = tomllib.loads(propose(records, "table", Channel.CALL))
    _queued, answered, ended, abandoned = proposed["events"]
    assert proposed["id"] == "uniqueid"
    assert answered["time"] == {"field": "start", "plus": ["wait"]}
    assert (answered["wait_seconds"], answered["ring_seconds"]) == ("wait", "ring")
    assert answered["when"] == {"talk": {"at_least": 1}}
    assert (ended["time"], ended["handle_seconds"]) == ({"field": "start", "plus": ["wait", "talk"]}, "talk")
    assert abandoned["when"] == {"talk": {"below": 1}}
    del proposed["connector"]
    found, _trial = try_records(proposed, *records)
    assert found == [["call.queued", "call.answered", "call.ended"], ["call.queued", "call.abandoned"]]


def test_an_empty_conversation_means_that_the_call_was_abandoned() -> None:
    records = [
        {"id": "A1", "start": "2026-03-16 09:00", "queue": "RSA", "wait": "0:20", "talk": "3:00"},
        {"id": "A2", "start": "2026-03-16 09:00", "queue": "RSA", "wait": "0:50", "talk": ""},
    ]
    proposed = tomllib.loads(propose(records, "table", Channel.CALL))
    assert proposed["events"][1]["time"] == {"field": "start", "plus": ["wait"], "unit": "m:s"}
    assert [event.get("when") for event in proposed["events"]] == [None, *2 * [{"talk": True}], {"talk": False}]


@pytest.mark.parametrize(
    ("wait", "talks"),
    [
        ("20", ("180", "0")),
        ("0:20", ("3:00", "0:00")),
        ("00:00:20", ("00:03:00", "00:00:00")),
        ("20", ("00:03:00", "")),
    ],
)
def test_each_form_of_conversations_divides_answered_and_abandoned_calls(wait: str, talks: tuple[str, str]) -> None:
    records = [
        {"id": f"A{number}", "start": "2026-03-16 09:00", "queue": "RSA", "wait": wait, "talk": talk}
        for number, talk in enumerate(talks)
    ]
    proposed = tomllib.loads(propose(records, "table", Channel.CALL))
    del proposed["connector"]
    found, _trial = try_records(proposed, *records)
    assert found == [["call.queued", "call.answered", "call.ended"], ["call.queued", "call.abandoned"]]


def test_rows_of_one_event_are_recognised() -> None:
    actions = (("A1", "ENTER"), ("A1", "CONNECT"), ("A2", "ENTER"), ("A2", "ABANDON"), ("A1", "RINGNOANSWER"))
    records = [
        {"row": str(row), "time": "2026-03-16 09:00:00", "callid": call, "event": event, "queue": "RSA"}
        for row, (call, event) in enumerate(actions)
    ]
    text = propose(records, "table", Channel.CALL)
    proposed = tomllib.loads(text)
    del proposed["connector"]
    assert (proposed["rows"], proposed["id"]) == ("events", "callid")
    assert 'put these values into a line above or into [ignored]: "RINGNOANSWER"' in text
    assert '# { event = "call.ended", time = "time", when = { event = [] } },' in text
    assert text.splitlines()[-1].endswith(": row")
    found = [["call.queued"], ["call.answered"], ["call.queued"], ["call.abandoned"], []]
    assert try_records(proposed, *records)[0] == found


def test_actions_of_a_front_desk_get_their_events() -> None:
    actions = ("ticket.taken", "ticket.called", "ticket.closed", "Non servi", "Pause")
    records = [
        {"event": action, "at": f"2026-03-16T09:0{number}:00Z", "data.ticket": "A42"}
        for number, action in enumerate(actions)
    ]
    text = propose(records, "webhook")
    proposed = tomllib.loads(text)
    del proposed["connector"]
    assert try_records(proposed, *records)[0] == [["visit.arrived"], ["visit.called"], ["visit.served"], [], []]
    assert 'into [ignored]: "Non servi", "Pause"\n' in text


def test_a_state_of_files_may_be_their_decision() -> None:
    names = ("ref", "demarche", "etat", "depose_le", "decide_le")
    rows = [("W-1", "APA", "accepte", "2026-03-01", "2026-03-10"), ("W-2", "APA", "en_instruction", "2026-03-02", "")]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    text = propose(records, "table")
    proposed = tomllib.loads(text)
    del proposed["connector"]
    assert proposed["events"][1] == {
        "event": "form.decided",
        "time": "decide_le",
        "decision": "etat",
        "when": {"decide_le": True},
    }
    assert proposed["values"]["decision"] == {"accepte": "accepted"}
    assert try_records(proposed, *records)[0] == [["form.submitted", "form.decided"], ["form.submitted"]]


def test_totals_of_a_franking_machine_are_recognised() -> None:
    rows = [
        ("16/03/26", "MDPH", "Lettre verte", "1 040", "1 580,80"),
        ("16/03/26", "MDPH", "ECOPLI", "12", "15,24 €"),
        ("17/03/26", "Collèges", "LV 20 g", "3", "4,56"),
        ("", "TOTAL", "", "1055", "1 600,60"),
    ]
    records = [dict(zip(("Jour", "Service", "Classe", "Nb plis", "Montant"), row, strict=True)) for row in rows]
    text = propose(records, "table")
    assert "accueil connectors presets franking-machine" in text
    proposed = tomllib.loads(text)
    del proposed["connector"]
    assert (proposed["id"], proposed["ignored"]) == (["Jour", "Service", "Classe"], {"Service": ["TOTAL"]})
    assert proposed["values"]["service"] == {"MDPH": "mdph", "Collèges": "colleges"}
    classes = proposed["values"]["post_class"]
    assert classes == {"Lettre verte": "lettre_verte", "ECOPLI": "economique", "LV 20 g": ""}
    classes["LV 20 g"] = "lettre_verte"
    assert try_records(proposed, *records)[0] == [*3 * [["post.counted"]], []]


def test_counts_without_an_amount_are_not_taken_for_a_franking_machine() -> None:
    records = [{"Date": "16/03/2026", "Nature": "Lettre", "Nombre": "12"}]
    assert "post.counted" not in propose(records, "table")


def test_voice_messages_and_callbacks_are_recognised() -> None:
    names = ("N°", "Type", "Service", "Déposé le", "Heure", "Téléphone", "Écouté le", "Rappelé le", "Résultat")
    rows = [
        (
            "1",
            "Message vocal",
            "PMI",
            "09/03/2026",
            "19:17",
            PHONES[0],
            "10/03/2026 08:30",
            "10/03/2026 09:00",
            "joint",
        ),
        ("2", "Demande de rappel", "PMI", "09/03/2026", "9:29", PHONES[1], "", "10/03/2026 16:26", "joint"),
        ("3", "Demande de rappel", "MDPH", "09/03/2026", "18:13", "", "", "", ""),
    ]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    text = propose(records, "table")
    proposed = tomllib.loads(text)
    del proposed["connector"]
    assert (proposed["id"], proposed["service"], proposed["phone"]) == ("N°", "Service", "Téléphone")
    assert proposed["events"][0]["time"] == ["Déposé le", "Heure"]
    assert '# or by "Résultat": joint' in text
    assert try_records(proposed, *records)[0] == [
        ["call.voicemail_left", "call.voicemail_heard", "call.called_back"],
        ["call.callback_requested", "call.called_back"],
        ["call.callback_requested"],
    ]


def test_times_of_another_format_than_the_callbacks_are_proposed_with_it() -> None:
    records = [{"N°": "1", "Déposé le": "09/03/2026", "Heure": "19:17", "Rappelé le": "2026/03/10 09:00:00"}]
    proposed = tomllib.loads(propose(records, "table"))
    del proposed["connector"]
    left, _called_back = proposed["events"]
    assert left["time"] == {"field": ["Déposé le", "Heure"], "format": "%d/%m/%Y %H:%M"}
    assert try_records(proposed, *records)[0] == [["call.callback_requested", "call.called_back"]]


def test_a_sheet_of_callbacks_without_types_has_requests_only() -> None:
    records = [
        {"ID": str(day), "Left at": f"2026-03-1{day} 09:00", "Called back at": "2026-03-19 10:00"} for day in (1, 2)
    ]
    events = tomllib.loads(propose(records, "table"))["events"]
    assert [(event["event"], event["time"]) for event in events] == [
        ("call.callback_requested", "Left at"),
        ("call.called_back", "Called back at"),
    ]


def test_ids_direct_lines_and_reasons_of_calls_are_recognised() -> None:
    names = ("ID_APPEL", "ARRIVEE", "APPELANT", "NUM_APPELE", "FILE", "DECROCHE", "FIN", "MOTIF")
    rows = [
        ("A260316001", "16/03/2026 09:00:00", PHONES[0], "0199001000", "STD", "16/03/2026 09:01:00", "RSA"),
        ("A260316002", "16/03/2026 09:00:00", PHONES[1], "0199001041", "", "16/03/2026 09:01:00", ""),
        ("A260316003", "16/03/2026 09:00:00", PHONES[2], "0199001000", "STD", "", "APA"),
        ("A260316004", "16/03/2026 09:00:00", PHONES[0], "0199001000", "STD", "", ""),
    ]
    records = [dict(zip(names, (*row[:6], "16/03/2026 09:05:00", row[6]), strict=True)) for row in rows]
    text = propose(records, "table")
    proposed = tomllib.loads(text)
    del proposed["connector"]
    assert (proposed["id"], proposed["line"], proposed["phone"]) == ("ID_APPEL", "NUM_APPELE", "APPELANT")
    assert (proposed["queue"], proposed["values"]["queue"]) == (
        "FILE || NUM_APPELE",
        {"STD": "std", "0199001041": "0199001041"},
    )
    assert '# { event = "contact.reason_set", time = "ARRIVEE", contact_reason = "MOTIF"' in text
    assert text.splitlines()[-1].endswith(": MOTIF")
    answered = ["call.arrived", "call.queued", "call.answered", "call.ended"]
    assert try_records(proposed, *records)[0] == [
        *2 * [answered],
        *2 * [["call.arrived", "call.queued", "call.abandoned"]],
    ]


def propose_register(names: str, *rows: str) -> tuple[dict[str, Any], list[list[str]]]:
    """Return the proposed mapping for rows of a register, and the event types that it gives for each."""
    records = [dict(zip(names.split(";"), row.split(";"), strict=True)) for row in rows]
    proposed = tomllib.loads(propose(records, "table"))
    del proposed["connector"]
    return proposed, try_records(proposed, *records)[0]


def test_a_french_register_of_letters_with_their_direction_is_recognised() -> None:
    proposed, found = propose_register(
        "N°;Date;Sens;Correspondant;Objet;Service;Affranchissement;En réponse à",
        "2026-001;05/01/2026;Arrivée;Mme Exemple;Aide;MDPH;;",
        "2026-002;06/01/2026;Départ;Mme Exemple;Accusé;MDPH;Lettre verte;2026-001",
        "2026-003;07/01/2026;Interne;RH;Note;RH;;",
        "2026-004;08/01/2026;Départ;Préfecture;Acte;RH;Recommandé AR;",
    )
    assert (proposed["id"], proposed["ignored"]) == ("N°", {"Sens": ["Interne"]})
    assert found == [["letter.arrived"], ["letter.answered", "letter.sent"], [], ["letter.sent"]]


def test_an_english_register_of_letters_with_their_direction_is_recognised() -> None:
    proposed, found = propose_register(
        "Ref;Direction;Received;Posted;Subject;Department",
        "L-1;In;2026-01-05;;Request;Housing",
        "L-2;Out;;2026-01-06;Decision;Roads",
    )
    assert (proposed["service"], proposed["events"][1]["time"]) == ("Department", "Posted")
    assert proposed["events"][1]["postage"] == {"value": "lettre_verte"}
    assert found == [["letter.arrived"], ["letter.sent"]]


def test_the_numbers_of_two_series_are_not_mixed() -> None:
    proposed, found = propose_register(
        "N° d'ordre;A/D;Date d'enregistrement;Expéditeur / Destinataire;Objet;Clos le",
        "1;A;05/01/2026;Mme Exemple;Aide;09/01/2026",
        "1;D;06/01/2026;M. Exemple;Décision;",
        "2;A;06/01/2026;M. Exemple;Recours;",
        "2;D;07/01/2026;Mme Exemple;Décision;",
    )
    assert proposed["id"] == ["A/D", "N° d'ordre"]
    assert found == [["letter.arrived", "letter.closed"], ["letter.sent"], ["letter.arrived"], ["letter.sent"]]


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        ("id;sens;appelant;debut;fin;duree", ("1;entrant;0639980001;2026-01-05 09:00;2026-01-05 09:05;300",)),
        ("N° chrono;Date;Statut", ("1;05/01/2026;Reçu", "2;05/01/2026;Envoyé")),
        ("N° chrono;Date;Classe", ("1;05/01/2026;A", "2;05/01/2026;D")),
        ("N° chrono;Date;Nature", ("1;05/01/2026;Courrier entrant", "2;05/01/2026;Colis", "3;05/01/2026;Pli sortant")),
    ],
)
def test_other_columns_are_not_taken_for_the_direction_of_letters(names: str, rows: tuple[str, ...]) -> None:
    records = [dict(zip(names.split(";"), row.split(";"), strict=True)) for row in rows]
    assert "letter.sent" not in propose(records, "table")


def test_durations_have_the_unit_in_the_name_of_their_column() -> None:
    records = [
        {
            "id": f"A{number}",
            "start": "2026-03-16 09:00",
            "queue": "RSA",
            "Durée attente (min)": "0,5",
            "talk_ms": "180000",
        }
        for number in range(2)
    ]
    proposed = tomllib.loads(propose(records, "table", Channel.CALL))
    assert proposed["events"][1]["wait_seconds"] == {"field": "Durée attente (min)", "unit": "min"}
    assert proposed["events"][2]["handle_seconds"] == {"field": "talk_ms", "unit": "ms"}


def test_withheld_numbers_and_extensions_do_not_hide_the_column_of_callers() -> None:
    numbers = [*PHONES, "anonyme", "601"]
    records = [{"Appelant": number, "Date": "16/03/2026 09:00:00"} for number in numbers]
    assert tomllib.loads(propose(records, "table"))["phone"] == "Appelant"
    assert "phone" not in tomllib.loads(propose(records[3:], "table"))


def test_telephone_numbers_are_not_taken_for_times() -> None:
    text = propose([{"N°": "R-1", "Téléphone": PHONES[0]}], "table")
    assert "time_format" not in text


@pytest.mark.parametrize(
    ("day", "clock", "time_format"),
    [
        ("16/03/2026", "9:05", "%d/%m/%Y %H:%M"),
        ("16/03/2026", "09:05:00", "%d/%m/%Y %H:%M:%S"),
        ("16/03/2026", "9h05", "%d/%m/%Y %Hh%M"),
        ("2026-03-16", "09:05", "iso"),
        ("2026-03-16", "9:05", "%Y-%m-%d %H:%M"),
        (date(2026, 3, 16), "9h05", "%Y-%m-%d %Hh%M"),
        (date(2026, 3, 16), time(9, 5), "iso"),
        (46097.0, time(9, 5), "excel"),
        (46097, "9:05", "excel"),
        ("46097", "0,378472222", "excel"),
    ],
)
def test_a_time_of_day_apart_is_joined_with_its_date(day: Any, clock: Any, time_format: str) -> None:
    records = [{"N° chrono": "1", "Date": day, "Service": "PMI", "Heure": clock, "Clos le": day}]
    proposed = tomllib.loads(propose(records, "table", Channel.MAIL))
    assert proposed["events"][0]["time"] == ["Date", "Heure"]
    assert proposed.get("time_format", "iso") == time_format
    del proposed["connector"]
    mapping = MappingOptions.model_validate(proposed)
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    (tried,) = trial.run([PlacedRecord(record) for record in records], NOW)
    assert [event.time.isoformat() for event in tried.events] == [
        "2026-03-16T08:05:00+00:00",
        "2026-03-15T23:00:00+00:00",
    ]


def test_each_time_of_day_is_a_time_of_its_own_and_durations_are_none() -> None:
    records = [
        {
            "id": "A1",
            "date": "16/03/2026",
            "heure début": "09:00:00",
            "heure fin": "09:05:00",
            "file": "RSA",
            "durée": "00:05:00",
            "temps d'attente": "00:00:10",
        }
    ]
    events = tomllib.loads(propose(records, "table", Channel.CALL))["events"]
    assert [event["time"] for event in events if event["event"] in {"call.queued", "call.ended"}] == [
        ["date", "heure début"],
        ["date", "heure fin"],
    ]


def test_numbers_of_other_columns_are_no_days_of_excel() -> None:
    records = [{"N° chrono": number, "Code postal": 44000, "Arrivée": 46097} for number in (45001, 45002)]
    text = propose(records, "table", Channel.MAIL)
    assert "excel" not in text
    assert 'id = "N° chrono"' in text
    assert "excel" in propose([record | {"Arrivée": 46097.375} for record in records], "table", Channel.MAIL)


def test_outcomes_of_appointments_without_a_time_of_change_are_proposed() -> None:
    records = [
        {
            "Réf RDV": f"R-{number}",
            "Date RDV": "16/03/2026",
            "Heure": "9:30",
            "Pris le": "09/03/2026 10:00",
            "Statut": state,
        }
        for number, state in enumerate(("Honoré", "Absent"))
    ]
    text = propose(records, "table")
    proposed = tomllib.loads(text)
    assert proposed["starts_at"] == ["Date RDV", "Heure"]
    assert proposed["events"] == [{"event": "appointment.booked", "time": "Pris le"}]
    event = '{ event = "appointment.missed", time = ["Date RDV", "Heure"], when = { Statut = ["Absent"] } },'
    assert f"  # {event}" in text
    assert text.count('"Honoré", "Absent"') == 1
    del proposed["connector"]
    proposed["events"] += tomllib.loads(f"events = [{event}]")["events"]
    proposed["ignored"] = {"Statut": ["*"]}
    assert try_records(proposed, *records)[0] == [["appointment.booked"], ["appointment.booked", "appointment.missed"]]
