"""Localised contents of a report, shared by the HTML, XLSX and CSV writers."""
# ruff: noqa: RUF001 - dashes between names

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from unicodedata import combining, normalize

from models.locale import translate
from models.topics import Channel
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    LINE_CHANNEL,
    MENU_CHANNEL,
    POST_CHANNEL,
    REASON_CHANNEL,
    SLA,
)
from streams.report.history import History
from streams.report.plots import Bar, draw_bars
from streams.report.rows import OTHERS, Table, Value
from streams.report.tables import ArrivalProfile, Coverage, Report
from streams.report.texts import (
    DEFINITIONS,
    NO_BREAK_SPACE,
    TEXTS,
    format_day,
    format_number,
    format_period,
    format_span,
    format_time,
)
from streams.web.board.texts import TEXTS as BOARD
from streams.web.options import WebOptions

SATURDAY: Final = 5
_MAX_LABELS: Final = 31
_LARGEST_FIRST: Final = frozenset({"reasons", "lines", "menu", "callbacks", "post_incoming", "post_outgoing"})
"""Tables whose rows are sorted by their first column; the others by name."""
_WEEK: Final = 7
_NAMED_BY_QUEUE: Final = frozenset({LINE_CHANNEL, MENU_CHANNEL, POST_CHANNEL, REASON_CHANNEL})


class Line(NamedTuple):
    """A table row with its displayed name; `dimensions` is None for the sum of all rows."""

    name: str
    is_sum: bool
    dimensions: Dimensions | None
    values: tuple[Value, ...]


class Chapter(NamedTuple):
    """A table with its title, column titles and plots."""

    name: str
    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    plots: tuple[tuple[str, str], ...]
    """Title and SVG of each chart; empty if the report has no arrival profile for this table."""


class Known(NamedTuple):
    """Coverage of the period by the data of a channel, in words."""

    channel: str
    data: str
    days: str


class Document(NamedTuple):
    """A report in one language."""

    language: str
    title: str
    organisation: str
    period: str
    notes: tuple[str, ...]
    known: tuple[Known, ...]
    totals: tuple[tuple[str, int], ...]
    """Channel, number of contacts received; without feedback."""
    chapters: tuple[Chapter, ...]
    arrival_profiles: tuple[ArrivalProfile, ...]
    definitions: tuple[tuple[str, str], ...]


def build_document(report: Report, history: History, options: WebOptions, language: str) -> Document:
    """Return the report as a document in `language`, `fr` or `en`."""
    texts = TEXTS[language]
    arrival_profiles = {arrival_profile.channel: arrival_profile for arrival_profile in report.arrival_profiles}
    with_profile: set[str] = set()
    chapters = []
    for table in report.tables:
        arrival_profile = None if table.name in with_profile else arrival_profiles.get(table.name)
        with_profile.add(table.name)
        chapters.append(_chapter(table, arrival_profile, options, language))
    return Document(
        language=language,
        title=texts["report"],
        organisation=options.title if language == "fr" else options.title_en or options.title,
        period=format_period(report.period, language),
        notes=tuple(_notes(report, history, language)),
        known=tuple(_known(channel, report, history, language) for channel in report.coverage),
        totals=tuple(
            (texts[arrival_profile.channel], sum(arrival_profile.by_hour))
            for arrival_profile in report.arrival_profiles
        ),
        chapters=tuple(chapters),
        arrival_profiles=report.arrival_profiles,
        definitions=tuple(_definitions(report, options, language)),
    )


def _notes(report: Report, history: History, language: str) -> list[str]:
    texts = TEXTS[language]
    if history.as_of is None:
        notes = [texts["not_told"]]
    else:
        notes = [texts["as_of"].format(when=format_time(history.as_of, language), zone=history.zone.key)]
        if history.as_of.date() <= report.period.last:
            notes.append(texts["not_over"])
    if any(coverage.begins_on for coverage in report.coverage):
        notes.append(texts["known_in_part"])
    if _unfinished_history(report, history):
        notes.append(texts["reads_history"])
    if history.unreadable:
        notes.append(texts["unreadable"].format(count=history.unreadable))
    if not report.tables:
        notes.append(texts["nothing"])
    return notes


def _unfinished_history(report: Report, history: History) -> dict[str, datetime]:
    """Return channel → time reached by the reading of its history, for channels that have not passed the period."""
    return {channel: at for channel, at in history.history_read_until.items() if at.date() <= report.period.last}


