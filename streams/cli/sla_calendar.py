"""`accueil sla calendar`: export calendars as iCalendar (RFC 5545), import closures from it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from connectors.sdk.errors import describe_os_error
from models.calendars import CalendarError, DateRange
from models.calendars.ical import read_days, write_closures, write_openings
from models.calendars.rules import FIRST_YEAR, LAST_YEAR
from models.locale import _
from streams.cli.base import Group, pass_settings
from streams.cli.sla import find_file, find_sla_origin
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings
from streams.settings.sla_file import load_policies

year_option = click.option(
    "--year",
    type=click.IntRange(FIRST_YEAR, LAST_YEAR),
    default=lambda: datetime.now(UTC).year,
    show_default=_("current year"),
    help=_("Year to export."),
)


@click.group(cls=Group, name="calendar", help=_("Export and import iCalendar files (RFC 5545)."))
def group() -> None:
    """Export and import iCalendar."""


@group.command(name="export", help=_("Print the opening hours of a calendar in the SLA file, as iCalendar."))
@click.argument("name")
@year_option
@click.option("--closures", is_flag=True, help=_("Print the closed days instead."))
@click.option("--file", type=click.Path(path_type=Path), help=_("SLA file, by default that of the settings."))
@pass_settings
def export(settings: Settings, name: str, year: int, *, closures: bool, file: Path | None) -> None:
    calendars = load_policies(find_file(settings, file), find_sla_origin(file)).calendars
    if name not in calendars:
        known = ", ".join(calendars) or _("none")
        raise OperatorError(_("unknown calendar {name}; known: {known}", name=name, known=known))
    write = write_closures if closures else write_openings
    click.echo(write(calendars[name], year, name, datetime.now(UTC)), nl=False)


@group.command(
    name="import", help=_("Print the days of an iCalendar file as closures in TOML, to paste into the SLA file.")
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--extra", is_flag=True, help=_("Print extra openings instead."))
@pass_settings
def import_days(settings: Settings, file: Path, *, extra: bool) -> None:
    try:
        days = read_days(file.read_text(encoding="utf-8"), settings.web.time_zone)
    except OSError as error:
        raise OperatorError(describe_os_error(error, file)) from None
    except UnicodeDecodeError:
        raise OperatorError(_("{file} is not UTF-8", file=file)) from None
    except CalendarError as error:
        raise OperatorError(f"{file}: {error}") from None
    if extra and any(span.hours is None for span in days):
        raise OperatorError(_("{file}: an all-day event has no hours and cannot be an opening", file=file))
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
