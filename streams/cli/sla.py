"""`accueil sla`: check the SLA file, list open deadlines, explain the SLA clocks of a contact."""

from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import nsmallest
from pathlib import Path

import click

from models.calendars import BeyondCalendarError, Calendar, Unit
from models.calendars.public_holidays import name_holidays
from models.calendars.rules import FIRST_YEAR, LAST_YEAR
from models.locale import SOURCE_LANGUAGE, _, translate, user_language
from models.policies import Policies, TargetTerms
from models.timestamps import milliseconds
from models.topics import CONTACTS
from streams.cli.base import Group, config_file, pass_settings, print_settings_file
from streams.cli.output_tables import (
    EXIT_NOT_FOUND,
    check_known,
    format_deadline,
    format_time,
    limit_option,
    print_table,
    vocabulary_label,
)
from streams.cli.sla_explanation import UNITS, describe_amount, describe_clock, describe_distance, explain_mismatch
from streams.cli.time_options import DurationParam
from streams.core.contacts.contact import Contact
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_intervals import clock_intervals
from streams.kafka.state_reader import read_contact, read_contacts
from streams.runtime.instance_lock import find, find_readable_cluster, kafka_errors
from streams.settings.errors import OperatorError
from streams.settings.loader import find_origin
from streams.settings.schema import ConfigError, Settings
from streams.settings.sla_file import load_policies

EXAMPLE = Path(__file__).parents[1] / "settings" / "example_sla.toml"


@click.group(
    cls=Group,
    name="sla",
    lazy={"import": ("streams.cli.sla_import:command", _("Print the days of an iCalendar file as closures in TOML."))},
    help=_("Check the SLA file and inspect deadlines."),
)
def group() -> None:
    """Check policies and inspect deadlines."""


@group.command(help=_("Print an example SLA file."))
def example() -> None:
    click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)


@group.command(help=_("Check FILE, by default the configured SLA file, and print its targets."))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--year", type=click.IntRange(FIRST_YEAR, LAST_YEAR), help=_("Also print the holidays and closures of this year.")
)
@pass_settings
def check(settings: Settings, file: Path | None, year: int | None) -> None:
    if not file:
        print_settings_file()
    if not (path := file or settings.sla):
        raise OperatorError(_("no SLA file: name one, or configure sla"))
    policies = load_policies(path, "" if file else _find_origin())
    click.echo(_sla_file_text(path))
    if policies.empty:
        click.echo(_("{path} has no targets", path=path))
        return
    print_table(
        (
            _("policy"),
            _("from"),
            _("clock"),
            _("target"),
            _("calendar"),
            _("rolled"),
            _("paused"),
            _("at risk from"),
            _("objective"),
            _("deadline if received now"),
        ),
        list(_target_rows(policies)),
    )
    for name, calendar in policies.calendars.items():
        click.echo(f"{name}{_(':')} {_opening_text(calendar)}")
        for line in _exceptions(calendar, year) if year else ():
            click.echo(f"  {line}")


def _find_origin() -> str:
    return find_origin("sla", config_file(click.get_current_context()))


def _unset_hint() -> str:
    return _(
        'no SLA file is configured: write sla = "sla.toml" in accueil.toml, above its first table, '
        "or set ACCUEIL_SLA (accueil sla example prints an example file)"
    )


def _sla_file_text(file: Path | None) -> str:
    return _("SLA file: {file}", file=file or _("none"))


def _target_rows(policies: Policies) -> Iterator[tuple[str, ...]]:
    now = _now()
    in_force = {(version.name, version.since) for version in policies.in_force(now)}
    for version, terms, rule in policies.versions():
        calendar = policies.calendars[terms.calendar]
        if (version.name, version.since) not in in_force:
            is_later = version.since is not None and version.since > datetime.now(calendar.zone).date()
            deadline = _("later") if is_later else _("replaced")
        else:
            try:
                deadline = format_deadline(calendar.add(now, terms.amount, terms.unit, roll=terms.roll), calendar.zone)
            except BeyondCalendarError:
                deadline = _("after {last_year}", last_year=LAST_YEAR)
        rolls = terms.roll or terms.unit is Unit.CLEAR_DAYS
        yield (
            terms.policy,
            terms.since,
            vocabulary_label("clock", terms.kind),
            _target(terms),
            terms.calendar,
            _("yes") if rolls else _("no"),
            _("citizen") if terms.pauses else _("never"),
            _percent(rule.at_risk),
            _percent(rule.objective),
            deadline,
        )


