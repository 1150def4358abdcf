"""Proposal of a mapping from the columns of sample records: a mapping file to be checked and completed by a person."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from connectors.sdk.mapping.callback_proposal import CallbackColumns, find_callback_columns, list_callback_lines
from connectors.sdk.mapping.column_roles import find_roles, guess_channel
from connectors.sdk.mapping.event_proposal import (
    format_beginning,
    format_reason,
    list_actions,
    list_events,
    list_reasons,
)
from connectors.sdk.mapping.field_proposal import list_field_lines, usable_names
from connectors.sdk.mapping.fields import Record
from connectors.sdk.mapping.id_proposal import list_id_lines
from connectors.sdk.mapping.mixed_proposal import (
    MixedChannels,
    find_mixed_channels,
    is_mixed_register,
    list_channel_advice,
    list_mixed_lines,
)
from connectors.sdk.mapping.post_proposal import PostColumns, find_post_columns, list_post_lines
from connectors.sdk.mapping.proposed_lines import format_expression, list_names, quote, toml_key
from connectors.sdk.mapping.register_proposal import RegisterColumns, find_register_columns, list_register_lines
from connectors.sdk.mapping.sample_columns import (
    TIME_ROLES,
    Column,
    describe_column,
    find_column,
    join_times_of_day,
    read_text,
    seems_total,
)
from connectors.sdk.mapping.state_proposal import (
    find_state_time,
    has_own_beginning,
    has_states,
    list_decisions,
    list_outcomes,
    list_state_events,
    list_state_fields,
    list_state_messages,
    list_state_names,
    with_decisions,
)
from models.locale import _
from models.topics import Channel

_COUNTS: Final = re.compile(r"\bnb\b|nombre|quantite|\bitems\b|pieces\b")
"""Words in the names of columns with numbers of letters."""
_NOT_IN_TOML: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that a line of TOML may not have, also in a comment."""


class _Forms(NamedTuple):
    """Tables of a known form, of which a sample may be one."""

    post: PostColumns | None
    callbacks: CallbackColumns | None
    register: RegisterColumns | None
    mixed: MixedChannels | None

    @property
    def is_known(self) -> bool:
        """True if the columns have the roles of one of the first three forms."""
        return bool(self.post or self.callbacks or self.register)


def propose(
    records: Sequence[Record],
    connector: str,
    channel: Channel | None = None,
    options: Mapping[str, str | int | Sequence[str | int]] = MappingProxyType({}),
) -> str:
    """Return the text of a mapping file for `connector`. Without a channel, it is guessed from the names of the columns.

    `options` are those with which the connector has read the sample, such as `records` or `widths`.
    """
    is_given = channel is not None
    names = dict.fromkeys(name for record in records for name in record)
    described = [describe_column(name, records) for name in names]
    post = find_post_columns(described) if channel in {None, Channel.MAIL} else None
    if not post:
        records = [record for record in records if not seems_total(record)] or records
        described = [describe_column(name, records) for name in names]
    columns = join_times_of_day(described)
    forms = _find_forms(columns, records, channel, post)
    chosen = channel or _choose_channel(columns, forms)
    channel = chosen or Channel.MAIL
    if channel is not Channel.MAIL:
        forms = forms._replace(register=None)
    roles = _choose_roles(columns, channel, forms)
    queue = roles.get("queue")
    if channel is not Channel.CALL or "begins" not in roles or "repeated_id" in roles:
        roles.pop("line", None)
    elif "line" in roles and queue and queue.is_sometimes_empty:
        roles["queue"] = _queue_or_line(queue, roles["line"], records)
    if not forms.is_known:
        roles = _with_state_time(roles, columns, records, channel)
    time_format = _choose_format(columns, roles, forms.callbacks)
    is_webhook = connector == "webhook"
    advice: Iterable[str] = ()
    if not forms.is_known and forms.mixed and not is_given and is_mixed_register(forms.mixed, channel, roles):
        body = list_mixed_lines(forms.mixed, columns, roles["begins"], records, time_format, is_webhook=is_webhook)
        roles = {}
    else:
        body = _body_lines(roles, records, channel, time_format, forms, compares_records=not is_webhook)
        advice = _list_advice(columns, channel, forms)
    head = _head_lines(connector, time_format, is_channel_known=bool(chosen or forms.post or forms.mixed))
    lines = [_NOT_IN_TOML.sub(" ", line) for line in (*head, *advice, *body)]
    named = {*_list_texts({**tomllib.loads("\n".join(lines)), "values": ""})}
    lines[2:2] = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in options.items()]
    if "line" in roles and queue:
        named.add(queue.name)
    if "repeated_id" in roles:
        named |= {
            name for role in ("action", "begins") if role in roles for name in (roles[role].name, roles[role].day)
        }
    if unnamed := [name for name in names if name not in named]:
        left = _("Not named, so they never leave the connector: {columns}", columns=", ".join(unnamed))
        lines += ["", _NOT_IN_TOML.sub(" ", f"# {left}")]
    return "\n".join(lines) + "\n"


