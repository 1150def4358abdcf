"""Access to the values of a record: names of columns, however odd, and JMESPath expressions."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from connectors.sdk.mapping.fields import field_getter, is_expression, may_be_column, sparse_text_getter, text_getter
from models.codec import UnusableRecord
from models.reasons import Reason

COLUMNS = (
    "id",
    "Date d'appel",
    "Nb. appels",
    "Durée (s)",
    "Duration(s)",
    "N° de l'appel",
    "Heure-fin",
    "a.b",
    "a || b",
    "length(x)",
    "Agent [poste]",
    "Coût & taxes",
    "50%",
    "@",
    "*",
    "2e appel",
    "Objet : motif",
    '"cité"',
    "é",
)
"""Names of columns. Some are expressions too."""


@pytest.mark.parametrize("name", COLUMNS)
def test_column_is_found_by_its_name(name: str) -> None:
    record = dict.fromkeys(COLUMNS, "other") | {name: " value "}
    assert field_getter(name)(record) == "value"
    assert text_getter((name,))(record) == "value"


@pytest.mark.parametrize("name", COLUMNS)
def test_missing_column_has_no_value(name: str) -> None:
    if name not in {"@", "length(x)"}:
        assert not field_getter(name)({"unrelated": "5"}) or name == "*"


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in {"a || b", "length(x)", "@", "*", '"cité"'}])
def test_odd_name_may_be_a_column(name: str) -> None:
    assert may_be_column(name)


@pytest.mark.parametrize("text", ["a || b", "length(x)", "max_by(a, &b)", "[a, b]", "a[0].b", "a == `5`", "@"])
def test_expression_is_no_column(text: str) -> None:
    assert is_expression(text)
    assert not may_be_column(text)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("citizen.phones[0]", "0639981234"),
        ("citizen.email || citizen.phones[1]", "0199001234"),
        ("length(citizen.phones)", 2),
        ("citizen.phones[5]", None),
        ("citizen.missing.deeper", None),
        ("steps[?name == 'end'].at | [0]", "2026-05-04"),
        ('"Date d\'appel"', "4 mai"),
        ("join('-', citizen.phones)", "0639981234-0199001234"),
    ],
)
def test_expression_is_evaluated(expression: str, value: Any) -> None:
    record = {
        "citizen": {"phones": ["0639981234", "0199001234"], "email": ""},
        "steps": [{"name": "start", "at": "x"}, {"name": "end", "at": "2026-05-04"}],
        "Date d'appel": "4 mai",
    }
    assert field_getter(expression)(record) == value


@pytest.mark.parametrize(
    ("expression", "record"),
    [
        ("length(a)", {"a": 5}),
        ("length(a)", {}),
        ("a > `5`", {"a": "6"}),
        ("max(a)", {"a": [1, "x"]}),
        ("sort(a)", {"a": [1, None]}),
        ("a > `5`", {"a": Decimal("sNaN")}),
        ("join('-', a)", {"a": [1]}),
        ("sum(a)", {"a": [object()]}),
    ],
)
def test_expression_that_fails_rejects_the_record(expression: str, record: Mapping[str, Any]) -> None:
    with pytest.raises(UnusableRecord) as raised:
        field_getter(expression)(record)
    assert raised.value.reason is Reason.INVALID_FIELD
    assert raised.value.detail == f"{expression}: cannot be evaluated"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" x ", "x"),
        ("", None),
        ("  ", None),
        (None, None),
        (5, "5"),
        (5.0, "5"),
        (5.5, "5.5"),
        (Decimal("5.00"), "5"),
        (Decimal("5.50"), "5.5"),
        (Decimal("1E+3"), "1000"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (date(2026, 5, 4), "2026-05-04"),
        (datetime(2026, 5, 4, 9, 30, tzinfo=UTC), "2026-05-04T09:30:00+00:00"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_value_as_text(value: Any, text: str | None) -> None:
    assert text_getter(("a",))({"a": value}) == text


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "not a single value"),
        ({"a": 1}, "not a single value"),
        (b"x", "binary data"),
        (object(), "not a single value"),
        (float("nan"), "not a number"),
        (Decimal("Infinity"), "not a number"),
        (10**200, "too large a number"),
        ("a\ud800", "not a valid text"),
    ],
)
def test_value_that_is_no_text_rejects_the_record(value: Any, problem: str) -> None:
    with pytest.raises(UnusableRecord) as raised:
        text_getter(("Durée (s)",))({"Durée (s)": value})
    assert raised.value.detail == f"Durée (s): {problem}"


def test_several_fields_are_joined_only_if_all_have_a_value() -> None:
    get = text_getter(("a", "b", "c"))
    assert get({"a": "1", "b": 2, "c": " x "}) == "1 2 x"
    assert get({"a": "1", "b": " ", "c": "x"}) is None
    assert get({}) is None


def test_names_to_look_up_are_joined_without_the_empty_ones() -> None:
    get = sparse_text_getter(("a", "b", "c"))
    assert get({"a": "1", "b": " ", "c": "x"}) == "1 x"
    assert get({}) is None
