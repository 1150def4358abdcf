"""Options, formats and tables shared by commands that list records."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, tzinfo
from itertools import zip_longest
from typing import Any, Final, TypeVar

import click

from connectors.sdk.config_errors import suggest
from models.locale import SOURCE_LANGUAGE, _, user_language
from models.reasons import Reason
from models.timestamps import day_ending_at
from streams.cli.time_options import TimeParam
from streams.privacy.formatting import Formatter
from streams.privacy.vocabulary import name
from streams.settings.schema import Settings

F = TypeVar("F", bound=Callable[..., Any])
EXIT_NOT_FOUND: Final = 1
json_option = click.option("--json", is_flag=True, help=_("Print one JSON object per line."))

limit_option = click.option(
    "--limit", type=click.IntRange(min=0), default=50, show_default=True, help=_("Maximum number of lines.")
)


value_option = click.option("--value", is_flag=True, help=_("Show the content too: may be personal data."))

since_option = click.option("--since", type=TimeParam(), help=_("Since a time, or a duration ago (90m, 7d)."))
_reason_option = click.option(
    "--reason",
    type=click.Choice([reason.value for reason in Reason]),
    metavar="REASON",
    help=_("Only this reason, as shown by list."),
)
_all_option = click.option("--all", "everything", is_flag=True, help=_("All, or all that match the filters."))
dry_run_option = click.option("--dry-run", is_flag=True, help=_("Only print what would be done."))
yes_option = click.option("--yes", is_flag=True, help=_("Do not ask for confirmation."))


def check_known(option: str, value: str, known: Collection[str]) -> None:
    """Raise `click.UsageError` with the known names, unless `value` of `--option` is empty or one of them."""
    if value and value not in known:
        names = sorted(filter(None, known))
        listed = ", ".join(names) or _("none")
        raise click.UsageError(
            _("unknown --{option} {value}; known: {listed}", option=option, value=value, listed=listed)
            + suggest(value, names)
        )


def filtered_by(source_option: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds the filters `--reason`, `source_option` and `--since`."""

    def decorate(command: F) -> F:
        return _reason_option(source_option(since_option(command)))

    return decorate


def replay_options(command: F) -> F:
    return _all_option(dry_run_option(yes_option(command)))


def format_time(milliseconds: int, zone: tzinfo) -> str:
    """Format a time in milliseconds since 1970 as local time with offset."""
    return datetime.fromtimestamp(milliseconds / 1000, zone).isoformat(" ", "seconds")


def format_deadline(milliseconds: int, zone: tzinfo) -> str:
    """Format a deadline in milliseconds since 1970: as a day if it is the midnight that ends one, else as a time."""
    day = day_ending_at(milliseconds, zone)
    return format_time(milliseconds, zone) if day is None else day.isoformat()


def make_formatter(settings: Settings) -> Formatter:
    """Return the formatter of citizens' data in the language of the locale, with the time zone and names of the settings."""
    language = user_language()
    services, reasons = settings.web.name_services(language), settings.name_reasons(language)
    return Formatter(language, settings.web.zone, services, has_offsets=True, reasons=reasons)


def vocabulary_label(of: str, value: str) -> str:
    """Return the label of a value of the vocabulary `of`, in the language of the locale; the value if it has none."""
    return name(of, value, user_language())


def code_or_label(of: str, value: str) -> str:
    """Return the value itself if the locale's language is English, else its label in the vocabulary `of`."""
    return value if user_language() == SOURCE_LANGUAGE else vocabulary_label(of, value)


def printable(content: bytes | None) -> str:
    """Return `content` as text, with invalid UTF-8 and control characters other than line feeds escaped; `null` for None."""
    if content is None:
        return "null"
    text = content.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def print_table(
    titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], details: Sequence[Sequence[str]] = ()
) -> None:
    """Print aligned columns with upper-case titles. Below each row, print its lines in `details`, if there are any."""
    head = tuple(title.upper() for title in titles)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row, lines in zip_longest((head, *rows), ((), *details), fillvalue=()):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for line in lines:
            click.echo(f"    {line}")
