"""`accueil forecast`: how many will still come today, and how many agents that takes now."""

from datetime import UTC, date, datetime, timedelta
from math import inf

import click

from streams.core.forecast import FEWEST_DAYS, Forecast
from streams.listing import print_table
from streams.report.outlook import FEWEST_ABANDONED, FEWEST_HANDLED, WEEKS, Outlook, look_out
from streams.report_cli import read_figures
from streams.running import pass_settings_here
from streams.settings import Settings
from streams.terminal import clear_errors
from streams.web.options import WebOptions
from streams.words import say


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
@pass_settings_here
def command(settings: Settings, /) -> None:
    """Print a row per queue, and from what it is made."""
    now = datetime.now(UTC)
    with clear_errors():
        today = now.astimezone(settings.web.zone).date()
        history, options = read_figures(settings, today - timedelta(weeks=WEEKS), today)
    found = look_out(history, now, options)
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
    if history.being_read:
        channels = ", ".join(history.being_read)
        click.echo(
            say(f"history is still being read: {channels}", f"historique encore en cours de lecture : {channels}")
        )
    for line in (*tell_holidays(today, options), *_notes(found, options)):
        click.echo(line)


def tell_holidays(today: date, options: WebOptions) -> list[str]:
    """Return what public holidays have to do with it."""
    if options.is_holiday(today):
        return [
            say("today is a public holiday: compared with Sundays", "jour férié aujourd'hui : comparé aux dimanches")
        ]
    before = (today - timedelta(weeks=number) for number in range(1, WEEKS + 1))
    days = ", ".join(str(day) for day in sorted(before) if options.is_holiday(day))
    return [say(f"left out, public holidays: {days}", f"laissés de côté, jours fériés : {days}")] if days else []


def _row(one: Outlook, options: WebOptions) -> tuple[str, ...]:
    agents = "–" if one.agents is None else str(one.agents)  # noqa: RUF001
    return (_name(one, options), str(one.so_far), *_expected(one.forecast), agents, *_needed(one))


def _name(one: Outlook, options: WebOptions) -> str:
    labels = {queue.dimensions: say(queue.label_en, queue.label_fr) for queue in options.queues}
    return labels.get(one.place) or " ".join(filter(None, (one.place.queue or one.place.service, one.place.site)))


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


def _needed(one: Outlook) -> tuple[str, str]:
    if one.staffing is None:
        return "–", "–"  # noqa: RUF001
    patient, impatient = (
        "–" if number is None else str(number)  # noqa: RUF001
        for number in (one.staffing.patient, one.staffing.impatient)
    )
    return patient, impatient


def _notes(found: list[Outlook], options: WebOptions) -> list[str]:
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
                f"nothing is told of a queue with fewer than {FEWEST_DAYS} days like today",
                f"rien n'est dit d'une file qui a moins de {FEWEST_DAYS} jours comme celui-ci",
            )
        )
    if any(one.forecast and one.staffing is None for one in found):
        notes.append(
            say(
                f"no agents are told where fewer than {FEWEST_HANDLED} contacts tell how long one takes",
                f"pas d'agents où moins de {FEWEST_HANDLED} contacts disent combien de temps en prend un",
            )
        )
    if any(one.staffing and one.staffing.load.patience_seconds == inf for one in found):
        notes.append(
            say(
                f"no Erlang A where fewer than {FEWEST_ABANDONED} gave up: how patient people are is not known",
                f"pas d'Erlang A où moins de {FEWEST_ABANDONED} ont abandonné : on ne sait pas combien les gens patientent",
            )
        )
    return notes
