"""Proposal of a mapping for a sheet of voice messages and requests for a callback."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from connectors.sdk.mapping.proposed_lines import (
    event_table,
    list_names,
    quote,
    quote_list,
    time_option,
    toml_key,
    when_table,
)
from connectors.sdk.mapping.sample_columns import FEW_VALUES, Column, find_column, plain_name
from models.locale import _

_LEFT: Final = re.compile(r"depose|laisse|recu|received|\bleft|demande|requested|\bdate")
_HEARD: Final = re.compile(r"ecoute|heard|listened")
_CALLED_BACK: Final = re.compile(r"rappele|date d[eu] rappel|recontact|called back")
_ANSWERED: Final = re.compile(r"decroch|answer")
_KIND: Final = re.compile(r"\btype|nature|\bkind")
_REQUEST: Final = re.compile(r"rappel|call ?back")
_MESSAGE: Final = re.compile(r"messag|vocal|voice|repondeur")


class CallbackColumns(NamedTuple):
    """Columns of a sheet of voice messages and requests for a callback."""

    left: Column
    heard: Column | None
    called_back: Column | None
    kind: Column | None

    @property
    def time_format(self) -> str:
        """Format of the time column `heard`, else `called_back`: the mapping's `time_format`."""
        later = self.heard or self.called_back
        assert later is not None
        return later.time_format


def find_callback_columns(columns: Sequence[Column]) -> CallbackColumns | None:
    """Return the columns of a sheet of voice messages and requests for a callback; None for another table."""
    times = [column for column in columns if column.time_format]
    texts = [column for column in columns if not column.time_format]
    heard, called_back = find_column(_HEARD, times), find_column(_CALLED_BACK, times)
    left = find_column(_LEFT, [column for column in times if column not in {heard, called_back}])
    if left is None or not (heard or called_back) or find_column(_ANSWERED, times):
        return None
    kind = find_column(_KIND, [column for column in texts if column.has_few_values])
    return CallbackColumns(left, heard, called_back, kind)


def list_callback_lines(found: CallbackColumns, roles: Mapping[str, Column]) -> Iterator[str]:
    """Yield the lines of the mapping, after its first options."""
    for name in ("id", "queue", "service", "site", "phone"):
        if name in roles:
            yield f"{name} = {quote(roles[name].name)}"
    yield ""
    yield "events = ["
    yield from _first_lines(found)
    for event, column in (("call.voicemail_heard", found.heard), ("call.called_back", found.called_back)):
        if column:
            line = _event_line(event, time_option(column, found.time_format), when_table(column, "true"))
            if event == "call.called_back" and "result" in roles:
                values = ", ".join(list(roles["result"].distinct)[:FEW_VALUES])
                hint = _("or by {column}: {values}", column=toml_key(roles["result"].name), values=values)
                line += f"  # {hint}"
            yield line
    yield "]"
    for name in ("queue", "service", "site"):
        if name in roles:
            yield from ("", f"[values.{name}]", *list_names(roles[name].distinct))


def _first_lines(found: CallbackColumns) -> Iterator[str]:
    """Yield the events that begin a contact: messages, and requests, by the column with the kind if there is one."""
    time = time_option(found.left, found.time_format)
    is_named = False
    for event, words in (("call.voicemail_left", _MESSAGE), ("call.callback_requested", _REQUEST)):
        kinds = [value for value in found.kind.distinct if words.search(plain_name(value))] if found.kind else []
        if found.kind and kinds:
            is_named = True
            yield _event_line(event, time, when_table(found.kind, quote_list(kinds)))
    if not is_named:
        yield _event_line("call.voicemail_left" if found.heard else "call.callback_requested", time, "")


def _event_line(event: str, time: str, condition: str) -> str:
    return f"  {event_table(event, {'time': time, 'when': condition})},"
