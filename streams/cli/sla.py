"""`accueil sla`: check what is promised, list what is due, explain a contact's clocks."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from heapq import nsmallest
from pathlib import Path

import click

from connectors.sdk.config_errors import suggest
from models.calendars import BeyondCalendarError, Calendar, Unit
from models.calendars.public_holidays import name_holidays
from models.calendars.rules import FIRST_YEAR, LAST_YEAR
from models.policies import Policies, TargetTerms
from models.timestamps import milliseconds
from streams.cli.base import Group, config_file, pass_settings, print_settings_file
from streams.cli.output_tables import (
    EXIT_NOT_FOUND,
    DurationParam,
    format_deadline,
    format_time,
    limit_option,
    print_table,
    vocabulary_label,
)
from streams.cli.sla_explanation import UNITS, describe_amount, describe_clock, describe_distance, explain_mismatch
from streams.core.contacts.contact import Contact
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_intervals import clock_intervals
from streams.kafka.state_reader import read_contact, read_contacts
from streams.locale.i18n import say
from streams.runtime.errors import OperatorError, operator_errors
from streams.runtime.instance_lock import find, kafka_errors
from streams.settings.loader import describe_settings_file, find_origin
from streams.settings.schema import ConfigError, Settings
from streams.settings.sla_file import load_policies

EXAMPLE = Path(__file__).parents[1] / "settings" / "example_sla.toml"


@click.group(
    cls=Group,
    name="sla",
    lazy={
        "calendar": (
            "streams.cli.sla_calendar:group",
            say("Calendars as iCalendar (RFC 5545).", "Les calendriers en iCalendar (RFC 5545)."),
        )
    },
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
@click.option(
    "--year",
    type=click.IntRange(FIRST_YEAR, LAST_YEAR),
    help=say("Holidays and closures of this year too.", "Aussi les jours fériés et fermetures de cette année."),
)
@pass_settings
def check(settings: Settings, file: Path | None, year: int | None) -> None:
    """Check a file."""
    path = find_file(settings, file)
    if not file:
        print_settings_file()
    with operator_errors():
        policies = load_policies(path, find_sla_origin(file))
    click.echo(_tell_sla_file(path))
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
            say("rolled", "reporté"),
            say("paused", "en pause"),
            say("at risk from", "à risque dès"),
            say("objective", "objectif"),
            say("if it came now: deadline", "reçu à l'instant : échéance"),
        ),
        list(_promises(policies)),
    )
    for name, calendar in policies.calendars.items():
        click.echo(f"{name}{say(':', ' :')} {_opening(calendar)}")
        for line in _exceptions(calendar, year) if year else ():
            click.echo(f"  {line}")


def find_file(settings: Settings, file: Path | None) -> Path:
    """Return the SLA file that is named, else that of the settings. Raises `OperatorError` if there is none."""
    if path := file or settings.sla:
        return path
    raise OperatorError(
        say("no SLA file: name one, or set sla", "aucun fichier : en nommer un, ou régler sla")
        + say("; ", " ; ")
        + describe_settings_file(config_file(click.get_current_context()))
    )


def find_sla_origin(file: Path | None) -> str:
    """Return the settings file or variable that names the SLA file; empty if the command does: it is `file`."""
    return "" if file else find_origin("sla", config_file(click.get_current_context()))


def _tell_unset() -> str:
    return say(
        'no SLA file is set: write sla = "sla.toml" in accueil.toml, above its first table, or set ACCUEIL_SLA '
        "(accueil sla example prints a file to begin with)",
        'aucun fichier des promesses n\'est réglé : écrire sla = "sla.toml" dans accueil.toml, avant sa première table, ou '
        "régler ACCUEIL_SLA (accueil sla example en affiche un pour commencer)",
    )


def _tell_sla_file(file: Path | None) -> str:
    return say(f"SLA file: {file or 'none'}", f"fichier des promesses : {file or 'aucun'}")


def _promises(policies: Policies) -> Iterator[tuple[str, ...]]:
    now = _now()
    in_force = {(version.name, version.since) for version in policies.in_force(now)}
    for version, terms, rule in policies.versions():
        calendar = policies.calendars[terms.calendar]
        if (version.name, version.since) not in in_force:
            is_later = version.since is not None and version.since > datetime.now(calendar.zone).date()
            deadline = say("later", "plus tard") if is_later else say("replaced", "remplacée")
        else:
            try:
                deadline = format_deadline(calendar.add(now, terms.amount, terms.unit, roll=terms.roll), calendar.zone)
            except BeyondCalendarError:
                deadline = say(f"after {LAST_YEAR}", f"après {LAST_YEAR}")
        rolls = terms.roll or terms.unit is Unit.CLEAR_DAYS
        yield (
            terms.policy,
            terms.since,
            vocabulary_label("clock", terms.kind),
            _target(terms),
            terms.calendar,
            say("yes", "oui") if rolls else say("no", "non"),
            say("citizen", "usager") if terms.pauses else say("never", "jamais"),
            _percent(rule.at_risk),
            _percent(rule.objective),
            deadline,
        )


def _target(terms: TargetTerms) -> str:
    """Return a target in words, beside it what its unit is called in French law, or by the file."""
    amount = describe_amount(terms.target, terms.unit)
    if terms.unit not in UNITS:
        return amount
    return f"{amount} ({say(UNITS[terms.unit][terms.target > 1][1], terms.unit)})"


def _percent(share: float) -> str:
    return say(f"{100 * share:g}%", f"{100 * share:g} %")


def _exceptions(calendar: Calendar, year: int) -> list[str]:
    """Return the holidays, closures and extra openings of a year, in the order of their days."""
    rules = calendar.rules
    language, custom = say("en", "fr"), rules.customary_holidays
    holidays = name_holidays(rules.holidays, year, language, customary=custom) if rules.holidays else {}
    lines = [f"{day}  {name}" for day, name in holidays.items()]
    for words, exceptions in (
        (say("closed", "fermé"), rules.closures),
        (say("open all the same", "ouvert malgré tout"), rules.extra),
    ):
        for days in exceptions:
            if days.from_.year <= year <= days.to.year:
                last = "" if days.from_ == days.to else say(f" to {days.to}", f" au {days.to}")
                lines.append(f"{days.from_}{last}  {words} {' '.join(map(str, days.hours or ()))}".rstrip())
    return sorted(lines)


def _opening(calendar: Calendar) -> str:
    now = _now()
    change = calendar.next_change(now)
    state = say("open now", "ouvert") if calendar.is_open(now) else say("closed now", "fermé")
    if change is None:
        return state
    until = format_time(change.at, calendar.zone)
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
    with operator_errors(), kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        row = read_contact(settings, contact)
    if row is None:
        click.echo(say(f"no contact {contact} is known", f"aucun contact {contact} n'est connu"), err=True)
        ctx.exit(EXIT_NOT_FOUND)
    if not row.clocks:
        click.echo(say("nothing was promised to this contact", "rien n'a été promis à ce contact"))
        if file is None:
            click.echo(_tell_unset())
        return
    click.echo(_tell_sla_file(file))
    closures = {
        (clock_interval.kind, clock_interval.number): clock_interval.closures for clock_interval in clock_intervals(row)
    }
    for clock in row.clocks:
        calendar = policies.calendars.get(clock.terms.calendar)
        zone = calendar.zone if calendar else settings.web.zone
        for line in describe_clock(clock, calendar, zone, _now(), closures.get((clock.kind, clock.number), ())):
            click.echo(line)
        if calendar and (reason := explain_mismatch(clock, policies, zone)):
            click.echo(f"  {reason}")


@group.command(
    name="list",
    help=say(
        "List the contacts to which something is promised that is still to be done, soonest due first.",
        "Lister les contacts à qui est dû ce qui reste à faire, le plus pressant d'abord.",
    ),
)
@click.option("--overdue", is_flag=True, help=say("Those that are late.", "Ceux qui sont en retard."))
@click.option(
    "--due-within",
    type=DurationParam(),
    help=say("Those that are due within 90m, 2h, 3d.", "Ceux dont l'échéance vient dans 90m, 2h, 3d."),
)
@click.option("--service", help=say("Of one service.", "D'un service."))
@limit_option
@pass_settings
def list_due(settings: Settings, *, overdue: bool, due_within: int | None, service: str | None, limit: int) -> None:
    """List open clocks; those that stand still without a deadline are none of them."""
    now = _now()
    begin = 0 if overdue or due_within is None else now
    end = now if overdue and due_within is None else now + due_within if due_within is not None else None

    services = set[str]()

    def due(row: Contact) -> list[SlaClock]:
        services.update(clock.dimensions.service for clock in row.clocks)
        return [
            clock
            for clock in row.clocks
            if clock.is_open
            and clock.deadline_at is not None
            and begin <= clock.deadline_at
            and (end is None or clock.deadline_at <= end)
            and service in {None, clock.dimensions.service}
        ]

    with operator_errors(), kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        found = read_contacts(settings, lambda row: bool(due(row)))
    clocks = [(clock, name) for name, row in found.items() for clock in due(row)]
    chosen = nsmallest(limit, clocks, key=lambda one: (one[0].deadline_at, one[1]))
    if not clocks:
        _check_service(settings, service, services)
        click.echo(_tell_none(overdue=overdue, due_within=due_within, service=service))
        if file is None:
            click.echo(_tell_unset())
        return
    print_table(
        (
            "contact",
            "service",
            say("clock", "horloge"),
            say("policy", "règle"),
            say("deadline", "échéance"),
            say("left or late", "reste ou retard"),
        ),
        [_line(name, clock, policies, settings, now) for clock, name in chosen],
    )
    if len(chosen) < len(clocks):
        click.echo(say(f"{len(chosen)} of {len(clocks)}", f"{len(chosen)} sur {len(clocks)}"))


def _check_service(settings: Settings, service: str | None, promised: Collection[str]) -> None:
    """Raise `click.UsageError` for a service that neither contacts to which something is `promised` nor settings name."""
    web = settings.web
    known = sorted(filter(None, {*promised, *(queue.service for queue in web.queues.values()), *web.services}))
    if service is None or service in known:
        return
    listed = ", ".join(known) or say("none", "aucun")
    raise click.UsageError(
        say(
            f"no --service {service} is known; there are: {listed}",
            f"--service {service} : inconnu ; il y a : {listed}",
        )
        + suggest(service, known)
    )


def _tell_none(*, overdue: bool, due_within: int | None, service: str | None) -> str:
    """Return in words that there is nothing of what was asked for."""
    if due_within is not None and overdue:
        said = say("nothing is overdue, or due so soon", "rien n'est en retard, ni dû si tôt")
    elif due_within is not None:
        said = say("nothing is due so soon", "rien n'est dû si tôt")
    elif overdue:
        said = say("nothing is overdue", "rien n'est en retard")
    else:
        said = say("nothing is due", "rien n'est dû")
    return f"{service}{say(':', ' :')} {said}" if service else said


def _line(name: str, clock: SlaClock, policies: Policies, settings: Settings, now: int) -> tuple[str, ...]:
    calendar = policies.calendars.get(clock.terms.calendar)
    assert clock.deadline_at is not None  # it was chosen by it
    deadline = format_deadline(clock.deadline_at, calendar.zone if calendar else settings.web.zone)
    distance = describe_distance(clock, calendar, now)
    return name, clock.dimensions.service, vocabulary_label("clock", clock.kind), clock.terms.policy, deadline, distance


def active_sla_file(settings: Settings) -> Path | None:
    """Return the SLA file by which the clocks run that are looked at: that of the `accueil up` that runs here, or of the demo."""
    if found := find(settings, or_demo=True):
        return Path(found[1].sla) if found[1].sla else None
    return settings.sla


def load_active_policies(settings: Settings, file: Path | None) -> Policies:
    """Return what `load_policies` does of what `file_in_force` found.

    Its `ConfigError` says, too, that workers do not mind what was changed.
    """
    try:
        return load_policies(file, "" if find(settings, or_demo=True) else find_sla_origin(None))
    except ConfigError as error:
        kept = say(
            "a worker that runs keeps the promises that it had, until this is mended",
            "un worker en marche garde les promesses qu'il avait, jusqu'à correction",
        )
        raise ConfigError(f"{error}\n{kept}") from None


def _now() -> int:
    return milliseconds(datetime.now(UTC))
