"""The command `accueil simulate all`."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from connectors.sdk.errors import ConnectorError, describe_os_error
from connectors.sdk.files import replace
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.call_profile import USUAL_HOURS
from connectors.simulator.departement import Departement
from connectors.simulator.office_hours import PARIS, midnight
from connectors.simulator.plan import Plan
from connectors.simulator.population import list_citizens
from connectors.simulator.run_modes import RunProgress, run_live, run_span
from connectors.simulator.simulation_run import SimulationRun
from models.locale import _

CONNECTORS: Final = (
    "asterisk",
    "demarches",
    "http",
    "jdma",
    "maarch",
    "mailroom",
    "rdv",
    "sql",
    "survey",
    "table",
    "webhook",
)
ABOVE_ZERO: Final = click.FloatRange(min=0, min_open=True)
PROGRESS_FILE: Final = "played.json"
CITIZENS_FILE: Final = "citizens.tsv"
"""File of all citizens, for lookups by hand: one line with phone number, e-mail address (may be empty) and case number each."""
NICE_INCREMENT: Final = 10
"""Increment of the nice value of a live simulation: the real systems would not run on this machine."""


@contextmanager
def _click_errors() -> Iterator[None]:
    try:
        yield
    except ConnectorError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            describe_os_error(error, error.filename) if error.filename else str(error.strerror)
        ) from None


@click.command(
    "all",
    help=_("Simulate all source systems of a département, and write the settings that read them."),
    epilog=_(
        "Run the connectors separately: accueil --config INTO/accueil.toml connect. FreeSWITCH is "
        "not included (see accueil simulate freeswitch): its events are lost while no connector is "
        "connected, and cannot be compared with the ledger."
    ),
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help=_("Directory of the systems: files, ports, secrets."),
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(CONNECTORS),
    metavar="CONNECTOR",
    help=_("Simulate only the systems that this connector reads (repeatable)."),
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    help=_("Number of past days to simulate, as fast as the connectors follow; then serve until stopped."),
)
@click.option(
    "--from",
    "first_day",
    type=click.DateTime(["%Y-%m-%d"]),
    help=_("First of these days. Default: such that the last one is yesterday."),
)
@click.option(
    "--live", is_flag=True, help=_("Simulate in real time, at any hour, until stopped; the next run resumes.")
)
@click.option(
    "--history",
    type=click.IntRange(0, 60),
    default=0,
    show_default=True,
    help=_("With --live: number of past days to simulate first."),
)
@click.option("--prepare", is_flag=True, help=_("Only write the settings, with newly chosen free ports."))
@click.option(
    "--seed", type=int, default=1, show_default=True, help=_("The same seed gives the same citizens and actions.")
)
@click.option("--per-year", type=ABOVE_ZERO, default=1_000_000, show_default=True, help=_("Contacts per year."))
@click.option("--calls-per-hour", type=ABOVE_ZERO, help=_("Calls in a usual hour, independent of the other contacts."))
@click.option(
    "--ledger", type=click.Path(dir_okay=False, path_type=Path), help=_("File for the expected figures, as JSON.")
)
@_click_errors()
def command(
    *,
    into: Path,
    days: int | None,
    first_day: datetime | None,
    live: bool,
    history: int,
    only: tuple[str, ...],
    prepare: bool,
    seed: int,
    per_year: float,
    calls_per_hour: float | None,
    ledger: Path | None,
) -> None:
    """Write the connector settings, then simulate the systems until stopped; with `prepare`, only write the settings."""
    if [days is not None, live, prepare].count(True) != 1:
        raise click.UsageError(_("use exactly one of --days, --live, --prepare"))
    calls_per_day = calls_per_hour * USUAL_HOURS if calls_per_hour else None
    simulation_run = SimulationRun(into)
    departement = Departement(simulation_run, Plan(seed, per_year, always=live), calls_per_day=calls_per_day, only=only)
    if prepare:
        simulation_run.renew_ports()
    simulation_run.write_settings(departement.connectors())
    if prepare:
        return
    stop = install_stop_handler()
    if days is not None:
        _run_days(departement, _span(days, first_day), stop, ledger)
    else:
        identity: dict[str, Any] = {"seed": seed, "per_year": per_year, "calls_per_day": calls_per_day}
        identity |= {"only": sorted(only)} if only else {}
        _run_live(departement, simulation_run.root / PROGRESS_FILE, RunProgress.new(identity, history), stop, ledger)


def _span(days: int, first_day: datetime | None) -> tuple[datetime, datetime]:
    today = datetime.now(PARIS).date()
    begin = first_day.date() if first_day else today - timedelta(days=days)
    if begin + timedelta(days=days) > today:
        raise click.UsageError(_("the last day must be in the past"))
    return midnight(begin), midnight(begin + timedelta(days=days))


def _run_days(
    departement: Departement, span: tuple[datetime, datetime], stop: threading.Event, ledger: Path | None
) -> None:
    def print_progress(at: datetime) -> None:
        completed = _("{completed} actions", completed=departement.completed)
        click.echo(f"{at.astimezone(PARIS):%Y-%m-%d %H:%M}  {completed}")

    with departement.opened(span[0]):
        completed = run_span(departement, *span, stop, on_day=print_progress)
        _write(departement, ledger)
        if completed:
            click.echo(_("all days are simulated; serving until stopped"))
            stop.wait()


def _run_live(
    departement: Departement, path: Path, new: RunProgress, stop: threading.Event, ledger: Path | None
) -> None:
    os.nice(NICE_INCREMENT)
    replace(path.with_name(CITIZENS_FILE), list_citizens(new.of["seed"]).encode())
    saved = RunProgress.load(path, new.of)
    progress = saved or new
    today = midnight(datetime.now(PARIS).date())  # past calls are simulated for today only: they are many and short
    with departement.opened(progress.since, progress.played_until if saved else None, today):
        click.echo(_("simulating until stopped"))
        run_live(departement, progress, path, stop)
        _write(departement, ledger)


def _write(departement: Departement, ledger: Path | None) -> None:
    if ledger:
        ledger.write_text(departement.ledger.to_json(departement.now), encoding="utf-8")
