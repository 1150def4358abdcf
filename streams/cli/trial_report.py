"""What `accueil connectors try` prints: the events of each record, their sums, and the values that the mapping does not know."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import click
import msgspec

from connectors.sdk.config_errors import format_key_path
from connectors.sdk.mapping.config import MappedConfig, find_presets
from connectors.sdk.mapping.doubtful_values import find_midnights
from connectors.sdk.mapping.sample_columns import propose_label
from connectors.sdk.mapping.trial import MISSING_TABLE, Trial, TriedRecord
from models.events import Event
from models.locale import _
from models.reasons import Reason
from streams.locale.reason_texts import describe as describe_reason
from streams.locale.reason_texts import describe_place
from streams.locale.reason_texts import explain as explain_detail

MOST_UNKNOWN: Final = 100
"""Unknown values printed for each table."""
MOST_OPTIONAL: Final = 20
"""Most values of a table to print that may be named."""
MOST_PHONES: Final = 20
"""Most telephone numbers of a table to print."""
_DIALLED: Final = frozenset({"line", "queue"})
"""Options whose values may be telephone numbers."""
_PHONE: Final = re.compile(r"\+?\d(?:[ .()-]{0,2}\d){7,}", re.ASCII)
"""A telephone number with at least eight digits, which is no extension."""
_ENVELOPE: Final = ("site", "service", "identities")
_PSEUDONYM: Final = re.compile(
    r"\b(\w+):[0-9a-f]{4}-[\w-]{22}(?![\w-])|\b(contact|record|REF)-[\w-]{20}(?![\w-])", re.ASCII
)
"""Pseudonyms of persons, and keyed digests of ids and references."""


def print_records(samples: Sequence[Sequence[TriedRecord]], most: int, zone: ZoneInfo) -> None:
    """Print the events of the first `most` records of each sample, with times in `zone` and short names instead of pseudonyms."""
    names: dict[str, str] = {}
    kinds = Counter[str]()

    def name(found: re.Match[str]) -> str:
        if found[0] not in names:
            kind = found[1] or found[2]
            kinds[kind] += 1
            names[found[0]] = f"{kind}#{kinds[kind]}"
        return names[found[0]]

    click.echo(_("times in {zone}", zone=zone.key))
    for records in samples:
        for record in records[:most]:
            _print_record(record, zone, lambda text: _PSEUDONYM.sub(name, text))
        if len(records) > most:
            click.echo(_("… and {count} more records (--rows prints more)", count=len(records) - most))
    if names:
        example = next(iter(names.values()))
        click.echo()
        click.echo(
            _("{example} stands for a pseudonym, and within this output always for the same one", example=example)
        )


def _print_record(record: TriedRecord, zone: ZoneInfo, shorten: Callable[[str], str]) -> None:
    place = describe_place(record.place) or record.place
    if record.rejected:
        text = click.style(_("rejected: {reason}", reason=_describe_rejected(*record.rejected)), fg="red")
        click.echo(f"{place}{_(':')} {text}")
        return
    note = ""
    if record.is_repeated:
        note = _("same contents as an earlier record: skipped")
    elif record.replaces:
        note = _("replaces the earlier record with this id")
    elif record.is_known:
        note = _("no new event: the contact has the same ones at the same times")
    elif not record.events:
        note = _("no event")
    click.echo(f"{place}{_(':')} {note}".rstrip())
    for event in record.events:
        click.echo(
            f"  {event.type:<28} {event.time.astimezone(zone):%Y-%m-%d %H:%M:%S}  {shorten(_describe(event, zone))}"
        )
    for pair in record.disorder:
        click.secho(f"  {_describe_disorder(*pair)}", fg="yellow")
    for kind in record.second:
        click.secho(f"  {_describe_second(kind)}", fg="yellow")
    for pair in record.long:
        click.secho(f"  {_describe_long(*pair)}", fg="yellow")


def _describe_disorder(later: str, earlier: str) -> str:
    return _("warning: {later} is before {earlier}", later=later, earlier=earlier)


def _describe_second(kind: str) -> str:
    if kind == "call.queued":
        return _("warning: a second call.queued of a call with the same `visit`: both count as one queue stay")
    return _("warning: a second {kind} of the same contact, with other data", kind=kind)


def _describe_long(kind: str, name: str) -> str:
    return _("warning: {name} of {kind} is two hours or more: is its unit right?", kind=kind, name=name)


def _describe(event: Event, zone: ZoneInfo) -> str:
    values = {name: getattr(event, name) for name in _ENVELOPE}
    values |= event.data.model_dump(exclude_unset=True)
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
    by_rule = _("set by a rule") if values.pop("by_rule", False) else ""
    parts = [f"{name}={value}" for name, value in values.items() if value not in ("", None)]
    if by_rule:
        parts.append(f"({by_rule})")
    return " ".join([event.subject.rsplit(":", 1)[-1], *parts])


def explain_no_records(config: MappedConfig) -> str:
    """Return what to look at if a source gives no record at its first read."""
    places = [_("the contents of the table, the files or the answer")]
    if config.mapping in find_presets():
        places.insert(0, _("the first lines of accueil connectors presets {preset}", preset=config.mapping))
    elif config.mapping:
        places.insert(0, _("the mapping file {path}", path=config.mapping))
    if names := [name for name in ("since", "start") if getattr(config, name, None)]:
        places.append(_("the options that limit what is read: {names}", names=", ".join(names)))
    return _("The source gives no record at its first read. Look at: {places}", places=_("; ").join(places))


def print_unnamed(columns: Sequence[str]) -> None:
    """Print the columns of the sample that the mapping does not name."""
    if columns:
        click.echo()
        click.echo(_("Not named, so they never leave the connector: {columns}", columns=", ".join(columns)))


def print_summary(tried: Sequence[TriedRecord], trial: Trial, zone: ZoneInfo) -> None:
    """Print the sums and the warnings."""
    click.echo()
    click.echo(_("records: {count}", count=len(tried)))
    counts = Counter[str](event.type for record in tried for event in record.events)
    counts.subtract(event.type for record in tried for event in record.replaced)
    given_again = _count_given_again(tried) if trial.options.rows == "events" else Counter[str]()
    for event_type, count in sorted((+counts).items()):
        again = given_again[event_type]
        note = _("(repeated: {count})", count=again) if again else ""
        click.echo(f"{count - again:>8}  {event_type} {note}".rstrip())
    silent = sum(not record.events and not record.rejected and not record.is_repeated for record in tried)
    repeated = sum(record.is_repeated for record in tried)
    replacing = sum(record.replaces for record in tried)
    for count, text in (
        (silent, _("without an event")),
        (repeated, _("skipped: same contents as an earlier record")),
        (
            replacing,
            _(
                'replace an earlier record with the same id; if each row is one event, set rows = "events"; '
                "if the id is not unique, add a column to it"
            ),
        ),
    ):
        if count:
            click.echo(f"{count:>8}  {text}")
    for found, text in _list_warnings(tried, trial, zone):
        click.secho(f"{found or '':>8}  {text}", fg="yellow")
    reasons = Counter(record.rejected for record in tried if record.rejected)
    for (reason, detail), count in reasons.most_common():
        text = _describe_rejected(reason, detail)
        click.echo(_("{count:>8}  rejected: {reason}", count=count, reason=text))


def _count_given_again(tried: Iterable[TriedRecord]) -> Counter[str]:
    """Return the number of events by type that an earlier record has given: they have the same id, and count once."""
    seen: set[str] = set()
    found = Counter[str]()
    for record in tried:
        found.update(event.type for event in record.events if event.id in seen)
        seen.update(event.id for event in record.events)
    return found


def _list_warnings(tried: Sequence[TriedRecord], trial: Trial, zone: ZoneInfo) -> Iterator[tuple[int, str]]:
    """Yield each warning with the number of its records or contacts; 0 for one about all of them."""
    for pair, count in Counter(pair for record in tried for pair in record.disorder).most_common():
        yield count, _describe_disorder(*pair)
    for kind, count in Counter(kind for record in tried for kind in record.second).most_common():
        yield count, _describe_second(kind)
    for kind, count in trial.count_without_wait().items():
        missing = _("call.queued or wait_seconds") if kind.startswith("call.") else "visit.arrived"
        yield count, _("warning: {kind} without {missing}: the wait counts as 0", kind=kind, missing=missing)
    for (kind, beginning), count in trial.count_uncounted().most_common():
        text = _("warning: {kind} without {beginning}: the contact counts in no figure", kind=kind, beginning=beginning)
        yield count, text
    for pair, count in Counter(pair for record in tried for pair in record.long).most_common():
        yield count, _describe_long(*pair)
    for kind in find_midnights((event for record in tried for event in record.events), zone):
        yield (
            0,
            _("warning: nearly all times of {kind} are at midnight: has another column the time of day?", kind=kind),
        )


def _describe_rejected(reason: Reason, detail: str) -> str:
    return f"{describe_reason(reason)} ({explain_detail(detail)})" if detail else describe_reason(reason)


def print_unknown(
    unknown: Mapping[str, Counter[str]], config: MappedConfig, allowed: Mapping[str, Sequence[str]]
) -> None:
    """Print the values that a table should name, as TOML to be completed. `allowed` has the names by field with a closed list."""
    if not unknown:
        return
    click.echo()
    click.echo(_("The mapping does not name these values of the source. Complete it:"))
    ignored = {}
    for key, counts in unknown.items():
        table, _dot, name = key.partition(".")
        if table == "ignored":
            ignored[name] = counts
            continue
        exists = bool(config.values.get(name, {}).keys() - MISSING_TABLE.keys())
        click.echo("\n" + _head(format_key_path((table, name)), exists=exists))
        if name in allowed:
            known = _("the names may be: {names}", names=", ".join(allowed[name]))
            click.echo(f"# {known}")
        elif name != "state":
            click.echo(f"# {_describe_choices(config, name)}")
        shown = _choose_values(name, counts, MOST_UNKNOWN)
        for value, count in shown:
            found = _("records: {count}", count=count)
            click.echo(f"{_quote(value)} = {_quote(_propose_name(name, value, allowed.get(name, ())))}  # {found}")
        _print_rest(name, counts, shown)
    if ignored:
        click.echo("\n" + _head("ignored", exists=bool(config.ignored)))
        removal = _("a record with one of these values gives no event at all")
        other_way = _("to keep its events, name the value in a `when`, `state` or `other_states` instead")
        click.echo(f"# {removal}")
        click.echo(f"# {other_way}")
    for name, counts in ignored.items():
        values = ", ".join(_quote(value) for value, _count in counts.most_common(MOST_UNKNOWN))
        click.echo(f"{format_key_path((name,))} = [{values}]")


def _describe_choices(config: MappedConfig, name: str) -> str:
    """Return what may be done with a value of a table: name it, or ignore its records."""
    values = [value for options in (config, *config.events) if (value := getattr(options, name))]
    field = next((value.field[0] for value in values if value.field), name)
    return _(
        "a name for each value; or, for records that are no contact, such as cancelled ones, in [ignored]: {example}",
        example=f'{format_key_path((field,))} = ["…"]',
    )


def print_optional(optional: Mapping[str, Counter[str]]) -> None:
    """Print the values that a table may name, as commented TOML: most of them are internal, outgoing or transferred calls."""
    if not optional:
        return
    click.echo()
    click.echo(_("Events of these values are left out until they have a name. Name only those that should count:"))
    for key, counts in optional.items():
        name = key.partition(".")[2]
        click.echo("\n" + _head(format_key_path(("values", name)), exists=True))
        shown = _choose_values(name, counts, MOST_OPTIONAL)
        for value, count in shown:
            found = _("records: {count}", count=count)
            click.echo(f"# {_quote(value)} = {_quote(_propose_name(name, value, ()))}  # {found}")
        _print_rest(name, counts, shown)


def _choose_values(field: str, counts: Counter[str], most: int) -> Sequence[tuple[str, int]]:
    """Return the most frequent values of a table, with their numbers of records.

    Telephone numbers of lines and queues may be those that agents dial: a citizen's number is seldom in two records.
    """
    if field not in _DIALLED:
        return counts.most_common(most)
    others = Counter({value: count for value, count in counts.items() if not _PHONE.fullmatch(value)})
    phones = Counter({value: count for value, count in (counts - others).items() if count > 1})
    return [*others.most_common(most), *phones.most_common(MOST_PHONES)]


def _print_rest(field: str, counts: Counter[str], shown: Sequence[tuple[str, int]]) -> None:
    """Print the number of values that are not shown, and why, if one is a telephone number in one record only."""
    names = dict(shown)
    rest = [value for value in counts if value not in names]
    if not rest:
        return
    text = _("… and {count} more values", count=len(rest))
    if field in _DIALLED and any(counts[value] == 1 and _PHONE.fullmatch(value) for value in rest):
        text += _("; ") + _("a telephone number in one record only is not shown")
    click.echo(f"# {text}")


def _propose_name(field: str, value: str, allowed: Sequence[str]) -> str:
    """Return a name for a value of the source. Empty for a state, and if no name of a closed list has the same label."""
    name = propose_label(value)
    if field == "state":
        return ""
    names = {propose_label(known): known for known in allowed}
    return names.get(name, "") if names else name


def _head(table: str, *, exists: bool) -> str:
    """Return the line above rows of a table: its header, or if the mapping has the table, where they belong."""
    where = _("in [{table}]:", table=table)
    return f"# {where}" if exists else f"[{table}]"


def _quote(text: str) -> str:
    return msgspec.json.encode(text).decode()
