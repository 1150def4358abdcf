"""Presets of forms, letters and visits: samples give the events worked out by hand; damaged records give no other event."""

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors import table
from connectors.sdk import registry
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.mapping.config import MERGED, PRESETS, find_presets, read_mapping
from models.codec import UnusableRecord
from models.reasons import Reason
from tests.support.commands import _no_settings, run  # noqa: F401 - a fixture
from tests.support.presets import NOW, MappedEvent, Preset, bad_values, change, facts, find_paths
from tests.support.tables import write_xlsx

ROOT = Path(__file__).parents[2]


class Case(NamedTuple):
    """A preset with the options of a settings file, and the events of its sample: place, type, time (UTC), service, data."""

    settings: Mapping[str, Any]
    events: Sequence[tuple[str, str, str, str, Mapping[str, Any]]]
    opaque: frozenset[str] = frozenset()
    """Fields whose values may be any text: ids and register numbers."""


def _post(post_class: str, items: int, cents: int = 0) -> dict[str, Any]:
    return {"post_class": post_class, "items": items} | ({"cost_cents": cents} if cents else {})


def _arrived(post_class: str, items: int) -> dict[str, Any]:
    return {"direction": "incoming", **_post(post_class, items)}


ACCEPTED, REJECTED = {"decision": "accepted"}, {"decision": "rejected"}
NEWSLETTER, ROADS = {"procedure": "newsletter"}, {"procedure": "voirie"}
CASES: Mapping[str, Case] = {
    "publik": Case(
        {
            "url": "https://demarches.example.org/api/forms/newsletter/list",
            "auth": {"signed": {"orig": "accueil.example.org", "secret": "s"}},
            "timezone": "Europe/Paris",
            "service": {"value": "communication"},
            "values": {"procedure": {"newsletter": "newsletter"}},
        },
        [
            ("record 1, evolution 1", "form.submitted", "2026-01-05 12:39:47", "communication", NEWSLETTER),
            ("record 1, evolution 4", "form.decided", "2026-01-08 09:01:30", "communication", ACCEPTED),
            ("record 2, evolution 1", "form.submitted", "2026-07-01 06:00:05", "communication", NEWSLETTER),
            ("record 2, evolution 3", "form.decided", "2026-07-01 14:20:00", "communication", REJECTED),
        ],
        frozenset({"id"}),
    ),
    "publik-sql": Case(
        {
            "url": "postgresql://reader@publik.example.org/wcs",
            "values": {
                "procedure": {"3": "newsletter", "12": "voirie"},
                "state": {"wf-2": "correction_requested", "wf-3": "taken_up"},
            },
        },
        [
            ("row 1", "form.submitted", "2026-01-05 12:39:47", "", NEWSLETTER),
            ("row 2", "form.submitted", "2026-07-01 06:00:05", "", NEWSLETTER),
            ("row 2", "form.decided", "2026-07-01 14:20:00", "", REJECTED),
            ("row 3", "form.submitted", "2026-07-02 07:30:00", "", ROADS),
            ("row 3", "form.correction_requested", "2026-07-03 09:00:00", "", {}),
            ("row 4", "form.decided", "2026-01-08 09:01:30", "", ACCEPTED),
            ("row 6", "form.taken_up", "2026-07-06 13:45:00", "", {}),
        ],
        frozenset({"id", "formdef_id"}),
    ),
    "letter-register": Case(
        {
            "files": "/srv/courrier/registre.xlsx",
            "timezone": "Europe/Paris",
            "values": {"service": {"MDPH": "mdph", "RSA": "rsa", "Voirie": "voirie"}},
        },
        [
            ("line 2", "letter.arrived", "2026-01-04 23:00:00", "mdph", {"admitted_at": "2026-01-04T23:00:00Z"}),
            ("line 2", "letter.registered", "2026-01-04 23:00:00", "mdph", {"chrono": "2026-0101"}),
            ("line 2", "letter.assigned", "2026-01-04 23:00:00", "mdph", {}),
            ("line 2", "letter.acknowledged", "2026-01-06 23:00:00", "mdph", {}),
            ("line 2", "letter.answered", "2026-01-19 23:00:00", "mdph", {}),
            ("line 2", "letter.closed", "2026-01-19 23:00:00", "mdph", {}),
            ("line 3", "letter.arrived", "2026-01-04 23:00:00", "rsa", {"admitted_at": "2026-01-01T23:00:00Z"}),
            ("line 3", "letter.registered", "2026-01-04 23:00:00", "rsa", {"chrono": "2026-0102"}),
            ("line 3", "letter.assigned", "2026-01-05 23:00:00", "rsa", {}),
            ("line 4", "letter.arrived", "2026-01-05 23:00:00", "voirie", {}),
            ("line 4", "letter.registered", "2026-01-05 23:00:00", "voirie", {"chrono": "2026-0103"}),
            ("line 4", "letter.assigned", "2026-01-05 23:00:00", "voirie", {}),
            ("line 4", "letter.closed", "2026-01-08 23:00:00", "voirie", {"outcome": "redirected"}),
            ("line 6", "letter.arrived", "2026-03-29 22:00:00", "mdph", {"admitted_at": "2026-03-27T23:00:00Z"}),
            ("line 6", "letter.registered", "2026-03-29 22:00:00", "mdph", {"chrono": "2026-0105"}),
        ],
        frozenset({"N°"}),
    ),
    "franking-machine": Case(
        {
            "files": "/srv/courrier/affranchissement.csv",
            "timezone": "Europe/Paris",
            "values": {"service": {"Aide sociale": "rsa", "MDPH": "mdph"}},
        },
        [
            ("line 2", "post.counted", "2026-03-15 23:00:00", "rsa", _post("lettre_verte", 312, 40_248)),
            ("line 3", "post.counted", "2026-03-15 23:00:00", "rsa", _post("lettre_recommandee_avec_avis", 18, 13_662)),
            ("line 4", "post.counted", "2026-03-15 23:00:00", "mdph", _post("economique", 540, 65_880)),
            ("line 5", "post.counted", "2026-03-15 23:00:00", "mdph", _post("colis", 2, 1_740)),
            ("line 7", "post.counted", "2026-03-16 23:00:00", "rsa", _post("lettre_verte", 287, 37_023)),
        ],
    ),
    "mailroom-counts": Case(
        {
            "files": "/srv/courrier/comptages.xlsx",
            "timezone": "Europe/Paris",
            "values": {"service": {"Aide sociale": "rsa", "MDPH": "mdph", "À trier": "courrier"}},
        },
        [
            ("line 2", "post.counted", "2026-03-15 23:00:00", "rsa", _arrived("courrier_ordinaire", 126)),
            ("line 3", "post.counted", "2026-03-15 23:00:00", "rsa", _arrived("lettre_recommandee_avec_avis", 9)),
            ("line 4", "post.counted", "2026-03-15 23:00:00", "mdph", _arrived("courrier_ordinaire", 84)),
            ("line 5", "post.counted", "2026-03-15 23:00:00", "mdph", _arrived("colis", 3)),
            ("line 7", "post.counted", "2026-03-16 23:00:00", "courrier", _arrived("presse", 0)),
        ],
    ),
    "qminder": Case(
        {
            "url": "https://api.qminder.com/v1/tickets/search",
            "params": {"location": "4"},
            "auth": {"key": {"header": "X-Qminder-REST-API-Key", "secret": "s"}},
            "values": {"queue": {"88100": "mdph", "88101": "rsa"}},
        },
        [
            ("record 1", "visit.arrived", "2026-04-29 12:29:40", "", {"queue": "mdph"}),
            ("record 1", "visit.called", "2026-04-29 14:05:29", "", {}),
            ("record 1", "visit.served", "2026-04-29 14:05:34", "", {}),
            ("record 2", "visit.arrived", "2026-04-29 14:00:00", "", {"queue": "mdph"}),
            ("record 3", "visit.arrived", "2026-04-29 13:10:00", "", {"queue": "rsa"}),
            ("record 3", "visit.called", "2026-04-29 13:31:12", "", {}),
            ("record 3", "visit.left", "2026-04-29 13:31:12", "", {}),
            ("record 4", "visit.arrived", "2026-04-29 13:12:00", "", {"queue": "rsa"}),
            ("record 4", "visit.left", "2026-04-29 13:20:30", "", {}),
        ],
        frozenset({"id"}),
    ),
    "qmatic": Case(
        {
            "url": "https://qmatic.example.org/dataconnect/VisitTransactions",
            "timezone": "Europe/Paris",
            "values": {"queue": {"14": "mdph", "15": "rsa"}},
        },
        [
            ("record 1", "visit.arrived", "2026-03-16 08:02:10", "", {"queue": "mdph"}),
            ("record 1", "visit.called", "2026-03-16 08:10:40", "", {}),
            ("record 1", "visit.served", "2026-03-16 08:15:45", "", {}),
            ("record 2", "visit.arrived", "2026-03-16 08:05:00", "", {"queue": "mdph"}),
            ("record 2", "visit.called", "2026-03-16 08:16:00", "", {}),
            ("record 3", "visit.arrived", "2026-03-16 08:17:00", "", {"queue": "rsa"}),
            ("record 3", "visit.called", "2026-03-16 08:20:00", "", {}),
            ("record 3", "visit.served", "2026-03-16 08:30:00", "", {}),
            ("record 4", "visit.arrived", "2026-03-16 08:20:00", "", {"queue": "rsa"}),
            ("record 4", "visit.called", "2026-03-16 08:31:00", "", {}),
            ("record 4", "visit.left", "2026-03-16 08:31:00", "", {}),
            ("record 5", "visit.arrived", "2026-03-16 08:40:00", "", {"queue": "mdph"}),
            ("record 5", "visit.left", "2026-03-16 08:47:00", "", {}),
        ],
        frozenset({"VisitKey"}),
    ),
}


