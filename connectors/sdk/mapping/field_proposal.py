"""Proposed options of a channel that all its events have: queue, service, identities, and what one channel needs."""

import re
from collections.abc import Iterator, Mapping

from connectors.sdk.mapping.proposed_lines import quote, time_option
from connectors.sdk.mapping.sample_columns import PREFERRED, Column, plain_name
from models.locale import _
from models.topics import Channel


def list_field_lines(roles: Mapping[str, Column], channel: Channel, time_format: str) -> Iterator[str]:
    """Yield the lines of the fields that all events have."""
    for name in (*usable_names(channel), "dossier", "phone", "email"):
        if name not in roles:
            continue
        column = roles[name]
        option = "case" if name == "dossier" and channel is not Channel.FORM else name
        line = f"{option} = {quote(column.name)}"
        if name == "queue" and channel is Channel.CALL and not re.search(PREFERRED["queue"], plain_name(column.name)):
            line += "  # " + _("no column names a queue: is it this one?")
        elif option == "dossier":
            line += "  # " + _("or case, if the number is that of a file which contacts of other channels name")
        yield line
    yield from _channel_lines(roles, channel, time_format)


def _channel_lines(roles: Mapping[str, Column], channel: Channel, time_format: str) -> Iterator[str]:
    """Yield the lines of the fields that only events of this channel have."""
    if channel is Channel.CALL and "queue" not in roles:
        advice = _("no column found: name the queue")
        yield f'queue = {{ value = "" }}  # {advice}'
    if channel is Channel.FORM and "procedure" not in roles:
        advice = _("name the procedure")
        yield f'procedure = {{ value = "" }}  # {advice}'
    if channel is Channel.APPOINTMENT:
        if "starts_at" in roles:
            starts = roles["starts_at"]
            yield f"starts_at = {time_option(starts, time_format)}"
        else:
            advice = _("no column found: name the time of the appointment")
            yield f'# starts_at = ""  # {advice}'
    if channel is Channel.FEEDBACK:
        advice = _("or csat_1_5, ces_1_5, ces_1_7, nps_0_10, jdma_0_10")
        yield f'scale = {{ value = "csat_1_5" }}  # {advice}'
        if "score" in roles:
            yield f"score = {quote(roles['score'].name)}"


def usable_names(channel: Channel) -> tuple[str, ...]:
    """Return the options with names that the events of a channel may have."""
    match channel:
        case Channel.CALL:
            return "queue", "line", "service", "site", "agent"
        case Channel.FORM:
            return "procedure", "service", "site"
        case Channel.VISIT | Channel.EMAIL | Channel.APPOINTMENT:
            return "queue", "service", "site"
    return "service", "site"