def _find_forms(
    columns: Sequence[Column], records: Sequence[Record], channel: Channel | None, post: PostColumns | None
) -> _Forms:
    """Return the forms that a table may have. `channel` is the given one."""
    register = find_register_columns(columns, records)
    mixed = find_mixed_channels(columns, register.direction if register else None)
    if mixed and mixed.has_personal_contacts and channel is None:  # the direction is then that of all contacts
        register = None
    callbacks = find_callback_columns(columns) if channel in {None, Channel.CALL} else None
    return _Forms(post, callbacks, register, mixed)


def _list_advice(columns: Sequence[Column], channel: Channel, forms: _Forms) -> Iterator[str]:
    """Yield comments about columns with numbers of letters, or with channels."""
    if channel is Channel.MAIL and not forms.is_known and (counted := find_column(_COUNTS, columns)):
        advice = _(
            "if {column} is a number of letters, each row is a total: accueil connectors presets mailroom-counts",
            column=toml_key(counted.name),
        )
        yield f"# {advice}"
    if forms.mixed and not (forms.post or forms.callbacks):
        yield from list_channel_advice(forms.mixed, channel)


def _choose_roles(columns: Sequence[Column], channel: Channel, forms: _Forms) -> dict[str, Column]:
    """Return the columns by their roles."""
    if forms.post:
        return {"begins": forms.post.day}
    if forms.register:  # a column `Direction` with `in` and `out` is no service
        return find_roles([column for column in columns if column is not forms.register.direction], channel)
    return find_roles(columns, channel)


def _with_state_time(
    roles: dict[str, Column], columns: Sequence[Column], records: Sequence[Record], channel: Channel
) -> dict[str, Column]:
    """Return the roles with `changed_at` for the time that differs between the records of a contact."""
    changed = find_state_time(roles, columns, records)
    if changed is None or not has_states(channel, {**roles, "changed_at": changed}):
        return roles
    return {**find_roles([column for column in columns if column is not changed], channel), "changed_at": changed}


def _body_lines(
    roles: Mapping[str, Column],
    records: Sequence[Record],
    channel: Channel,
    time_format: str,
    forms: _Forms,
    *,
    compares_records: bool,
) -> Iterator[str]:
    """Return the lines after the first options: those of a table of a known form, or those of a channel."""
    if forms.post:
        return list_post_lines(forms.post)
    if forms.callbacks:
        return list_callback_lines(forms.callbacks, roles)
    if forms.register:
        return list_register_lines(forms.register, roles, time_format)
    if channel is Channel.FORM and not has_states(channel, roles):
        roles = with_decisions(roles)
    return _channel_body(roles, records, channel, time_format, compares_records=compares_records)


def _choose_format(columns: Sequence[Column], roles: Mapping[str, Column], callbacks: CallbackColumns | None) -> str:
    """Return the format that most of the times have."""
    if callbacks:
        return callbacks.time_format
    times = [roles[role] for role in TIME_ROLES if role in roles] or columns
    formats = Counter(column.time_format for column in times if column.time_format)
    return formats.most_common(1)[0][0] if formats else "iso"


