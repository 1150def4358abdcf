"""`accueil recompute`: recompute all figures from the events, and report differences."""

import time
from datetime import date
from json import dumps
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import click

from models.locale import _
from models.policies import Policies
from models.topics import CONTACTS, DAY_MS, FIGURES, SOURCES
from streams.agents.contacts import WorkerTimings
from streams.cli.base import pass_running_settings
from streams.cli.output_tables import format_time, json_option, limit_option, print_table
from streams.cli.sla import active_sla_file, load_active_policies
from streams.core.contacts.history_detection import GRACE_MS
from streams.core.figures.figure import local_time
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.core.figures.recompute_diff import FigureDifference, compare
from streams.recovery.recompute import Recount, recount
from streams.runtime.instance_lock import Cluster, find_readable_cluster, kafka_errors
from streams.runtime.worker import times
from streams.settings.errors import OperatorError
from streams.settings.schema import Settings

EXIT_DIFFERENT: Final = 1
PROGRESS_SECONDS: Final = 3.0
"""Interval of progress messages, in seconds."""
MARGIN_SECONDS: Final = 5.0
"""Allowance for the tick and the commit of a worker, in seconds."""


class _Comparison(NamedTuple):
    differences: list[FigureDifference]
    policy_changes: int
    """Number of further differences in SLA figures of days, or totals, with contacts judged by policies that are not in force."""
    new_figures: int
    """Number of further differences in figures that a release added later."""
    is_transient: bool
    """True if all of `differences` depend on time alone: workers that have just started count such events a little later."""


@click.command(
    name="recompute",
    help=_(
        "Recompute all figures from the events in Kafka, and report each number that differs from "
        "the workers' figures. Read-only, and workers keep running. A million contacts take some "
        "minutes; memory as for one partition in a worker. Figures judged by earlier SLA policies "
        "are not compared. The check covers the events that Kafka still holds "
        "(`retention.events_days`). Exit code 1 if a number differs."
    ),
)
@json_option
@limit_option
@pass_running_settings
def command(settings: Settings, /, limit: int, *, json: bool) -> None:
    with kafka_errors():
        file = active_sla_file(settings)
        policies = load_active_policies(settings, file)
        cluster = find_readable_cluster(settings, [CONTACTS, FIGURES, *SOURCES.values()])
        counted, found = _recompute(settings, cluster, policies)
        if found.differences and found.is_transient and counted.history_at:
            click.echo(_describe_history(counted, found, settings), err=True)
            found = found._replace(differences=[])
        if found.differences and found.is_transient:
            seconds = _settling_seconds(times(settings))
            text = _(
                "numbers that differ only by timeouts, such as forgotten calls: {count}; workers that have "
                "just started apply them a little later: recomputing in {seconds:.0f} s",
                count=len(found.differences),
                seconds=seconds,
            )
            click.echo(text, err=True)
            time.sleep(seconds)
            counted, found = _recompute(settings, cluster, policies)
    if json:
        _print_json(found.differences[:limit])
    else:
        _print(counted, found.differences, limit, settings)
    if found.policy_changes:
        click.echo(_describe_policy_changes(counted, found, file, settings), err=json)
    if found.new_figures:
        click.echo(_describe_new_figures(counted, found, settings), err=json)
    click.echo(_describe_period(counted, settings), err=json)
    if found.differences:
        click.get_current_context().exit(EXIT_DIFFERENT)


def _recompute(settings: Settings, cluster: Cluster, policies: Policies) -> tuple[Recount, _Comparison]:
    retention_ms = settings.retention.events_days * DAY_MS
    counted = recount(*cluster, times(settings), lambda: policies, _Progress(), retention_ms)
    if not counted.as_of:
        raise OperatorError(_("no worker has written figures yet"))
    return counted, _compare(counted, settings.web.zone)


def _compare(counted: Recount, zone: ZoneInfo) -> _Comparison:
    days = {None}.union(*(contact.days for contact in counted.judged)) if counted.judged else set()
    differences, policy_changes, lasting, new_figures = [], 0, 0, 0
    not_transient = set(compare(counted.known, counted.again, counted.earlier, counted.without_ticks))
    for difference in compare(counted.known, counted.again, counted.earlier):
        if not _is_complete(difference.day, counted.first_day):
            continue
        if difference.is_of_sla and difference.day in days:
            policy_changes += 1
            continue
        if _is_new_figure(difference, counted, zone):
            new_figures += 1
            continue
        differences.append(difference)
        lasting += difference in not_transient
    return _Comparison(differences, policy_changes, new_figures, is_transient=not lasting)