def _target(terms: TargetTerms) -> str:
    """Format a target; for days and months, add in parentheses the unit in French law (in English) or in the file (in French)."""
    amount = describe_amount(terms.target, terms.unit)
    if terms.unit not in UNITS:
        return amount
    name = UNITS[terms.unit][terms.target > 1]
    return f"{amount} ({translate(name, 'fr') if user_language() == SOURCE_LANGUAGE else terms.unit})"


def _percent(share: float) -> str:
    return _("{share:g}%", share=100 * share)


def _exceptions(calendar: Calendar, year: int) -> list[str]:
    """Return lines on the holidays, closures and extra openings of a year, by day."""
    rules = calendar.rules
    language, custom = user_language(), rules.customary_holidays
    holidays = name_holidays(rules.holidays, year, language, customary=custom) if rules.holidays else {}
    lines = [f"{day}  {name}" for day, name in holidays.items()]
    for label, exceptions in ((_("closed"), rules.closures), (_("extra opening"), rules.extra)):
        for days in exceptions:
            if days.from_.year <= year <= days.to.year:
                last = "" if days.from_ == days.to else _(" to {to}", to=days.to)
                lines.append(f"{days.from_}{last}  {label} {' '.join(map(str, days.hours or ()))}".rstrip())
    return sorted(lines)


def _opening_text(calendar: Calendar) -> str:
    now = _now()
    change = calendar.next_change(now)
    state = _("open now") if calendar.is_open(now) else _("closed now")
    if change is None:
        return state
    until = format_time(change.at, calendar.zone)
    return f"{state}, " + (_("opens {until}", until=until) if change.opens else _("until {until}", until=until))


@group.command(help=_("Explain the SLA clocks of a contact step by step: start, pauses, counted time, deadline."))
@click.argument("contact")
@pass_settings
@click.pass_context
def explain(ctx: click.Context, settings: Settings, contact: str) -> None:
    with kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        row = read_contact(*find_readable_cluster(settings, [CONTACTS]), contact)
    if row is None:
        click.echo(_("unknown contact {contact}", contact=contact), err=True)
        ctx.exit(EXIT_NOT_FOUND)
    if not row.clocks:
        click.echo(_("this contact has no SLA clocks"))
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


@group.command(name="list", help=_("List the open SLA deadlines, soonest first."))
@click.option("--overdue", is_flag=True, help=_("Only overdue deadlines."))
@click.option("--due-within", type=DurationParam(), help=_("Only deadlines within 90m, 2h or 3d."))
@click.option("--service", help=_("Only this service."))
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

    with kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        cluster = find_readable_cluster(settings, [CONTACTS])
        found = read_contacts(*cluster, lambda row: bool(due_clocks(row)))
    clocks = [(clock, name) for name, row in found.items() for clock in due_clocks(row)]
    shown = nsmallest(limit, clocks, key=lambda item: (item[0].deadline_at, item[1]))
    if not clocks:
        web = settings.web
        services.update(queue.service for queue in web.queues.values())
        check_known("service", service or "", services.union(web.services))
        click.echo(_("no open deadline matches"))
        if file is None:
            click.echo(_unset_hint())
        return
    print_table(
        ("contact", "service", _("clock"), _("policy"), _("deadline"), _("time left or late")),
        [_row(name, clock, policies, settings, now) for clock, name in shown],
    )
    if len(shown) < len(clocks):
        click.echo(_("{count} of {total}", count=len(shown), total=len(clocks)))


def _row(name: str, clock: SlaClock, policies: Policies, settings: Settings, now: int) -> tuple[str, ...]:
    calendar = policies.calendars.get(clock.terms.calendar)
    assert clock.deadline_at is not None  # by `due_clocks`
    deadline = format_deadline(clock.deadline_at, calendar.zone if calendar else settings.web.zone)
    distance = describe_distance(clock, calendar, now)
    return name, clock.dimensions.service, vocabulary_label("clock", clock.kind), clock.terms.policy, deadline, distance


def active_sla_file(settings: Settings) -> Path | None:
    """Return the SLA file in use: that of the running `accueil up` or demo, else that of the settings; None if it has none."""
    if found := find(settings, or_demo=True):
        return Path(found[1].sla) if found[1].sla else None
    return settings.sla


def load_active_policies(settings: Settings, file: Path | None) -> Policies:
    """Return the policies of `file`, the result of `active_sla_file`. An error says that workers keep the previous ones."""
    try:
        return load_policies(file, "" if find(settings, or_demo=True) else _find_origin())
    except ConfigError as error:
        note = _("running workers keep the previous targets until this is fixed")
        raise ConfigError(f"{error}\n{note}") from None


def _now() -> int:
    return milliseconds(datetime.now(UTC))
