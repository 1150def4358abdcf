"""`accueil sla`: check the SLA file, list open deadlines, explain the SLA clocks of a contact."""

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
from models.topics import CONTACTS
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
from streams.runtime.instance_lock import find, find_readable_cluster, kafka_errors
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
            say("Export and import iCalendar files.", "Exporter et importer des fichiers iCalendar."),
        )
    },
    help=say("Check the SLA file and inspect deadlines.", "Vérifier le fichier des délais et consulter les échéances."),
)
def group() -> None:
    """Check policies and inspect deadlines."""


@group.command(help=say("Print an example SLA file.", "Afficher un exemple de fichier des délais."))
def example() -> None:
    """Print the example file."""
    click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)


@group.command(
    help=say(
        "Check FILE, by default the configured SLA file, and print its targets.",
        "Vérifier FILE, par défaut le fichier des réglages, et afficher ses délais.",
    )
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--year",
    type=click.IntRange(FIRST_YEAR, LAST_YEAR),
    help=say(
        "Also print the holidays and closures of this year.", "Afficher aussi les fériés et fermetures de l'année."
    ),
)
@pass_settings
def check(settings: Settings, file: Path | None, year: int | None) -> None:
    """Print the targets and calendars of an SLA file. Raise `OperatorError` with its mistakes."""
    path = find_file(settings, file)
    if not file:
        print_settings_file()
    with operator_errors():
        policies = load_policies(path, find_sla_origin(file))
    click.echo(_sla_file_text(path))
    if policies.empty:
        click.echo(say(f"{path} has no targets", f"{path} ne contient aucun délai"))
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
            say("deadline if received now", "reçu à l'instant : échéance"),
        ),
        list(_target_rows(policies)),
    )
    for name, calendar in policies.calendars.items():
        click.echo(f"{name}{say(':', ' :')} {_opening_text(calendar)}")
        for line in _exceptions(calendar, year) if year else ():
            click.echo(f"  {line}")


def find_file(settings: Settings, file: Path | None) -> Path:
    """Return `file`, else the SLA file of the settings. Raise `OperatorError` without either."""
    if path := file or settings.sla:
        return path
    raise OperatorError(
        say("no SLA file: name one, or configure sla", "aucun fichier : en nommer un, ou régler sla")
        + say("; ", " ; ")
        + describe_settings_file(config_file(click.get_current_context()))
    )


def find_sla_origin(file: Path | None) -> str:
    """Return the settings file or variable that sets the SLA file; empty if the command line does."""
    return "" if file else find_origin("sla", config_file(click.get_current_context()))


def _unset_hint() -> str:
    return say(
        'no SLA file is configured: write sla = "sla.toml" in accueil.toml, above its first table, or set ACCUEIL_SLA '
        "(accueil sla example prints an example file)",
        'aucun fichier des délais n\'est réglé : écrire sla = "sla.toml" dans accueil.toml, avant sa première table, ou '
        "régler ACCUEIL_SLA (accueil sla example en affiche un pour commencer)",
    )


def _sla_file_text(file: Path | None) -> str:
    return say(f"SLA file: {file or 'none'}", f"fichier des délais : {file or 'aucun'}")


def _target_rows(policies: Policies) -> Iterator[tuple[str, ...]]:
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
    """Format a target with, in parentheses, its unit in French law (in English) or in the file (in French)."""
    amount = describe_amount(terms.target, terms.unit)
    if terms.unit not in UNITS:
        return amount
    return f"{amount} ({say(UNITS[terms.unit][terms.target > 1][1], terms.unit)})"


def _percent(share: float) -> str:
    return say(f"{100 * share:g}%", f"{100 * share:g} %")


def _exceptions(calendar: Calendar, year: int) -> list[str]:
    """Return lines on the holidays, closures and extra openings of a year, by day."""
    rules = calendar.rules
    language, custom = say("en", "fr"), rules.customary_holidays
    holidays = name_holidays(rules.holidays, year, language, customary=custom) if rules.holidays else {}
    lines = [f"{day}  {name}" for day, name in holidays.items()]
    for label, exceptions in (
        (say("closed", "fermé"), rules.closures),
        (say("extra opening", "ouverture exceptionnelle"), rules.extra),
    ):
        for days in exceptions:
            if days.from_.year <= year <= days.to.year:
                last = "" if days.from_ == days.to else say(f" to {days.to}", f" au {days.to}")
                lines.append(f"{days.from_}{last}  {label} {' '.join(map(str, days.hours or ()))}".rstrip())
    return sorted(lines)