def test_the_presets_are_found() -> None:
    assert CASES.keys() <= find_presets().keys()


@pytest.mark.parametrize("name", CASES)
def test_the_sample_gives_the_events_worked_out_by_hand(name: str) -> None:
    case = CASES[name]
    assert Preset(name, case.settings).events() == [MappedEvent(*event) for event in case.events]


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_record_gives_no_other_event(name: str) -> None:
    case = CASES[name]
    preset = Preset(name, case.settings)
    for record in preset.records():
        before = preset.map_alone(record)
        for path in find_paths(dict(record.fields)):
            for value in bad_values(record, path):
                after = preset.map_alone(change(record, path, value))
                _check_no_other_event(preset, before, after, str(path[0]), f"{record.place} {path} {value!r}")


def _check_no_other_event(preset: Preset, before: Sequence[Any], after: Sequence[Any], field: str, about: str) -> None:
    known = {key: values for outcome in before for key, values in facts(outcome).items()}
    subjects = {event.subject for outcome in before for event in outcome}
    for outcome in after:
        if isinstance(outcome, Reject):
            # A damaged "Total" is no longer ignored: another field is then missing.
            assert field in outcome.detail or outcome.reason is Reason.MISSING_FIELD, f"{about}: {outcome.detail}"
            continue
        for key, values in facts(outcome).items():
            assert key in known, f"{about}: {key}"
            if field in CASES[preset.name].opaque:
                values = {name: value for name, value in values.items() if name != "chrono"}
            assert values.items() <= known[key].items(), f"{about}: {key} {values}"
        if field not in CASES[preset.name].opaque:
            assert {event.subject for event in outcome} <= subjects, about


