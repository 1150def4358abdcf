"""Proposal of a mapping for a register of letters with a column that says whether a letter arrived or was sent."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from connectors.sdk.mapping.event_fields import CLOSED_LISTS
from connectors.sdk.mapping.event_proposal import LETTER_TREATMENT
from connectors.sdk.mapping.fields import Record
from connectors.sdk.mapping.id_proposal import format_yearly_ids, read_times, restarts_yearly
from connectors.sdk.mapping.post_proposal import find_known_classes
from connectors.sdk.mapping.proposed_lines import (
    event_table,
    list_names,
    quote,
    quote_list,
    time_option,
    time_test,
    toml_key,
    when_table,
)
from connectors.sdk.mapping.sample_columns import ROLES, Column, find_column, plain_name, propose_label
from models.locale import _

_DIRECTION: Final = re.compile(r"\bsens\b|direction|\bflux\b|arrivee depart|entree sortie|\ba d\b|\be s\b|\bin out\b")
_ARRIVED, _SENT, _INTERNAL = "arrived", "sent", "internal"
_WORDS: Final = {
    _ARRIVED: re.compile(r"\barriv|\bentr(?:ee|ant)|\brecu|\brecep|\bin\b|\binbound|\bincoming|\breceived"),
    _SENT: re.compile(r"\bdepart|\bsort(?:ie|ant)|\benvo[iy]|\bemis|\bexpedi|\bout\b|\boutbound|\boutgoing|\bsent\b"),
    _INTERNAL: re.compile(r"\bintern"),
}
"""Words in values by direction."""
_ABBREVIATIONS: Final = {"a": _ARRIVED, "arr": _ARRIVED, "e": _ARRIVED, "d": _SENT, "dep": _SENT, "s": _SENT}
_REGISTER: Final = re.compile(r"(?:courrier )?(?:arriv|depart|a$|d$)")
_RECEIVED_AT: Final = re.compile(r"arriv|entree|recu|recep|receiv|enregistr")
_SENT_AT: Final = re.compile(r"envoi|depart|expedi|sortie|\bsent\b|posted|dispatch")
_REPLY: Final = re.compile(
    r"reponse au?\b|repond au?\b|\breply|answer\w* to|courrier d origine|\bref\w* (?:de l )?arrivee"
)
_ID: Final = re.compile(ROLES["id"])
_POSTAGE: Final = re.compile(r"affranch|tarif|postage")

MIN_ID_SHARE: Final = 0.4
"""Lowest number of ids for each record: letters that arrived and letters sent may have the same numbers."""


class RegisterColumns(NamedTuple):
    """Columns of a register of letters that arrived and were sent."""

    direction: Column
    received: Column
    sent: Column
    """Column with the time of a letter sent; may be `received`."""
    id: Column | None
    has_shared_ids: bool
    """True if a letter sent has the id of a letter that arrived, in the same year if ids restart."""
    has_yearly_ids: bool
    """True if ids repeat, but not within a year."""
    reply: Column | None
    """Column with the id of the letter that a letter sent answers."""
    postage: Column | None

    @property
    def is_certain(self) -> bool:
        """True if the words are those of registers of letters; `in` and `out` may also be those of calls or e-mails."""
        return any(_REGISTER.match(_plain(value)) for value in self.direction.distinct)

    def has_values(self, meaning: str) -> bool:
        """Return whether a value of `direction` has this meaning."""
        return any(_read_direction(value) == meaning for value in self.direction.distinct)

    def quote_values(self, meaning: str) -> str:
        """Return the values of `direction` with this meaning, as a list of TOML."""
        return quote_list(value for value in self.direction.distinct if _read_direction(value) == meaning)


def find_register_columns(columns: Sequence[Column], records: Sequence[Record]) -> RegisterColumns | None:
    """Return the columns of a register of letters with their direction; None for another table."""
    times = [column for column in columns if column.time_format]
    texts = [column for column in columns if not column.time_format]
    direction = next((column for column in texts if _is_direction(column)), None)
    received = find_column(_RECEIVED_AT, times) or next(iter(times), None)
    if direction is None or received is None:
        return None
    sent = find_column(_SENT_AT, [column for column in times if column is not received]) or received
    reply = find_column(_REPLY, texts)
    others = [column for column in texts if column not in {direction, reply}]
    dated = (received, sent)
    id_column = find_column(
        _ID,
        [
            column
            for column in others
            if len(column.distinct) > MIN_ID_SHARE * len(column.values)
            or restarts_yearly(read_times((column,), dated, records))
            or restarts_yearly(read_times((direction, column), dated, records))
        ],
    )
    postage = find_column(_POSTAGE, [column for column in others if column.has_few_values])
    shared = yearly = False
    if id_column:
        yearly = restarts_yearly(read_times((id_column,), dated, records))
        shared = not yearly and _has_shared_ids(direction, id_column, records)
        yearly = yearly or (shared and restarts_yearly(read_times((direction, id_column), dated, records)))
    return RegisterColumns(direction, received, sent, id_column, shared, yearly, reply, postage)


def _has_shared_ids(direction: Column, id_column: Column, records: Sequence[Record]) -> bool:
    ids: dict[str, set[str]] = {_ARRIVED: set(), _SENT: set()}
    for record in records:
        meaning = _read_direction(str(record.get(direction.name, "")))
        if meaning in ids:
            ids[meaning].add(str(record.get(id_column.name, "")))
    return not ids[_ARRIVED].isdisjoint(ids[_SENT])


def list_register_lines(found: RegisterColumns, roles: Mapping[str, Column], main_format: str) -> Iterator[str]:
    """Yield the lines of the mapping, after its first options."""
    yield from _id_lines(found)
    names = [name for name in ("service", "site", "phone", "email") if name in roles]
    yield from (f"{name} = {quote(roles[name].name)}" for name in names)
    yield from ("", "events = [")
    yield from (f"  {line}" for line in _event_lines(found, roles, main_format))
    yield "]"
    if found.has_values(_INTERNAL):
        yield from ("", "[ignored]", f"{toml_key(found.direction.name)} = {found.quote_values(_INTERNAL)}")
    if found.postage:
        known = CLOSED_LISTS["postage"]
        listed = _("the names may be: {names}", names=", ".join(known))
        yield from ("", "[values.postage]", f"# {listed}")
        classes = {label: name for label, name in find_known_classes().items() if name in known}
        yield from list_names(found.postage.distinct, lambda value: classes.get(propose_label(value), ""))
    for name in ("service", "site"):
        if name in names:
            yield from ("", f"[values.{name}]", *list_names(roles[name].distinct))


def _id_lines(found: RegisterColumns) -> Iterator[str]:
    if found.id is None:
        advice = _("not found: without it, the contents of a record are its id")
        yield f'# id = ""  # {advice}'
    elif found.has_shared_ids:
        advice = _(
            'letters that arrived and letters sent have the same numbers; if these are answers: rows = "events", '
            "id = {id}, and letter.answered instead of letter.sent",
            id=quote(found.id.name),
        )
        yield f"# {advice}"
        yield f"id = {quote_list([found.direction.name, found.id.name])}"
    else:
        yield f"id = {quote(found.id.name)}"
    if found.has_yearly_ids:
        yield format_yearly_ids()


def _event_lines(found: RegisterColumns, roles: Mapping[str, Column], main_format: str) -> Iterator[str]:
    direction = toml_key(found.direction.name)
    is_sent = f"{direction} = {found.quote_values(_SENT)}"
    if found.has_values(_ARRIVED):
        arrived = {
            "time": time_option(found.received, main_format),
            "when": f"{{ {direction} = {found.quote_values(_ARRIVED)} }}",
        }
        yield f"{event_table('letter.arrived', arrived)},"
    for event, role in LETTER_TREATMENT:
        column = roles.get(role)
        if column and column not in {found.received, found.sent}:
            options = {"time": time_option(column, main_format), "when": when_table(column, time_test(column))}
            yield f"{event_table(event, options)},"
    if not found.has_values(_SENT):
        return
    sent = {"time": time_option(found.sent, main_format)}
    if found.reply:
        is_reply = f"{{ {is_sent}, {toml_key(found.reply.name)} = true }}"
        line = f"{event_table('letter.answered', {'id': quote(found.reply.name), **sent, 'when': is_reply})},"
        advice = _("the letter that it answers must be of the same year")
        yield f"{line}  # {advice}" if found.has_yearly_ids else line
    sent["postage"] = quote(found.postage.name) if found.postage else '{ value = "lettre_verte" }'
    hints = [] if found.postage else [_("name the postage class")]
    if not found.reply and not found.has_shared_ids:
        hints.append(_("an answer is letter.answered, with the id of the letter that it answers"))
    line = f"{event_table('letter.sent', {**sent, 'when': f'{{ {is_sent} }}'})},"
    yield f"{line}  # {'; '.join(hints)}" if hints else line


def list_other_directions(direction: Column) -> list[str]:
    """Return the values of a column with directions that mean that a contact did not arrive."""
    return [value for value in direction.distinct if _read_direction(value) in {_SENT, _INTERNAL}]


def _is_direction(column: Column) -> bool:
    """Return whether nearly all values of a column are directions: both, or at least one if the name of the column says so."""
    meanings = {value: _read_direction(value) for value in column.distinct}
    is_named = _DIRECTION.search(plain_name(column.name)) is not None
    if not column.has_few_values or (not is_named and column.fits("result")):
        return False
    if not is_named and {*map(_plain, meanings)} & _ABBREVIATIONS.keys():
        return False
    needed = 1 if is_named else 2
    return len({*meanings.values()} & {_ARRIVED, _SENT}) >= needed and column.is_mostly(meanings.get)


def _read_direction(value: str) -> str:
    """Return the direction that a value names; empty if it names none, or two."""
    plain = _plain(value)
    found = [meaning for meaning, words in _WORDS.items() if words.search(plain)]
    return _ABBREVIATIONS.get(plain) or (found[0] if len(found) == 1 else "")


def _plain(value: str) -> str:
    return plain_name(value).strip()
