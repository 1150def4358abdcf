"""Proposal of a mapping from the columns of sample records: a mapping file to be checked and completed by a person."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from connectors.sdk.mapping.callback_proposal import CallbackColumns, find_callback_columns, list_callback_lines
from connectors.sdk.mapping.fields import Record
from connectors.sdk.mapping.post_proposal import PostColumns, find_post_columns, list_post_lines
from connectors.sdk.mapping.proposed_lines import (
    event_table,
    list_names,
    quote,
    quote_list,
    time_option,
    toml_key,
    when_table,
)
from connectors.sdk.mapping.register_proposal import RegisterColumns, find_register_columns, list_register_lines
from connectors.sdk.mapping.sample_columns import (
    FEW_VALUES,
    ID_FORMATS,
    ROLES,
    TIME_ROLES,
    Column,
    describe_column,
    join_times_of_day,
    plain_name,
)
from models.locale import _
from models.topics import Channel

_NOT_IN_TOML: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that a line of TOML may not have, also in a comment."""
_REPEATED_ID: Final = rf"{ROLES['id']}|\bcall|\bappel|visit|contact|conversation"
"""Words in the names of columns with the id of a contact, if each row is one event."""
_CHANNELS: Final = {
    Channel.MAIL: r"courrier|chrono|affranch|\bpli|recommand|lettre|expediteur|letter|\bpost(?:ed|age)",
    Channel.APPOINTMENT: r"\brdv|rendez|creneau|appointment",
    Channel.VISIT: r"guichet|borne|visit|accueil physique",
    Channel.EMAIL: r"\bmail|courriel|objet|subject|\bboite|expediteur",
    Channel.FORM: r"demarche|dossier|formulaire|procedure|teleservice",
    Channel.CALL: r"appel|call|agent|queue|sonnerie|\bsrc\b",
    Channel.FEEDBACK: r"\bnote\b|score|satisfaction|\bavis\b|commentaire",
}
_EVENTS: Final[Mapping[Channel, tuple[tuple[str, str], ...]]] = {
    Channel.CALL: (
        ("call.queued", "begins"),
        ("call.answered", "answers"),
        ("call.ended", "ends"),
        ("call.abandoned", "ends"),
    ),
    Channel.MAIL: (("letter.arrived", "begins"), ("letter.answered", "answers"), ("letter.closed", "ends")),
    Channel.EMAIL: (("email.received", "begins"), ("email.answered", "answers")),
    Channel.FORM: (("form.submitted", "begins"), ("form.decided", "ends")),
    Channel.APPOINTMENT: (("appointment.booked", "begins"), ("appointment.attended", "ends")),
    Channel.VISIT: (("visit.arrived", "begins"), ("visit.called", "answers"), ("visit.served", "ends")),
    Channel.FEEDBACK: (("feedback.given", "begins"),),
}
"""Events of a channel, each with the role of the column that has its time."""
_STATE_EVENTS: Final[Mapping[Channel, tuple[tuple[str, str], ...]]] = {
    Channel.FORM: (
        ("form.taken_up", ""),
        ("form.correction_requested", ""),
        ("form.corrected", ""),
        ("form.decided", ', decision = { value = "accepted" }'),
        ("form.decided", ', decision = { value = "rejected" }'),
    ),
    Channel.APPOINTMENT: (
        ("appointment.moved", ""),
        ("appointment.cancelled", ', by = { value = "citizen" }'),
        ("appointment.attended", ""),
        ("appointment.missed", ""),
    ),
}
"""Events that begin with a state, by channel, each with its other options."""
_DURATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "call.answered": ("wait_seconds", "ring_seconds"),
    "call.abandoned": ("wait_seconds",),
    "call.ended": ("handle_seconds",),
}
"""Durations that an event has if columns have their roles."""
_AFTER: Final[Mapping[str, tuple[str, ...]]] = {
    "call.answered": ("wait_seconds",),
    "call.abandoned": ("wait_seconds",),
    "call.ended": ("wait_seconds", "handle_seconds"),
}
"""Durations that are added to the start of a call to get the time of an event, if no column has that time."""


