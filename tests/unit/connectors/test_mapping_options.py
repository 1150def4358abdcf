"""Options of a mapping: which ones are valid, and the messages for invalid ones."""

from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from connectors.sdk import registry
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from connectors.sdk.mapping.config import MappedConfig, merge, read_mapping
from connectors.sdk.mapping.event_fields import DEFAULTS, EVENT_MODELS, data_fields
from connectors.sdk.mapping.options import COMMON_NAMES, FIELD_NAMES, FieldOptions, MappingOptions, find_fields
from models.events import Event

CALLS: dict[str, Any] = {
    "id": "call",
    "queue": "queue",
    "values": {"queue": {"MDPH": "mdph"}},
    "events": [
        {"event": "call.queued", "time": "start"},
        {"event": "call.abandoned", "time": "end", "when": {"result": "ABANDONED"}},
    ],
}
LETTERS: dict[str, Any] = {"id": "number", "events": [{"event": "letter.arrived", "time": "day"}]}


def problems(options: dict[str, Any]) -> list[str]:
    """Return the lines of the message for these options; none if they are valid."""
    try:
        parse(MappedConfig, "essai", options)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def changed(options: dict[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    """Return a copy of options with the value at `path` replaced."""
    copy: Any = deepcopy(options)
    node = copy
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to
    return dict(copy)


# -------------------------------------------------------------------------------------------------------------- coverage
def test_every_field_of_every_event_has_an_option() -> None:
    missing = {name for event in EVENT_MODELS for name in data_fields(event)} - FIELD_NAMES
    assert not missing, f"FieldOptions cannot map {missing}"


def test_every_event_of_a_contact_can_be_mapped() -> None:
    known = {kind.model_fields["type"].default for kind in get_args(get_args(Event)[0])}
    about_no_record = {"agent.state_changed", "personal_data.erased", "contact.retracted"}
    assert known - about_no_record == EVENT_MODELS.keys()


def test_every_option_is_a_field_of_an_event() -> None:
    used = {name for event in EVENT_MODELS for name in data_fields(event)}
    assert set(FieldOptions.model_fields) - COMMON_NAMES - used == set()


def test_defaults_are_required_fields_with_valid_values() -> None:
    for (event, name), value in DEFAULTS.items():
        field = data_fields(event)[name]
        assert field.is_required()
        assert field.annotation is not None
        assert field.annotation(value) == value


# --------------------------------------------------------------------------------------------------------------- messages
def test_valid_mappings_have_no_problem() -> None:
    assert problems(CALLS) == []
    assert problems(LETTERS) == []


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            changed(CALLS, "events", to=[]),
            'essai.events is empty: it needs an event, such as { event = "call.queued", time = "start" }',
        ),
        (
            changed(CALLS, "events", 0, "event", to="call.qeued"),
            "essai.events #1.event is not an event of Accueil; did you mean call.queued?",
        ),
        (
            changed(CALLS, "events", 0, "event", to="agent.state_changed"),
            "essai.events #1.event is not an event of Accueil",
        ),
        (changed(CALLS, "queeu", to="x"), "essai.queeu is unknown; did you mean essai.queue?"),
        (
            changed(CALLS, "events", 0, "tiem", to="x"),
            "essai.events #1.tiem is unknown; did you mean essai.events #1.time?",
        ),
        (
            {"events": [{"event": "call.queued", "time": "start"}]},
            "essai.events #1.queue is missing; call.queued needs it",
        ),
        (
            {"events": [{"event": "appointment.cancelled", "time": "at"}]},
            (
                "essai.events #1.by is missing; appointment.cancelled needs it: a field, or if the source has none, "
                'a constant such as by = { value = "citizen" }'
            ),
        ),
        (
            {name: value for name, value in CALLS.items() if name != "values"},
            "essai.queue needs the table values.queue, with a name for each value of the source",
        ),
        (
            changed(CALLS, "values", "queue", to={"MDPH": "Été"}),
            "essai.values.queue.MDPH may have letters without accents, digits, . _ -",
        ),
        (
            changed(CALLS, "values", "queue", to={"MDPH": ""}),
            "essai.queue '' may have letters without accents, digits, . _ -",
        ),
        (
            changed(CALLS, "queue", to={"value": "deux mots"}),
            "essai.queue 'deux mots' may have letters without accents, digits, . _ -",
        ),
        (
            changed(CALLS, "values", to={"queue": {"MDPH": "mdph"}, "queu": {}}),
            "essai.values.queu is unknown; did you mean values.queue?",
        ),
        (
            changed(CALLS, "pages", to="pages"),
            "essai.pages is in no event of this mapping; it belongs to letter.arrived",
        ),
        (CALLS | {"daily_ids": True, "yearly_ids": True}, "essai.yearly_ids cannot be set together with daily_ids"),
        (changed(CALLS, "events", 0, "pages", to="pages"), "essai.events #1.pages is not in call.queued"),
        (changed(CALLS, "events", 0, "time", to={"format": "iso"}), "essai.events #1.time needs either field or value"),
        (
            changed(CALLS, "events", 0, "time", to={"field": "a", "value": "b"}),
            "essai.events #1.time needs either field or value",
        ),
        (
            changed(CALLS, "events", 0, "time", to=7),
            "essai.events #1.time must be a field, a list of fields, or a table",
        ),
        (changed(CALLS, "events", 0, "time", to=""), "essai.events #1.time.field #1 is empty"),
        (
            changed(CALLS, "time_format", to="%H:%M"),
            "essai.time_format must be iso, epoch, epoch_ms, excel, or a format such as %d/%m/%Y %H:%M:%S",
        ),
        (
            changed(CALLS, "time_format", to="%d/%d/%Y"),
            "essai.time_format must be iso, epoch, epoch_ms, excel, or a format such as %d/%m/%Y %H:%M:%S",
        ),
        (
            changed(CALLS, "time_format", to="jour"),
            "essai.time_format must be iso, epoch, epoch_ms, excel, or a format such as %d/%m/%Y %H:%M:%S",
        ),
        (changed(CALLS, "timezone", to="Europe/Pairs"), "essai.timezone must be a time zone, as Europe/Paris"),
        (changed(CALLS, "phone", to={"field": "a", "pattern": "("}), "essai.phone.pattern is not a regular expression"),
        (changed(CALLS, "events", 0, "state", to="x"), "essai.events #1.state needs the option `state` of the mapping"),
        (changed(LETTERS, "rows", to="event"), "essai.rows must be 'contacts' or 'events'"),
        ({"rows": "events", "events": LETTERS["events"]}, 'essai.id is missing; `state` and `rows = "events"` need it'),
        ({"state": "state", "events": LETTERS["events"]}, 'essai.id is missing; `state` and `rows = "events"` need it'),
        ({"id": "a", "events": [{"event": "letter.arrived"}]}, "essai.events #1.time is missing"),
        (
            {"id": "a", "state": "b", "events": [{"event": "letter.arrived", "state": "x"}]},
            "essai.events #1.time is missing",
        ),
        (
            {"id": "a", "events": [{"event": "letter.closed", "time": "t", "outcome": {"value": "lost"}}]},
            "essai.events #1.outcome 'lost' is not one of resolved, rejected, duplicate, redirected, no_action",
        ),
        (
            changed(CALLS, "events", 1, "when", to={"wait": {"atleast": 5}}),
            "essai.events #2.when.wait.atleast is unknown",
        ),
        (changed(CALLS, "mapping", to="no-preset"), "essai.mapping there is no preset 'no-preset'"),
        (changed(CALLS, "mapping", to="/no/such.toml"), "essai.mapping /no/such.toml is not there: is the path right?"),
    ],
)
def test_problem_is_named_with_its_key(options: dict[str, Any], line: str) -> None:
    assert problems(options) == [line]


