"""`accueil forecast`: contacts still expected today, and the agents needed now."""

from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Final

import click

from models.locale import _, user_language
from streams.cli.base import pass_running_settings
from streams.cli.output_tables import code_or_label, print_table
from streams.cli.report import read_figures
from streams.core.forecast.arrivals import MIN_DAYS, Forecast
from streams.report.queue_forecast import MIN_ABANDONED, MIN_HANDLED, WEEKS, QueueForecast, forecast_queues
from streams.settings.schema import Settings
from streams.web.options import WebOptions

NO_NUMBER: Final = "–"  # noqa: RUF001


@click.command(
    name="forecast",
    help=_("Forecast the contacts still to come today, from the same weekdays before, and the agents needed."),
    epilog=_(
        "Agents by Erlang C, which assumes that nobody abandons, and by Erlang A, with the patience measured recently."
    ),
)
@pass_running_settings
def command(settings: Settings, /) -> None:
    now = datetime.now(UTC)
    today = now.astimezone(settings.web.zone).date()
    history, options = read_figures(settings, today - timedelta(weeks=WEEKS), today)
    found = forecast_queues(history, now, options)
    if not found:
        click.echo(_("no queue had contacts recently"))
        return
    rows = [_row(queue, options) for queue in found]
    print_table(
        (
            _("queue"),
            _("so far"),
            _("usually by now"),
            _("still to come"),
            _("9 of 10 days"),
            _("error"),
            _("per hour now"),
            _("agents"),
            "Erlang C",
            "Erlang A",
        ),
        rows,
    )
    if history.history_read_until:
        channels = ", ".join(code_or_label("channel", channel) for channel in history.history_read_until)
        click.echo(_("history is still being read: {channels}", channels=channels))
    for line in (*describe_holidays(today, options), *_notes(found, options)):
        click.echo(line)


def describe_holidays(today: date, options: WebOptions) -> list[str]:
    """Return one note: `today` is a public holiday, or which same weekdays of the last `WEEKS` were; empty if neither."""
    if options.is_holiday(today):
        return [_("today is a public holiday: compared with Sundays")]
    same_weekdays = (today - timedelta(weeks=number) for number in range(1, WEEKS + 1))
    days = ", ".join(str(day) for day in sorted(same_weekdays) if options.is_holiday(day))
    return [_("public holidays left out: {days}", days=days)] if days else []


def _row(queue: QueueForecast, options: WebOptions) -> tuple[str, ...]:
    staffing = queue.staffing
    needed = (staffing.agents_erlang_c, staffing.agents_erlang_a) if staffing else (None, None)
    agents = (NO_NUMBER if number is None else str(number) for number in (queue.agents, *needed))
    return _name(queue, options), str(queue.so_far), *_format_forecast(queue.forecast), *agents


def _name(queue: QueueForecast, options: WebOptions) -> str:
    labels = {
        labelled.dimensions: labelled.label_fr if user_language() == "fr" else labelled.label_en
        for labelled in options.queues
    }
    dimensions = queue.dimensions
    return labels.get(dimensions) or " ".join(filter(None, (dimensions.queue or dimensions.service, dimensions.site)))


def _format_forecast(forecast: Forecast | None) -> tuple[str, ...]:
    if forecast is None:
        return (NO_NUMBER,) * 5
    error = NO_NUMBER if forecast.error is None else _("{error:.0f}%", error=100 * forecast.error)
    return (
        f"{forecast.by_now:.0f}",
        f"{forecast.rest:.0f}",
        _("{low:.0f} to {high:.0f}", low=forecast.low, high=forecast.high),
        error,
        f"{forecast.per_hour:.0f}",
    )


def _notes(found: list[QueueForecast], options: WebOptions) -> list[str]:
    share, target, desk = options.service_level.attention, options.target_seconds, options.desk_target_seconds
    notes = [
        _(
            "agents: number needed in the next half hour to answer {percent:.0f}% within {target} s ({desk} "
            "s at front desks)",
            target=target,
            desk=desk,
            percent=100 * share,
        )
    ]
    forecasts = [queue.forecast for queue in found if queue.forecast]
    days = sorted({day for forecast in forecasts for day in forecast.days})
    left_out = sorted({day for forecast in forecasts for day in forecast.left_out} - set(days))
    if days:
        notes.append(_("based on: ") + ", ".join(map(str, days)))
    if left_out:
        notes.append(_("days with hardly any contacts left out: ") + ", ".join(map(str, left_out)))
    if any(queue.forecast is None for queue in found):
        notes.append(_("no forecast for queues with fewer than {min_days} days like today", min_days=MIN_DAYS))
    if any(queue.forecast and queue.staffing is None for queue in found):
        notes.append(
            _(
                "no number of agents for queues with fewer than {min_handled} handled contacts: their "
                "duration is unknown",
                min_handled=MIN_HANDLED,
            )
        )
    if any(queue.staffing and queue.staffing.load.patience_seconds == inf for queue in found):
        notes.append(
            _(
                "no Erlang A for queues with fewer than {min_abandoned} abandoned contacts: the patience of "
                "callers is unknown",
                min_abandoned=MIN_ABANDONED,
            )
        )
    return notes
