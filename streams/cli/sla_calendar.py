"""`accueil sla calendar`: export calendars as iCalendar (RFC 5545), import closures from it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from connectors.sdk.errors import describe_os_error
from models.calendars import CalendarError, DateRange
from models.calendars.ical import read_days, write_closures, write_openings
from models.calendars.rules import FIRST_YEAR, LAST_YEAR
from streams.cli.base import Group, pass_settings
from streams.cli.sla import find_file, find_sla_origin
from streams.locale.i18n import say
from streams.runtime.errors import OperatorError, operator_errors
from streams.settings.schema import Settings
from streams.settings.sla_file import load_policies

year_option = click.option(
    "--year",
    type=click.IntRange(FIRST_YEAR, LAST_YEAR),
    default=lambda: datetime.now(UTC).year,
    show_default=say("current year", "année en cours"),
    help=say("Year to export.", "Année à exporter."),
)


@click.group(
    cls=Group,
    name="calendar",
    help=say(
        "Export and import iCalendar files (RFC 5545).", "Exporter et importer des fichiers iCalendar (RFC 5545)."
    ),
)
def group() -> None:
    """Export and import iCalendar."""


@group.command(
    name="export",
    help=say(
        "Print the opening hours of a calendar in the SLA file, as iCalendar.",
        "Afficher les ouvertures d'un calendrier du fichier des délais, en iCalendar.",
    ),
)
@click.argument("name")
@year_option
@click.option(
    "--closures",
    is_flag=True,
    help=say("Print the closed days instead.", "Afficher plutôt les jours de fermeture."),
)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help=say("SLA file, by default that of the settings.", "Fichier des délais, par défaut celui des réglages."),
)
@pass_settings
def export(settings: Settings, name: str, year: int, *, closures: bool, file: Path | None) -> None:
    """Print a calendar as iCalendar."""
    with operator_errors():
        calendars = load_policies(find_file(settings, file), find_sla_origin(file)).calendars
    if name not in calendars:
        known = ", ".join(calendars) or say("none", "aucun")
        raise OperatorError(
            say(f"unknown calendar {name}; known: {known}", f"calendrier {name} inconnu ; connus : {known}")
        )
    write = write_closures if closures else write_openings
    click.echo(write(calendars[name], year, name, datetime.now(UTC)), nl=False)


@group.command(
    name="import",
    help=say(
        "Print the days of an iCalendar file as closures in TOML, to paste into the SLA file.",
        "Afficher les jours d'un fichier iCalendar comme fermetures (closures) en TOML, à copier dans le fichier des délais.",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--extra", is_flag=True, help=say("Print extra openings instead.", "Afficher plutôt des ouvertures (extra).")
)
@pass_settings
def import_days(settings: Settings, file: Path, *, extra: bool) -> None:
    """Print the days of an iCalendar file as a TOML list."""
    try:
        days = read_days(file.read_text(encoding="utf-8"), settings.web.time_zone)
    except OSError as error:
        raise OperatorError(describe_os_error(error, file)) from None
    except UnicodeDecodeError:
        raise OperatorError(say(f"{file} is not UTF-8", f"{file} n'est pas en UTF-8")) from None
    except CalendarError as error:
        raise OperatorError(f"{file}: {say(str(error), error.french)}") from None
    if extra and any(span.hours is None for span in days):
        raise OperatorError(
            say(
                f"{file}: an all-day event has no hours and cannot be an opening",
                f"{file} : un événement de journées entières n'a pas d'heures : ce ne peut être une ouverture",
            )
        )
    click.echo(f"{'extra' if extra else 'closures'} = [")
    for span in days:
        click.echo(f"    {_to_toml(span)},")
    click.echo("]")


def _to_toml(days: DateRange) -> str:
    hours = ", ".join(f'"{span}"' for span in days.hours or ())
    more = f", hours = [{hours}]" if days.hours else ""
    if days.from_ != days.to:
        return f"{{ from = {days.from_}, to = {days.to}{more} }}"
    return f"{{ on = {days.from_}{more} }}" if more else str(days.from_)
