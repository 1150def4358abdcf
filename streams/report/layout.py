"""A report in words: the same document for paper, workbook and plain table."""
# ruff: noqa: RUF001 - dashes between names

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from unicodedata import combining, normalize

from models.topics import Channel
from streams.core.figures import Dimensions
from streams.core.layouts import SLA
from streams.report.history import History
from streams.report.plots import Bar, draw_bars
from streams.report.tables import OTHERS, Course, Coverage, Report, Table, Value
from streams.report.texts import (
    DEFINITIONS,
    HARD,
    TEXTS,
    write_day,
    write_number,
    write_period,
    write_span,
    write_time,
)
from streams.web.options import WebOptions
from streams.web.texts import TEXTS as BOARD

SATURDAY: Final = 5
_MOST_LABELS: Final = 31
_WEEK: Final = 7


class Line(NamedTuple):
    """A row of a table with its name."""

    name: str
    is_sum: bool
    place: Dimensions | None
    values: tuple[Value, ...]


class Chapter(NamedTuple):
    """A table with its heading and the names of its columns."""

    name: str
    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    plots: tuple[tuple[str, str], ...]
    """Heading and SVG."""


class Known(NamedTuple):
    """What is known of a channel."""

    channel: str
    data: str
    days: str


class Document(NamedTuple):
    """All of it, in one language."""

    language: str
    title: str
    house: str
    period: str
    notes: tuple[str, ...]
    known: tuple[Known, ...]
    totals: tuple[tuple[str, int], ...]
    """Channel and how many contacts came."""
    chapters: tuple[Chapter, ...]
    courses: tuple[Course, ...]
    definitions: tuple[tuple[str, str], ...]


def lay_out(report: Report, history: History, options: WebOptions, language: str) -> Document:
    """Return the document."""
    texts = TEXTS[language]
    courses = {course.channel: course for course in report.courses}
    told: set[str] = set()
    chapters = []
    for table in report.tables:
        course = None if table.name in told else courses.get(table.name)
        told.add(table.name)
        chapters.append(_chapter(table, course, options, language))
    return Document(
        language=language,
        title=texts["report"],
        house=options.title if language == "fr" else options.title_en or options.title,
        period=write_period(report.period, language),
        notes=tuple(_notes(report, history, language)),
        known=tuple(_known(channel, report, history, language) for channel in report.coverage),
        totals=tuple((texts[course.channel], sum(course.by_hour)) for course in report.courses),
        chapters=tuple(chapters),
        courses=report.courses,
        definitions=tuple(_definitions(report, options, language)),
    )


def _notes(report: Report, history: History, language: str) -> list[str]:
    texts = TEXTS[language]
    if history.as_of is None:
        notes = [texts["not_told"]]
    else:
        notes = [texts["as_of"].format(when=write_time(history.as_of, language), zone=history.zone.key)]
        if history.as_of.date() <= report.period.last:
            notes.append(texts["not_over"])
    if any(coverage.begins_on for coverage in report.coverage):
        notes.append(texts["known_in_part"])
    if _reads(report, history):
        notes.append(texts["reads_history"])
    if history.unreadable:
        notes.append(texts["unreadable"].format(count=history.unreadable))
    if not report.tables:
        notes.append(texts["nothing"])
    return notes


def _reads(report: Report, history: History) -> dict[str, datetime]:
    """Return the channels of which what happened in the period may still be read, and as of when that is."""
    return {channel: at for channel, at in history.being_read.items() if at.date() <= report.period.last}


def _known(coverage: Coverage, report: Report, history: History, language: str) -> Known:
    texts = TEXTS[language]
    if coverage.begins_on is None:
        data = texts["complete"]
    else:
        first, last = report.period.first, report.period.last
        begins_on = coverage.begins_on
        name = "begins_first" if begins_on == first else "begins" if begins_on <= last else "after_period"
        data = texts[name].format(day=write_day(begins_on, language))
    if (at := _reads(report, history).get(coverage.channel)) is not None:
        data = texts["being_read"].format(data=data, when=write_time(at, language))
    days = texts["of_days"].format(count=coverage.days_with_contacts, days=len(report.period.days))
    return Known(texts[coverage.channel], data, days)


def _definitions(report: Report, options: WebOptions, language: str) -> list[tuple[str, str]]:
    number = 0 if language == "fr" else 1
    limits = {"target": options.target_seconds, "limit": options.short_abandon_seconds}
    board = BOARD[language]
    at_desks = board["desk_target"].format(target=write_span(options.desk_target_seconds, language))
    values = {
        "zone": options.time_zone.key,
        "short": write_span(options.short_abandon_seconds, language),
        "formula": report.formula.value,
        "service_level": f"{board[f'formula_{report.formula}'].format(**limits)} {at_desks}",
        "abandonment": board["abandonment_formula"].format(**limits),
    }
    return [(name[number], text[number].format(**values)) for name, text in DEFINITIONS]


