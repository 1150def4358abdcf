"""`accueil forecast`: contacts still expected today, and the agents needed now."""

from datetime import UTC, date, datetime, timedelta
from math import inf

import click

from streams.cli.output_tables import print_table
from streams.cli.report import read_figures
from streams.core.forecast.arrivals import MIN_DAYS, Forecast
from streams.locale.i18n import say
from streams.report.queue_forecast import MIN_ABANDONED, MIN_HANDLED, WEEKS, QueueForecast, forecast_queues
from streams.runtime.errors import operator_errors
from streams.runtime.instance_lock import pass_running_settings
from streams.settings.schema import Settings
from streams.web.options import WebOptions


@click.command(
    name="forecast",
    help=say(
        "Forecast the contacts still to come today, from the same weekdays before, and the agents needed.",
        "Prévoir les contacts encore à venir aujourd'hui, d'après les mêmes jours de la semaine, et les agents nécessaires.",
    ),
    epilog=say(
        "Agents by Erlang C, which assumes that nobody abandons, and by Erlang A, with the patience measured recently.",
        "Agents selon Erlang C, qui suppose que personne n'abandonne, et selon Erlang A, avec la patience mesurée récemment.",
    ),
)
@pass_running_settings
def command(settings: Settings, /) -> None:
    """Print a row per queue, and notes on the data used."""
    now = datetime.now(UTC)
    with operator_errors():
        today = now.astimezone(settings.web.zone).date()
        history, options = read_figures(settings, today - timedelta(weeks=WEEKS), today)
    found = forecast_queues(history, now, options)
    if not found:
        click.echo(say("no queue had contacts recently", "personne n'est venu dans une file ces derniers temps"))
        return
    print_table(
        (
            say("queue", "file"),
            say("so far", "reçus"),
            say("usually by now", "d'habitude"),
            say("still to come", "à venir"),
            say("9 of 10 days", "9 jours sur 10"),
            say("error", "écart"),
            say("per hour now", "par heure"),
            say("agents", "agents"),
            "Erlang C",
            "Erlang A",
        ),
        [_row(queue, options) for queue in found],
    )
    if history.history_read_until:
        channels = ", ".join(history.history_read_until)
        click.echo(
            say(f"history is still being read: {channels}", f"historique encore en cours de lecture : {channels}")
        )
    for line in (*describe_holidays(today, options), *_notes(found, options)):
        click.echo(line)


def describe_holidays(today: date, options: WebOptions) -> list[str]:
    """Return notes on public holidays, today or in the weeks used."""
    if options.is_holiday(today):
        return [
            say("today is a public holiday: compared with Sundays", "jour férié aujourd'hui : comparé aux dimanches")
        ]
    same_weekdays = (today - timedelta(weeks=number) for number in range(1, WEEKS + 1))
    days = ", ".join(str(day) for day in sorted(same_weekdays) if options.is_holiday(day))
    return [say(f"public holidays left out: {days}", f"laissés de côté, jours fériés : {days}")] if days else []


def _row(queue: QueueForecast, options: WebOptions) -> tuple[str, ...]:
    agents = "–" if queue.agents is None else str(queue.agents)  # noqa: RUF001
    return (
        _name(queue, options),
        str(queue.so_far),
        *_format_forecast(queue.forecast),
        agents,
        *_format_staffing(queue),
    )


def _name(queue: QueueForecast, options: WebOptions) -> str:
    labels = {labelled.dimensions: say(labelled.label_en, labelled.label_fr) for labelled in options.queues}
    dimensions = queue.dimensions
    return labels.get(dimensions) or " ".join(filter(None, (dimensions.queue or dimensions.service, dimensions.site)))


def _format_forecast(forecast: Forecast | None) -> tuple[str, ...]:
    if forecast is None:
        return ("–",) * 5  # noqa: RUF001
    error = "–" if forecast.error is None else say(f"{100 * forecast.error:.0f}%", f"{100 * forecast.error:.0f} %")  # noqa: RUF001
    return (
        f"{forecast.by_now:.0f}",
        f"{forecast.rest:.0f}",
        say(f"{forecast.low:.0f} to {forecast.high:.0f}", f"{forecast.low:.0f} à {forecast.high:.0f}"),
        error,
        f"{forecast.per_hour:.0f}",
    )


def _format_staffing(queue: QueueForecast) -> tuple[str, str]:
    if queue.staffing is None:
        return "–", "–"  # noqa: RUF001
    agents_erlang_c, agents_erlang_a = (
        "–" if number is None else str(number)  # noqa: RUF001
        for number in (queue.staffing.agents_erlang_c, queue.staffing.agents_erlang_a)
    )
    return agents_erlang_c, agents_erlang_a


def _notes(found: list[QueueForecast], options: WebOptions) -> list[str]:
    share, target, desk = options.service_level.attention, options.target_seconds, options.desk_target_seconds
    notes = [
        say(
            f"agents: number needed in the next half hour to answer {share:.0%} within {target} s ({desk} s at front desks)",
            f"agents : autant qu'il faut pour que {100 * share:.0f} % aient réponse en {target} s ({desk} s aux guichets), dans "
            "la demi-heure qui commence",
        )
    ]
    forecasts = [queue.forecast for queue in found if queue.forecast]
    days = sorted({day for forecast in forecasts for day in forecast.days})
    left_out = sorted({day for forecast in forecasts for day in forecast.left_out} - set(days))
    if days:
        notes.append(say("based on: ", "d'après : ") + ", ".join(map(str, days)))
    if left_out:
        notes.append(
            say("days with hardly any contacts left out: ", "laissés de côté, presque personne : ")
            + ", ".join(map(str, left_out))
        )
    if any(queue.forecast is None for queue in found):
        notes.append(
            say(
                f"no forecast for queues with fewer than {MIN_DAYS} days like today",
                f"pas de prévision pour une file qui a moins de {MIN_DAYS} jours comme celui-ci",
            )
        )
    if any(queue.forecast and queue.staffing is None for queue in found):
        notes.append(
            say(
                f"no number of agents for queues with fewer than {MIN_HANDLED} handled contacts: their duration is unknown",
                f"pas de nombre d'agents pour une file qui a moins de {MIN_HANDLED} contacts traités : leur durée est inconnue",
            )
        )
    if any(queue.staffing and queue.staffing.load.patience_seconds == inf for queue in found):
        notes.append(
            say(
                f"no Erlang A for queues with fewer than {MIN_ABANDONED} abandoned contacts: the patience of callers is unknown",
                f"pas d'Erlang A pour une file qui a moins de {MIN_ABANDONED} abandons : la patience des usagers est inconnue",
            )
        )
    return notes
