"""`accueil forecast`: how many will still come today, and how many agents that takes now."""

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
        "Tell how many will still come today, as on the same weekdays before, and how many agents that takes.",
        "Dit combien viendront encore aujourd'hui, comme aux mêmes jours de la semaine, et combien d'agents il y faut.",
    ),
    epilog=say(
        "Agents: Erlang C, where nobody gives up; Erlang A, where callers do, as they did of late.",
        "Agents : Erlang C, où personne n'abandonne ; Erlang A, où l'on abandonne comme ces derniers temps.",
    ),
)
@pass_running_settings
def command(settings: Settings, /) -> None:
    """Print a row per queue, and from what it is made."""
    now = datetime.now(UTC)
    with operator_errors():
        today = now.astimezone(settings.web.zone).date()
        history, options = read_figures(settings, today - timedelta(weeks=WEEKS), today)
    found = forecast_queues(history, now, options)
    if not found:
        click.echo(say("nobody came to any queue of late", "personne n'est venu dans une file ces derniers temps"))
        return
    print_table(
        (
            say("queue", "file"),
            say("so far", "reçus"),
            say("usual by now", "d'habitude"),
            say("still to come", "à venir"),
            say("9 of 10 days", "9 jours sur 10"),
            say("off by", "écart"),
            say("per hour now", "par heure"),
            say("agents", "agents"),
            "Erlang C",
            "Erlang A",
        ),
        [_row(one, options) for one in found],
    )
    if history.history_read_until:
        channels = ", ".join(history.history_read_until)
        click.echo(
            say(f"history is still being read: {channels}", f"historique encore en cours de lecture : {channels}")
        )
    for line in (*describe_holidays(today, options), *_notes(found, options)):
        click.echo(line)


def describe_holidays(today: date, options: WebOptions) -> list[str]:
    """Return what public holidays have to do with it."""
    if options.is_holiday(today):
        return [
            say("today is a public holiday: compared with Sundays", "jour férié aujourd'hui : comparé aux dimanches")
        ]
    before = (today - timedelta(weeks=number) for number in range(1, WEEKS + 1))
    days = ", ".join(str(day) for day in sorted(before) if options.is_holiday(day))
    return [say(f"left out, public holidays: {days}", f"laissés de côté, jours fériés : {days}")] if days else []


def _row(one: QueueForecast, options: WebOptions) -> tuple[str, ...]:
    agents = "–" if one.agents is None else str(one.agents)  # noqa: RUF001
    return (_name(one, options), str(one.so_far), *_expected(one.forecast), agents, *_needed(one))


def _name(one: QueueForecast, options: WebOptions) -> str:
    labels = {queue.dimensions: say(queue.label_en, queue.label_fr) for queue in options.queues}
    return labels.get(one.dimensions) or " ".join(
        filter(None, (one.dimensions.queue or one.dimensions.service, one.dimensions.site))
    )


def _expected(told: Forecast | None) -> tuple[str, ...]:
    if told is None:
        return ("–",) * 5  # noqa: RUF001
    error = "–" if told.error is None else say(f"{100 * told.error:.0f}%", f"{100 * told.error:.0f} %")  # noqa: RUF001
    return (
        f"{told.by_now:.0f}",
        f"{told.rest:.0f}",
        say(f"{told.low:.0f} to {told.high:.0f}", f"{told.low:.0f} à {told.high:.0f}"),
        error,
        f"{told.per_hour:.0f}",
    )


def _needed(one: QueueForecast) -> tuple[str, str]:
    if one.staffing is None:
        return "–", "–"  # noqa: RUF001
    agents_erlang_c, agents_erlang_a = (
        "–" if number is None else str(number)  # noqa: RUF001
        for number in (one.staffing.agents_erlang_c, one.staffing.agents_erlang_a)
    )
    return agents_erlang_c, agents_erlang_a


def _notes(found: list[QueueForecast], options: WebOptions) -> list[str]:
    share, target, desk = options.service_level.attention, options.target_seconds, options.desk_target_seconds
    notes = [
        say(
            f"agents: so many that {share:.0%} are answered within {target} s ({desk} s at desks), in the half hour that begins",
            f"agents : autant qu'il faut pour que {100 * share:.0f} % aient réponse en {target} s ({desk} s aux guichets), dans "
            "la demi-heure qui commence",
        )
    ]
    days = sorted({day for one in found if one.forecast for day in one.forecast.days})
    left_out = sorted({day for one in found if one.forecast for day in one.forecast.left_out} - set(days))
    if days:
        notes.append(say("made of: ", "d'après : ") + ", ".join(map(str, days)))
    if left_out:
        notes.append(
            say("left out, hardly anybody came: ", "laissés de côté, presque personne : ")
            + ", ".join(map(str, left_out))
        )
    if any(one.forecast is None for one in found):
        notes.append(
            say(
                f"nothing is told of a queue with fewer than {MIN_DAYS} days like today",
                f"rien n'est dit d'une file qui a moins de {MIN_DAYS} jours comme celui-ci",
            )
        )
    if any(one.forecast and one.staffing is None for one in found):
        notes.append(
            say(
                f"no agents are told where fewer than {MIN_HANDLED} contacts tell how long one takes",
                f"pas d'agents où moins de {MIN_HANDLED} contacts disent combien de temps en prend un",
            )
        )
    if any(one.staffing and one.staffing.load.patience_seconds == inf for one in found):
        notes.append(
            say(
                f"no Erlang A where fewer than {MIN_ABANDONED} gave up: how patient people are is not known",
                f"pas d'Erlang A où moins de {MIN_ABANDONED} ont abandonné : on ne sait pas combien les gens patientent",
            )
        )
    return notes
