"""Presets of forms, letters, post and visits: what typical stories give, worked out by hand from the makers' documentation."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.sdk import registry
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord
from connectors.sdk.testing import ConnectorHarness
from models.events import ContactRetracted
from models.timestamps import milliseconds
from streams.core.contacts import queue_stay
from streams.core.contacts.stay_outcome import stay_result
from tests.connectors.test_office_presets import CASES
from tests.support.json_api import serving_api
from tests.support.presets import NOW, Preset

Record = Mapping[str, Any]


def _tell(name: str, records: Iterable[Record], **settings: Any) -> list[str]:
    """Return a line per event that the records of a story add: place, type, time (UTC) and queue; and what they replace."""
    preset = Preset(name, {**CASES[name].settings, **settings})
    placed = [PlacedRecord(record, str(number)) for number, record in enumerate(records, 1)]
    lines = []
    for tried in Trial(preset.mapping, preset.options).run(placed, NOW):
        if tried.rejected:
            lines.append(f"{tried.place} rejected: {tried.rejected[1]}")
        if tried.replaces:
            lines.append(f"{tried.place} replaces")
        for event in tried.events:
            queue = getattr(event.data, "queue", "")
            lines.append(f"{tried.place} {event.type} {event.time:%m-%d %H:%M:%S} {queue}".rstrip())
    return lines


def _stay(name: str, records: Iterable[Record]) -> tuple[str, str, float, float]:
    """Return queue, outcome, wait and length of the service in seconds of the visit that the records of a story are about."""
    preset = Preset(name, CASES[name].settings)
    stays: tuple[queue_stay.QueueStay, ...] = ()
    for tried in Trial(preset.mapping, preset.options).run([PlacedRecord(record) for record in records], NOW):
        stays = () if tried.replaces else stays
        for event in tried.events:
            stays = queue_stay.add_evidence(stays, event, milliseconds(event.time)) or stays
    (stay,) = stays
    result = stay_result(stay)
    return stay.dimensions.queue, result.outcome, result.wait_ms / 1000, result.handle_ms / 1000


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.strip().splitlines(), delimiter=";"))


# -------------------------------------------------------------------------------------------------------------- Publik
def _form(*evolution: tuple[str, str | None], **fields: Any) -> dict[str, Any]:
    entries = [
        {"time": f"2026-03-{at}.500000+01:00", "last_jump_datetime": None, "who_id": "4"}
        | ({"status": status} if status else {"comment": "…"})
        for at, status in evolution
    ]
    return {
        "id": "16",
        "url": "https://demarches.example.org/newsletter/16/",
        "receipt_time": f"2026-03-{evolution[0][0]}",
        "user": {"id": 1, "email": "fred@example.org"},
        "evolution": entries,
    } | fields


STATUSES = {
    "state": {
        "1": "submitted",
        "2": "taken_up",
        "3": "correction_requested",
        "4": "corrected",
        "5": "no_action",
        "6": "",
    }
}


def test_a_form_goes_back_to_the_citizen_and_is_accepted() -> None:
    form = _form(
        ("02T09:00:00", "1"),
        ("02T10:00:00", "2"),
        ("02T10:30:00", None),
        ("03T09:00:00", "3"),
        ("05T20:00:00", "4"),
        ("06T08:00:00", "2"),
        ("06T11:00:00", "accepted"),
    )
    assert _tell("publik", [form], values=STATUSES | {"procedure": {"newsletter": "newsletter"}}) == [
        "1, evolution 1 form.submitted 03-02 08:00:00",
        "1, evolution 2 form.taken_up 03-02 09:00:00",
        "1, evolution 4 form.correction_requested 03-03 08:00:00",
        "1, evolution 5 form.corrected 03-05 19:00:00",
        "1, evolution 6 form.taken_up 03-06 07:00:00",
        "1, evolution 7 form.decided 03-06 10:00:00",
    ]


def test_a_form_that_is_cancelled_gets_no_further_events_when_its_account_is_deleted() -> None:
    """The e-mail address is part of each record: w.c.s. removes it with the account (`unlink_user` in wcs/formdata.py)."""
    values = STATUSES | {"procedure": {"newsletter": "newsletter"}}
    form = _form(("02T09:00:00", "1"), ("02T09:05:00", "5"), ("02T09:05:01", "6"))
    without_account = {name: value for name, value in form.items() if name != "user"}
    assert _tell("publik", [form, without_account], values=values) == [
        "1, evolution 1 form.submitted 03-02 08:00:00",
        "1, evolution 2 form.decided 03-02 08:05:00",
    ]


def test_a_form_that_goes_back_to_its_first_status_is_not_submitted_again() -> None:
    values = STATUSES | {"procedure": {"newsletter": "newsletter"}}
    form = _form(("02T09:00:00", "1"), ("03T09:00:00", "3"), ("04T09:00:00", "1"))
    assert _tell("publik", [form], values=values) == [
        "1, evolution 1 form.submitted 03-02 08:00:00",
        "1, evolution 2 form.correction_requested 03-03 08:00:00",
    ]


# --------------------------------------------------------------------------------------------------------------- letters
REGISTER = "N°;Enregistré le;Reçu le;Nature;Service;Transmis le;Accusé le;Répondu le;Clos le;Suite\n"


def test_a_letter_is_registered_twice_corrected_and_answered_later() -> None:
    rows = _rows(
        REGISTER
        + """
