"""Types of the options of a mapping: a value of an event with its conversion, and a condition on a record.

A value is given as the name of a field or an expression, as a list of them (joined by spaces), or as a table.
"""

import re
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connectors.sdk.config import Options
from connectors.sdk.mapping.conversions import Unit, check_time_format
from connectors.sdk.mapping.fields import FieldName, as_text
from models.locale import N_, _

ANY: Final = "*"
"""Key of a table of values for all other values."""


def _check_format(text: str) -> str:
    try:
        return check_time_format(text)
    except ValueError:
        raise ValueError(_("must be iso, epoch, epoch_ms, excel, or a format such as %d/%m/%Y %H:%M:%S")) from None


def _check_pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError):
        raise ValueError(_("is not a regular expression")) from None
    return text


Scalar = str | int | float | bool
Pattern = Annotated[str, AfterValidator(_check_pattern)]
TimeFormat = Annotated[str, AfterValidator(_check_format)]


def _as_list(given: Any) -> Any:
    return (given,) if isinstance(given, str | int | float) and not isinstance(given, bool) else given


def _as_texts(given: Any) -> Any:
    given = _as_list(given)
    return (
        [as_text(item) if isinstance(item, int | float) else item for item in given]
        if isinstance(given, list | tuple)
        else given
    )


def _as_value(given: Any) -> Any:
    if isinstance(given, str | list | tuple):
        return {"field": given}
    if not isinstance(given, dict | ValueOptions):
        raise ValueError(_("must be a field, a list of fields, or a table"))  # noqa: TRY004 - pydantic expects it
    return given


def _as_test(given: Any) -> Any:
    if isinstance(given, bool):
        return {"has_value": given}
    return {"one_of": given} if isinstance(given, str | int | float | list | tuple) else given


def _as_condition(given: Any) -> Any:
    return {given: True} if isinstance(given, str) else given


OneOrMore = Annotated[
    tuple[FieldName, ...], BeforeValidator(_as_list, json_schema_input_type=FieldName | list[FieldName])
]
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_texts, json_schema_input_type=Scalar | list[Scalar])]
"""Option type: one value or a list of values; numbers are compared as texts."""


class ValueOptions(Options):
    """A value of an event, with its conversion."""

    kind_name: ClassVar[str] = N_("value")

    field: OneOrMore = ()
    """Field or expression. The values of several fields are joined by spaces. If one of the fields is empty, there is no value;
    `"Service || '-'"` stands for `-` where `Service` is empty. For a name, such as that of a
    queue, only the fields with a value are joined."""
    value: Scalar | None = None
    """Constant, instead of `field`."""
    pattern: Pattern = ""
    """Regular expression that the text must match as a whole. If it has a group, the group's text is the value."""
    values: dict[str, Scalar] = Field(default_factory=dict)
    """Value in the event by value of the field. `"*"` stands for all others; without it, others are rejected."""
    format: TimeFormat | None = None
    """Format of a time, instead of `time_format`."""
    plus: OneOrMore = ()
    """Fields with durations that are added to a time: `{ field = "start", plus = "ring" }`."""
    unit: Unit = "s"
    """Unit of durations: seconds, milliseconds, minutes, or `h:m` or `m:s` for texts with one colon. Texts such as `00:02:30`
    are understood in each. `euros` is for `cost_cents`."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if (self.value is None) is (not self.field):
            raise ValueError(_("needs either field or value"))
        return self


Value = Annotated[
    ValueOptions, BeforeValidator(_as_value, json_schema_input_type=FieldName | list[FieldName] | ValueOptions)
]
"""Option type: a value of an event, as a field, as a list of fields, or as a table."""


class TestOptions(Options):
    """Test of a field's value. All parts that are set must hold."""

    __test__ = False  # not a test class of pytest
    kind_name: ClassVar[str] = N_("test")

    one_of: Texts = ()
    """The value is one of these. A record is rejected if neither a `when` nor `ignored` names its value."""
    has_value: bool | None = None
    """True: the field has a value other than false. False: it has none."""
    at_least: float | None = None
    """The number is this or more."""
    below: float | None = None
    """The number is less than this."""
    pattern: Pattern = ""
    """The text matches this regular expression as a whole."""
    in_values: str = ""
    """The value has a name in this table of `values`: `{ in_values = "queue" }` for records of the queues in `values.queue`.
    Records with other values do not give the event, and are not rejected. Here, `"*"` in the table stands for no value. The table
    may be empty: then no record gives the event."""

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        others = (self.has_value, self.at_least, self.below)
        if not (self.one_of or self.pattern or self.in_values) and others == (None, None, None):
            raise ValueError(_("needs at least one value: a test without one holds for every record"))
        return self


Test = Annotated[
    TestOptions, BeforeValidator(_as_test, json_schema_input_type=bool | Scalar | list[Scalar] | TestOptions)
]
"""Option type: a test, as a value, a list of values, `true` (has a value), `false` (has none), or as a table."""
Condition = Annotated[
    dict[FieldName, Test], BeforeValidator(_as_condition, json_schema_input_type=str | dict[FieldName, Test])
]
"""Option type: a condition on a record, as an expression that must be true, or as a table of tests by field, which must all
hold."""