def _opening_text(calendar: Calendar) -> str:
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
        "Explain the SLA clocks of a contact step by step: start, pauses, counted time, deadline.",
        "Expliquer les horloges d'un contact pas à pas : début, pauses, temps compté, échéance.",
    )
)
@click.argument("contact")
@pass_settings
@click.pass_context
def explain(ctx: click.Context, settings: Settings, contact: str) -> None:
    """Print the SLA clocks of a contact, step by step. Exit with code 1 if the contact is unknown."""
    with operator_errors(), kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        row = read_contact(*find_readable_cluster(settings, [CONTACTS]), contact)
    if row is None:
        click.echo(say(f"unknown contact {contact}", f"aucun contact {contact} n'est connu"), err=True)
        ctx.exit(EXIT_NOT_FOUND)
    if not row.clocks:
        click.echo(say("this contact has no SLA clocks", "ce contact n'a aucun délai promis"))
        if file is None:
            click.echo(_unset_hint())
        return
    click.echo(_sla_file_text(file))
    closures = {(interval.kind, interval.number): interval.closures for interval in clock_intervals(row)}
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
        "List the open SLA deadlines, soonest first.",
        "Lister les échéances en cours, la plus proche d'abord.",
    ),
)
@click.option("--overdue", is_flag=True, help=say("Only overdue deadlines.", "Seulement les échéances dépassées."))
@click.option(
    "--due-within",
    type=DurationParam(),
    help=say("Only deadlines within 90m, 2h or 3d.", "Seulement les échéances d'ici 90m, 2h ou 3d."),
)
@click.option("--service", help=say("Only this service.", "Seulement ce service."))
@limit_option
@pass_settings
def list_due(settings: Settings, *, overdue: bool, due_within: int | None, service: str | None, limit: int) -> None:
    """List open clocks that have a deadline; paused clocks without one are left out."""
    now = _now()
    earliest = 0 if overdue or due_within is None else now
    latest = now if overdue and due_within is None else now + due_within if due_within is not None else None

    services = set[str]()

    def due_clocks(row: Contact) -> list[SlaClock]:
        services.update(clock.dimensions.service for clock in row.clocks)
        return [
            clock
            for clock in row.clocks
            if clock.is_open
            and clock.deadline_at is not None
            and earliest <= clock.deadline_at
            and (latest is None or clock.deadline_at <= latest)
            and service in {None, clock.dimensions.service}
        ]

    with operator_errors(), kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        cluster = find_readable_cluster(settings, [CONTACTS])
        found = read_contacts(*cluster, lambda row: bool(due_clocks(row)))
    clocks = [(clock, name) for name, row in found.items() for clock in due_clocks(row)]
    shown = nsmallest(limit, clocks, key=lambda item: (item[0].deadline_at, item[1]))
    if not clocks:
        _check_service(settings, service, services)
        click.echo(_nothing_text(overdue=overdue, due_within=due_within, service=service))
        if file is None:
            click.echo(_unset_hint())
        return
    print_table(
        (
            "contact",
            "service",
            say("clock", "horloge"),
            say("policy", "règle"),
            say("deadline", "échéance"),
            say("time left or late", "reste ou retard"),
        ),
        [_row(name, clock, policies, settings, now) for clock, name in shown],
    )
    if len(shown) < len(clocks):
        click.echo(say(f"{len(shown)} of {len(clocks)}", f"{len(shown)} sur {len(clocks)}"))


def _check_service(settings: Settings, service: str | None, with_clocks: Collection[str]) -> None:
    """Raise `click.UsageError` for a service that is neither in the settings nor among `with_clocks`."""
    web = settings.web
    known = sorted(filter(None, {*with_clocks, *(queue.service for queue in web.queues.values()), *web.services}))
    if service is None or service in known:
        return
    listed = ", ".join(known) or say("none", "aucun")
    raise click.UsageError(
        say(
            f"unknown --service {service}; known: {listed}",
            f"--service {service} : inconnu ; connus : {listed}",
        )
        + suggest(service, known)
    )


def _nothing_text(*, overdue: bool, due_within: int | None, service: str | None) -> str:
    """Return the message for an empty list."""
    if due_within is not None and overdue:
        text = say("no overdue or upcoming deadline in this period", "rien n'est en retard, ni dû si tôt")
    elif due_within is not None:
        text = say("no deadline in this period", "rien n'est dû si tôt")
    elif overdue:
        text = say("no overdue deadline", "rien n'est en retard")
    else:
        text = say("no open deadline", "rien n'est dû")
    return f"{service}{say(':', ' :')} {text}" if service else text


def _row(name: str, clock: SlaClock, policies: Policies, settings: Settings, now: int) -> tuple[str, ...]:
    calendar = policies.calendars.get(clock.terms.calendar)
    assert clock.deadline_at is not None  # by `due_clocks`
    deadline = format_deadline(clock.deadline_at, calendar.zone if calendar else settings.web.zone)
    distance = describe_distance(clock, calendar, now)
    return name, clock.dimensions.service, vocabulary_label("clock", clock.kind), clock.terms.policy, deadline, distance


def active_sla_file(settings: Settings) -> Path | None:
    """Return the SLA file in use: of the running `accueil up` or demo, else of the settings."""
    if found := find(settings, or_demo=True):
        return Path(found[1].sla) if found[1].sla else None
    return settings.sla


def load_active_policies(settings: Settings, file: Path | None) -> Policies:
    """Return the policies of the file that `active_sla_file` found.

    Raise `ConfigError` with a note that running workers keep the previous policies.
    """
    try:
        return load_policies(file, "" if find(settings, or_demo=True) else find_sla_origin(None))
    except ConfigError as error:
        note = say(
            "running workers keep the previous targets until this is fixed",
            "les workers en marche gardent les délais précédents jusqu'à correction",
        )
        raise ConfigError(f"{error}\n{note}") from None


def _now() -> int:
    return milliseconds(datetime.now(UTC))