def propose(
    records: Sequence[Record],
    connector: str,
    channel: Channel | None = None,
    options: Mapping[str, str | int | Sequence[str | int]] = MappingProxyType({}),
) -> str:
    """Return the text of a mapping file for `connector`. Without a channel, it is guessed from the names of the columns.

    `options` are those with which the connector has read the sample, such as `records` or `widths`.
    """
    names = dict.fromkeys(name for record in records for name in record)
    described = [describe_column(name, records) for name in names]
    columns = join_times_of_day(described)
    register = find_register_columns(columns, records)
    # A column `Direction` with `in` and `out` is no service.
    roles = _find_roles([column for column in columns if not (register and column is register.direction)])
    post = find_post_columns(described) if channel in {None, Channel.MAIL} else None
    if post:
        roles = {"begins": post.day}
    callbacks = find_callback_columns(columns) if channel in {None, Channel.CALL} else None
    channel = channel or _choose_channel(columns, callbacks, register)
    if channel is not Channel.MAIL:
        register = None
    queue = roles.get("queue")
    if channel is not Channel.CALL or "begins" not in roles or "repeated_id" in roles:
        roles.pop("line", None)
    elif "line" in roles and queue and queue.is_sometimes_empty:
        roles["queue"] = _queue_or_line(queue, roles["line"], records)
    lines = [
        _NOT_IN_TOML.sub(" ", line) for line in _lines(columns, roles, connector, channel, post, callbacks, register)
    ]
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


def _find_roles(columns: Sequence[Column]) -> dict[str, Column]:
    """Return the columns by their roles. `repeated_id` has the id of a contact if each row is one event."""
    roles: dict[str, Column] = {}
    for role in ROLES:
        found = next((column for column in columns if column not in roles.values() and column.fits(role)), None)
        if found:
            roles[role] = found
    if "duration" in roles:
        roles.setdefault("handle_seconds", roles["duration"])
    repeated = [column for column in columns if _is_repeated_id(column)] if "action" in roles else []
    if repeated:
        found = max(repeated, key=lambda column: len(column.distinct))
        roles = {role: column for role, column in roles.items() if column is not found} | {"repeated_id": found}
    return roles


def _lines(
    columns: Sequence[Column],
    roles: Mapping[str, Column],
    connector: str,
    channel: Channel,
    post: PostColumns | None,
    callbacks: CallbackColumns | None,
    register: RegisterColumns | None,
) -> Iterator[str]:
    head = _("Proposed from the columns of a sample: check every line, then run `accueil connectors try`.")
    yield f"# {head}"
    yield f'connector = "{connector}"'
    yield 'timezone = "Europe/Paris"'
    times = [roles[role] for role in TIME_ROLES if role in roles] or columns
    formats = Counter(column.time_format for column in times if column.time_format)
    time_format = formats.most_common(1)[0][0] if formats else "iso"
    if callbacks:
        time_format = callbacks.time_format
    if time_format != "iso":
        yield f"time_format = {quote(time_format)}"
    yield ""
    if post:
        yield from list_post_lines(post)
    elif callbacks:
        yield from list_callback_lines(callbacks, roles)
    elif register:
        yield from list_register_lines(register, roles, time_format)
    else:
        yield from _channel_body(roles, channel, time_format)


def _channel_body(roles: Mapping[str, Column], channel: Channel, time_format: str) -> Iterator[str]:
    """Yield the lines of the fields, events and tables of a channel."""
    if channel is Channel.APPOINTMENT and "answers" in roles:  # such as `Pris le`
        roles = {"begins": roles["answers"], **roles}
    yield from _field_lines(roles, channel, time_format)
    if channel is Channel.VISIT:
        advice = _("if the ids restart every day, like ticket numbers")
        yield f"# daily_ids = true  # {advice}"
    if channel is Channel.MAIL:
        advice = _("if the ids restart every year, like the numbers of a register")
        yield f"# yearly_ids = true  # {advice}"
    yield ""
    yield "events = ["
    has_states = channel in _STATE_EVENTS and {"result", "changed_at"} <= roles.keys()
    if "repeated_id" in roles:
        yield from _action_lines(roles, channel, time_format)
    elif has_states:
        yield _event_line(*_EVENTS[channel][0], roles, time_format)
        yield from _state_lines(roles["result"], channel)
    elif channel is Channel.APPOINTMENT and {"result", "starts_at"} <= roles.keys():
        yield _event_line(*_EVENTS[channel][0], roles, time_format)
        yield from _outcome_lines(roles, time_format)
    else:
        if "line" in roles:
            yield _event_line("call.arrived", "begins", roles, time_format)
        yield from (_event_line(event, role, roles, time_format) for event, role in _EVENTS[channel])
    if "contact_reason" in roles and "begins" in roles:
        yield _reason_line(roles, time_format)
    yield "]"
    for name in ("procedure", "queue", "line", "service", "site"):
        if name in roles and name in _usable_names(channel):
            yield from ("", f"[values.{name}]", *list_names(roles[name].distinct))


