"""`accueil sla`: check what is promised, and explain a contact's clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import click

from models.calendars import BeyondCalendarError, Calendar, Unit
from models.calendars.rules import LAST_YEAR
from models.policies import Policies
from streams.core.clock import Clock, End
from streams.listing import EXIT_NOT_FOUND, print_table, when
from streams.running import kafka_errors, read
from streams.settings import Settings
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
        policies = load_policies(_file_of(settings))
        row = read_contact(settings, contact)
    if row is None:
        click.echo(say(f"no contact {contact} is known", f"aucun contact {contact} n'est connu"), err=True)
        ctx.exit(EXIT_NOT_FOUND)
    if not row.clocks:
        click.echo(say("nothing was promised to this contact", "rien n'a été promis à ce contact"))
    for clock in row.clocks:
        calendar = policies.calendars.get(clock.terms.calendar)
        zone = calendar.zone if calendar else settings.web.zone
        for line in describe_clock(clock, calendar, zone, _now()):
            click.echo(line)


def _file_of(settings: Settings) -> Path | None:
    """Return the SLA file that counts where contacts are looked for: in the demo, if only that runs here, its own."""
    is_demo = not settings.brokers and read(settings.data) is None
    return EXAMPLE if is_demo else settings.sla


def describe_clock(clock: Clock, calendar: Calendar | None, zone: tzinfo, now: int) -> Iterator[str]:
    """Yield lines that explain a clock as it is at `now`, milliseconds since 1970: its terms, its life, what was counted."""
    terms = clock.terms
    number = f" {clock.number}" if clock.number else ""
    since = say(f" from {terms.since}", f" du {terms.since}") if terms.since else ""
    yield (
        f"{clock.kind}{number}{say(':', ' :')} {describe_amount(terms.target, terms.unit)}, "
        + say("policy", "règle")
        + f" {terms.policy}{since}, "
        + say("calendar", "calendrier")
        + f" {terms.calendar}"
    )
    for at, what in sorted(_life(clock), key=lambda told: told[0]):
        yield f"  {when(at, zone)}  {what}"
    until = clock.ended_at if clock.ended_at is not None else now
    if calendar is None:
        yield "  " + say("its calendar is no longer in the file", "son calendrier n'est plus dans le fichier")
        return
    for day, amount in calendar.counted_by_day(clock.started_at, until, terms.unit, clock.pauses):
        yield f"    {day:%Y-%m-%d}  {describe_counted(amount, terms.unit)}"
    total = calendar.counted(clock.started_at, until, terms.unit, clock.pauses)
    yield f"  {say('counted:', 'compté :')} {describe_counted(total, terms.unit)}"
    if clock.is_open and clock.deadline_at is None:
        yield f"  {say('deadline:', 'échéance :')} {_put_off(clock, calendar)}"


def _put_off(clock: Clock, calendar: Calendar) -> str:
    """Return what is known of a deadline that is none yet."""
    terms = clock.terms
    try:
        left = calendar.deadline(clock.started_at, terms.amount, terms.unit, clock.pauses, roll=terms.roll).left
    except BeyondCalendarError:
        return say(f"after {LAST_YEAR}", f"après {LAST_YEAR}")
    amount = describe_counted(left, terms.unit)
    return say(f"{amount} after the citizen has acted", f"{amount} après que l'usager aura agi")


def _life(clock: Clock) -> Iterator[tuple[int, str]]:
    yield clock.started_at, say("started", "début")
    for begin, end in clock.pauses:
        yield begin, say("paused: the citizen has to act", "pause : l'usager doit agir")
        if end is not None:
            yield end, say("resumed", "reprise")
    if clock.at_risk_at is not None and (clock.ended_at is None or clock.at_risk_at < clock.ended_at):
        yield clock.at_risk_at, say("at risk", "à risque")
    if clock.deadline_at is not None:
        yield clock.deadline_at, say("deadline", "échéance")
    if clock.ended_at is not None:
        if clock.end is End.VOID:
            yield clock.ended_at, say("nobody waits any more", "plus personne n'attend")
        elif clock.is_breached:
            yield clock.ended_at, say("done, late", "fait, en retard")
        else:
            yield clock.ended_at, say("done in time", "fait à temps")


def describe_amount(target: int, unit: Unit) -> str:
    """Return a target in words: `40 h of opening`, `15 working days`."""
    if unit is Unit.ELAPSED:
        return _seconds(target)
    if unit is Unit.OPENING_HOURS:
        return say(f"{_seconds(target)} of opening", f"{_seconds(target)} d'ouverture")
    english, french = {
        Unit.WORKING_DAYS: ("working days", "jours ouvrés"),
        Unit.BUSINESS_DAYS: ("business days", "jours ouvrables"),
        Unit.CALENDAR_DAYS: ("calendar days", "jours calendaires"),
        Unit.CLEAR_DAYS: ("clear days", "jours francs"),
        Unit.MONTHS: ("months", "mois"),
    }[unit]
    return f"{target} {say(english, french)}"


def describe_counted(amount: int, unit: Unit) -> str:
    """Return what was counted: of time units a time, else days."""
    if unit in {Unit.ELAPSED, Unit.OPENING_HOURS}:
        return _seconds(amount // 1000)
    return say(f"{amount} d", f"{amount} j")


def _seconds(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) or "0 s"


def _now() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)
