"""Mappings that are proposed for samples of registers, front desks, case systems and web forms."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.proposal import propose
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.state_proposal import place_state
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord
from models.identities import PseudonymKey
from models.topics import Channel

NOW = datetime(2026, 12, 1, tzinfo=UTC)
Records = Sequence[Mapping[str, Any]]


def rows(names: str, *lines: str) -> list[dict[str, Any]]:
    """Return records: names and values are separated by semicolons."""
    return [dict(zip(names.split(";"), line.split(";"), strict=True)) for line in lines]


def read(text: str) -> dict[str, Any]:
    """Return the options of a proposed mapping."""
    proposed = tomllib.loads(text)
    del proposed["connector"]
    return proposed


def try_events(proposed: Mapping[str, Any], records: Records) -> list[list[str]]:
    """Return the event types of each record."""
    mapping = MappingOptions.model_validate(proposed)
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    tried = trial.run([PlacedRecord(record) for record in records], NOW)
    return [[event.type for event in record.events] for record in tried]


def times_of(proposed: Mapping[str, Any]) -> dict[str, Any]:
    return {event["event"]: event["time"] for event in proposed["events"]}


CALLS = "Date;{hour};Ligne;Appelant;Attente;Conversation;Code fin"
CALL_ROWS = (
    "16/11/2026;09:21:29;Accueil MDPH;0639 98 00 01;06:57;07:10;INFO-DOS",
    "16/11/2026;9:57:53;Ligne verte;0639 98 00 02;05:46;;",
    "17/11/2026;10:31:26;Accueil MDPH;;13:02;01:10;INFO-DOS",
)


@pytest.mark.parametrize("hour", ["Heure", "Heure d'appel"])
def test_date_and_time_of_day_are_joined(hour: str) -> None:
    records = rows(CALLS.format(hour=hour), *CALL_ROWS)
    text = propose(records, "table", Channel.CALL)
    proposed = read(text)
    assert proposed["time_format"] == "%d/%m/%Y %H:%M:%S"
    assert times_of(proposed)["call.queued"] == ["Date", hour]
    assert times_of(proposed)["call.answered"] == {"field": ["Date", hour], "plus": ["Attente"], "unit": "m:s"}
    assert try_events(proposed, records) == [
        ["call.queued", "call.answered", "call.ended"],
        ["call.queued", "call.abandoned"],
        ["call.queued", "call.answered", "call.ended"],
    ]
    assert 'queue = "Ligne"  # no column names a queue: is it this one?' in text
    assert f'# {{ event = "contact.reason_set", time = ["Date", "{hour}"], contact_reason = "Code fin"' in text


@pytest.mark.parametrize(
    ("day", "hour", "time_format"),
    [
        ("16/11/2026", "9h05", "%d/%m/%Y %Hh%M"),
        ("16-11-2026", "09:05", "%d-%m-%Y %H:%M"),
        ("2026-11-16", "09:05", "iso"),
        ("2026-11-16", "9:05", "%Y-%m-%d %H:%M"),
        (date(2026, 11, 16), time(9, 5), "iso"),
    ],
)
def test_joined_times_have_the_format_of_both_columns(day: Any, hour: Any, time_format: str) -> None:
    records = [{"N°": f"V{number}", "Jour": day, "Heure": hour} for number in range(3)]
    proposed = read(propose(records, "table", Channel.VISIT))
    assert (proposed.get("time_format", "iso"), times_of(proposed)) == (
        time_format,
        {"visit.arrived": ["Jour", "Heure"]},
    )
    assert try_events(proposed, records) == [["visit.arrived"]] * 3


def test_durations_are_not_taken_for_times_of_day() -> None:
    records = rows("N°;Date;Attente;Temps d'appel", "1;16/11/2026;00:30;03:10", "2;16/11/2026;00:40;01:10")
    assert times_of(read(propose(records, "table", Channel.CALL)))["call.queued"] == "Date"


def test_several_times_of_day_share_a_date() -> None:
    records = rows(
        "Date;Heure d'arrivée;Heure d'appel;Heure de départ;Guichet",
        "16/11/2026;09:17;09:55;10:26;Guichet 1",
        "16/11/2026;09:43;;10:14;",
        "Total;2;;;",
    )
    proposed = read(propose(records, "table"))
    assert times_of(proposed) == {
        "visit.arrived": ["Date", "Heure d'arrivée"],
        "visit.called": ["Date", "Heure d'appel"],
        "visit.served": ["Date", "Heure de départ"],
        "visit.left": ["Date", "Heure de départ"],
    }
    assert try_events(proposed, records) == [
        ["visit.arrived", "visit.called", "visit.served"],
        ["visit.arrived", "visit.left"],
        [],
    ]


@pytest.mark.parametrize(("called", "left"), [("Appelé à", "Reparti à"), ("Appelé", "Parti")])
def test_columns_of_a_front_desk_are_recognised(called: str, left: str) -> None:
    records = rows(
        f"Arrivée le;{called};{left};Guichet;Objet;N° dossier",
        "16/11/2026 09:17;16/11/2026 09:55;16/11/2026 10:26;Guichet 3;AAH;",
        "16/11/2026 09:43;16/11/2026 09:50;;Guichet 1;AAH;2026-07098",
        "16/11/2026 10:04;;16/11/2026 10:36;;;2026-01190",
    )
    text = propose(records, "table")
    proposed = read(text)
    assert (proposed["case"], "site" in proposed, "id" in proposed, "phone" in proposed) == (
        "N° dossier",
        *[False] * 3,
    )
    assert try_events(proposed, records) == [
        ["visit.arrived", "visit.called", "visit.served"],
        ["visit.arrived", "visit.called"],
        ["visit.arrived", "visit.left"],
    ]
    assert 'time = "Arrivée le", contact_reason = "Objet"' in text
    assert text.splitlines()[-1].endswith(": Guichet, Objet")


def case(number: str, code: str, since: str, phone: str | None = "0639 98 00 01") -> dict[str, Any]:
    """Return a record of an API that lists cases with their states."""
    return {
        "dossier.numero": number,
        "dossier.nature": "CMI",
        "dossier.departement": "992",
        "demandeur.telephone": phone,
        "demandeur.courriel": "",
        "depot.recu_le": "2026-08-04T15:40:44",
        "etat.code": code,
        "etat.depuis": since,
    }


CASES = [
    case("2026-07786", "RECU", "2026-08-04T15:40:44", None),
    case("2026-07786", "COMPLET", "2026-08-10T09:00:00"),
    case("2026-05190", "CDAPH", "2026-08-27T12:57:34"),
    case("2026-05190", "DECIDE", "2026-09-27T12:57:34"),
    case("2026-05190", "CLOS", "2026-10-27T12:57:34"),
]


def test_number_of_a_case_is_not_proposed_as_phone() -> None:
    proposed = read(propose(CASES, "http"))
    assert (proposed["id"], proposed["dossier"], proposed["phone"], proposed["procedure"]) == (
        "dossier.numero",
        "dossier.numero",
        "demandeur.telephone",
        "dossier.nature",
    )


def test_addresses_are_recognised_by_their_values() -> None:
    records = [
        {"N°": f"M{number}", "Reçu le": "2026-11-16", "Gestionnaire": "agent@example.org", "Contact": "lea@example.org"}
        for number in range(3)
    ]
    assert read(propose(records, "table", Channel.MAIL))["email"] == "Contact"


def test_known_states_get_their_events_and_others_are_comments() -> None:
    text = propose(CASES, "http")
    proposed = read(text)
    assert (proposed["state"], proposed["changed_at"]) == ("etat.code", "etat.depuis")
    assert proposed["values"]["state"] == {"RECU": "", "COMPLET": "taken_up", "DECIDE": "decided", "CLOS": "decided"}
    assert '# "CDAPH" = ""  # records: 1\n' in text
    [decided] = [event for event in proposed["events"] if event["event"] == "form.decided"]
    assert decided["decision"] == {"value": "resolved"}  # the states do not say which
    assert try_events(proposed, CASES) == [
        ["form.submitted"],
        ["form.taken_up"],
        [],
        ["form.submitted", "form.decided"],
        [],
    ]


def test_a_message_for_each_state_has_only_the_time_of_the_state() -> None:
    records = [
        {
            "msg.uid": f"WF-{number}",
            "msg.etat": state,
            "msg.horodatage": 1794205609000 + at,
            "formulaire.code": "contact",
        }
        for at, (number, state) in enumerate([(1, "depose"), (2, "depose"), (1, "repondu"), (1, "clos")])
    ]
    proposed = read(propose(records, "http"))
    assert (proposed["id"], proposed["changed_at"], proposed["time_format"]) == (
        "msg.uid",
        "msg.horodatage",
        "epoch_ms",
    )
    assert try_events(proposed, records) == [["form.submitted"], ["form.submitted"], ["form.decided"], []]


def test_states_of_appointments_are_placed() -> None:
    records = rows(
        "id_rdv;motif;cree_le;prevu_le;etat;changed_at;usager_tel;usager_mel",
        "1;MDPH;2026-10-19 12:15:00;2026-10-27 12:00:00;cancelled;2026-10-21 12:20:00;0639 98 00 01;lea@example.org",
        "2;RSA;2026-10-20 15:39:00;2026-10-26 15:00:00;honoured;2026-10-26 15:04:00;;",
        "3;RSA;2026-10-20 15:39:00;2026-10-26 15:00:00;no-show;2026-10-26 15:30:00;;",
        "4;RSA;2026-10-20 15:39:00;2026-12-26 15:00:00;moved;2026-10-26 15:30:00;;",
        "5;RSA;2026-10-20 15:39:00;2026-12-26 15:00:00;booked;2026-10-20 15:39:00;;",
        "6;RSA;2026-10-20 15:39:00;2026-12-26 15:00:00;tst;2026-10-20 15:39:00;;",
    )
    proposed = read(propose(records, "table"))
    assert {name: proposed[name] for name in ("id", "queue", "starts_at", "phone", "email")} == {
        "id": "id_rdv",
        "queue": "motif",
        "starts_at": "prevu_le",
        "phone": "usager_tel",
        "email": "usager_mel",
    }
    assert [events[-1:] for events in try_events(proposed, records)] == [
        ["appointment.cancelled"],
        ["appointment.attended"],
        ["appointment.missed"],
        ["appointment.moved"],
        ["appointment.booked"],
        [],  # rejected until a person places its state
    ]


@pytest.mark.parametrize(
    ("channel", "value", "name"),
    [
        (Channel.APPOINTMENT, "Honoré", "attended"),
        (Channel.APPOINTMENT, "Non honoré", "missed"),
        (Channel.APPOINTMENT, "Absent", "missed"),
        (Channel.APPOINTMENT, "ANNULE_USAGER", "cancelled"),
        (Channel.APPOINTMENT, "Annulé par le service", "cancelled_by_service"),
        (Channel.APPOINTMENT, "CANCELLED_BY_CLERK", "cancelled_by_service"),
        (Channel.APPOINTMENT, "À venir", "booked"),
        (Channel.APPOINTMENT, "Absent excusé", None),
        (Channel.APPOINTMENT, "A confirmer", None),
        (Channel.FORM, "Reçu", "submitted"),
        (Channel.FORM, "Incomplet", "correction"),
        (Channel.FORM, "Pièces reçues", "corrected"),
        (Channel.FORM, "Accordé", "accepted"),
        (Channel.FORM, "Avis défavorable", "rejected"),
        (Channel.FORM, "Classé sans suite", "no_action"),
        (Channel.FORM, "Non traité", None),
        (Channel.FORM, "En attente de décision", None),
        (Channel.FORM, "Transmis à la commission", None),
        (Channel.MAIL, "Clôturé", "closed"),
        (Channel.MAIL, "A classer", None),
    ],
)
def test_names_of_states_are_known_in_both_languages(channel: Channel, value: str, name: str | None) -> None:
    state = place_state(value, channel)
    assert (state.name if state else None) == name


def test_a_state_that_may_be_a_second_decision_is_a_comment() -> None:
    records = [
        {"Dossier": f"D-10{number}", "Déposé le": "2026-03-12", "État": state, "Depuis le": "2026-03-16"}
        for number, state in enumerate(["Déposé", "Accordé", "Refusé", "Clos"])
    ]
    text = propose(records, "table", Channel.FORM)
    assert read(text)["values"]["state"] == {"Déposé": "", "Accordé": "accepted", "Refusé": "rejected"}
    assert '# "Clos" = "decided"' in text


def test_the_time_of_a_state_has_its_own_format() -> None:
    records = rows(
        "Dossier;Démarche;Déposé le;État;Depuis le",
        "2001;APA;12/03/2026;Déposé;12/03/2026 08:12",
        "2002;APA;12/03/2026;Accordé;16/03/2026 09:30",
    )
    proposed = read(propose(records, "table"))
    assert proposed["changed_at"] == {"field": "Depuis le", "format": "%d/%m/%Y %H:%M"}
    assert try_events(proposed, records) == [["form.submitted"], ["form.submitted", "form.decided"]]


def test_columns_that_say_nothing_of_the_channel_are_not_taken_for_letters_in_silence() -> None:
    records = rows("Date;Service;Nature;Nombre", "16/03/2026;MDPH;Lettre;126", "17/03/2026;MDPH;Lettre;12")
    text = propose(records, "table")
    assert "# no column says the channel: if these are no letters, remove this file, and add --channel\n" in text
    assert "# if Nombre is a number of letters, each row is a total: accueil connectors presets mailroom-counts" in text


def test_times_and_flags_about_a_queue_are_no_queue() -> None:
    records = rows(
        "uniqueid;queued_at;was_queued;queue_wait;queue",
        "1773651600.1;2026-03-16 09:00:20;1;30;RSA",
        "1773651600.2;2026-03-16 09:01:20;0;40;RSA",
    )
    assert read(propose(records, "table"))["queue"] == "queue"


def test_decisions_in_a_column_of_their_own_are_named() -> None:
    records = rows(
        "Numéro de demande;Type de demande;Date de dépôt;Date de décision;Décision",
        "D1001;APA;01/09/2026;12/10/2026;Accord",
        "D1002;PCH;03/09/2026;;",
        "D1003;APA;05/09/2026;15/10/2026;Refus",
        "D1004;APA;05/09/2026;15/10/2026;Ajournement",
    )
    text = propose(records, "table")
    proposed = read(text)
    assert (proposed["id"], proposed["procedure"]) == ("Numéro de demande", "Type de demande")
    assert proposed["values"]["decision"] == {"Accord": "accepted", "Refus": "rejected"}
    assert '# "Ajournement" = ""' in text
    assert [len(events) for events in try_events(proposed, records)] == [2, 1, 2, 0]


def test_numbers_of_persons_and_often_empty_ones_are_no_ids() -> None:
    records = rows(
        "N° allocataire;N° ticket;Arrivée",
        "1234567;;16/11/2026 08:45",
        "7654321;A1;16/11/2026 08:50",
    )
    assert "id" not in read(propose(records, "table", Channel.VISIT))


def test_a_ticket_that_is_taken_begins_a_visit() -> None:
    records = rows(
        "Ticket;Service;Prise ticket;Appel;Fin;Agent",
        "A001;RSA;16/11/2026 09:00:10;16/11/2026 09:05:00;16/11/2026 09:12:00;ag1",
        "A002;RSA;16/11/2026 09:01:10;;;",
    )
    assert try_events(read(propose(records, "table")), records) == [
        ["visit.arrived", "visit.called", "visit.served"],
        ["visit.arrived"],
    ]


LETTERS = "no_registre;date_arrivee;date_reponse;direction;objet;expediteur"


@pytest.mark.parametrize("form", ["{2}-{1}-{0}", "{0}/{1}/{2}"])
def test_numbers_of_letters_that_restart_every_year_have_the_year_in_the_id(form: str) -> None:
    days = [
        ("3", "06", "01", "2025"),
        ("4871", "08", "12", "2025"),
        ("3", "05", "01", "2026"),
        ("4", "06", "01", "2026"),
    ]
    records = rows(
        LETTERS,
        *(f"{number};{form.format(*day)};;Insertion;Réclamation;Mme Exemple" for number, *day in days),
    )
    proposed = read(propose(records, "table"))
    assert (proposed["id"], proposed["yearly_ids"]) == ("no_registre", True)
    assert try_events(proposed, records) == [["letter.arrived"]] * 4
    mapping = MappingOptions.model_validate(proposed)
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    tried = list(trial.run([PlacedRecord(record) for record in records], NOW))
    assert not any(record.has_warning or record.replaces for record in tried)


def test_numbers_of_letters_of_one_year_have_the_year_as_a_comment() -> None:
    records = rows(LETTERS, *(f"{number};2026-01-0{number};;Insertion;x;Mme Exemple" for number in (1, 2, 3)))
    text = propose(records, "table")
    assert read(text)["id"] == "no_registre"
    assert "# yearly_ids = true  # if the ids restart every year" in text


def test_kinds_of_post_that_are_no_letters_are_named() -> None:
    records = rows("N°;Enregistré le;Nature;Expéditeur", "1;05/01/2026;Lettre;Mme Exemple", "2;05/01/2026;Publicité;x")
    assert 'time = "Enregistré le" },  # if all are letters: Nature has Lettre, Publicité' in propose(records, "table")


def test_tickets_that_restart_every_day_have_daily_ids() -> None:
    records = rows(
        "Ticket;Arrivée;Appelé à",
        *(f"A0{number};2026-11-{day} 09:0{number}:00;" for day in (16, 17, 18) for number in (1, 2)),
    )
    proposed = read(propose(records, "table", Channel.VISIT))
    assert (proposed["id"], proposed["daily_ids"]) == ("Ticket", True)
    assert try_events(proposed, records) == [["visit.arrived"]] * 6


def test_ids_that_repeat_without_a_known_cause_are_named() -> None:
    records = rows(
        "Ticket;Arrivée;Objet",
        *(f"A1;2026-11-16 09:0{number}:00;AAH" for number in range(2)),
        "A2;2026-11-16 09:05:00;AAH",
    )
    assert "the ids repeat: if several records are about one contact" in propose(records, "table", Channel.VISIT)


def test_a_mailbox_is_no_register_of_letters() -> None:
    records = rows(
        "Référence;Expéditeur;Objet;Reçu le", "1;lea@example.org;RSA;2026-11-16", "2;paul@example.org;APA;2026-11-16"
    )
    assert '"email.received"' in propose(records, "table")


def test_a_date_of_birth_has_no_role() -> None:
    records = rows("N°;Date de naissance;Reçu le;Service", "1;01/02/1950;16/11/2026;PMI", "2;01/03/1960;16/11/2026;PMI")
    assert times_of(read(propose(records, "table", Channel.MAIL))) == {"letter.arrived": "Reçu le"}


def test_letters_arrive_when_they_are_received_and_are_not_answered_when_they_are_taken_up() -> None:
    records = rows(
        "Date du courrier;Reçu le;N°;Pris en charge le",
        "01/10/2026;03/10/2026;12;04/10/2026",
        ";05/10/2026;13;",
    )
    (event,) = read(propose(records, "table", Channel.MAIL))["events"]
    assert event == {"event": "letter.arrived", "time": "Reçu le"}


def test_agent_is_left_out_without_an_event_that_has_it() -> None:
    records = rows("Début;File;Poste", "24/10/2026 02:23:59;STD;601", "24/10/2026 03:23:59;STD;602")
    text = propose(records, "table", Channel.CALL)
    assert [event["event"] for event in read(text)["events"]] == ["call.queued"]
    assert "agent" not in read(text)