1;05/01/2026;02/01/2026;Recommandé AR;RSA;06/01/2026;;;;
1;05/01/2026;02/01/2026;Recommandé AR;RSA;06/01/2026;;;;
1;06/01/2026;02/01/2026;Recommandé AR;RSA;06/01/2026;;;;
1;06/01/2026;02/01/2026;Recommandé AR;RSA;06/01/2026;;20/01/2026;20/01/2026;Favorable
""".lstrip()
    )
    assert _tell("letter-register", rows) == [
        "1 letter.arrived 01-04 23:00:00",
        "1 letter.registered 01-04 23:00:00",
        "1 letter.assigned 01-05 23:00:00",
        "3 replaces",
        "3 letter.arrived 01-05 23:00:00",
        "3 letter.registered 01-05 23:00:00",
        "3 letter.assigned 01-05 23:00:00",
        "4 letter.answered 01-19 23:00:00",
        "4 letter.closed 01-19 23:00:00",
    ]


def test_numbers_that_start_again_each_year_are_other_letters() -> None:
    rows = _rows(REGISTER + "1;31/12/2025;;Lettre;RSA;;;;;\n1;01/01/2026;;Lettre;RSA;;;;;\n")
    assert _tell("letter-register", rows) == [
        "1 letter.arrived 12-30 23:00:00",
        "1 letter.registered 12-30 23:00:00",
        "2 letter.arrived 12-31 23:00:00",
        "2 letter.registered 12-31 23:00:00",
    ]
    assert "2 replaces" in _tell("letter-register", rows, yearly_ids=False)


def test_a_new_register_keeps_the_letters_of_the_old_one(tmp_path: Path) -> None:
    settings = dict(CASES["letter-register"].settings) | {
        "mapping": "letter-register",
        "files": str(tmp_path / "*.csv"),
    }
    (tmp_path / "2025.csv").write_text(REGISTER + "1;30/12/2025;;Lettre;RSA;;;;;\n", encoding="utf-8")
    harness = ConnectorHarness(registry.load("table"), settings, tmp_path / "data", tmp_path / "keys")
    first = harness.read_all(confirm=True)
    (tmp_path / "2026.csv").write_text(REGISTER + "1;02/01/2026;;Lettre;RSA;;;;;\n", encoding="utf-8")
    second = harness.read_all(confirm=True)
    assert [len(first), len(second)] == [2, 2]
    assert not any(isinstance(event, ContactRetracted) for event in second)


# ------------------------------------------------------------------------------------------------------------------ post
def test_totals_of_two_machines_are_both_counted_and_a_corrected_total_replaces_its_own() -> None:
    rows = _rows(
        """Date;Compte;Tarif;Objets;Montant;Machine
