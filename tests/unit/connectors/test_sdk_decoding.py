"""Decoding of records, and rejection of invalid ones."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk.decoding import decode_form, decode_json, decode_response
from connectors.sdk.pseudonyms import citizen_identities
from models.codec import UnusableRecord
from models.identities import PseudonymKey
from models.reasons import Reason

KEY = PseudonymKey("general", b"k" * 32)
VALUE = "Mireille.Exemple"


class Inner(msgspec.Struct):
    count: int


class Record(msgspec.Struct, rename="pascal"):
    """A record with a required ticket."""

    ticket: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]\d{1,4}\Z")]
    what: Literal["in", "out"] = "in"
    age: Annotated[int, msgspec.Meta(ge=0, lt=1_000)] | None = None
    inner: Inner | None = None
    rows: dict[str, int] = {}


def refusal(decode: Callable[..., object], content: bytes) -> tuple[Reason, str]:
    with pytest.raises(UnusableRecord) as error:
        decode(content, Record)
    return error.value.reason, error.value.detail


def test_unknown_fields_are_ignored() -> None:
    assert decode_json(b'{"Ticket": "A1", "Age": 7, "Name": "x"}', Record) == Record("A1", age=7)
    assert decode_form(b"Ticket=A0&Ticket=A1&Age=7&Name=x&Empty=", Record) == Record("A1", age=7)


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"{}", Reason.MISSING_FIELD, "Ticket"),
        (b'{"Ticket": "Mireille.Exemple"}', Reason.INVALID_FIELD, "Ticket"),
        (b'{"Ticket": "A1\\n"}', Reason.INVALID_FIELD, "Ticket"),
        (b'{"Ticket": "A1", "What": "Mireille.Exemple"}', Reason.INVALID_FIELD, "What"),
        (b'{"Ticket": "A1", "Inner": {"count": "Mireille.Exemple"}}', Reason.INVALID_FIELD, "Inner.count"),
        (b'{"Ticket": "A1", "Rows": {"Mireille.Exemple": "x"}}', Reason.INVALID_FIELD, "Rows"),
        (b'["Mireille.Exemple"]', Reason.INVALID_FIELD, ""),
        (b'{"Ticket": Mireille', Reason.INVALID_JSON, ""),
        (b'{"Name": ' + b"[" * 30_000, Reason.INVALID_JSON, ""),
        (b'{"Ticket": "\xe9"}', Reason.INVALID_UTF8, ""),
    ],
)
def test_invalid_json_is_rejected(content: bytes, reason: Reason, detail: str) -> None:
    assert refusal(decode_json, content) == (reason, detail)


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"", Reason.MISSING_FIELD, "Ticket"),
        (b"Ticket=A1&Age=-1", Reason.INVALID_FIELD, "Age"),
        (b"Ticket=A1&Age=Mireille.Exemple", Reason.INVALID_FIELD, "Age"),
        (b"Ticket=\xe9", Reason.INVALID_UTF8, ""),
    ],
)
def test_invalid_forms_are_rejected(content: bytes, reason: Reason, detail: str) -> None:
    assert refusal(decode_form, content) == (reason, detail)


JSON: Any = st.recursive(
    st.none() | st.integers() | st.just(VALUE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Ticket", "Inner", VALUE]), inner),
    max_leaves=8,
)


@given(JSON, st.dictionaries(st.sampled_from(["Ticket", "Age", "What", VALUE]), st.text()))
def test_any_input_raises_only_unusable_record_without_values(body: Any, form: dict[str, str]) -> None:
    for decode, content in ((decode_json, msgspec.json.encode(body)), (decode_form, urlencode(form).encode())):
        detail = ""
        try:
            decode(content, Record)
        except UnusableRecord as error:
            detail = error.detail
        assert VALUE not in detail


def test_citizen_has_the_same_pseudonyms_in_every_notation() -> None:
    known = citizen_identities(KEY, case=" 2026-7 ", email="Usager@Example.org", phone="01 99 00 12 34")
    assert known == citizen_identities(KEY, case="2026-7", email="usager@example.org", phone="+33199001234")
    assert [identity.partition(":")[0] for identity in known.split()] == ["case", "email", "phone"]
    assert citizen_identities(KEY, phone="01 99 00 12 34", region="BE") != citizen_identities(
        KEY, phone="01 99 00 12 34"
    )
    assert citizen_identities(KEY, case=" ", email="nobody", phone="anonymous") == ""


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
