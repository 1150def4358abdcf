"""Proposed events of a channel, one per line, with their times, conditions and durations."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from connectors.sdk.mapping.outcome_proposal import ABANDONED, ANSWERED, MESSAGE_LEFT, find_outcomes, list_unplaced
from connectors.sdk.mapping.proposed_lines import (
    add_test,
    event_table,
    format_expression,
    list_names,
    list_test,
    quote,
    quote_list,
    time_option,
    time_test,
    toml_key,
    when_table,
)
from connectors.sdk.mapping.sample_columns import FEW_VALUES, Column, plain_name
from models.locale import _
from models.topics import Channel

LETTER_TREATMENT: Final = (
    ("letter.assigned", "assigned"),
    ("letter.acknowledged", "acknowledged"),
    ("letter.answered", "answers"),
    ("letter.closed", "ends"),
)
"""Events of a letter after its arrival, each with the role of the column that has its time."""
_EVENTS: Final[Mapping[Channel, tuple[tuple[str, str], ...]]] = {
    Channel.CALL: (
        ("call.queued", "begins"),
        ("call.answered", "answers"),
        ("call.ended", "ends"),
        ("call.abandoned", "ends"),
    ),
    Channel.MAIL: (("letter.arrived", "begins"), *LETTER_TREATMENT),
    Channel.EMAIL: (("email.received", "begins"), ("email.answered", "answers")),
    Channel.FORM: (("form.submitted", "begins"), ("form.decided", "ends")),
    Channel.APPOINTMENT: (("appointment.booked", "begins"), ("appointment.attended", "ends")),
    Channel.VISIT: (
        ("visit.arrived", "begins"),
        ("visit.called", "answers"),
        ("visit.served", "ends"),
        ("visit.left", "ends"),
    ),
    Channel.FEEDBACK: (("feedback.given", "begins"),),
}
"""Events of a channel, each with the role of the column that has its time."""
_ACTIONS: Final = {
    "call.queued": re.compile(r"\benter|\bqueued\b|\bjoin|mise? en (?:file|attente)|entree en file"),
    "call.answered": re.compile(r"\bconnect(?:ed)?\b|\banswered\b|\bdecroche|\brepondu"),
    "call.ended": re.compile(r"\bcomplete|\bhang ?up|\braccroche|\bended\b|\bfin\b|\btermine"),
    "call.abandoned": re.compile(r"\babandon|\bperdu|\blost\b"),
    "visit.arrived": re.compile(r"\btaken\b|\bissued\b|\bpris|\barriv|\bcreated\b|\bcheck(?:ed)? ?in\b"),
    "visit.called": re.compile(r"\bcall(?:ed)?\b|\bappel"),
    "visit.served": re.compile(r"\bserved?\b|\bservi|\bclosed\b|\bended\b|\bfin\b|\btermine|\bcomplete"),
    "visit.left": re.compile(r"\bleft\b|\bparti|\babandon|\babsent|\bno show"),
}
"""Words in the names of actions by event, without accents."""
_NEGATION: Final = re.compile(r"\b(?:non|not|pas|sans|without|prise? en charge)\b")
"""Words that turn the meaning of an action round. `Pris en charge` is no ticket that was taken."""
_DURATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "call.answered": ("wait_seconds", "ring_seconds"),
    "call.abandoned": ("wait_seconds",),
    "call.ended": ("handle_seconds",),
}
"""Durations that an event has if columns have their roles."""
_ZERO: Final = re.compile(r"[0:]*0(?:[.,]0*)?")
_AFTER: Final[Mapping[str, tuple[str, ...]]] = {
    "call.answered": ("wait_seconds",),
    "call.abandoned": ("wait_seconds",),
    "call.ended": ("wait_seconds", "handle_seconds"),
    MESSAGE_LEFT: ("wait_seconds",),
}
"""Durations that are added to the start of a call to get the time of an event, if no column has that time."""


def list_actions(roles: Mapping[str, Column], channel: Channel, main_format: str) -> Iterator[str]:
    """Yield an event per line, with the values of the column that says what a record is about; as a comment without any."""
    action = roles["action"]
    placed = {value: _place_action(value, channel) for value in action.distinct}
    time = time_option(roles["begins"], main_format) if "begins" in roles else quote("")
    for event, _role in _EVENTS[channel]:
        values = [value for value, kind in placed.items() if kind == event]
        mark = "" if values and "begins" in roles else "# "
        yield f"  {mark}{event_table(event, {'time': time, 'when': when_table(action, quote_list(values))})},"
    if unplaced := [value for value, kind in placed.items() if not kind]:
        listed = ", ".join(map(quote, unplaced[:FEW_VALUES]))
        advice = _(
            "each record is one event: put these values into a line above or into [ignored]: {values}", values=listed
        )
        yield f"  # {advice}"


def _place_action(value: str, channel: Channel) -> str:
    """Return the event of a channel that a value names; empty if it names none or several, or if it is negated."""
    plain = " ".join(plain_name(value).split())
    kinds = [event for event, _role in _EVENTS[channel] if event in _ACTIONS and _ACTIONS[event].search(plain)]
    return kinds[0] if len(kinds) == 1 and not _NEGATION.search(plain) else ""


def format_reason(roles: Mapping[str, Column], main_format: str, test: str = "", channel: Channel | None = None) -> str:
    """Return a comment with the event of a reason, which needs the list of reasons in the settings.

    `test` is a condition of the channel. `channel` is needed if a mapping has several.
    """
    reason = roles["contact_reason"]
    advice = _("if contact_reasons in the settings and values.contact_reason name the reasons")
    options = {
        "time": time_option(roles.get("begins") or roles["changed_at"], main_format),
        "contact_reason": quote(reason.name),
        "channel": quote(channel) if channel else "",
        "when": add_test(test, when_table(reason, "true")),
    }
    return f"  # {event_table('contact.reason_set', options)},  # {advice}"


def list_reasons(reason: Column) -> Iterator[str]:
    """Yield the table with the names of reasons, as comments, as the settings must have these names."""
    advice = _("the names on the right must be in [contact_reasons] of accueil.toml")
    yield f"# {advice}"
    yield "# [values.contact_reason]"
    yield from (f"# {line}" for line in list_names(reason.distinct))


def list_events(roles: Mapping[str, Column], channel: Channel, main_format: str, test: str = "") -> Iterator[str]:
    """Yield the events of a channel, each with the column that has its time; without such a column, as a comment.

    `test` is a condition of all of them.
    """
    if "line" in roles:
        yield format_event("call.arrived", "begins", roles, main_format, test)
    outcomes = find_outcomes(roles) if channel is Channel.CALL else {}
    for event, role in _EVENTS[channel]:
        if not (outcomes and event == ABANDONED and ABANDONED not in outcomes):
            yield format_event(event, role, roles, main_format, test)
    if MESSAGE_LEFT in outcomes:
        yield format_event(MESSAGE_LEFT, "ends", roles, main_format, test)
    if outcomes and (unplaced := list(list_unplaced(roles))):
        advice = _("put these values into a line above or into [ignored]: {values}", values=", ".join(unplaced))
        yield f"  # {advice}"


def format_beginning(roles: Mapping[str, Column], channel: Channel, main_format: str) -> str:
    """Return the line of the first event of a channel."""
    return format_event(*_EVENTS[channel][0], roles, main_format)


def format_event(event: str, role: str, roles: Mapping[str, Column], main_format: str, test: str = "") -> str:
    """Return the line of an event, whose time is in the column with this role. `main_format` is the format of most times.

    `test` is a condition before those of the event.
    """
    column = roles.get(role)
    after = [roles[name] for name in _AFTER.get(event, ()) if name in roles]
    outcomes = find_outcomes(roles) if event.startswith("call.") and role != "begins" else {}
    is_known = bool(outcomes) or "handle_seconds" in roles  # whether a call was answered
    is_derived = event in _AFTER and is_known and {"begins", *_AFTER[event]} <= roles.keys()
    if (column is None and not is_derived) or (event == "visit.left" and "answers" not in roles):
        missing = _("no column found")
        condition = add_test(test, _outcome_condition(event, outcomes, roles) if outcomes else "")
        return f"  # {event_table(event, {'time': quote(''), 'when': condition})},  # {missing}"
    time = time_option(column, main_format) if column else sum_times(roles["begins"], after, main_format)
    options = {"time": time}
    if event == "form.decided":
        options["decision"] = quote(roles["decision"].name) if "decision" in roles else '{ value = "resolved" }'
    options |= {name: duration_value(roles[name]) for name in _DURATIONS.get(event, ()) if name in roles}
    condition = ""
    if role != "begins":
        condition = _outcome_condition(event, outcomes, roles) if outcomes else _condition(event, column, roles)
    options["when"] = add_test(test, condition)
    line = f"  {event_table(event, options)},"
    hints = list(_list_hints(event, role, roles, has_outcomes=bool(outcomes)))
    if column and column.notes and time_test(column) in condition:
        hints.append(_("cells with a note instead of a time, which give no event: {count}", count=len(column.notes)))
    return f"{line}  # {'; '.join(hints)}" if hints else line


def _list_hints(event: str, role: str, roles: Mapping[str, Column], *, has_outcomes: bool) -> Iterator[str]:
    """Yield what a person should check or complete in the line of an event."""
    column, begins = roles.get(role), roles.get("begins")
    if column and begins and column.is_day and not begins.is_day:  # at midnight, before the arrival of the same day
        yield _("without a time of day: if it may be the day of the arrival, give the arrival only its date too")
    if event == "form.decided" and "decision" not in roles:
        yield _("or accepted, rejected, no_action, if a column says it")
    if event == "call.ended" and "duration" in roles and roles["duration"] is roles.get("handle_seconds"):
        yield _("if {column} is the conversation without the wait", column=toml_key(roles["duration"].name))
    if event == "letter.arrived" and "procedure" in roles:
        values = ", ".join(list(roles["procedure"].distinct)[:FEW_VALUES])
        yield _("if all are letters: {column} has {values}", column=toml_key(roles["procedure"].name), values=values)
    if "result" in roles and role != "begins" and not has_outcomes:
        values = ", ".join(list(roles["result"].distinct)[:FEW_VALUES])
        yield _("or by {column}: {values}", column=toml_key(roles["result"].name), values=values)


def _outcome_condition(event: str, outcomes: Mapping[str, Sequence[str]], roles: Mapping[str, Column]) -> str:
    """Return the test of the column with the outcomes of calls."""
    return when_table(roles["result"], quote_list(outcomes[ANSWERED if event == "call.ended" else event]))


def _condition(event: str, column: Column | None, roles: Mapping[str, Column]) -> str:
    """Return the test of an event that not every record gives."""
    answers = roles.get("answers")
    is_abandoned = event == "call.abandoned"
    has_value = "false" if is_abandoned else "true"
    if answers and event in {"call.ended", "call.abandoned"}:
        return when_table(answers, has_value)
    if column and answers and event in {"visit.served", "visit.left"}:
        called = list_test(answers, "true" if event == "visit.served" else "false")
        return f"{{ {called}, {list_test(column, 'true')} }}"
    talk = roles.get("handle_seconds")
    if column and not is_abandoned and not (event == "call.ended" and talk):  # abandoned calls end too
        return when_table(column, time_test(column))
    if talk is None:
        return '{ "" = true }'
    if talk.is_sometimes_empty:
        if not any(map(_ZERO.fullmatch, talk.values)):
            return when_table(talk, has_value)
        talk = replace(talk, name=f"{format_expression(talk.name)} || '0'")  # a number is needed for a comparison
    if any(":" in value for value in talk.values):
        pattern = "[0:]*" if is_abandoned else "[0:]*[1-9].*"
        return when_table(talk, f"{{ pattern = {quote(pattern)} }}")
    return when_table(talk, f"{{ {'below' if is_abandoned else 'at_least'} = 1 }}")


def sum_times(begins: Column, durations: Sequence[Column], main_format: str) -> str:
    """Return the option `time` of a time with durations added to it."""
    time = time_option(begins, main_format)
    time = time[2:-2] if time.startswith("{") else f"field = {time}"
    units = [column.unit for column in durations if column.unit != "s"]
    unit = f", unit = {quote(units[0])}" if units else ""
    return f"{{ {time}, plus = {quote_list(column.name for column in durations)}{unit} }}"


def duration_value(column: Column) -> str:
    """Return a duration as an option."""
    name = quote(column.name)
    return name if column.unit == "s" else f"{{ field = {name}, unit = {quote(column.unit)} }}"