def _head_lines(connector: str, time_format: str, *, is_channel_known: bool) -> Iterator[str]:
    head = _("Proposed from the columns of a sample: check every line, then run `accueil connectors try`.")
    yield f"# {head}"
    yield f'connector = "{connector}"'
    yield 'timezone = "Europe/Paris"'
    if not is_channel_known:
        advice = _("no column says the channel: if these are no letters, remove this file, and add --channel")
        yield f"# {advice}"
    if time_format != "iso":
        yield f"time_format = {quote(time_format)}"
    yield ""


def _channel_body(
    roles: Mapping[str, Column],
    records: Sequence[Record],
    channel: Channel,
    time_format: str,
    *,
    compares_records: bool,
) -> Iterator[str]:
    """Yield the lines of the fields, events and tables of a channel."""
    if channel is Channel.APPOINTMENT and "answers" in roles:  # such as `Pris le`
        roles = {"begins": roles["answers"], **roles}
    is_states = has_states(channel, roles)
    yield from list_id_lines(roles, records, channel, is_states=is_states, is_webhook=not compares_records)
    events = list(_event_lines(roles, channel, time_format, compares_records=compares_records))
    if channel is Channel.CALL and not any(line.lstrip().startswith('{ event = "call.answered"') for line in events):
        roles = {role: column for role, column in roles.items() if role != "agent"}  # no event has the agent
    yield from list_field_lines(roles, channel, time_format)
    if is_states and compares_records:
        yield from list_state_fields(roles, time_format)
    yield ""
    yield "events = ["
    yield from events
    has_reason = "contact_reason" in roles and not roles.keys().isdisjoint({"begins", "changed_at"})
    if has_reason:
        yield format_reason(roles, time_format)
    yield "]"
    if is_states and compares_records:
        yield ""
        yield from list_state_names(roles, channel)
    elif channel is Channel.FORM and {"decision", "ends"} <= roles.keys():
        yield from ("", *list_decisions(roles["decision"]))
    for name in ("procedure", "queue", "line", "service", "site"):
        if name in roles and name in usable_names(channel):
            yield from ("", f"[values.{name}]", *list_names(roles[name].distinct))
    if has_reason:
        yield from ("", *list_reasons(roles["contact_reason"]))


def _event_lines(
    roles: Mapping[str, Column], channel: Channel, time_format: str, *, compares_records: bool
) -> Iterator[str]:
    """Return the events of a channel: by action, by state, by outcome, or by the columns with their times."""
    if "repeated_id" in roles:
        return list_actions(roles, channel, time_format)
    if has_states(channel, roles):
        if not compares_records:
            return list_state_messages(roles, channel, time_format)
        beginning = format_beginning(roles, channel, time_format) if has_own_beginning(roles) else ""
        return list_state_events(roles["result"], channel, beginning)
    if channel is Channel.APPOINTMENT and {"result", "starts_at"} <= roles.keys():
        return chain([format_beginning(roles, channel, time_format)], list_outcomes(roles, time_format))
    return list_events(roles, channel, time_format)


def _list_texts(value: Any) -> Iterator[str]:
    """Yield all keys and texts in a mapping file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _list_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _list_texts(inner)


def _queue_or_line(queue: Column, line: Column, records: Sequence[Record]) -> Column:
    """Return the column with the queue, or for calls that reach none, the direct line."""
    values = [record.get(queue.name) or record.get(line.name) for record in records]
    texts = tuple(read_text(value) for value in values if value not in {None, ""})
    name = f"{format_expression(queue.name)} || {format_expression(line.name)}"
    return Column(name, texts, "", len(texts) < len(records))


def _choose_channel(columns: Sequence[Column], forms: _Forms) -> Channel | None:
    """Return the channel of a table; None if nothing says it."""
    if forms.callbacks:
        return Channel.CALL
    channel, register = guess_channel(columns), forms.register
    is_register = register is not None and (channel is None or (channel is Channel.EMAIL and register.is_certain))
    return Channel.MAIL if is_register else channel
