"""Proposal of events for a table of states: each state of the source gets the name of the event that begins with it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from connectors.sdk.mapping.fields import Record
from connectors.sdk.mapping.proposed_lines import event_table, quote, quote_list, time_option, when_table
from connectors.sdk.mapping.sample_columns import FEW_VALUES, Column, plain_name
from models.locale import _
from models.topics import Channel


class _State(NamedTuple):
    """A state of contacts, and the event that begins with it."""

    name: str
    event: str
    words: str
    """Words in the names that sources give the state, in French without accents, and in English."""
    option: str = ""
    """Option that the event needs."""
    value: str = ""
    """Value of this option; empty if the state does not say it."""


DECIDED: Final = _State(
    "decided",
    "form.decided",
    r"\b(?:decide|clos|cloture|closed|termine|traitee?\b|finie?\b|finished|done|repondue?|answered)",
    "decision",
    "resolved",
)
"""State of a form after a decision that the state does not say."""
_STATES: Final[Mapping[Channel, tuple[_State, ...]]] = {
    Channel.FORM: (
        _State(
            "submitted", "form.submitted", r"\b(?:depose|recue?s?\b|submitted|received|nouve(?:au|lle)|new\b|soumis)"
        ),
        _State("taken_up", "form.taken_up", r"\b(?:instruction|en cours|complet\b|complete\b|taken up|in progress)"),
        DECIDED,
        _State(
            "accepted",
            "form.decided",
            r"\b(?:accept|accord|approuv|approved|favorable|granted)",
            "decision",
            "accepted",
        ),
        _State("rejected", "form.decided", r"\b(?:refus|reject|rejet|defavorable|denied)", "decision", "rejected"),
        _State("no_action", "form.decided", r"\b(?:sans suite|no action|abandon|withdrawn)", "decision", "no_action"),
        _State("correction", "form.correction_requested", r"\b(?:incomplet|correction|complement|pieces? demand)"),
        _State(
            "corrected", "form.corrected", r"\b(?:corrige|corrected|completee\b|complements? recus?|pieces? recues?)"
        ),
    ),
    Channel.APPOINTMENT: (
        _State(
            "booked",
            "appointment.booked",
            r"\b(?:booked|reserve|planifie|confirme|prise?\b|prevue?\b|a venir\b|scheduled)",
        ),
        _State(
            "attended", "appointment.attended", r"\b(?:honore|honou?red|attended|presente?\b|venue?\b|realise|effectue)"
        ),
        _State("moved", "appointment.moved", r"\b(?:moved|deplace|reporte|rescheduled|decale)"),
        _State("cancelled", "appointment.cancelled", r"\b(?:annul|cancel)", "by", "citizen"),
        _State(
            "cancelled_by_service",
            "appointment.cancelled",
            r"\b(?:annule|cancelled|canceled)e? (?:par |by )?(?:le |la |the |l )?(?:service|agent|administration|clerk)",
            "by",
            "service",
        ),
        _State("missed", "appointment.missed", r"\b(?:absente?\b|no show|(?:non|pas) (?:honore|venu|presente)|missed)"),
    ),
    Channel.MAIL: (
        _State("arrived", "letter.arrived", r"\b(?:recue?\b|arrive|received|enregistre)"),
        _State("assigned", "letter.assigned", r"\b(?:transmis|affecte|attribue|assigned|en cours|in progress)"),
        _State("answered", "letter.answered", r"\b(?:repondue?|answered|replied)"),
        _State("closed", "letter.closed", r"\b(?:clos|cloture|closed|classe|archive)"),
    ),
    Channel.EMAIL: (
        _State("received", "email.received", r"\b(?:recue?\b|received|nouveau|new\b|open\b|ouverte?\b)"),
        _State("answered", "email.answered", r"\b(?:repondue?|answered|replied)"),
    ),
}
"""States by channel, in the usual order. Of several ones whose words are in a value, the last one counts."""
_NOT_YET: Final = r"\b(?:non|pas|not|attente|excusee?|pending|awaiting|waiting)\b|\ba \w+er\b"
"""Words that turn the meaning of a state round: it is known only if they are among its own words."""


def has_states(channel: Channel, roles: Mapping[str, Column]) -> bool:
    """Return whether the records are states of contacts: with a column of states and one of the time since which they hold.

    The only time is that of the state if the ids repeat.
    """
    if channel not in _STATES or not {"id", "result"} <= roles.keys() or "repeated_id" in roles:
        return False
    if not any(place_state(value, channel) for value in roles["result"].distinct):
        return "changed_at" in roles
    is_repeated = len(roles["id"].distinct) < len(roles["id"].values)
    return "changed_at" in roles or (is_repeated and "begins" in roles and not {"answers", "ends"} & roles.keys())


def find_state_time(roles: Mapping[str, Column], columns: Iterable[Column], records: Sequence[Record]) -> Column | None:
    """Return the column with the time of the state: one that differs between the records with one id.

    Of several ones, it is one whose name says so, or else the one that differs for the most ids. None if none differs.
    """
    if not {"id", "result"} <= roles.keys() or "repeated_id" in roles:
        return None
    others = {roles[role].name for role in ("starts_at", "answers", "ends") if role in roles}
    found = []
    for column in columns:
        if column.time_format and column.name not in others:
            times: dict[str, set[str]] = {}
            for record in records:
                if (number := record.get(roles["id"].name)) and (time := record.get(column.name)):
                    times.setdefault(str(number), set()).add(f"{record.get(column.day)} {time}")
            changes = sum(len(of_one) > 1 for of_one in times.values())
            if changes:
                found.append((column.fits("changed_at"), changes, column))
    return max(found, key=itemgetter(0, 1))[-1] if found else None


def has_own_beginning(roles: Mapping[str, Column]) -> bool:
    """Return whether the first event has a time of its own, and does not begin with a state."""
    return {"begins", "changed_at"} <= roles.keys()


def list_state_fields(roles: Mapping[str, Column], main_format: str) -> Iterator[str]:
    """Yield the options with the state and its time."""
    changed = roles.get("changed_at") or roles["begins"]
    yield f"state = {quote(roles['result'].name)}"
    yield f"changed_at = {time_option(changed, main_format)}"


def list_state_events(column: Column, channel: Channel, beginning: str) -> Iterator[str]:
    """Yield an event per line. `beginning` is the line of the first one if a column has its time; else it begins with a state."""
    used = {place_state(value, channel) for value in column.distinct}
    if any(map(_has_decision, used)):
        used.discard(DECIDED)
    first, *others = _STATES[channel]
    yield beginning or f"  {_format_event(first)}"
    yield from (f"  {_format_event(state)}" for state in others if state in used)
    unused = [state for state in others if state not in used]
    if unused:
        advice = _("if a state of the source means it:")
        yield f"  # {advice}"
    yield from (f"  # {_format_event(state)}" for state in unused)


def list_state_messages(roles: Mapping[str, Column], channel: Channel, main_format: str) -> Iterator[str]:
    """Yield an event per line for messages that each report one state: no connector compares them with earlier ones."""
    column, changed = roles["result"], roles.get("changed_at") or roles["begins"]
    time = time_option(changed, main_format)
    for state in _STATES[channel]:
        values = quote_list(value for value in column.distinct if place_state(value, channel) == state)
        if values != "[]":
            yield f"  {_format_event(state, {'time': time, 'when': when_table(column, values)})}"
    if unknown := [value for value in column.distinct if place_state(value, channel) is None]:
        advice = _("put these values into a line above or into [ignored]: {values}", values=", ".join(unknown))
        yield f"  # {advice}"


def list_outcomes(roles: Mapping[str, Column], main_format: str) -> Iterator[str]:
    """Yield the events at the time of an appointment by its outcome, as comments: the time of a cancellation is another one."""
    result, time = roles["result"], time_option(roles["starts_at"], main_format)
    advice = _(
        'put each value into one of the next lines; "*" in [ignored] accepts others, such as those of appointments to '
        "come: {values}",
        values=", ".join(map(quote, list(result.distinct)[:FEW_VALUES])),
    )
    yield f"  # {advice}"
    for state in _STATES[Channel.APPOINTMENT]:
        if state.name not in {"booked", "moved"}:
            values = quote_list(value for value in result.distinct if place_state(value, Channel.APPOINTMENT) == state)
            yield f"  # {_format_event(state, {'time': time, 'when': when_table(result, values)})}"


def _format_event(state: _State, options: Mapping[str, str] = MappingProxyType({})) -> str:
    options = {**(options or {"state": quote(state.name)})}
    if state.option:
        options[state.option] = f"{{ value = {quote(state.value)} }}"
    line = f"{event_table(state.event, options)},"
    if state is DECIDED:
        hint = _("or accepted, rejected, no_action: the state does not say which")
        return f"{line}  # {hint}"
    if state.name == "cancelled":
        hint = _("or service, if the service cancels")
        return f"{line}  # {hint}"
    return line


def list_state_names(roles: Mapping[str, Column], channel: Channel) -> Iterator[str]:
    """Yield the table with the names of the states; those whose event is unsure are comments, so that `try` lists them."""
    column, has_beginning = roles["result"], has_own_beginning(roles)
    placed = {value: place_state(value, channel) for value in column.distinct}
    has_decision = any(map(_has_decision, placed.values()))
    yield "[values.state]"
    advice = _(
        'each state: the name of a state above, or "" for no event; a state of records to be left out is in [ignored]'
    )
    yield f"# {advice}"
    for value, count in column.distinct.most_common(FEW_VALUES):
        state = placed[value]
        is_unsure = state is None or (state is DECIDED and has_decision)
        name = "" if state is None or (has_beginning and state is _STATES[channel][0]) else state.name
        found = _("records: {count}", count=count)
        yield f"{'# ' if is_unsure else ''}{quote(value)} = {quote(name)}  # {found}"


def _has_decision(state: _State | None) -> bool:
    """Return whether a state says what was decided."""
    return state is not None and state.option == "decision" and state != DECIDED


def with_decisions(roles: Mapping[str, Column]) -> Mapping[str, Column]:
    """Return the roles with the states as decisions if some states are decisions, and no other column has these."""
    result = roles.get("result")
    if (
        "decision" in roles
        or not result
        or not any(_has_decision(place_state(v, Channel.FORM)) for v in result.distinct)
    ):
        return roles
    others = {role: column for role, column in roles.items() if role != "result"}
    return {**others, "decision": result}


def list_decisions(column: Column) -> Iterator[str]:
    """Yield the table with the names of decisions on forms; unknown ones as comments."""
    yield "[values.decision]"
    for value, count in column.distinct.most_common(FEW_VALUES):
        state = place_state(value, Channel.FORM)
        is_known = _has_decision(state)
        found = _("records: {count}", count=count)
        yield f"{'' if is_known else '# '}{quote(value)} = {quote(state.value if state and is_known else '')}  # {found}"


def place_state(value: str, channel: Channel) -> _State | None:
    """Return the state that a value of the source names; None if it is unknown or doubtful, such as `en cours ??`."""
    if "?" in value:
        return None
    value = re.sub(r"(?i)complété\b", "complétée", value)  # without its accents, it is `complete`
    plain = " ".join(plain_name(value).split())
    found = [(state, match) for state in _STATES[channel] if (match := re.search(state.words, plain))]
    if not found:
        return None
    state, match = found[-1]
    return None if re.search(_NOT_YET, plain) and not re.search(_NOT_YET, match[0]) else state