@pytest.mark.parametrize("name", CASES)
def test_names_addresses_and_sentences_stay_in_the_connector(name: str) -> None:
    preset = Preset(name, CASES[name].settings)
    for record in preset.records():
        for outcome in preset.map_alone(record):
            sent = str([event.model_dump(mode="json") for event in outcome])
            assert not [text for text in _texts(dict(record.fields)) if _may_be_personal(text) and text in sent]


def _may_be_personal(text: str) -> bool:
    return len(text) > 3 and not text[0].isdigit() and any(sign.isupper() or sign in "@ " for sign in text)


def _texts(value: Any) -> list[str]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [str(value)] if parts is None else [text for part in parts for text in _texts(part)]


def test_a_register_with_dates_in_a_spreadsheet_gives_the_same_events(tmp_path: Path) -> None:
    case = CASES["letter-register"]
    preset = Preset("letter-register", case.settings)
    with preset.sample.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter=";")
    book = tmp_path / "registre.xlsx"
    write_xlsx(book, [header, *([_as_date(cell) for cell in row] for row in rows)])
    config = parse(table.CONNECTOR.config, "essai", {**preset.settings, "files": str(book)})
    found = [
        (event.type, f"{event.time:%Y-%m-%d %H:%M:%S}", event.service)
        for record in table.CONNECTOR.sample.read(config, book)
        for event in preset.mapping.map(preset.mapping.prepare(record.fields), NOW)
    ]
    assert found == [(kind, time, service) for _place, kind, time, service, _data in case.events]


