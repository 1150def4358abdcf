"""Proposal of the option `id`, also for numbers that restart every day or every year."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
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
Times = AbstractSet[tuple[str, datetime, str]]
"""Id, local time and contents of each record."""


def list_id_lines(
    roles: Mapping[str, Column], records: Sequence[Record], channel: Channel, *, is_states: bool, is_webhook: bool
) -> Iterator[str]:
    """Yield the lines about the id of contacts. With `is_states`, several records with one id are about the same contact.

    The messages of a webhook need an id, and several of them may be about one contact.
    """
    if "repeated_id" in roles:
        yield 'rows = "events"'
        yield f"id = {quote(roles['repeated_id'].name)}"
        if channel is Channel.VISIT:
            advice = _("if the ids restart every day, like ticket numbers")
            yield f"# daily_ids = true  # {advice}"
    elif "id" not in roles:
        advice = _("not found: without it, the contents of a record are its id")
        if is_webhook:
            advice = _("name the field with the id of the contact: each message needs it")
        yield f'# id = ""  # {advice}'
    elif is_states or "begins" not in roles:
        yield f"id = {quote(roles['id'].name)}"
    else:
        yield from _contact_id_lines(roles["id"], roles["begins"], records, channel, is_webhook=is_webhook)


def _contact_id_lines(
    id_column: Column, begins: Column, records: Sequence[Record], channel: Channel, *, is_webhook: bool
) -> Iterator[str]:
    """Yield the lines about the id if each record has the first time of its contact."""
    plain = f"id = {quote(id_column.name)}"
    times = read_times((id_column,), (begins,), records)
    if not _repeats(times, lambda number, _at: number):
        yield plain
        if channel is Channel.MAIL:
            advice = _("if the ids restart every year, like the numbers of a register")
            yield f"# yearly_ids = true  # {advice}"
        if channel is Channel.VISIT:
            advice = _("if the ids restart every day, like ticket numbers")
            yield f"# daily_ids = true  # {advice}"
    elif channel is Channel.MAIL and restarts_yearly(times):
        yield plain
        yield format_yearly_ids()
    elif channel in _DAILY and not _repeats(times, lambda number, at: (number, at.date())):
        advice = _(
            "the ids repeat, but not within a day: the day is a part of the id; "
            "remove this if records of several days are about one contact"
        )
        yield plain
        yield f"daily_ids = true  # {advice}"
    else:
        advice = _(
            "the ids repeat: if several records are about one contact, see rows and state; else add a field to the id"
        )
        if is_webhook:
            advice = _("the ids repeat: if these messages are not about one contact, add a field to the id")
        yield f"{plain}  # {advice}"


def format_yearly_ids() -> str:
    """Return the line for ids that restart every year."""
    advice = _("the numbers restart every year: the year of the first event is a part of the id")
    return f"yearly_ids = true  # {advice}"


def read_times(id_columns: Sequence[Column], time_columns: Iterable[Column], records: Sequence[Record]) -> Times:
    """Return the id, the local time and the contents of each record that has both. Equal records count once.

    The id is the joined text of `id_columns`. The time is that of the first of `time_columns` with a value.
    """
    get_id = text_getter([column.name for column in id_columns])
    readers = [
        (
            text_getter((column.day, column.name) if column.day else (column.name,)),
            time_reader(column.time_format, _ZONE),
        )
        for column in time_columns
    ]
    found = set()
    for record in records:
        try:
            number = get_id(record)
            at = next((read_time(text) for get_time, read_time in readers if (text := get_time(record))), None)
            if number and at:
                found.add((number, at.astimezone(_ZONE), repr(record)))
        except (UnusableRecord, ValueError):
            continue
    return found


def restarts_yearly(times: Times) -> bool:
    """Return whether ids repeat, but not within a year."""
    return _repeats(times, lambda number, _at: number) and not _repeats(times, lambda number, at: (number, at.year))


def _repeats(times: Times, key: Callable[[str, datetime], object]) -> bool:
    """Return whether several records have the same key."""
    counts = Counter(key(number, at) for number, at, _contents in times)
    return any(count > 1 for count in counts.values())
