"""`accueil sla`: check what is promised, and explain a contact's clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from models.calendars import BeyondCalendarError, Calendar
from models.calendars.rules import LAST_YEAR
from models.policies import Policies
from streams.core.courses import courses
from streams.listing import EXIT_NOT_FOUND, print_table, when
from streams.running import find, kafka_errors
from streams.settings import Settings
from streams.sla_explaining import describe_amount, describe_clock, doubt
from streams.sla_file import load_policies
from streams.state_reader import read_contact
from streams.terminal import Group, OperatorError, clear_errors, pass_settings
from streams.words import say

EXAMPLE = Path(__file__).with_name("example_sla.toml")


@click.group(
    cls=Group,
    name="sla",
    help=say(
        "What is promised to citizens, and how it is kept.", "Ce qui est promis aux usagers, et comment c'est tenu."
    ),
)
def group() -> None:
    """Check policies, explain clocks."""


@group.command(help=say("Print an example of an SLA file.", "Imprimer un exemple de fichier."))
def example() -> None:
    """Print the example."""
    click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)


@group.command(
    help=say(
        "Check an SLA file, the configured one if none is given, and say what it promises.",
        "Vérifier un fichier, à défaut celui des réglages, et dire ce qu'il promet.",
    )
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@pass_settings
def check(settings: Settings, file: Path | None) -> None:
    """Check a file."""
    path = file or settings.sla
    if path is None:
        raise OperatorError(
            say("no SLA file: name one, or set sla in accueil.toml", "aucun fichier : en nommer un, ou régler sla")
        )
    with clear_errors():
        policies = load_policies(path)
    if policies.empty:
        click.echo(say(f"{path} promises nothing", f"{path} ne promet rien"))
        return
    print_table(
        (
            say("policy", "règle"),
            say("from", "depuis"),
            say("clock", "horloge"),
            say("target", "délai"),
            say("calendar", "calendrier"),
            say("objective", "objectif"),
            say("if it came now: deadline", "reçu à l'instant : échéance"),
        ),
        list(_promises(policies)),
    )
    for name, calendar in policies.calendars.items():
        click.echo(f"{name}{say(':', ' :')} {_opening(calendar)}")


def _promises(policies: Policies) -> Iterator[tuple[str, ...]]:
    now = _now()
    for terms, rule in policies.promises():
        calendar = policies.calendars[terms.calendar]
        try:
            deadline = when(calendar.add(now, terms.amount, terms.unit, roll=terms.roll), calendar.zone)
        except BeyondCalendarError:
            deadline = say(f"after {LAST_YEAR}", f"après {LAST_YEAR}")
        yield (
            terms.policy,
            terms.since,
            terms.kind,
            describe_amount(terms.target, terms.unit),
            terms.calendar,
            say(f"{100 * rule.objective:g}%", f"{100 * rule.objective:g} %"),
            deadline,
        )


def _opening(calendar: Calendar) -> str:
    now = _now()
    change = calendar.next_change(now)
    state = say("open now", "ouvert") if calendar.is_open(now) else say("closed now", "fermé")
    if change is None:
        return state
    until = when(change.at, calendar.zone)
    return f"{state}, " + (
        say(f"opens {until}", f"ouvre {until}") if change.opens else say(f"until {until}", f"jusqu'au {until}")
    )


@group.command(
    help=say(
        "Explain the clocks of a contact step by step: what began, paused, counted, and by when.",
        "Expliquer les horloges d'un contact pas à pas : début, pauses, temps compté, échéance.",
    )
)
@click.argument("contact")
@pass_settings
@click.pass_context
def explain(ctx: click.Context, settings: Settings, contact: str) -> None:
    """Explain a contact."""
    with clear_errors(), kafka_errors():
        file = file_in_force(settings)
        policies = load_policies(file)
        row = read_contact(settings, contact)
    if row is None:
        click.echo(say(f"no contact {contact} is known", f"aucun contact {contact} n'est connu"), err=True)
        ctx.exit(EXIT_NOT_FOUND)
    if not row.clocks:
        click.echo(say("nothing was promised to this contact", "rien n'a été promis à ce contact"))
        return
    click.echo(say(f"SLA file: {file or 'none'}", f"fichier des promesses : {file or 'aucun'}"))
    closures = {(course.kind, course.number): course.closures for course in courses(row)}
    for clock in row.clocks:
        calendar = policies.calendars.get(clock.terms.calendar)
        zone = calendar.zone if calendar else settings.web.zone
        for line in describe_clock(clock, calendar, zone, _now(), closures.get((clock.kind, clock.number), ())):
            click.echo(line)
        if calendar and (reason := doubt(clock, policies, zone)):
            click.echo(f"  {reason}")


def file_in_force(settings: Settings) -> Path | None:
    """Return the SLA file by which the clocks run that are looked at: that of the `accueil up` that runs here, or of the demo."""
    if found := find(settings, or_demo=True):
        return Path(found[1].sla) if found[1].sla else None
    return settings.sla


def _now() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)
