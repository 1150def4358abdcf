"""Mappings that are proposed for registers of contacts of several channels."""

import tomllib

import pytest

from connectors.sdk.mapping.proposal import propose
from models.topics import Channel
from tests.unit.connectors.test_mapping_proposal import read, rows, try_events

CALL = ["call.queued", "call.answered", "call.ended"]
VISIT = ["visit.arrived", "visit.called", "visit.served"]
REGISTER = rows(
    "N°;Date;Heure;Canal;Usager tél.;Motif;Service;Agent;Durée;Clos le",
    "C-1;16/11/2026;09:05;Téléphone;0639 98 00 01;RSA;MDPH;Agent 3;00:04:10;",
    "C-2;16/11/2026;09:10;Guichet;;PCH;MDPH;Agent 3;00:12:00;20/11/2026",
    "C-3;16/11/2026;09:20;Courriel;;PCH;PMI;Agent 1;;17/11/2026",
    "C-4;16/11/2026;09:30;Courrier;;PCH;PMI;Agent 1;;18/11/2026",
    "C-5;16/11/2026;09:40;Téléphone;0639 98 00 02;RSA;PMI;Agent 2;;",
    "C-6;16/11/2026;09:50;Formulaire internet;;RSA;PMI;Agent 2;;",
)


def test_a_register_of_contacts_has_events_of_each_channel() -> None:
    text = propose(REGISTER, "table")
    proposed = read(text)
    assert (proposed["id"], proposed["service"], proposed["agent"]) == ("N°", "Service", "Agent")
    assert 'queue = "Service"  # no column names a queue: is it this one?' in text
    assert try_events(proposed, REGISTER) == [
        CALL,
        VISIT,
        ["email.received", "email.answered"],
        ["letter.arrived", "letter.closed"],
        CALL,
        ["email.received"],
    ]
    ended = next(event for event in proposed["events"] if event["event"] == "call.ended")
    assert ended["time"] == {"field": ["Date", "Heure"], "plus": ["\"Durée\" || '0'"]}
    assert (
        text.count("# without a time of day: if it may be the day of the arrival, give the arrival only its date") == 2
    )
    assert "# if a telephone system reports the calls too, put their values into [ignored] instead" in text


def test_the_reason_of_each_channel_is_a_comment() -> None:
    lines = [line for line in propose(REGISTER, "table").splitlines() if "contact.reason_set" in line]
    events = tomllib.loads(f"events = [{','.join(line.strip(' #').partition('},  #')[0] + '}' for line in lines)}]")
    assert [(event["channel"], event["when"]) for event in events["events"]] == [
        ("call", {"Canal": ["Téléphone"], "Motif": True}),
        ("visit", {"Canal": ["Guichet"], "Motif": True}),
        ("email", {"Canal": ["Courriel", "Formulaire internet"], "Motif": True}),
        ("mail", {"Canal": ["Courrier"], "Motif": True}),
    ]


def test_values_of_other_channels_are_listed_and_rejected() -> None:
    records = [*REGISTER, {**REGISTER[0], "N°": "C-7", "Canal": "Visio"}]
    text = propose(records, "table")
    assert "# put these values into a line above or into [ignored]: Visio\n" in text
    assert try_events(read(text), records)[-1] == []


def test_an_english_register_is_recognised() -> None:
    records = rows(
        "Ref;Contact type;Received;Queue;Answered;Topic",
        "1;Phone;2026-11-16 09:05;Housing;;x",
        "2;In person;2026-11-16 09:10;Housing;;y",
        "3;E-mail;2026-11-16 09:20;Roads;2026-11-17 10:00;y",
        "4;Letter;2026-11-16 09:30;;2026-11-19 10:00;z",
    )
    proposed = read(propose(records, "table"))
    assert (proposed["id"], proposed["queue"]) == ("Ref", "Queue")
    assert try_events(proposed, records) == [
        CALL,
        VISIT,
        ["email.received", "email.answered"],
        ["letter.arrived", "letter.answered"],
    ]


def test_times_of_calls_in_a_register_count_if_it_has_them() -> None:
    records = rows(
        "N°;Média;Arrivée;File;Décroché;Fin",
        "1;Appel;2026-11-16 09:05:00;RSA;2026-11-16 09:05:30;2026-11-16 09:07:00",
        "2;Appel;2026-11-16 09:06:00;RSA;;2026-11-16 09:07:00",
        "3;Courriel;2026-11-16 09:10:00;RSA;;2026-11-16 10:00:00",
    )
    proposed = read(propose(records, "table"))
    assert try_events(proposed, records) == [
        CALL,
        ["call.queued", "call.abandoned"],
        ["email.received", "email.answered"],
    ]


