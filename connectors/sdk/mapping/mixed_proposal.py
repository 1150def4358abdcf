"""Proposal of a mapping for a register of contacts of several channels, with a column such as `Canal`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from connectors.sdk.mapping.column_roles import find_roles
from connectors.sdk.mapping.compact_times import MIN_SHARE
from connectors.sdk.mapping.event_proposal import (
    duration_value,
    format_reason,
    list_events,
    list_reasons,
    sum_times,
)
from connectors.sdk.mapping.field_proposal import list_field_lines
from connectors.sdk.mapping.fields import Record
from connectors.sdk.mapping.id_proposal import list_id_lines
from connectors.sdk.mapping.outcome_proposal import find_outcomes
from connectors.sdk.mapping.proposed_lines import (
    add_test,
    event_table,
    format_expression,
    list_names,
    list_test,
    quote_list,
    time_option,
    toml_key,
    when_table,
)
from connectors.sdk.mapping.register_proposal import list_other_directions
from connectors.sdk.mapping.sample_columns import PREFERRED, Column, plain_name
from models.locale import _
from models.topics import Channel

_NAMED: Final = re.compile(
    r"\bcana(?:l|ux)\b|\bchannel|\bmedia\b|\bcontact (?:type|mode)"
    r"|\b(?:type|mode|moyen|voie|nature)s? (?:de |d )?(?:contact|accueil|saisine|reception|arrivee|entree|depot)"
)
_MAY_BE_NAMED: Final = re.compile(r"\btype\b|\borigine|\bsource\b|\bprovenance|\bcontact$")
MIN_NAMED_SHARE: Final = 0.5
"""Lowest share of the values that must be channels in a column whose name says so; in others, `MIN_SHARE`."""
_WORDS: Final = {
    Channel.FORM: re.compile(r"\bteleservice|\bteleprocedure|\bdemarche"),
    Channel.EMAIL: re.compile(
        r"courriel|\be ?mail|\bmail|\bmel\b|electronique|formulaire|\bform\b|\binternet|\bweb|\ben ligne|\bonline"
    ),
    Channel.CALL: re.compile(r"\btel(?:ephon|\b)|\bappel|\bphone|\bcall"),
    Channel.VISIT: re.compile(
        r"guichet|accueil|\bvisit|sur place|physique|presen(?:tiel|ce)|comptoir|\bdesk|\bcounter|walk in|in person"
    ),
    Channel.MAIL: re.compile(r"courrier|lettre|\bletter|\bpost(?:e|al)?\b|\bpapier|\bpaper"),
}
"""Words in values by channel; the first channel counts. A contact form sends an e-mail."""
_AT_ONCE: Final = {
    Channel.CALL: ("call.queued", "call.answered", "call.ended"),
    Channel.VISIT: ("visit.arrived", "visit.called", "visit.served"),
}
"""Events of a contact that was received at once, by channel."""
_END_OF_CONTACT: Final = re.compile(r"\bfin\b|\bend|depart|hangup|raccroch|sorti")
"""Words in the names of columns with the end of a call or visit, and not that of its case, which may be days later."""

_PICKED_UP: Final = re.compile(r"decroch|\bpick|\bpris|appel|\bcalled")
"""Words in the names of columns with the time at which a call or visitor was received, and not that of an answer by letter."""


class MixedChannels(NamedTuple):
    """A column that names the channel of each contact."""

    column: Column
    values: Mapping[Channel, Sequence[str]]
    """Values by channel, the most frequent first."""
    unplaced: Sequence[str]
    """Values that name no channel of Accueil."""
    direction: Column | None
    """Column that says whether a contact arrived or was sent."""

    @property
    def has_personal_contacts(self) -> bool:
        """True if there are calls or visits, which no register of letters has."""
        return not self.values.keys().isdisjoint(_AT_ONCE)

    def test(self, channel: Channel) -> str:
        """Return the test for the contacts of a channel."""
        return list_test(self.column, quote_list(self.values[channel]))


def find_mixed_channels(columns: Sequence[Column], direction: Column | None) -> MixedChannels | None:
    """Return the column that names the channels of contacts; None if there is none, or if all have the same.

    `direction` is the column that says whether a contact arrived or was sent.
    """
    for column in columns:
        is_named = _NAMED.search(column.plain)
        if column.time_format or not column.has_few_values or not (is_named or _MAY_BE_NAMED.search(column.plain)):
            continue
        values: dict[Channel, list[str]] = {}
        for value, _count in column.distinct.most_common():
            if channel := _place_channel(value):
                values.setdefault(channel, []).append(value)
        known = sum(_place_channel(value) is not None for value in column.values)
        if len(values) > 1 and known >= (MIN_NAMED_SHARE if is_named else MIN_SHARE) * len(column.values):
            unplaced = [value for value in column.distinct if _place_channel(value) is None]
            return MixedChannels(column, values, unplaced, direction)
    return None


def is_mixed_register(found: MixedChannels, channel: Channel | None, roles: Mapping[str, Column]) -> bool:
    """Return whether each record is a contact of the channel that the column names.

    In a list of files or appointments, the column may be the way by which a file was sent or an appointment booked. `channel` and
    `roles` are those of a table without the column. In a register of letters, a few may have come by e-mail or over the counter.
    """
    is_file = channel is Channel.FORM and "procedure" in roles and Channel.CALL not in found.values
    named = [_place_channel(value) for value in found.column.values]
    is_letters = channel is Channel.MAIL and named.count(Channel.MAIL) >= MIN_SHARE * len(named)
    is_appointment = channel is Channel.APPOINTMENT and "starts_at" in roles
    return "begins" in roles and "repeated_id" not in roles and not (is_file or is_letters or is_appointment)


def list_channel_advice(found: MixedChannels, channel: Channel) -> Iterator[str]:
    """Yield comments about the column in a table whose records are all taken as contacts of `channel`."""
    advice = _(
        "{column} names several channels, but all records count as {channel}; to leave some out, write:",
        column=toml_key(found.column.name),
        channel=channel,
    )
    others = [value for value in found.column.distinct if _place_channel(value) is not channel]
    yield f"# {advice}"
    yield f"# ignored.{toml_key(found.column.name)} = {quote_list(others)}"


def list_mixed_lines(
    found: MixedChannels,
    columns: Sequence[Column],
    begins: Column,
    records: Sequence[Record],
    main_format: str,
    *,
    is_webhook: bool,
) -> Iterator[str]:
    """Yield the lines of the mapping, after its first options: a group of events for each channel.

    `begins` has the time of contacts of channels for which no other column has it.
    """
    others = [column for column in columns if column not in {found.column, found.direction}]
    roles = {channel: {"begins": begins, **_find_channel_roles(others, channel)} for channel in found.values}
    events = [
        line
        for channel, own in roles.items()
        for line in _list_channel_events(own, channel, main_format, found.test(channel))
    ]
    by_role = find_roles(others, Channel.MAIL)
    yield from list_id_lines(by_role, records, Channel.MAIL, is_states=False, is_webhook=is_webhook)
    options = _list_options(roles, events, main_format)
    yield from options.values()
    yield from ("", "events = [", *events)
    if found.unplaced:
        values = ", ".join(found.unplaced)
        advice = _("put these values into a line above or into [ignored]: {values}", values=values)
        yield f"  # {advice}"
    if Channel.CALL in roles:
        advice = _("if a telephone system reports the calls too, put their values into [ignored] instead")
        yield f"  # {advice}"
    with_reason = {channel: own for channel, own in roles.items() if "contact_reason" in own}
    for channel, own in with_reason.items():
        yield format_reason(own, main_format, found.test(channel), channel)
    yield "]"
    if found.direction and (outgoing := list_other_directions(found.direction)):
        advice = _("contacts that the organisation began")
        yield from ("", "[ignored]", f"{toml_key(found.direction.name)} = {quote_list(outgoing)}  # {advice}")
    for name in ("procedure", "queue", "service", "site"):
        named = next((own[name] for own in roles.values() if name in own), None)
        if named and name in options:
            yield from ("", f"[values.{name}]", *list_names(named.distinct))
    for own in [*with_reason.values()][:1]:
        yield from ("", *list_reasons(own["contact_reason"]))


def _list_options(
    roles: Mapping[Channel, Mapping[str, Column]], events: Sequence[str], main_format: str
) -> dict[str, str]:
    """Return the lines of the fields that all events have, by option; that of the first channel counts."""
    options: dict[str, str] = {}
    for channel, own in roles.items():
        for line in list_field_lines(own, channel, main_format):
            options.setdefault(line.partition(" = ")[0], line)
    if "case" in options:  # the same number with both options would not link contacts
        options.pop("dossier", None)
    if not any(line.lstrip().startswith('{ event = "call.answered"') for line in events):
        options.pop("agent", None)  # no event has the agent
    return options


def _find_channel_roles(columns: Sequence[Column], channel: Channel) -> dict[str, Column]:
    """Return the columns by their roles in a channel. The service is the queue of calls if no column names a queue."""
    roles = find_roles(columns, channel)
    roles.pop("line", None)
    if "queue" in roles and not re.search(PREFERRED["queue"], roles["queue"].plain):
        column = roles.pop("queue")
        if column.fits_by_name("contact_reason"):
            roles.setdefault("contact_reason", column)
    if channel is Channel.CALL and "queue" not in roles and "service" in roles:
        roles["queue"] = roles["service"]
    answered = roles.get("answers") if channel in _AT_ONCE and "wait_seconds" not in roles else None
    if answered and not _PICKED_UP.search(plain_name(answered.name)):
        del roles["answers"]
    if channel is Channel.EMAIL and "answers" not in roles and "ends" in roles:
        roles["answers"] = roles["ends"]
    return roles


def _list_channel_events(roles: Mapping[str, Column], channel: Channel, main_format: str, test: str) -> Iterator[str]:
    """Yield the events of the contacts of one channel."""
    has_wait = not roles.keys().isdisjoint({"answers", "wait_seconds"}) or bool(find_outcomes(roles))
    if channel not in _AT_ONCE or has_wait:
        yield from list_events(roles, channel, main_format, test)
        return
    *received, ended = _AT_ONCE[channel]
    begin, condition = time_option(roles["begins"], main_format), add_test(test, "")
    for event in received:
        yield f"  {event_table(event, {'time': begin, 'when': condition})},"
    end, duration = roles.get("ends"), roles.get("handle_seconds")
    options = {"time": begin, "when": condition}
    if end and _END_OF_CONTACT.search(plain_name(end.name)):
        options = {"time": time_option(end, main_format), "when": add_test(test, when_table(end, "true"))}
    elif duration:
        name = f"{format_expression(duration.name)} || '0'" if duration.is_sometimes_empty else duration.name
        options["time"] = sum_times(roles["begins"], [replace(duration, name=name)], main_format)
    if duration and channel is Channel.CALL:
        options["handle_seconds"] = duration_value(duration)
    yield f"  {event_table(ended, options)},"


def _place_channel(value: str) -> Channel | None:
    """Return the channel that a value names; None if it names none."""
    plain = " ".join(plain_name(value).split())
    return next((channel for channel, words in _WORDS.items() if words.search(plain)), None)
