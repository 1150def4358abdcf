"""Lines of a proposed mapping, in TOML."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from connectors.sdk.mapping.sample_columns import Column, propose_label
from models.locale import _


def quote(text: str) -> str:
    """Return a text as a basic string of TOML."""
    return msgspec.json.encode(text).decode()


def quote_list(texts: Iterable[str]) -> str:
    """Return texts as a list of TOML."""
    return f"[{', '.join(map(quote, texts))}]"


def toml_key(name: str) -> str:
    """Return a name as a key of TOML, with quotation marks if it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quote(name)


def format_expression(name: str) -> str:
    """Return the name of a column as a JMESPath expression, with quotation marks if it needs them."""
    return name if re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", name, re.ASCII) else quote(name)


def event_table(event: str, options: Mapping[str, str]) -> str:
    """Return an event with its options, whose values are in TOML; those without a value are left out."""
    parts = {"event": quote(event), **options}
    return f"{{ {', '.join(f'{name} = {value}' for name, value in parts.items() if value)} }}"


def when_table(column: Column, test: str) -> str:
    """Return the option `when` with one test, which is in TOML."""
    return f"{{ {list_test(column, test)} }}"


def list_test(column: Column, test: str) -> str:
    """Return a test of a column, which is in TOML, as a part of `when`."""
    return f"{toml_key(column.name)} = {test}"


def time_test(column: Column) -> str:
    """Return the test that a column has a time, in TOML. Notes such as `en cours` are none; other texts are rejected."""
    return '{ has_value = true, pattern = "[0-9].*" }' if column.notes else "true"


def add_test(test: str, condition: str) -> str:
    """Return the option `when` with a test, as `list_test` returns it, before the tests of `condition`; both may be empty."""
    if not test:
        return condition
    return f"{{ {test}, {condition.removeprefix('{ ')}" if condition else f"{{ {test} }}"


def time_option(column: Column, main_format: str) -> str:
    """Return a time as an option; with its format if it differs from the mapping's `main_format`."""
    field = quote_list([column.day, column.name]) if column.day else quote(column.name)
    if column.time_format in {main_format, "iso"}:
        return field
    return f"{{ field = {field}, format = {quote(column.time_format)} }}"


def list_names(values: Counter[str], propose_name: Callable[[str], str] = propose_label) -> Iterator[str]:
    """Yield the rows of a table of names, the most frequent value first."""
    for value, count in values.most_common():
        found = _("records: {count}", count=count)
        yield f"{quote(value)} = {quote(propose_name(value))}  # {found}"
