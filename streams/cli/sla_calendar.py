"""`accueil sla calendar`: calendars as iCalendar, to be read by others, and closures that others publish as such."""

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
    show_default=say("this one", "celle-ci"),
    help=say("Of which year.", "De quelle année."),
)


@click.group(
    cls=Group,
    name="calendar",
    help=say("Calendars as iCalendar (RFC 5545).", "Les calendriers en iCalendar (RFC 5545)."),
)
def group() -> None:
    """Write calendars, read closures."""


@group.command(
    name="export",
    help=say(
        "Print the openings of a calendar of the SLA file.", "Imprimer les ouvertures d'un calendrier du fichier."
    ),
)
@click.argument("name")
@year_option
@click.option(
    "--closures",
    is_flag=True,
    help=say("The days on which it does not open instead.", "À la place, les jours où il n'ouvre pas."),
)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help=say("The SLA file; else that of the settings.", "Le fichier ; à défaut celui des réglages."),
)
@pass_settings
def export(settings: Settings, name: str, year: int, *, closures: bool, file: Path | None) -> None:
    """Print a calendar."""
    with operator_errors():
        calendars = load_policies(find_file(settings, file), find_sla_origin(file)).calendars
    if name not in calendars:
        known = ", ".join(calendars) or say("none", "aucun")
        raise OperatorError(
            say(f"no calendar {name}; there are: {known}", f"pas de calendrier {name} ; il y a : {known}")
        )
    write = write_closures if closures else write_openings
    click.echo(write(calendars[name], year, name, datetime.now(UTC)), nl=False)


@group.command(
    name="import",
    help=say(
        "Print the days of an iCalendar as the closures of a calendar of the SLA file, to be put there.",
        "Imprimer les jours d'un iCalendar comme fermetures (closures) d'un calendrier du fichier, à y mettre.",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--extra", is_flag=True, help=say("As openings (extra) instead.", "Comme ouvertures (extra) à la place."))
@pass_settings
def import_days(settings: Settings, file: Path, *, extra: bool) -> None:
    """Print days as TOML."""
    try:
        days = read_days(file.read_text(encoding="utf-8"), settings.web.time_zone)
    except OSError as error:
        raise OperatorError(describe_os_error(error, file)) from None
    except UnicodeDecodeError:
        raise OperatorError(say(f"{file} is not UTF-8", f"{file} n'est pas en UTF-8")) from None
    except CalendarError as error:
        raise OperatorError(f"{file}: {say(str(error), error.french)}") from None
    if extra and any(one.hours is None for one in days):
        raise OperatorError(
            say(
                f"{file}: an event of whole days says no hours, so that it cannot be an opening",
                f"{file} : un événement de journées entières ne dit pas d'heures : ce ne peut être une ouverture",
            )
        )
    click.echo(f"{'extra' if extra else 'closures'} = [")
    for one in days:
        click.echo(f"    {_as_toml(one)},")
    click.echo("]")


def _as_toml(days: DateRange) -> str:
    hours = ", ".join(f'"{span}"' for span in days.hours or ())
    more = f", hours = [{hours}]" if days.hours else ""
    if days.from_ != days.to:
        return f"{{ from = {days.from_}, to = {days.to}{more} }}"
    return f"{{ on = {days.from_}{more} }}" if more else str(days.from_)