16/03/2026;MDPH;Lettre verte;300;390,00;1
16/03/2026;MDPH;Lettre verte;10;13,00;2
16/03/2026;MDPH;Lettre verte;310;403,00;1
"""
    )
    assert _tell("franking-machine", rows) == [
        "1 post.counted 03-15 23:00:00",
        "2 post.counted 03-15 23:00:00",
        "3 replaces",
        "3 post.counted 03-15 23:00:00",
    ]
    without = [{name: value for name, value in row.items() if name != "Machine"} for row in rows]
    assert "2 replaces" in _tell("franking-machine", without)


# --------------------------------------------------------------------------------------------------------------- Qminder
def _ticket(status: str, line: int = 88100, **fields: Any) -> dict[str, Any]:
    return {"id": "7", "status": status, "line": line, "created": {"date": "2026-04-29T12:00:00.000Z"}, **fields}


def _call(at: str) -> dict[str, Any]:
    return {"called": {"date": f"2026-04-29T12:{at}Z", "caller": 1}}


def _steps(*steps: tuple[str, str, int]) -> dict[str, Any]:
    day = "2026-04-29T12:"
    return {
        "interactions": [{"start": f"{day}{a}Z", "end": f"{day}{b}Z", "line": line, "user": 1} for a, b, line in steps]
    }


def test_a_visitor_of_qminder_is_forwarded_and_served_by_two_agents() -> None:
    """The visit stays one, in its first line; after forwarding, the status is NEW again (`forward` of the maker's client)."""
    first, second = ("10:00", "20:00", 88100), ("40:00", "50:00", 88101)
    records = [
        _ticket("NEW", interactions=[]),
        _ticket("CALLED", **_call("10:00"), interactions=[]),
        _ticket("NEW", 88101, **_steps(first)),
        _ticket("CALLED", 88101, **_call("40:00"), **_steps(first)),
        _ticket("SERVED", 88101, served={"date": "2026-04-29T12:50:00.000Z"}, **_steps(first, second)),
    ]
    assert _tell("qminder", records) == [
        "1 visit.arrived 04-29 12:00:00 mdph",
        "2 visit.called 04-29 12:10:00",
        "5 visit.served 04-29 12:50:00",
    ]
    assert _stay("qminder", records) == ("mdph", "answered", 600, 2400)


def test_a_visitor_of_qminder_is_called_twice_and_does_not_come() -> None:
    records = [
        _ticket("CALLED", **_call("10:00")),
        _ticket("CALLED", **_call("10:00")),
        _ticket("NOSHOW", **_call("10:00")),
    ]
    assert _tell("qminder", records) == [
        "1 visit.arrived 04-29 12:00:00 mdph",
        "1 visit.called 04-29 12:10:00",
        "3 visit.left 04-29 12:10:00",
    ]
    assert _stay("qminder", records) == ("mdph", "abandoned", 600, 0)


def test_a_no_show_of_qminder_without_called_date_left_at_its_interaction() -> None:
    """By the table of fields of "Tickets", `called.date` is only present on tickets with the status CALLED."""
    assert _tell("qminder", [_ticket("NOSHOW", **_steps(("10:00", "11:00", 88100)))]) == [
        "1 visit.arrived 04-29 12:00:00 mdph",
        "1 visit.called 04-29 12:10:00",
        "1 visit.left 04-29 12:10:00",
    ]
    assert _tell("qminder", [_ticket("NOSHOW")]) == ["1 rejected: called.date || interactions[-1].start"]


def test_a_visitor_of_qminder_who_is_moved_before_the_call_waits_in_the_new_line() -> None:
    assert _tell("qminder", [_ticket("NEW"), _ticket("NEW", 88101)]) == [
        "1 visit.arrived 04-29 12:00:00 mdph",
        "2 replaces",
        "2 visit.arrived 04-29 12:00:00 rsa",
    ]


def test_qminder_gets_the_parameters_of_the_preset_and_those_of_the_settings(tmp_path: Path) -> None:
    with serving_api("header", wrap=lambda rows: {"statusCode": 200, "data": rows}) as api:
        settings = dict(CASES["qminder"].settings) | {
            "mapping": "qminder",
            "url": api.url,
            "auth": {"key": {"header": "X-Api-Key", "secret": "jeton-d-essai"}},
        }
        ConnectorHarness(registry.load("http"), settings, tmp_path / "data", tmp_path / "keys").read_all(confirm=True)
        (asked,) = api.requests[:1]
    assert asked == {"location": "4", "order": "id ASC", "limit": "5000", "responseScope": "INTERACTIONS"}


# ---------------------------------------------------------------------------------------------------------------- Qmatic
def _transaction(outcome: int, entered: str, called: str | None, service: int = 14, **fields: Any) -> dict[str, Any]:
    return {
        "VisitKey": 501,
        "ServiceKey": service,
        "VisitOutcomeKey": outcome,
        "EnteredQueueTimestamp": f"2026-03-16T{entered}",
        "CallTimestamp": called and f"2026-03-16T{called}",
        "WaitingTime": 600,
        "TransactionTime": 300,
    } | fields


def test_a_visitor_of_qmatic_who_goes_back_to_the_queue_waits_until_the_last_call() -> None:
    records = [_transaction(4, "09:00:00", "09:10:00"), _transaction(1, "09:10:20", "09:15:00")]
    assert _tell("qmatic", records) == [
        "1 visit.arrived 03-16 08:00:00 mdph",
        "2 visit.arrived 03-16 08:10:20 mdph",
        "2 visit.called 03-16 08:15:00",
        "2 visit.served 03-16 08:20:00",
    ]
    assert _stay("qmatic", records) == ("mdph", "answered", 900, 300)


def test_a_visitor_of_qmatic_who_is_transferred_has_one_wait() -> None:
    """The earliest arrival and call count: those of the first service."""
    records = [_transaction(5, "09:00:00", "09:10:00"), _transaction(1, "09:15:00", "09:30:00", 15)]
    assert _tell("qmatic", records) == [
        "1 visit.arrived 03-16 08:00:00 mdph",
        "1 visit.called 03-16 08:10:00",
        "2 visit.arrived 03-16 08:15:00 rsa",
        "2 visit.called 03-16 08:30:00",
        "2 visit.served 03-16 08:35:00",
    ]
    assert _stay("qmatic", records) == ("mdph", "answered", 600, 1500)


def test_durations_that_qmatic_does_not_define_reject_no_visit() -> None:
    """The documentation defines WaitingTime for visits that were called, and TransactionTime for those that were served."""
    assert _tell("qmatic", [_transaction(2, "09:00:00", "09:10:00", TransactionTime=None)]) == [
        "1 visit.arrived 03-16 08:00:00 mdph",
        "1 visit.called 03-16 08:10:00",
        "1 visit.left 03-16 08:10:00",
    ]
    assert _tell("qmatic", [_transaction(3, "09:00:00", None, WaitingTime=None)]) == [
        "1 visit.arrived 03-16 08:00:00 mdph"
    ]
    assert _tell("qmatic", [_transaction(3, "09:00:00", None, WaitingTime=0)]) == [
        "1 visit.arrived 03-16 08:00:00 mdph",
        "1 visit.left 03-16 08:00:00",
    ]
