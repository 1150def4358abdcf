"""Decoding of records, and rejection of invalid ones."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk.decoding import decode_form, decode_json, decode_response, decode_values
from models.codec import UnusableRecord
from models.reasons import Reason

VALUE = "Mireille.Exemple"


class Inner(msgspec.Struct):
    count: int


class Record(msgspec.Struct, rename="pascal"):
    """A record with a required ticket."""

    ticket: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]\d{1,4}\Z")]
    way: Literal["in", "out"] = "in"
    age: Annotated[int, msgspec.Meta(ge=0, lt=1_000)] | None = None
    inner: Inner | None = None
    rows: dict[str, int] = {}


def test_unknown_fields_are_ignored() -> None:
    assert decode_json(b'{"Ticket": "A1", "Age": 7, "Name": "x"}', Record) == Record("A1", age=7)
    assert decode_json(b'\xef\xbb\xbf{"Ticket": "A1"}', Record) == Record("A1")
    assert decode_form(b"Ticket=A0&Ticket=A1&Age=7&Name=x&Empty=", Record) == Record("A1", age=7)


@pytest.mark.parametrize(
    ("decode", "content", "reason", "detail"),
    [
        (decode_json, b"{}", Reason.MISSING_FIELD, "Ticket"),
        (decode_json, b'{"Ticket": "Mireille.Exemple"}', Reason.INVALID_FIELD, "Ticket"),
        (decode_json, b'{"Ticket": "A1\\n"}', Reason.INVALID_FIELD, "Ticket"),
        (decode_json, b'{"Ticket": "A1", "Way": "Mireille.Exemple"}', Reason.INVALID_FIELD, "Way"),
        (decode_json, b'{"Ticket": "A1", "Inner": {"count": "Mireille.Exemple"}}', Reason.INVALID_FIELD, "Inner.count"),
        (decode_json, b'{"Ticket": "A1", "Rows": {"Mireille.Exemple": "x"}}', Reason.INVALID_FIELD, "Rows"),
        (decode_json, b'["Mireille.Exemple"]', Reason.INVALID_FIELD, ""),
        (decode_json, b'{"Ticket": Mireille', Reason.INVALID_JSON, ""),
        (decode_json, b'{"Name": ' + b"[" * 30_000, Reason.INVALID_JSON, ""),
        (decode_json, b'{"Ticket": "\xe9"}', Reason.INVALID_UTF8, ""),
        (decode_form, b"", Reason.MISSING_FIELD, "Ticket"),
        (decode_form, b"Ticket=A1&Age=-1", Reason.INVALID_FIELD, "Age"),
        (decode_form, b"Ticket=A1&Age=Mireille.Exemple", Reason.INVALID_FIELD, "Age"),
        (decode_form, b"Ticket=\xe9", Reason.INVALID_UTF8, ""),
    ],
)
def test_invalid_record_is_rejected_without_its_values(
    decode: Callable[..., object], content: bytes, reason: Reason, detail: str
) -> None:
    with pytest.raises(UnusableRecord) as error:
        decode(content, Record)
    assert (error.value.reason, error.value.detail) == (reason, detail)


JSON: Any = st.recursive(
    st.none() | st.integers() | st.just(VALUE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Ticket", "Inner", VALUE]), inner),
    max_leaves=8,
)


@given(JSON, st.dictionaries(st.sampled_from(["Ticket", "Age", "Way", VALUE]), st.text()))
def test_any_input_raises_only_unusable_record_without_values(body: Any, form: dict[str, str]) -> None:
    for decode, content in ((decode_json, msgspec.json.encode(body)), (decode_form, urlencode(form).encode())):
        detail = ""
        try:
            decode(content, Record)
        except UnusableRecord as error:
            detail = error.detail
        assert VALUE not in detail


class Page(msgspec.Struct):
    rows: list[msgspec.Raw]


@pytest.mark.parametrize(
    ("odd", "read"),
    [
        (b"[" * 5_000 + b"]" * 5_000, b"[" * 98 + b"null" + b"]" * 98),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'{"a":' * 98 + b"null" + b"}" * 98),
        (b'"\\ud800"', b'"\\ufffd"'),
        (b'"\\udc00\\ud800x"', b'"\\ufffd\\ufffdx"'),
        (b'"\\ud83d\\ude42"', b'"\\ud83d\\ude42"'),
        (b'"\\\\ud800"', b'"\\\\ud800"'),
        (b'["[[[[", "\\"", "]"]', b'["[[[[", "\\"", "]"]'),
    ],
)
def test_invalid_record_does_not_hide_the_others_of_its_page(odd: bytes, read: bytes) -> None:
    deep = b"[" * 2_000 + b"]" * 2_000  # forces the slow decoding
    page = decode_response(b'{"rows":[1,' + odd + b",2," + deep + b"]}", Page)
    assert [bytes(row) for row in page.rows[:3]] == [b"1", read, b"2"]


@pytest.mark.parametrize(
    "content", [b"[" * 1_000_000, b'"' * 999_999, b'"\\' * 500_000, b"\\", b'{"rows":["', b"]" * 9]
)
def test_invalid_response_is_refused_in_linear_time(content: bytes) -> None:
    before = time.process_time()
    with pytest.raises(msgspec.DecodeError):
        decode_response(content, Page)
    assert time.process_time() - before < 3


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b'[{"a": 1, "b": [1.5, null]}]', [{"a": 1, "b": [1.5, None]}]),
        (b'\xef\xbb\xbf[1, "caf\xc3\xa9"]', [1, "café"]),
        (b'["\xe9", "b"]', ["\ufffd", "b"]),
        (b'["\\ud800", "b"]', ["\ufffd", "b"]),
        (b"[1e9999, 2]", [float("inf"), 2]),
        (b"[" + b"9" * 5_000 + b", 2]", [float("inf"), 2]),
        (b"[18446744073709551616]", [2**64]),
    ],
)
def test_one_bad_value_does_not_hide_the_others_of_a_response(content: bytes, values: Any) -> None:
    assert decode_values(content) == values


def test_deep_values_of_a_response_become_null() -> None:
    first, second = decode_values(b"[" + b"[" * 50_000 + b"]" * 50_000 + b", 2]")
    assert str(first).count("[") < 200
    assert second == 2


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1, 2", b"\xff", b"{'a': 1}"])
def test_response_that_is_not_json_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="line 1"):
        decode_values(content)
