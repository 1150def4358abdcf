"""`accueil report`: reports for a day, week, month or year, as HTML, XLSX and CSV."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from models.locale import LANGUAGES, _, document_language
from models.topics import FIGURES
from streams.cli.base import pass_running_settings
from streams.report.document import build_document
from streams.report.history import History, HistoryError, read_history
from streams.report.period import Period, PeriodKind, parse_period, period_of
from streams.report.tables import make_report
from streams.report.writer import Format, write
from streams.runtime.instance_lock import find_readable_cluster
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_RESTART
from streams.settings.schema import Settings
from streams.web.options import WebOptions
from streams.web.topic_view import ReaderState

F = TypeVar("F", bound=Callable[..., Any])
READ_SECONDS: Final = 120.0
"""Longest time to read the figures, in seconds; those of a large département take much less."""


def _parse(kind: PeriodKind, ctx: click.Context, param: click.Parameter, value: str | None) -> Period | None:
    try:
        return parse_period(kind, value) if value else None
    except ValueError:
        examples = {
            PeriodKind.DAY: "2026-11-25",
            PeriodKind.WEEK: "2026-W48",
            PeriodKind.MONTH: "2026-11",
            PeriodKind.YEAR: "2026",
        }
        alternative = "" if kind is PeriodKind.DAY else _(", or a day of it")
        raise click.BadParameter(_("use {examples}", examples=examples[kind]) + alternative, ctx, param) from None


def _period_option(kind: PeriodKind, metavar: str, text: str) -> Callable[[F], F]:
    return click.option(f"--{kind}", metavar=metavar, callback=partial(_parse, kind), help=text, expose_value=True)


@click.command(
    name="report",
    help=_("Write a report for a day (by default yesterday), week, month or year: HTML for printing, XLSX, CSV."),
)
@_period_option(PeriodKind.DAY, "2026-11-25", _("Report for a day."))
@_period_option(PeriodKind.WEEK, "2026-W48", _("Report for a week, from Monday."))
@_period_option(PeriodKind.MONTH, "2026-11", _("Report for a month."))
@_period_option(PeriodKind.YEAR, "2026", _("Report for a year."))
@click.option(
    "--format",
    "formats",
    type=click.Choice([kind.value for kind in Format]),
    multiple=True,
    help=_("Only this format; may be repeated."),
)
@click.option(
    "--lang", type=click.Choice(LANGUAGES), show_default=_("that of the locale"), help=_("Language of the report.")
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help=_("Directory of the files, by default the current one. With a single --format, - writes to standard output."),
)
@pass_running_settings
def command(
    settings: Settings, /, *, formats: tuple[str, ...], lang: str | None, output: Path, **periods: Period | None
) -> None:
    kinds = [*map(Format, dict.fromkeys(formats) or Format)]
    is_piped = output == Path("-")
    if is_piped and len(kinds) > 1:
        raise click.UsageError(_("--output - writes a single file: choose it with --format"))
    period = _choose(periods, datetime.now(settings.web.zone).date())
    history, options = read_figures(settings, period.first, period.last)
    document = build_document(make_report(history, period, options), history, options, lang or document_language())
    if is_piped:
        click.get_binary_stream("stdout").write(write(document, period, kinds[0]))
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            file = output / f"accueil-{period.name}.{kind}"
            file.write_bytes(write(document, period, kind))
            click.echo(file)
    except OSError as error:
        raise OperatorError(
            _("{output} cannot be written: {strerror}", output=output, strerror=error.strerror)
        ) from None


def read_figures(settings: Settings, first: date, last: date) -> tuple[History, WebOptions]:
    """Return the figures from `first` to `last` inclusive, and the display options. Use a running demo if nothing else runs.

    Raise `OperatorError` if the figures cannot be read, and `ConfigError` without a broker.
    """
    from streams.runtime.process_specs import web_options  # noqa: PLC0415 - imports the broker

    cluster = find_readable_cluster(settings, [FIGURES])
    options = web_options(settings, cluster)
    try:
        return read_history(*cluster, options.time_zone, first, last, READ_SECONDS), options
    except HistoryError as error:
        raise OperatorError(_error_text(error), EXIT_RESTART) from None


def _choose(periods: dict[str, Period | None], today: date) -> Period:
    """Return the chosen period, by default yesterday. Raise `click.UsageError` for several, or for one in the future."""
    chosen = [period for period in periods.values() if period]
    if len(chosen) > 1:
        raise click.UsageError(_("use only one of --day, --week, --month, --year"))
    period = chosen[0] if chosen else period_of(PeriodKind.DAY, today - timedelta(days=1))
    if period.first > today:
        raise click.UsageError(_("{name} is in the future", name=period.name))
    return period


def _error_text(error: HistoryError) -> str:
    if error.reader_state is ReaderState.NO_TOPIC:
        return _("the topic of figures does not exist yet: run accueil topics apply")
    return _(
        "the figures could not be read completely within {read_seconds:g} s ({reader_state})",
        read_seconds=READ_SECONDS,
        reader_state=error.reader_state,
    )
