"""`accueil sla import`: import closures from iCalendar (RFC 5545)."""

from pathlib import Path

import click

from connectors.sdk.errors import describe_os_error
from models.calendars import CalendarError, DateRange
from models.calendars.ical import read_days
from models.locale import _
from streams.cli.base import pass_settings
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings


@click.command(help=_("Print the days of an iCalendar file as closures in TOML, to paste into the SLA file."))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--extra", is_flag=True, help=_("Print extra openings instead."))
@pass_settings
def command(settings: Settings, file: Path, *, extra: bool) -> None:
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
