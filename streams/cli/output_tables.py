"""What commands that list records have in common."""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from math import inf
from typing import Any, Final, TypeVar

import click

from models.reasons import Reason
from models.timestamps import day_ending_at
from streams.cli.base import config_file
from streams.locale.i18n import say
from streams.privacy.formatting import Formatter
from streams.privacy.vocabulary import LANGUAGES, name
from streams.runtime.errors import operator_errors
from streams.settings.loader import load
from streams.settings.schema import Settings

F = TypeVar("F", bound=Callable[..., Any])
EXIT_NOT_FOUND: Final = 1
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)
"""Times before and after are no times that anybody asks for."""
_SPAN_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

json_option = click.option(
    "--json",
    is_flag=True,
    help=say("One JSON object per line, with codes.", "Un objet JSON par ligne, avec les codes."),
)

limit_option = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help=say("Lines at most.", "Lignes au plus."),
)


def _seconds_of(value: Any) -> int | None:
    found = re.fullmatch(r"(\d+)([smhd])", str(value))
    return int(found[1]) * _SPAN_SECONDS[found[2]] if found else None


class DurationParam(click.ParamType):
    """How long: `90m`, `2h`, `7d`. Becomes milliseconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds."""
        if (seconds := _seconds_of(value)) is None:
            self.fail(say("use 90m, 2h or 7d", "écrire 90m, 2h ou 7d"), param, ctx)
        return seconds * 1000


class TimeParam(click.ParamType):
    """A time, or how long ago: `2026-11-25T08:00`, `90m`, `7d`. Becomes milliseconds since 1970.

    A time without an offset is one of `web.time_zone`, as the lists show it.
    """

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds since 1970."""
        at = inf
        with suppress(ValueError, OverflowError):
            at = time.time() - seconds if (seconds := _seconds_of(value)) is not None else _moment_of(value, ctx)
        if not EARLIEST.timestamp() <= at <= LATEST.timestamp():
            self.fail(say("use 90m, 7d or 2026-11-25T08:00", "écrire 90m, 7d ou 2026-11-25T08:00"), param, ctx)
        return max(int(at * 1000), 0)


def _moment_of(value: Any, ctx: click.Context | None) -> float:
    time_at = datetime.fromisoformat(value)
    if time_at.tzinfo is None and ctx is not None:
        with operator_errors():
            time_at = time_at.replace(tzinfo=load(config_file(ctx)).web.zone)
    return time_at.timestamp()


value_option = click.option(
    "--value", is_flag=True, help=say("Its content too: may be personal.", "Son contenu aussi, peut-être personnel.")
)

_since_option = click.option("--since", type=TimeParam(), help=say("90m, 7d, or a time.", "90m, 7d, ou une date."))
_reason_option = click.option(
    "--reason", type=click.Choice([reason.value for reason in Reason]), help=say("Why.", "Pour quelle raison.")
)
_all_option = click.option(
    "--all",
    "everything",
    is_flag=True,
    help=say("All that there are, or all that fit.", "Tous, ou tous ceux qui répondent aux filtres."),
)
_dry_run_option = click.option(
    "--dry-run", is_flag=True, help=say("Only say what would be done.", "Dire seulement ce qui serait fait.")
)
_yes_option = click.option("--yes", is_flag=True, help=say("Do not ask.", "Ne pas demander."))


def filtered_by(whose: Callable[[F], F]) -> Callable[[F], F]:
    """Give a command the options by which records are chosen: `--reason`, that of `whose` they are, and `--since`."""

    def give(command: F) -> F:
        return _reason_option(whose(_since_option(command)))

    return give


def replay_options(command: F) -> F:
    """Give a command the options of a replay: `--all`, `--dry-run`, `--yes`."""
    return _all_option(_dry_run_option(_yes_option(command)))


def format_time(milliseconds: int, zone: tzinfo) -> str:
    """Return a time in milliseconds since 1970 as the clocks of `zone` show it, with its offset."""
    return datetime.fromtimestamp(milliseconds / 1000, zone).isoformat(" ", "seconds")


def format_deadline(milliseconds: int, zone: tzinfo) -> str:
    """Return a deadline in milliseconds since 1970: the last day if it is the midnight after one, else as `when` does."""
    day = day_ending_at(milliseconds, zone)
    return format_time(milliseconds, zone) if day is None else day.isoformat()


def make_formatter(settings: Settings) -> Formatter:
    """Return how whoever gave the command is told things: in which language, by which clocks and names of services."""
    language = say(*LANGUAGES)
    return Formatter(language, settings.web.zone, settings.web.name_services(language), has_offsets=True)


def vocabulary_label(of: str, value: str) -> str:
    """Return the word of the vocabulary for a value of a set, in the language of whoever gave the command."""
    return name(of, value, say(*LANGUAGES))


def printable(content: bytes | None) -> str:
    """Return `content` as text; what a terminal might obey is written as an escape."""
    if content is None:
        return "null"
    text = content.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print `rows` under `titles`, which are put in capitals, in columns."""
    head = tuple(title.upper() for title in titles)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