def _chapter(table: Table, course: Course | None, options: WebOptions, language: str) -> Chapter:
    texts = TEXTS[language]
    names = _name_places([row.place for row in table.rows if row.place], options, language) | {OTHERS: texts["others"]}
    lines = [
        Line(names[row.place] if row.place else texts["total"], row.place is None, row.place, row.values)
        for row in table.rows
    ]
    lines.sort(key=lambda line: (not line.is_sum, line.place == OTHERS, _spelling(line.name)))
    columns = tuple(texts["sent_letters" if name == "sent" else name] for name in table.columns)
    plots = _plots(course, language) if course else ()
    return Chapter(table.name, texts[table.name], columns, tuple(lines), plots)


def _name_places(places: Sequence[Dimensions], options: WebOptions, language: str) -> dict[Dimensions, str]:
    """Return what people call each place: what the settings say, and the site where that would not tell two apart."""
    number = 0 if language == "fr" else 1
    texts = TEXTS[language]
    queues = {queue.dimensions: (queue.label_fr, queue.label_en)[number] for queue in options.queues}
    names = {}
    for place in places:
        service = options.labels_of(place.service)[number] if place.service else texts["no_service"]
        if place in queues:
            names[place] = queues[place]
        elif place.channel == SLA:
            name = _name_promise(place, texts)
            names[place] = f"{name}, {service}" if place.service else name
        elif place.queue:
            about = texts.get(place.queue, place.queue)  # opinions stand by the channel that they are about
            names[place] = f"{service} – {about}" if about != place.service else service
        else:
            names[place] = service
    often = Counter(names.values())
    return {place: f"{name}{_tell_apart(place)}" if often[name] > 1 else name for place, name in names.items()}


def _name_promise(place: Dimensions, texts: Mapping[str, str]) -> str:
    """Return what the board calls a promise."""
    _, clock, channel = place.queue.rsplit(":", 2)
    of = texts["short_form"] if channel == Channel.FORM else texts.get(channel, channel)
    return texts["promise_of"].format(channel=of, clock=texts.get(f"clock_{clock}", clock).lower())


def _tell_apart(place: Dimensions) -> str:
    """Return what is added to a name that others have too: of promises the policy, and the site."""
    policy = place.queue.rsplit(":", 2)[0] if place.channel == SLA else ""
    told = ", ".join(filter(None, (policy, place.site)))
    return f" ({told})" if told else ""


def _spelling(name: str) -> str:
    """Return by what a name is put in its place, whatever its accents."""
    return "".join(letter for letter in normalize("NFKD", name.casefold()) if not combining(letter))


def _plots(course: Course, language: str) -> tuple[tuple[str, str], ...]:
    texts = TEXTS[language]
    plots = []
    if len(course.by_day) > 1:
        every = -(-len(course.by_day) // _MOST_LABELS)
        bars = [
            Bar(
                _label(told.day, len(course.by_day), language) if number % every == 0 else "",
                write_day(told.day, language, weekday=True),
                told.number,
                told.day.weekday() >= SATURDAY,
            )
            for number, told in enumerate(course.by_day)
        ]
        if len(course.by_day) > 2 * _MOST_LABELS:
            bars = _by_month(course, language)
        plots.append((texts["by_day"], draw_bars(texts["by_day"], bars, language)))
    clock = f"{HARD}h" if language == "fr" else ":00"
    bars = [Bar(str(hour), f"{hour}{clock}", number) for hour, number in enumerate(course.by_hour)]
    plots.append((texts["by_hour"], draw_bars(texts["by_hour"], bars, language)))
    return tuple(plots)


def _label(day: date, days: int, language: str) -> str:
    return write_day(day, language, weekday=True).split(" ")[0][:3] + f" {day.day}" if days <= _WEEK else str(day.day)


def _by_month(course: Course, language: str) -> list[Bar]:
    months: Counter[tuple[int, int]] = Counter()
    for told in course.by_day:
        months[told.day.year, told.day.month] += told.number
    names = {(told.day.year, told.day.month): write_day(told.day, language).split(HARD)[1] for told in course.by_day}
    return [Bar(names[month].split(" ")[0][:4], names[month], number) for month, number in months.items()]


def write_value(value: Value, language: str) -> str:
    """Return a cell as text: a dash where there is nothing to tell, and the interval where there is one."""
    if value.value is None:
        return "–"
    text = _write(value.value, value.unit, language)
    if value.low is not None and value.high is not None:
        low, high = (_write(bound, value.unit, language, bare=True) for bound in (value.low, value.high))
        text += f" [{low}{HARD}; {high}]" if language == "fr" else f" [{low}, {high}]"
    return text


def _write(number: float, unit: str, language: str, *, bare: bool = False) -> str:
    match unit:
        case "share":
            percent = write_number(100 * number, language, 1)
            return percent if bare else f"{percent}{HARD}%" if language == "fr" else f"{percent}%"
        case "seconds":
            return write_span(number, language)
        case "days":
            return f"{write_number(number, language, 1)}{HARD}{'j' if language == 'fr' else 'd'}"
        case "euros":
            euros = write_number(number, language, 2)
            return f"{euros}{HARD}€" if language == "fr" else f"€{euros}"
        case "points":
            return write_number(number, language)
        case _:
            return write_number(number, language)