def _known(coverage: Coverage, report: Report, history: History, language: str) -> Known:
    texts = TEXTS[language]
    if coverage.begins_on is None:
        data = texts["complete"]
    else:
        first, last = report.period.first, report.period.last
        begins_on = coverage.begins_on
        name = "begins_first" if begins_on == first else "begins" if begins_on <= last else "after_period"
        data = texts[name].format(day=format_day(begins_on, language))
    if (at := _unfinished_history(report, history).get(coverage.channel)) is not None:
        data = texts["being_read"].format(data=data, when=format_time(at, language))
    days = texts["of_days"].format(count=coverage.days_with_contacts, days=len(report.period.days))
    return Known(texts[coverage.channel], data, days)


def _definitions(report: Report, options: WebOptions, language: str) -> list[tuple[str, str]]:
    limits = {"target": options.target_seconds, "limit": options.short_abandon_seconds}
    board = BOARD[language]
    at_desks = board["desk_target"].format(target=format_span(options.desk_target_seconds, language))
    values = {
        "zone": options.time_zone.key,
        "short": format_span(options.short_abandon_seconds, language),
        "formula": report.formula.value,
        "service_level": f"{board[f'formula_{report.formula}'].format(**limits)} {at_desks}",
        "abandonment": board["abandonment_formula"].format(**limits),
    }
    return [(translate(name, language), translate(text, language, **values)) for name, text in DEFINITIONS]


def _chapter(table: Table, arrival_profile: ArrivalProfile | None, options: WebOptions, language: str) -> Chapter:
    texts = TEXTS[language]
    names = _name_rows([row.dimensions for row in table.rows if row.dimensions], options, language) | {
        OTHERS: texts["others"]
    }
    lines = [
        Line(
            names[row.dimensions] if row.dimensions else texts["total"],
            row.dimensions is None,
            row.dimensions,
            row.values,
        )
        for row in table.rows
    ]
    if table.name in _LARGEST_FIRST:
        lines.sort(key=lambda line: -(line.values[0].value or 0))
        lines.sort(key=lambda line: (not line.is_sum, line.dimensions == OTHERS))
    else:
        lines.sort(key=lambda line: (not line.is_sum, line.dimensions == OTHERS, _sort_key(line.name)))
    columns = tuple(texts["sent_letters" if name == "sent" else name] for name in table.columns)
    plots = _plots(arrival_profile, language) if arrival_profile else ()
    return Chapter(table.name, texts[table.name], columns, tuple(lines), plots)


def _name_rows(dimension_keys: Sequence[Dimensions], options: WebOptions, language: str) -> dict[Dimensions, str]:
    """Return the display names of rows: configured labels or defaults, with a `_distinction` where names are equal."""
    texts = TEXTS[language]
    queues = {queue.dimensions: queue.label_fr if language == "fr" else queue.label_en for queue in options.queues}
    has_services = any(dimensions.service for dimensions in dimension_keys)
    names = {}
    for dimensions in dimension_keys:
        service = (
            options.service_labels(dimensions.service)[0 if language == "fr" else 1]
            if dimensions.service
            else texts["no_service"]
        )
        if dimensions in queues:
            names[dimensions] = queues[dimensions]
        elif dimensions.channel == CALLBACK_CHANNEL and (call := dimensions._replace(channel=Channel.CALL)) in queues:
            names[dimensions] = queues[call]
        elif dimensions.channel in _NAMED_BY_QUEUE:
            name = _name_part(dimensions, options, language)
            names[dimensions] = f"{service} – {name}" if has_services else name
        elif dimensions.channel == SLA:
            name = _name_target(dimensions, texts)
            names[dimensions] = f"{name}, {service}" if dimensions.service else name
        elif dimensions.queue:
            queue = texts.get(dimensions.queue, dimensions.queue)  # for feedback: the channel of the contact
            names[dimensions] = f"{service} – {queue}" if queue != dimensions.service else service
        else:
            names[dimensions] = service
    frequency = Counter(names.values())
    return {
        dimensions: f"{name}{_distinction(dimensions)}" if frequency[name] > 1 else name
        for dimensions, name in names.items()
    }


