"""The command `accueil simulate asterisk`."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path

import click

from connectors.asterisk.simulate.ami_events import AmiEventWriter
from connectors.asterisk.simulate.ledger import Ledger
from connectors.asterisk.simulate.manager import SECRET, USERNAME, ManagerServer
from connectors.asterisk.simulate.simulation_run import Publish, simulate_day, simulate_live
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    ABOVE_ZERO,
    HOST,
    click_port_errors,
    ledger_option,
    seed_option,
    speed_option,
)
from models.locale import _


@click.command(
    "asterisk",
    help=_("Write the queue_log of a simulated switchboard."),
)
@click.option(
    "--into",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help=_("Path of the queue_log to write."),
)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help=_("Write this whole day immediately."),
)
@click.option(
    "--append",
    is_flag=True,
    help=_("Append the day to the file; --live always appends."),
)
@click.option(
    "--live",
    is_flag=True,
    help=_("Write in real time, until stopped."),
)
@seed_option(_("The same seed gives the same day."))
@click.option(
    "--calls",
    type=click.IntRange(min=1),
    default=1_500,
    show_default=True,
    help=_("Calls on a usual day, with --day."),
)
@click.option(
    "--rate",
    type=ABOVE_ZERO,
    default=300,
    show_default=True,
    help=_("Calls in a usual hour, with --live. The volume varies over the day, and is never below 0.6 times this."),
)
@speed_option(_("Speed relative to real time, with --live."))
@click.option(
    "--catch-up",
    is_flag=True,
    help=_("With --live: first write the day up to now."),
)
@click.option(
    "--ami-port",
    type=click.IntRange(0, 65_535),
    help=_("With --live: also serve a manager interface on this port, on this machine only, and print its settings."),
)
@ledger_option()
def command(
    *,
    into: Path,
    day: datetime | None,
    append: bool,
    live: bool,
    seed: int,
    calls: int,
    rate: float,
    speed: float,
    catch_up: bool,
    ami_port: int | None,
    ledger: Path | None,
) -> None:
    """Write lines as Asterisk would."""
    if live == (day is not None):
        raise click.UsageError(_("use either --day or --live"))
    if day is not None and ami_port is not None:
        raise click.UsageError(_("--ami-port requires --live"))
    try:
        if day is not None:
            totals = _write_day(into, day.date(), seed, calls, append=append)
        else:
            click.echo(_("writing to {into}, until stopped", into=into))
            stop = install_stop_handler()
            with _manager_server(ami_port) as publish:
                totals = simulate_live(
                    into, stop, seed=seed, calls_per_hour=rate, speed=speed, catch_up=catch_up, publish=publish
                )
        if ledger:
            ledger.write_text(totals.to_json(), encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = Path(error.filename).parent
        raise click.ClickException(_("{folder} is not a folder: create it first", folder=folder)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or into}: {error.strerror}") from None


@contextmanager
def _manager_server(port: int | None) -> Iterator[Publish | None]:
    """Serve a manager interface on `port`, print its settings, and yield its `publish`; yield None without `port`."""
    if port is None:
        yield None
        return
    with click_port_errors(port):
        manager = ManagerServer(AmiEventWriter(clock=time.time), port=port)
    with closing(manager):
        click.echo(f'ami = {{ host = "{HOST}", port = {manager.port}, username = "{USERNAME}", secret = "{SECRET}" }}')
        yield manager.publish


def _write_day(into: Path, day: date, seed: int, calls: int, *, append: bool) -> Ledger:
    size = into.stat().st_size if into.exists() else 0
    if size and not append:
        raise click.ClickException(_("{into} is not empty: use --append to append the day", into=into))
    totals = simulate_day(into, day=day, seed=seed, calls=calls)
    with into.open("rb") as log:
        log.seek(size)
        lines = sum(1 for _ in log)
    click.echo(_("{lines} lines written to {into}", lines=lines, into=into))
    return totals