def _is_new_figure(difference: FigureDifference, counted: Recount, zone: ZoneInfo) -> bool:
    """Return whether a release added the figure on the day of the difference or later; True for any total of an added figure."""
    channel = difference.dimensions.channel
    index = FIGURE_SCHEMAS[channel].index.get(difference.name)
    if index is None:
        return False
    since = max((at for first, at in counted.added.get(channel, ()) if first <= index), default=0)
    return bool(since) and (difference.day is None or difference.day <= local_time(since // 1000, zone).date())


def _settling_seconds(timings: WorkerTimings) -> float:
    """Return the longest wait of a starting worker before it applies timeouts and deadlines, with a margin, in seconds."""
    return (GRACE_MS + timings.sla_delays.grace) / 1000 + MARGIN_SECONDS


def _describe_policy_changes(counted: Recount, found: _Comparison, file: Path | None, settings: Settings) -> str:
    until = format_time(max(contact.last_at for contact in counted.judged), settings.web.zone)
    contacts, sla_file = len(counted.judged), file.name if file else _("none")
    return _(
        "SLA figures not compared, though they differ: {policy_changes}. The SLA policies have "
        "changed: workers judged {contacts} contacts by others than those in force ({sla_file}), the "
        "last one at {until}. Ended clocks keep their result",
        policy_changes=found.policy_changes,
        contacts=contacts,
        sla_file=sla_file,
        until=until,
    )


def _describe_history(counted: Recount, found: _Comparison, settings: Settings) -> str:
    at, number = format_time(counted.history_at, settings.web.zone), len(found.differences)
    return _(
        "numbers not compared, which differ only by timeouts: {number}. The history of a source is "
        "still being read, up to {at} so far; workers apply timeouts after that",
        number=number,
        at=at,
    )


def _describe_new_figures(counted: Recount, found: _Comparison, settings: Settings) -> str:
    since = format_time(max(at for numbers in counted.added.values() for _, at in numbers), settings.web.zone)
    return _(
        "numbers not compared, of figures that a release added at {since}: {new_figures}",
        since=since,
        new_figures=found.new_figures,
    )


def _describe_period(counted: Recount, settings: Settings) -> str:
    days = settings.retention.events_days
    if not counted.begins_at:
        return _(
            "Kafka holds no events any more (retention.events_days = {days}): earlier figures were not checked",
            days=days,
        )
    at = format_time(counted.begins_at, settings.web.zone)
    return _(
        "checked: figures of the events published since {at}; Kafka holds no earlier ones "
        "(retention.events_days = {days})",
        at=at,
        days=days,
    )


def _is_complete(day: date | None, first_day: date | None) -> bool:
    return first_day is None or (day is not None and day >= first_day)


class _Progress:
    """Prints the progress of reading, immediately and then every few seconds."""

    def __init__(self) -> None:
        self._shown_at: float | None = None

    def __call__(self, number: int, partitions: int, events: int) -> None:
        now = time.monotonic()
        if self._shown_at is not None and now - self._shown_at < PROGRESS_SECONDS:
            return
        self._shown_at = now
        place, read = f"{number + 1} / {partitions}", f"{events:,}".replace(",", " ")
        click.echo(_("partition {place}: {read} events read", place=place, read=read), err=True)


def _print_json(differences: list[FigureDifference]) -> None:
    for difference in differences:
        day = difference.day and difference.day.isoformat()
        fields = {"day": day, **difference.dimensions._asdict(), "name": difference.name}
        click.echo(dumps({**fields, "known": difference.known, "again": difference.again}))


def _print(counted: Recount, found: list[FigureDifference], limit: int, settings: Settings) -> None:
    compared = sum(_is_complete(day, counted.first_day) for day, _ in counted.known.keys() | counted.again.keys())
    click.echo(
        _(
            "as of {format_time}: {events} events give {compared} rows of figures (totals and days)",
            format_time=format_time(counted.as_of, settings.web.zone),
            events=counted.events,
            compared=compared,
        )
    )
    if counted.first_day:
        click.echo(
            _(
                "events begin during the day before {first_day}: totals are not compared, and contacts that "
                "began earlier may differ",
                first_day=counted.first_day,
            )
        )
    if not found:
        click.echo(_("no number differs"))
        return
    rows = [
        (
            difference.day.isoformat() if difference.day else "total",
            "/".join(part or "-" for part in difference.dimensions),
            difference.name,
            str(difference.known),
            str(difference.again),
        )
        for difference in found[:limit]
    ]
    print_table(tuple(_("day,dimensions,figure,workers,recomputed").split(",")), rows)
    click.echo(_("numbers that differ: {count}", count=len(found)))