def _field_lines(roles: Mapping[str, Column], channel: Channel, main_format: str) -> Iterator[str]:
    """Yield the lines of the fields that all events have."""
    if "repeated_id" in roles:
        yield 'rows = "events"'
        yield f"id = {quote(roles['repeated_id'].name)}"
    elif "id" in roles:
        yield f"id = {quote(roles['id'].name)}"
    else:
        advice = _("no column found: without it, the contents of a record are its id")
        yield f'# id = ""  # {advice}'
    for name in (*_usable_names(channel), "phone", "email"):
        if name in roles:
            yield f"{name} = {quote(roles[name].name)}"
    yield from _channel_lines(roles, channel, main_format)


def _channel_lines(roles: Mapping[str, Column], channel: Channel, main_format: str) -> Iterator[str]:
    """Yield the lines of the fields that only events of this channel have."""
    if channel is Channel.CALL and "queue" not in roles:
        advice = _("no column found: name the queue")
        yield f'queue = {{ value = "" }}  # {advice}'
    if channel is Channel.FORM and "procedure" not in roles:
        advice = _("name the procedure")
        yield f'procedure = {{ value = "" }}  # {advice}'
    if channel is Channel.APPOINTMENT:
        if "starts_at" in roles:
            yield f"starts_at = {time_option(roles['starts_at'], main_format)}"
        else:
            advice = _("no column found: name the time of the appointment")
            yield f'# starts_at = ""  # {advice}'
    if channel in _STATE_EVENTS and {"result", "changed_at"} <= roles.keys():
        yield f"state = {quote(roles['result'].name)}"
        yield f"changed_at = {time_option(roles['changed_at'], main_format)}"
    if channel is Channel.FEEDBACK:
        advice = _("or csat_1_5, ces_1_5, ces_1_7, nps_0_10, jdma_0_10")
        yield f'scale = {{ value = "csat_1_5" }}  # {advice}'
        if "score" in roles:
            yield f"score = {quote(roles['score'].name)}"


def _action_lines(roles: Mapping[str, Column], channel: Channel, main_format: str) -> Iterator[str]:
    """Yield an event per line, to be completed with the values of the column that says what a row is about."""
    action = roles["action"]
    values = ", ".join(map(quote, list(action.distinct)[:FEW_VALUES]))
    advice = _(
        "each row is one event: put each value into one of the next lines or into [ignored]: {values}", values=values
    )
    yield f"  # {advice}"
    time = time_option(roles["begins"], main_format) if "begins" in roles else quote("")
    for event, _role in _EVENTS[channel]:
        yield f"  # {event_table(event, {'time': time, 'when': when_table(action, '[]')})},"


def _reason_line(roles: Mapping[str, Column], main_format: str) -> str:
    """Return a comment with the event of a reason, which needs the list of reasons in the settings."""
    reason = roles["contact_reason"]
    advice = _("if contact_reasons in the settings and values.contact_reason name the reasons")
    options = {
        "time": time_option(roles["begins"], main_format),
        "contact_reason": quote(reason.name),
        "when": when_table(reason, "true"),
    }
    return f"  # {event_table('contact.reason_set', options)},  # {advice}"


def _is_repeated_id(column: Column) -> bool:
    """Return whether a column may have the id of a contact that several rows are about."""
    is_named = re.search(_REPEATED_ID, plain_name(column.name)) is not None
    return is_named and column.time_format in ID_FORMATS and len(column.values) > len(column.distinct)


def _state_lines(column: Column, channel: Channel) -> Iterator[str]:
    """Yield the events that begin with a state of the column, to be completed."""
    states = ", ".join(map(quote, list(column.distinct)[:FEW_VALUES]))
    advice = _(
        "put each state into one of the next lines, into other_states or into [ignored]: {states}", states=states
    )
    yield f"  # {advice}"
    for event, rest in _STATE_EVENTS[channel]:
        yield f"  # {{ event = {quote(event)}, state = []{rest} }},"


def _outcome_lines(roles: Mapping[str, Column], main_format: str) -> Iterator[str]:
    """Yield the events at the time of an appointment by its outcome, to be completed."""
    result, time = roles["result"], time_option(roles["starts_at"], main_format)
    values = ", ".join(map(quote, list(result.distinct)[:FEW_VALUES]))
    advice = _(
        'put each value into one of the next lines; "*" in [ignored] accepts others, such as those of appointments to '
        "come: {values}",
        values=values,
    )
    yield f"  # {advice}"
    for event, rest in _STATE_EVENTS[Channel.APPOINTMENT]:
        if event != "appointment.moved":
            yield f"  # {{ event = {quote(event)}, time = {time}, when = {when_table(result, '[]')}{rest} }},"


