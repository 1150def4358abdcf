"""Proposal of the option `id`, also for numbers that restart every day or every year."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from connectors.sdk.mapping.conversions import time_reader
from connectors.sdk.mapping.fields import Record, text_getter
from connectors.sdk.mapping.proposed_lines import quote
from connectors.sdk.mapping.sample_columns import Column
from models.codec import UnusableRecord
from models.locale import _
from models.topics import Channel

_DAILY: Final = frozenset({Channel.MAIL, Channel.VISIT, Channel.CALL})
"""Channels with numbers that restart: those of registers, tickets and telephone systems."""
_ZONE: Final = ZoneInfo("Europe/Paris")


def list_id_lines(
    roles: Mapping[str, Column], records: Sequence[Record], channel: Channel, *, is_states: bool
) -> Iterator[str]:
    """Yield the lines about the id of contacts. With `is_states`, several records with one id are about the same contact."""
    if "repeated_id" in roles:
        yield 'rows = "events"'
        yield f"id = {quote(roles['repeated_id'].name)}"
        if channel is Channel.VISIT:
            advice = _("if the ids restart every day, like ticket numbers")
            yield f"# daily_ids = true  # {advice}"
    elif "id" not in roles:
        advice = _("no column found: without it, the contents of a record are its id")
        yield f'# id = ""  # {advice}'
    elif is_states or "begins" not in roles:
        yield f"id = {quote(roles['id'].name)}"
    else:
        yield from _contact_id_lines(roles["id"], roles["begins"], records, channel)


def _contact_id_lines(id_column: Column, begins: Column, records: Sequence[Record], channel: Channel) -> Iterator[str]:
    """Yield the lines about the id of a table with a row for each contact."""
    plain = f"id = {quote(id_column.name)}"
    times = _read_times(id_column, begins, records)
    if not _repeats(times, lambda number, _at: number):
        yield plain
        if channel is Channel.MAIL:
            advice = _("if the ids restart every year, like the numbers of a register")
            yield f"# yearly_ids = true  # {advice}"
        if channel is Channel.VISIT:
            advice = _("if the ids restart every day, like ticket numbers")
            yield f"# daily_ids = true  # {advice}"
    elif channel is Channel.MAIL and not _repeats(times, lambda number, at: (number, at.year)):
        advice = _("the numbers restart every year: the year of the first event is a part of the id")
        yield plain
        yield f"yearly_ids = true  # {advice}"
    elif channel in _DAILY and not _repeats(times, lambda number, at: (number, at.date())):
        advice = _(
            "the ids repeat, but not within a day: the day is a part of the id; remove this if rows correct others"
        )
        yield plain
        yield f"daily_ids = true  # {advice}"
    else:
        advice = _(
            "the ids repeat: if several rows are about one contact, see rows and state; else add a column to the id"
        )
        yield f"{plain}  # {advice}"


def _read_times(id_column: Column, begins: Column, records: Sequence[Record]) -> set[tuple[str, datetime, str]]:
    """Return the id, the local time and the contents of each record that has both. Equal records count once."""
    read_time = time_reader(begins.time_format, _ZONE)
    get_id, get_time = (
        text_getter((id_column.name,)),
        text_getter((begins.day, begins.name) if begins.day else (begins.name,)),
    )
    found = set()
    for record in records:
        try:
            number, text = get_id(record), get_time(record)
            if number and text:
                found.add((number, read_time(text).astimezone(_ZONE), repr(record)))
        except (UnusableRecord, ValueError):
            continue
    return found


def _repeats(times: set[tuple[str, datetime, str]], key: Callable[[str, datetime], object]) -> bool:
    """Return whether several records have the same key."""
    counts = Counter(key(number, at) for number, at, _contents in times)
    return any(count > 1 for count in counts.values())