def _name_part(dimensions: Dimensions, options: WebOptions, language: str) -> str:
    """Return the name of a line, a menu choice, a class of post or a reason."""
    if dimensions.channel == REASON_CHANNEL:
        return options.reason_labels(dimensions.queue)[0 if language == "fr" else 1]
    texts = TEXTS[language]
    if dimensions.channel == POST_CHANNEL:
        return texts[f"post_{dimensions.queue.rpartition(':')[2]}"]
    return dimensions.queue or texts["unknown_line" if dimensions.channel == LINE_CHANNEL else "no_name"]


def _name_target(dimensions: Dimensions, texts: Mapping[str, str]) -> str:
    _, clock, channel = dimensions.queue.rsplit(":", 2)
    channel_name = texts["short_form"] if channel == Channel.FORM else texts.get(channel, channel)
    return texts["sla_target_of"].format(channel=channel_name, clock=texts.get(f"clock_{clock}", clock).lower())


def _distinction(dimensions: Dimensions) -> str:
    """Return the addition to a name that several rows have: the policy of an SLA target, and the site; empty without both."""
    policy = dimensions.queue.rsplit(":", 2)[0] if dimensions.channel == SLA else ""
    addition = ", ".join(filter(None, (policy, dimensions.site)))
    return f" ({addition})" if addition else ""


def _sort_key(name: str) -> str:
    """Return the name without case and accents, for sorting."""
    return "".join(letter for letter in normalize("NFKD", name.casefold()) if not combining(letter))


def _plots(arrival_profile: ArrivalProfile, language: str) -> tuple[tuple[str, str], ...]:
    texts = TEXTS[language]
    plots = []
    if len(arrival_profile.by_day) > 1:
        interval = -(-len(arrival_profile.by_day) // _MAX_LABELS)
        bars = [
            Bar(
                _label(day.day, len(arrival_profile.by_day), language) if number % interval == 0 else "",
                format_day(day.day, language, weekday=True),
                day.number,
                day.day.weekday() >= SATURDAY,
            )
            for number, day in enumerate(arrival_profile.by_day)
        ]
        if len(arrival_profile.by_day) > 2 * _MAX_LABELS:
            bars = _by_month(arrival_profile, language)
        plots.append((texts["by_day"], draw_bars(texts["by_day"], bars, language)))
    clock = f"{NO_BREAK_SPACE}h" if language == "fr" else ":00"
    bars = [Bar(str(hour), f"{hour}{clock}", number) for hour, number in enumerate(arrival_profile.by_hour)]
    plots.append((texts["by_hour"], draw_bars(texts["by_hour"], bars, language)))
    return tuple(plots)


def _label(day: date, days: int, language: str) -> str:
    return format_day(day, language, weekday=True).split(" ")[0][:3] + f" {day.day}" if days <= _WEEK else str(day.day)


def _by_month(arrival_profile: ArrivalProfile, language: str) -> list[Bar]:
    months: Counter[tuple[int, int]] = Counter()
    for day in arrival_profile.by_day:
        months[day.day.year, day.day.month] += day.number
    names = {
        (day.day.year, day.day.month): format_day(day.day, language).split(NO_BREAK_SPACE)[1]
        for day in arrival_profile.by_day
    }
    return [Bar(names[month].split(" ")[0][:4], names[month], number) for month, number in months.items()]


def format_value(value: Value, language: str) -> str:
    """Return a cell as text: the value with its unit and confidence interval, or a dash without a value."""
    if value.value is None:
        return "–"
    text = _format(value.value, value.unit, language)
    if value.low is not None and value.high is not None:
        low, high = (_format(bound, value.unit, language, bare=True) for bound in (value.low, value.high))
        text += f" [{low}{NO_BREAK_SPACE}; {high}]" if language == "fr" else f" [{low}, {high}]"
    return text


def _format(number: float, unit: str, language: str, *, bare: bool = False) -> str:
    match unit:
        case "share":
            percent = format_number(100 * number, language, 1)
            return percent if bare else f"{percent}{NO_BREAK_SPACE}%" if language == "fr" else f"{percent}%"
        case "seconds":
            return format_span(number, language)
        case "days":
            return f"{format_number(number, language, 1)}{NO_BREAK_SPACE}{'j' if language == 'fr' else 'd'}"
        case "euros":
            euros = format_number(number, language, 2)
            return f"{euros}{NO_BREAK_SPACE}€" if language == "fr" else f"€{euros}"
        case _:
            return format_number(number, language)