def _usable_names(channel: Channel) -> tuple[str, ...]:
    if channel is Channel.CALL:
        return "queue", "line", "service", "site", "agent"
    if channel is Channel.FORM:
        return "dossier", "procedure", "service", "site"
    if channel in {Channel.VISIT, Channel.EMAIL, Channel.APPOINTMENT}:
        return "queue", "service", "site"
    return "service", "site"


def _event_line(event: str, role: str, roles: Mapping[str, Column], main_format: str) -> str:
    column = roles.get(role)
    after = [roles[name] for name in _AFTER.get(event, ()) if name in roles]
    is_derived = {"begins", "wait_seconds", "handle_seconds"} <= roles.keys() and event in _AFTER
    if column is None and not is_derived:
        missing = _("no column found")
        return f"  # {event_table(event, {'time': quote('')})},  # {missing}"
    time = time_option(column, main_format) if column else _sum_times(roles["begins"], after, main_format)
    options = {"time": time}
    if event == "form.decided":
        options["decision"] = '{ value = "accepted" }'
    options |= {name: _duration_value(roles[name]) for name in _DURATIONS.get(event, ()) if name in roles}
    if role != "begins":
        options["when"] = _condition(event, column, roles)
    line = f"  {event_table(event, options)},"
    if "result" in roles and role != "begins":
        values = ", ".join(list(roles["result"].distinct)[:FEW_VALUES])
        hint = _("or by {column}: {values}", column=toml_key(roles["result"].name), values=values)
        line += f"  # {hint}"
    return line


def _condition(event: str, column: Column | None, roles: Mapping[str, Column]) -> str:
    """Return the test of an event that not every record gives."""
    answers = roles.get("answers")
    is_abandoned = event == "call.abandoned"
    has_value = "false" if is_abandoned else "true"
    if answers and event in {"call.ended", "call.abandoned"}:
        return when_table(answers, has_value)
    if column and not is_abandoned:
        return when_table(column, has_value)
    talk = roles.get("handle_seconds")
    if talk is None:
        return '{ "" = true }'
    if talk.is_sometimes_empty:
        return when_table(talk, has_value)
    if any(":" in value for value in talk.values):
        pattern = "[0:]*" if is_abandoned else "[0:]*[1-9].*"
        return when_table(talk, f"{{ pattern = {quote(pattern)} }}")
    return when_table(talk, f"{{ {'below' if is_abandoned else 'at_least'} = 1 }}")


def _sum_times(begins: Column, durations: Sequence[Column], main_format: str) -> str:
    """Return the option `time` of a time with durations added to it."""
    time = time_option(begins, main_format)
    time = time[2:-2] if time.startswith("{") else f"field = {time}"
    units = [column.unit for column in durations if column.unit != "s"]
    unit = f", unit = {quote(units[0])}" if units else ""
    return f"{{ {time}, plus = {quote_list(column.name for column in durations)}{unit} }}"


def _duration_value(column: Column) -> str:
    name = quote(column.name)
    return name if column.unit == "s" else f"{{ field = {name}, unit = {quote(column.unit)} }}"


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
    names = [name if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else quote(name) for name in (queue.name, line.name)]
    values = [record.get(queue.name) or record.get(line.name) for record in records]
    texts = tuple(str(value).strip() for value in values if value not in {None, ""})
    return Column(" || ".join(names), texts, "", len(texts) < len(records))


def _choose_channel(
    columns: Sequence[Column], callbacks: CallbackColumns | None, register: RegisterColumns | None
) -> Channel:
    """Return the channel of a table whose columns `callbacks` and `register` were found."""
    if callbacks:
        return Channel.CALL
    channel = _guess_channel(columns)
    return Channel.MAIL if channel is Channel.EMAIL and register and register.is_certain else channel


def _guess_channel(columns: Sequence[Column]) -> Channel:
    """Return the channel with the most signs in the names of columns. E-mail addresses are none: each channel may have them."""
    names = " ".join(plain_name(column.name) for column in columns if not column.fits("email"))
    return max(_CHANNELS, key=lambda channel: len(set(re.findall(_CHANNELS[channel], names))))