def test_all_problems_are_named_at_once() -> None:
    options = changed(CALLS, "pages", to="pages")
    options = changed(options, "values", to={"queu": {}, "queue": {"MDPH": "mdph"}})
    assert len(problems(options)) == 2


def test_message_contains_no_given_value() -> None:
    for name in (*MappingOptions.model_fields, "when"):
        for value in ("un secret", [["un secret"]], {"field": "a", "format": "un secret", "unit": "un secret"}):
            assert "un secret" not in "\n".join(problems({"events": LETTERS["events"]} | {name: value}))


def test_mapping_may_be_in_a_file_and_settings_win(tmp_path: Path) -> None:
    path = tmp_path / "appels.toml"
    path.write_text(
        'connector = "table"\nid = "call"\nqueue = "queue"\ntimezone = "Europe/Paris"\n'
        'values.queue = {A = "a", B = "b"}\nignored = {result = ["TEST"]}\n'
        '[[events]]\nevent = "call.queued"\ntime = "start"\n',
        encoding="utf-8",
    )
    given = {"mapping": str(path), "timezone": "UTC", "values": {"queue": {"B": "other"}}, "ignored": {"result": "FAX"}}
    config = parse(MappedConfig, "essai", given)
    assert isinstance(config, MappedConfig)
    assert config.timezone == "UTC"
    assert config.values["queue"] == {"A": "a", "B": "other"}
    assert config.ignored == {"result": ("FAX",)}
    assert find_fields(config) == ["call", "queue", "result", "start"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"id = ", "is not valid TOML"),
        (b"\xff\xfe", "is not valid TOML"),
        (b'events = [{event = "call.queud", time = "t"}]', "is not an event of Accueil"),
        (b"\n\nqueeu = 1", "is unknown"),
    ],
)
def test_problem_of_a_file_is_named_with_it(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    lines = problems({"mapping": str(path)})
    assert any(str(path) in line and problem in line for line in lines), lines


def test_problem_is_named_where_the_option_is(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        'id = "n"\nqueue = "q"\nevents = [\n  { event = "call.queued", time = "t" },\n  { event = "call.ended" },\n]\n'
        '[values.queue]\nA = "é"\nB = "é"\nC = "c"\n',
        encoding="utf-8",
    )
    given = {"mapping": str(path), "regoin": "FR", "values": {"queue": {"B": "b", "C": "ç"}}}
    assert problems(given) == [
        f"{path}:8: values.queue.A may have letters without accents, digits, . _ -",
        "essai.values.queue.C may have letters without accents, digits, . _ -",
        "essai.regoin is unknown; did you mean essai.region?",
    ]
    given = {"mapping": str(path), "values": {"queue": {"A": "a", "B": "b"}}}
    assert problems(given) == [f"{path}:5: events #2.time is missing"]


def test_preset_is_completed_in_the_settings() -> None:
    with pytest.raises(ConfigError, match=r"^essai\.queue needs the table values\.queue"):
        parse(registry.load("table").config, "essai", {"mapping": "teams-call-queue", "files": "/srv/*.csv"})


def test_merge_adds_rows_of_values_only_to_tables() -> None:
    assert merge({"values": 5}, {"values": {"queue": {}}}) == {"values": {"queue": {}}}
    assert merge({"values": {"queue": 5}}, {"values": {"queue": {"a": "b"}}}) == {"values": {"queue": {"a": "b"}}}
    assert merge({"id": "a"}, {"id": "b"}) == {"id": "b"}
    params = merge({"params": {"full": "on", "filter": "all"}}, {"params": {"full": "off", "q": "x"}})
    assert params == {"params": {"full": "off", "filter": "all", "q": "x"}}


def test_directory_is_no_mapping_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a directory, not a file"):
        read_mapping(str(tmp_path))


# ----------------------------------------------------------------------------------------------------------------- values
def test_short_forms_of_values_and_conditions() -> None:
    options = MappingOptions.model_validate(
        {
            "id": ["day", "number"],
            "service": {"value": "mdph"},
            "events": [
                {
                    "event": "letter.arrived",
                    "time": "t",
                    "when": {"a": 5, "b": [1.0, "x", True], "c": True, "d": False, "e": {"at_least": 2}},
                },
                {"event": "letter.answered", "time": "t", "when": "length(answers) > `0`"},
            ],
        }
    )
    assert options.id is not None
    assert options.id.field == ("day", "number")
    arrived, answered = options.events
    tests = {name: test.model_dump(exclude_defaults=True) for name, test in arrived.when.items()}
    assert tests == {
        "a": {"one_of": ("5",)},
        "b": {"one_of": ("1", "x", "true")},
        "c": {"has_value": True},
        "d": {"has_value": False},
        "e": {"at_least": 2.0},
    }
    assert answered.when.keys() == {"length(answers) > `0`"}


def test_options_are_frozen() -> None:
    with pytest.raises(ValidationError):
        MappingOptions.model_validate(LETTERS).timezone = "UTC"  # type: ignore[misc]