def test_waits_of_calls_and_answers_of_emails_may_be_in_the_same_columns() -> None:
    records = [
        {
            "id": "c-1",
            "contact.channel": "phone",
            "createdAt": 1793000000,
            "queue": "RSA",
            "answeredAt": 1793000020,
            "wait": 20,
        },
        {
            "id": "c-2",
            "contact.channel": "phone",
            "createdAt": 1793000100,
            "queue": "RSA",
            "answeredAt": None,
            "wait": 9,
        },
        {"id": "c-3", "contact.channel": "email", "createdAt": 1793000200, "queue": "RSA", "answeredAt": 1793010000},
    ]
    records = [{**record, "endedAt": record["createdAt"] + 60} for record in records]
    assert try_events(read(propose(records, "http")), records) == [
        CALL,
        ["call.queued", "call.abandoned"],
        ["email.received", "email.answered"],
    ]


def test_a_register_of_letters_that_names_channels_says_so() -> None:
    records = rows(
        "N°;Sens;Reçu le;Canal",
        "1;Arrivée;2026-11-02;Courrier",
        "2;Départ;2026-11-03;Courriel",
        "3;Arrivée;2026-11-03;Courriel",
    )
    text = propose(records, "table")
    assert "letter.arrived" in text
    assert '# ignored.Canal = ["Courriel"]\n' in text


def test_a_few_letters_that_came_another_way_are_letters() -> None:
    ways = ["Courrier"] * 18 + ["Courriel", "Dépôt accueil"]
    records = [
        {"N° enreg.": str(number), "Date arrivée": "05/01/2026", "Mode d'arrivée": way, "Expéditeur": "Mme Exemple"}
        for number, way in enumerate(ways, 1)
    ]
    text = propose(records, "table")
    assert [event["event"] for event in read(text)["events"]] == ["letter.arrived"]
    assert '# ignored."Mode d\'arrivée" = ["Courriel", "Dépôt accueil"]\n' in text
    tomllib.loads(text.replace("# ignored", "ignored"))


def test_contacts_that_the_organisation_began_are_left_out() -> None:
    records = [{**record, "Sens": "Sortant" if number == 1 else "Entrant"} for number, record in enumerate(REGISTER)]
    proposed = read(propose(records, "table"))
    assert proposed["ignored"] == {"Sens": ["Sortant"]}
    assert [events[:1] for events in try_events(proposed, records)] == [
        ["call.queued"],
        [],
        ["email.received"],
        ["letter.arrived"],
        ["call.queued"],
        ["email.received"],
    ]


def test_columns_of_a_ticket_system_are_recognised() -> None:
    records = rows(
        "Ticket ID;Channel;Created at;First reply at;Solved at;Group;Assignee",
        "1;Email;2026-11-16 09:00:00;2026-11-16 10:00:00;2026-11-17 10:00:00;Housing;A",
        "2;Phone;2026-11-16 09:10:00;;2026-11-16 09:20:00;Roads;B",
    )
    proposed = read(propose(records, "table"))
    assert (proposed["id"], proposed["queue"]) == ("Ticket ID", "Group")
    assert try_events(proposed, records) == [["email.received", "email.answered"], CALL]


@pytest.mark.parametrize(
    ("names", "first", "second"),
    [
        ("Dossier;Démarche;Canal;Déposé le", "D-1;PCH;En ligne;2026-11-16", "D-2;PCH;Guichet;2026-11-16"),
        ("N° RDV;Canal;Créneau;Créé le", "R-1;Web;2026-11-30 09:00;2026-11-16", "R-2;Tél;2026-11-30 09:00;2026-11-16"),
    ],
)
def test_the_way_by_which_a_file_came_is_not_its_channel(names: str, first: str, second: str) -> None:
    records = rows(names, first, second)
    text = propose(records, "table")
    assert "call." not in text
    assert "visit." not in text
    assert "# Canal names several channels, but all records count as" in text
    ignored = next(line for line in text.splitlines() if line.startswith("# ignored.Canal = "))
    assert tomllib.loads(ignored.removeprefix("# "))["ignored"]["Canal"] in (["En ligne", "Guichet"], ["Web", "Tél"])


def test_a_given_channel_is_kept_and_the_others_are_named() -> None:
    text = propose(REGISTER, "table", Channel.CALL)
    assert "visit." not in text
    assert '# ignored.Canal = ["Guichet", "Courriel", "Courrier", "Formulaire internet"]\n' in text


@pytest.mark.parametrize("values", [("Téléphone", "Appel"), ("x", "y"), ("Téléphone", "Courriel")])
def test_a_column_with_one_channel_or_another_meaning_is_no_channel(values: tuple[str, str]) -> None:
    name = "Origine" if values[1] != "Courriel" else "Libellé"
    records = [{"N°": str(number), "Date": "2026-11-16", name: value} for number, value in enumerate(values)]
    assert "several channels" not in propose(records, "table")
    assert "call." not in propose(records, "table")