def _as_date(cell: str) -> Any:
    return datetime.strptime(cell, "%d/%m/%Y").date() if re.fullmatch(r"\d\d/\d\d/\d{4}", cell) else cell  # noqa: DTZ007


@pytest.mark.parametrize("name", CASES)
def test_the_preset_says_what_it_is_from(name: str) -> None:
    first, *others = (PRESETS / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ")
    assert len(first) <= 120
    assert any(line.startswith("# Documentation: ") or "recommend" in line for line in others)
    assert "Sample:" in "\n".join(others)


@pytest.mark.parametrize("name", CASES)
def test_settings_only_add_what_the_preset_leaves_open(name: str) -> None:
    assert not (CASES[name].settings.keys() - MERGED) & read_mapping(name).keys()


@pytest.mark.parametrize("name", CASES)
def test_the_connector_accepts_the_preset(name: str) -> None:
    connector = find_presets()[name].read_text(encoding="utf-8").partition('connector = "')[2].partition('"')[0]
    parse(registry.load(connector).config, "essai", {"mapping": name, **CASES[name].settings})


@pytest.mark.parametrize("page", ["presets.md", "presets.fr.md"])
def test_the_settings_in_the_documentation_are_accepted(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    shown = set()
    (tmp_path / "secret").write_text("s")
    for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        block = re.sub(r"/run/secrets/\w+", str(tmp_path / "secret"), block)
        for options in tomllib.loads(block)["connectors"].values():
            connector = options.pop("connector")
            if options["mapping"] in CASES:
                shown.add(options["mapping"])
                parse(registry.load(connector).config, "essai", options)
    assert shown == CASES.keys()


@pytest.mark.parametrize("page", ["presets.md", "presets.fr.md"])
def test_the_register_with_other_columns_gives_what_the_page_says(page: str) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    found = re.search(r"```csv\n(.*?)```\s+```toml\n(.*?)```", text, re.DOTALL)
    assert found
    Path("registre.csv").write_text(found[1], encoding="utf-8")
    Path("accueil.toml").write_text(found[2], encoding="utf-8")
    result = run("connectors", "try", "accueil.toml", "--name", "register", "--with", "registre.csv")
    assert result.exit_code == 0, result.output
    received = ["letter.arrived", "letter.registered", "letter.assigned"]
    events = re.findall(r"^  (letter\.\w+) .* 2026-(\d) ", result.output, re.MULTILINE)
    assert events == [
        *((event, "1") for event in (*received, "letter.acknowledged", "letter.answered")),
        *((event, "2") for event in received),
    ]


@pytest.mark.parametrize("column", ["Transmis le", "Accusé le", "Répondu le", "Clos le"])
def test_a_note_in_a_date_of_treatment_leaves_the_letter_waiting(column: str) -> None:
    preset = Preset("letter-register", CASES["letter-register"].settings)
    record = {**preset.records()[0].fields}
    given = _map(preset, record)
    noted = _map(preset, {**record, column: "en cours"})
    assert len(noted) == len(given) - 1
    assert set(noted) < set(given)
    with pytest.raises(UnusableRecord, match=re.escape(column)):
        _map(preset, {**record, column: "20/01/26"})


def _map(preset: Preset, fields: Mapping[str, Any]) -> list[str]:
    return [event.type for event in preset.mapping.map(preset.mapping.prepare(fields), NOW)]
