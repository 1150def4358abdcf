"""`accueil report`: what a day, a week, a month or a year was like, as files for people who write about it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from models.topics import FIGURES
from streams.locale.i18n import say
from streams.report.document import build_document
from streams.report.history import History, HistoryError, read_history
from streams.report.period import Period, PeriodKind, parse_period, period_of
from streams.report.tables import make_report
from streams.report.texts import LANGUAGES
from streams.report.writer import Format, write
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import find_cluster, pass_running_settings, wait_for_broker
from streams.settings.schema import Settings
from streams.web.options import WebOptions
from streams.web.view import ReaderState

F = TypeVar("F", bound=Callable[..., Any])
READ_SECONDS: Final = 120.0
"""All figures of a large département are read in much less."""


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
        of_it = "" if kind is PeriodKind.DAY else say(", or a day of it", ", ou un jour qui en fait partie")
        raise click.BadParameter(say(f"use {examples[kind]}", f"écrire {examples[kind]}") + of_it, ctx, param) from None


def _period_option(kind: PeriodKind, metavar: str, english: str, french: str) -> Callable[[F], F]:
    return click.option(
        f"--{kind}", metavar=metavar, callback=partial(_parse, kind), help=say(english, french), expose_value=True
    )


@click.command(
    name="report",
    help=say(
        "Write a report of a day (yesterday if nothing is said), week, month or year: HTML for paper, XLSX, CSV.",
        "Écrit le rapport d'un jour (hier si rien n'est dit), d'une semaine, d'un mois ou d'une année : HTML à imprimer, "
        "XLSX, CSV.",
    ),
)
@_period_option(PeriodKind.DAY, "2026-11-25", "Of a day.", "D'un jour.")
@_period_option(PeriodKind.WEEK, "2026-W48", "Of a week, from Monday.", "D'une semaine, à partir du lundi.")
@_period_option(PeriodKind.MONTH, "2026-11", "Of a month.", "D'un mois.")
@_period_option(PeriodKind.YEAR, "2026", "Of a year.", "D'une année.")
@click.option(
    "--format",
    "formats",
    type=click.Choice([kind.value for kind in Format]),
    multiple=True,
    help=say("Only this; may be repeated.", "Seulement celui-ci ; peut être répété."),
)
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    show_default=say("the locale's", "celle de la session"),
    help=say("Its language.", "Sa langue."),
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help=say(
        "Directory for the files; this one if not given. Of one --format, - for standard output.",
        "Dossier des fichiers ; celui-ci par défaut. D'un seul --format, - pour la sortie standard.",
    ),
)
@pass_running_settings
def command(
    settings: Settings, /, *, formats: tuple[str, ...], lang: str | None, output: Path, **periods: Period | None
) -> None:
    """Write the files, and say which; or the one file alone, if it goes to the standard output."""
    kinds = [*map(Format, dict.fromkeys(formats) or Format)]
    is_piped = output == Path("-")
    if is_piped and len(kinds) > 1:
        raise click.UsageError(
            say(
                "--output - is for one file: say which with --format",
                "--output - ne vaut que pour un fichier : dire lequel avec --format",
            )
        )
    with operator_errors():
        period = _choose(periods, datetime.now(settings.web.zone).date())
        history, options = read_figures(settings, period.first, period.last)
    document = build_document(make_report(history, period, options), history, options, lang or say("en", "fr"))
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
            say(
                f"{output} cannot be written: {error.strerror}", f"impossible d'écrire dans {output} : {error.strerror}"
            )
        ) from None


def read_figures(settings: Settings, first: date, last: date) -> tuple[History, WebOptions]:
    """Return the figures of these days, of the demo if that is what runs here, and how they are shown.

    Raises `OperatorError` if they cannot be read, and `ConfigError` if there is no broker.
    """
    from streams.runtime.process_specs import web_options  # noqa: PLC0415 - brings the broker

    cluster = find_cluster(settings, or_demo=True)
    options = web_options(settings, cluster)
    wait_for_broker(cluster.brokers, client=cluster.client, reads=[FIGURES.name])
    try:
        return read_history(*cluster, options.time_zone, first, last, READ_SECONDS), options
    except HistoryError as error:
        raise OperatorError(_explain(error), EXIT_RESTART) from None


def _choose(periods: dict[str, Period | None], today: date) -> Period:
    """Return the period that was named, yesterday if none was. Raises `click.UsageError`."""
    named = [period for period in periods.values() if period]
    if len(named) > 1:
        raise click.UsageError(
            say("choose one of --day, --week, --month, --year", "choisir un seul de --day, --week, --month, --year")
        )
    period = named[0] if named else period_of(PeriodKind.DAY, today - timedelta(days=1))
    if period.first > today:
        raise click.UsageError(say(f"{period.name} is yet to come", f"{period.name} est encore à venir"))
    return period


def _explain(error: HistoryError) -> str:
    if error.reader_state is ReaderState.NO_TOPIC:
        return say(
            "the topic of figures does not exist yet: accueil topics apply",
            "le topic des chiffres n'existe pas encore : accueil topics apply",
        )
    return say(
        f"the figures could not be read to their end within {READ_SECONDS:g} s ({error.reader_state})",
        f"les chiffres n'ont pas pu être lus jusqu'au bout en {READ_SECONDS:g} s ({error.reader_state})",
    )
